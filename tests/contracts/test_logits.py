from __future__ import annotations

import pytest
from tools import STYLES, Transform, swap

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.contracts.logits import contract

HEAD = "rlinf/models/embodiment/modules/value_head.py"
FUNCTIONS = "rlinf/models/embodiment/model_utils.py"
ACTOR = "rlinf/workers/actor/fsdp_actor_worker.py"
ROLLOUT = "rlinf/workers/rollout/hf/huggingface_worker.py"
FILES = {
    HEAD: (
        "class ValueHead:\n"
        "    def __init__(self, hidden_size, output_dim=1):\n"
        "        pass\n"
    ),
    FUNCTIONS: (
        "def default_logits_processor(logits, action_tokens):\n    pass\n\n\n"
        "def custom_forward(model, input_ids):\n    pass\n\n\n"
        "def prepare_observations(raw_obs):\n    pass\n"
    ),
    ACTOR: "custom_forward(model, action_token_len=7, logits_processor_args={})\n",
    ROLLOUT: (
        "model.predict_action_batch(input_ids=1, attention_mask=2, pixel_values=3)\n"
    ),
}
MISSING = {
    "a rollout of later": (
        (ROLLOUT, "pixel_values=3", "env_obs=3"),
        [
            "a call with input_ids=..., attention_mask=..., pixel_values=... in "
            "rlinf/workers/rollout/hf"
        ],
    ),
    "an actor of later": (
        (ACTOR, "action_token_len=7", "data=7"),
        [
            "a call with action_token_len=..., logits_processor_args=... in "
            "rlinf/workers/actor"
        ],
    ),
    "a value head of later": (
        (HEAD, "hidden_size,", "input_dim,"),
        [
            f"ValueHead(hidden_size, output_dim) ({HEAD}:2 has `def __init__(self, "
            "input_dim, output_dim=1):`)"
        ],
    ),
    "renamed functions": (
        (FUNCTIONS, "def custom_forward", "def forward"),
        [f"custom_forward() in {FUNCTIONS}"],
    ),
}


def missing(files: dict[str, str]) -> list[str]:
    checks = contract.detect(MemoryTree.of(files))
    return [str(check) for check in checks if not check.holds]


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_finds_everything(style: Transform) -> None:
    assert missing({path: style(text) for path, text in FILES.items()}) == []


@pytest.mark.parametrize(("change", "expected"), MISSING.values(), ids=MISSING)
def test_says_what_is_missing(
    change: tuple[str, str, str], expected: list[str]
) -> None:
    path, old, new = change
    assert missing({**FILES, path: swap(FILES[path], (old, new))}) == expected
