from __future__ import annotations

from pathlib import Path

import pytest
from tools import STYLES, Transform, swap

from rlinf_scaffold.checkout import Checkout, MemoryTree
from rlinf_scaffold.contracts import detect_contract
from rlinf_scaffold.contracts.forward_inputs import contract
from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.rendering import templates_folder

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
MISSING = {
    "an emptied policy": (
        (POLICY, FILES[POLICY], ""),
        (f"class BasePolicy in {POLICY}", f"class ForwardType in {POLICY}"),
    ),
    "a renamed policy": (
        (POLICY, "class BasePolicy", "class Policy"),
        (f"class BasePolicy in {POLICY}",),
    ),
    "no value head": (
        (HEAD, FILES[HEAD], ""),
        (
            "ValueHead(input_dim, hidden_sizes, output_dim, activation, bias_last) in "
            f"{HEAD}",
        ),
    ),
    "a value head that takes nothing": (
        (HEAD, FILES[HEAD], "class ValueHead:\n    pass\n"),
        (
            "ValueHead(input_dim, hidden_sizes, output_dim, activation, bias_last) in "
            f"{HEAD} (line 1 has `class ValueHead:`)",
        ),
    ),
    "a value head that takes something else": (
        (HEAD, " hidden_sizes,", ""),
        (
            "ValueHead(input_dim, hidden_sizes, output_dim, activation, bias_last) in "
            f"{HEAD} (line 2 has `def __init__(self, input_dim, output_dim, "
            "activation, bias_last, ...`)",
        ),
    ),
    "renamed functions": (
        (FUNCTIONS, "compute_logprobs_from_logits", "logprobs"),
        (f"compute_logprobs_from_logits(logits, target) in {FUNCTIONS}",),
    ),
    "parameters in another order": (
        (FUNCTIONS, "logits, target", "target, logits"),
        (
            f"compute_logprobs_from_logits(logits, target) in {FUNCTIONS} (line 1 has "
            "`def compute_logprobs_from_logits(target, logits, op=None):`)",
        ),
    ),
    "no entropy": (
        (FUNCTIONS, "compute_entropy_from_logits(logits", "compute_entropy(logits"),
        (f"compute_entropy_from_logits(logits) in {FUNCTIONS}",),
    ),
    "a call by place": (
        (ACTOR, "forward_inputs = 1", "forward_inputs"),
        ("a call with forward_inputs=..., compute_logprobs=... in rlinf/workers/actor",),
    ),
    "a call that is commented out": (
        (ACTOR, "self.model(", "pass  # self.model("),
        ("a call with forward_inputs=..., compute_logprobs=... in rlinf/workers/actor",),
    ),
}


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_finds_everything(style: Transform) -> None:
    files = {path: style(text) for path, text in FILES.items()}
    assert contract.missing(MemoryTree.of(files)) == ()


@pytest.mark.parametrize(
    "folder", sorted((templates_folder() / "checkouts").iterdir()), ids=lambda f: f.name
)
def test_every_practice_checkout_has_it(folder: Path) -> None:
    assert detect_contract(Checkout(folder)) is contract


@pytest.mark.parametrize(("change", "missing"), MISSING.values(), ids=MISSING)
def test_says_what_is_missing(
    change: tuple[str, str, str], missing: tuple[str, ...]
) -> None:
    path, old, new = change
    files = {**FILES, path: swap(FILES[path], (old, new))}
    assert contract.missing(MemoryTree.of(files)) == missing


def test_misses_everything_in_nothing() -> None:
    assert len(contract.missing(MemoryTree())) == 6


def test_reads_only_the_actors_that_may_hold_the_call() -> None:
    broken = {"rlinf/workers/actor/other.py": "(", "rlinf/workers/actor/notes.md": "("}
    assert contract.missing(MemoryTree.of({**FILES, **broken})) == ()
    with pytest.raises(SourceSyntaxError, match=r"^rlinf/workers/actor/some_worker"):
        contract.missing(MemoryTree.of({**FILES, ACTOR: "forward_inputs = (\n"}))
