from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from rlinf_scaffold.checkout import Checkout, MemoryTree
from rlinf_scaffold.contracts import (
    Contract,
    Terms,
    all_contracts,
    detect_contract,
    match_contract,
    read_terms,
)
from rlinf_scaffold.errors import UnknownLayoutError
from rlinf_scaffold.matching import Check
from rlinf_scaffold.rendering import templates_folder

PATH = PurePosixPath("rlinf/workers/actor")
POLICY = "rlinf/models/embodiment/base_policy.py"
MODEL_FUNCTIONS = "rlinf/models/embodiment/model_utils.py"
FUNCTIONS = "rlinf/utils/utils.py"
ROLLOUT = "rlinf/workers/rollout/hf/huggingface_worker.py"


def contract(name: str, holds: bool) -> Contract:
    check = Check("a call", PATH, None, holds)
    return Contract(name=name, title="", detect=lambda tree: (check,))


def functions(entropy: str, logprobs: str = "logits, target") -> str:
    return (
        f"def compute_logprobs_from_logits({logprobs}):\n    pass\n\n\n"
        f"def compute_entropy_from_logits(logits, epsilon=1e-10):\n    {entropy}\n"
    )


LAST = functions("return -F.log_softmax(logits, dim=-1)")
IN_MODELS = "rlinf.models.embodiment.model_utils"
IN_UTILS = "rlinf.utils.utils"
TERMS = {
    "nothing": ({}, Terms()),
    "no policy class of its own": ({POLICY: "x = 1\n"}, Terms()),
    "an abstract policy": (
        {POLICY: "class BasePolicy(ABC):\n    pass\n"},
        Terms(policy="abstract"),
    ),
    "a policy without bases": (
        {POLICY: "class BasePolicy:\n    pass\n"},
        Terms(policy="abstract"),
    ),
    "a module of torch": (
        {POLICY: "class BasePolicy(nn.Module):\n    pass\n"},
        Terms(policy="module"),
    ),
    "kinds of forward passes": (
        {
            POLICY: "class ForwardType(Enum):\n    A = 1\n\n\nclass BasePolicy:\n    pass\n"
        },
        Terms(policy="abstract", forward_type=True),
    ),
    "functions that want classes last": (
        {FUNCTIONS: LAST},
        Terms(functions=IN_UTILS, classes_last=True),
    ),
    "functions that want classes second": (
        {FUNCTIONS: functions("return F.softmax(logits, dim=1)")},
        Terms(functions=IN_UTILS, classes_last=False),
    ),
    "classes second, by place": (
        {FUNCTIONS: functions("return F.softmax(logits, 1).sum(dim=1)")},
        Terms(functions=IN_UTILS, classes_last=False),
    ),
    "a sum over dimension 1 of something else": (
        {FUNCTIONS: functions("return F.softmax(logits, -1).sum(dim=1)")},
        Terms(functions=IN_UTILS, classes_last=True),
    ),
    "functions beside the models first": (
        {FUNCTIONS: LAST, MODEL_FUNCTIONS: functions("F.softmax(logits, dim=1)")},
        Terms(functions=IN_MODELS, classes_last=False),
    ),
    "functions with other parameters": (
        {MODEL_FUNCTIONS: functions("pass", "target, logits"), FUNCTIONS: LAST},
        Terms(functions=IN_UTILS),
    ),
    "an actor that scales logits": (
        {MODEL_FUNCTIONS: "def custom_forward(model, top_k, temperature):\n    pass\n"},
        Terms(actor_scales=True),
    ),
    "an actor that does not": (
        {MODEL_FUNCTIONS: "def custom_forward(model, temperature):\n    pass\n"},
        Terms(),
    ),
    "a rollout worker that sets up": (
        {ROLLOUT: "self.hf_model.setup_config_and_processor(a, self.cfg, b)\n"},
        Terms(worker_sets_up=True),
    ),
    "a rollout worker that did": (
        {ROLLOUT: "# self.hf_model.setup_config_and_processor(a, self.cfg, b)\n"},
        Terms(),
    ),
}
PRACTICE = {
    "documented": "forward_inputs",
    "enum_chain": "data",
    "enum_imports": "forward_inputs",
    "registry": "forward_inputs",
    "string_chain": "logits",
    "vla_string_chain": "data",
}


@pytest.mark.parametrize(("files", "terms"), TERMS.values(), ids=TERMS)
def test_reads_what_differs_within_a_contract(
    files: dict[str, str], terms: Terms
) -> None:
    assert read_terms(MemoryTree.of(files)) == terms


def test_takes_the_one_that_matches() -> None:
    new = contract("new", True)
    assert match_contract(MemoryTree(), [contract("old", False), new]) is new


def test_refuses_where_none_matches() -> None:
    with pytest.raises(
        UnknownLayoutError, match=r"^the checkout's runtime contract is"
    ):
        match_contract(MemoryTree(), [contract("old", False)])


def test_looks_at_every_contract_of_the_package() -> None:
    with pytest.raises(UnknownLayoutError) as caught:
        detect_contract(MemoryTree())
    for known in all_contracts():
        assert known.name in str(caught.value)


@pytest.mark.parametrize(
    "folder", sorted((templates_folder() / "checkouts").iterdir()), ids=lambda f: f.name
)
def test_each_practice_checkout_has_the_contract_of_its_time(folder: Path) -> None:
    assert detect_contract(Checkout(folder)).name == PRACTICE[folder.name]
