from __future__ import annotations

import pytest
from tools import STYLES, Transform, swap

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.contracts.forward_inputs import contract
from rlinf_scaffold.errors import SourceSyntaxError

POLICY = "rlinf/models/embodiment/base_policy.py"
HEAD = "rlinf/models/embodiment/modules/value_head.py"
FUNCTIONS = "rlinf/utils/utils.py"
ACTOR = "rlinf/workers/actor/some_worker.py"
FILES = {
    POLICY: "class ForwardType:\n    pass\n\n\nclass BasePolicy:\n    pass\n",
    HEAD: (
        "class ValueHead:\n"
        "    def __init__(self, input_dim, hidden_sizes, output_dim, activation,\n"
        "                 bias_last, extra=1):\n"
        "        pass\n"
    ),
    FUNCTIONS: (
        "def compute_logprobs_from_logits(logits, target, op=None):\n    pass\n\n\n"
        "def compute_entropy_from_logits(logits, dim=-1):\n    pass\n"
    ),
    ACTOR: "class Worker:\n    def run(self):\n        self.model(forward_inputs = 1, compute_logprobs=True)\n",
}
HEAD_OF = "ValueHead(input_dim, hidden_sizes, output_dim, activation, bias_last)"
CALL = "a call with forward_inputs=..., compute_logprobs=... in rlinf/workers/actor"
MISSING = {
    "an emptied policy": (
        (POLICY, FILES[POLICY], ""),
        [f"class BasePolicy in {POLICY}", f"class ForwardType in {POLICY}"],
    ),
    "a renamed policy": (
        (POLICY, "class BasePolicy", "class Policy"),
        [f"class BasePolicy in {POLICY}"],
    ),
    "no value head": ((HEAD, FILES[HEAD], ""), [f"{HEAD_OF} in {HEAD}"]),
    "a value head that takes nothing": (
        (HEAD, FILES[HEAD], "class ValueHead:\n    pass\n"),
        [f"{HEAD_OF} ({HEAD}:1 has `class ValueHead:`)"],
    ),
    "a value head that takes something else": (
        (HEAD, " hidden_sizes,", ""),
        [
            f"{HEAD_OF} ({HEAD}:2 has `def __init__(self, input_dim, output_dim, "
            "activation, bias_last, ...`)"
        ],
    ),
    "renamed functions": (
        (FUNCTIONS, "compute_logprobs_from_logits", "logprobs"),
        [f"compute_logprobs_from_logits(logits, target) in {FUNCTIONS}"],
    ),
    "parameters in another order": (
        (FUNCTIONS, "logits, target", "target, logits"),
        [
            f"compute_logprobs_from_logits(logits, target) ({FUNCTIONS}:1 has "
            "`def compute_logprobs_from_logits(target, logits, op=None):`)"
        ],
    ),
    "no entropy": (
        (FUNCTIONS, "compute_entropy_from_logits(logits", "compute_entropy(logits"),
        [f"compute_entropy_from_logits(logits) in {FUNCTIONS}"],
    ),
    "a call by place": ((ACTOR, "forward_inputs = 1", "forward_inputs"), [CALL]),
    "a call that is commented out": (
        (ACTOR, "self.model(", "pass  # self.model("),
        [CALL],
    ),
    "a call of something else": (
        (ACTOR, "compute_logprobs=True", "forward_type=SFT"),
        [CALL],
    ),
}


def missing(files: dict[str, str]) -> list[str]:
    checks = contract.detect(MemoryTree.of(files))
    return [str(check) for check in checks if not check.holds]


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_finds_everything(style: Transform) -> None:
    assert missing({path: style(text) for path, text in FILES.items()}) == []


def test_says_where_the_call_is() -> None:
    first = contract.detect(MemoryTree.of(FILES))[0]
    assert str(first) == (
        "a call with forward_inputs=..., compute_logprobs=... at "
        "rlinf/workers/actor/some_worker.py:3"
    )


@pytest.mark.parametrize(("change", "expected"), MISSING.values(), ids=MISSING)
def test_says_what_is_missing(
    change: tuple[str, str, str], expected: list[str]
) -> None:
    path, old, new = change
    assert missing({**FILES, path: swap(FILES[path], (old, new))}) == expected


def test_misses_everything_in_nothing() -> None:
    assert len(missing({})) == 6


def test_reads_only_the_actors_that_may_hold_the_call() -> None:
    broken = {"rlinf/workers/actor/other.py": "(", "rlinf/workers/actor/notes.md": "("}
    assert missing({**FILES, **broken}) == []
    with pytest.raises(SourceSyntaxError, match=r"^rlinf/workers/actor/some_worker"):
        missing({**FILES, ACTOR: "forward_inputs = compute_logprobs = (\n"})
