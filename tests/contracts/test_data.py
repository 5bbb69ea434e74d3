from __future__ import annotations

import pytest
from tools import STYLES, Transform, swap

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.contracts.data import contract

HEAD = "rlinf/models/embodiment/modules/value_head.py"
FUNCTIONS = "rlinf/models/embodiment/model_utils.py"
LATER = "rlinf/utils/utils.py"
ACTOR = "rlinf/workers/actor/fsdp_actor_worker.py"
ROLLOUT = "rlinf/workers/rollout/hf/huggingface_worker.py"
FILES = {
    HEAD: (
        "class ValueHead:\n"
        "    def __init__(self, input_dim, hidden_sizes, output_dim, activation,\n"
        "                 bias_last):\n"
        "        pass\n"
    ),
    FUNCTIONS: (
        "def compute_logprobs_from_logits(logits, target):\n    pass\n\n\n"
        "def compute_entropy_from_logits(logits, epsilon=1e-10):\n    pass\n"
    ),
    ACTOR: "output = self.model(data=data, compute_logprobs=True, use_cache=False)\n",
    ROLLOUT: "actions = self.hf_model.predict_action_batch(env_obs=obs, **kwargs)\n",
}
MISSING = {
    "inputs of a later generation": (
        (ACTOR, "data=data", "forward_inputs=data"),
        ["a call with data=..., compute_logprobs=... in rlinf/workers/actor"],
    ),
    "data for something else": (
        (ACTOR, "compute_logprobs=True", "forward_type=SFT"),
        ["a call with data=..., compute_logprobs=... in rlinf/workers/actor"],
    ),
    "a rollout that passes tokens": (
        (ROLLOUT, "env_obs=obs", "input_ids=obs"),
        ["a call with env_obs=... in rlinf/workers/rollout/hf"],
    ),
    "no functions": (
        (FUNCTIONS, FILES[FUNCTIONS], ""),
        [
            f"compute_logprobs_from_logits(logits, target) in {LATER}",
            f"compute_entropy_from_logits(logits) in {LATER}",
        ],
    ),
    "a value head of before": (
        (HEAD, "input_dim, hidden_sizes,", "hidden_size,"),
        [
            "ValueHead(input_dim, hidden_sizes, output_dim, activation, bias_last) "
            f"({HEAD}:2 has `def __init__(self, hidden_size, output_dim, activation, "
            "bias_last):`)"
        ],
    ),
}


def missing(files: dict[str, str]) -> list[str]:
    checks = contract.detect(MemoryTree.of(files))
    return [str(check) for check in checks if not check.holds]


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_finds_everything(style: Transform) -> None:
    assert missing({path: style(text) for path, text in FILES.items()}) == []


def test_finds_functions_where_they_went() -> None:
    files = {**FILES, LATER: FILES[FUNCTIONS]}
    del files[FUNCTIONS]
    assert missing(files) == []


@pytest.mark.parametrize(("change", "expected"), MISSING.values(), ids=MISSING)
def test_says_what_is_missing(
    change: tuple[str, str, str], expected: list[str]
) -> None:
    path, old, new = change
    assert missing({**FILES, path: swap(FILES[path], (old, new))}) == expected
