from __future__ import annotations

import pytest
from written import ENUM, NAMES, REGISTERED, written

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.sites.vocabulary import read_vocabulary

ALL = ["alpha", "beta", "gamma", "qwen"]
ACTING = ["alpha", "beta", "gamma"]
MEMBERS = {"ALPHA": "alpha", "BETA": "beta", "GAMMA": "gamma", "QWEN": "qwen"}
STRINGS = """
class VisionModels(str, enum.Enum):
    QWEN = "qwen"
    ALPHA = "alpha"
    BETA = "beta"
    GAMMA = "gamma"
EMBODIED: set = {VisionModels.ALPHA, VisionModels.BETA}
EMBODIED |= {VisionModels.GAMMA}
"""


@pytest.mark.parametrize(
    ("config", "members", "embodied"),
    [
        (NAMES, {}, []),
        (NAMES.replace("= [", ": list = list(["), {}, []),
        (ENUM, MEMBERS, ACTING),
        (REGISTERED, MEMBERS, ACTING),
        (STRINGS, MEMBERS, ACTING),
    ],
)
def test_reads_models_however_they_are_registered(
    config: str, members: dict[str, str], embodied: list[str]
) -> None:
    config = config.replace('"gamma"]', '"gamma"])') if "list([" in config else config
    vocabulary = read_vocabulary(written(config=config))
    assert sorted(vocabulary.types) == ALL
    assert vocabulary.members == members
    assert sorted(vocabulary.embodied) == embodied


@pytest.mark.parametrize(
    "config", ["", "def (", "class Colors(Enum):\n    RED = 'r'\n"]
)
def test_what_names_no_models_is_empty(config: str) -> None:
    vocabulary = read_vocabulary(written(config=config))
    assert not vocabulary.types
    assert not vocabulary.embodied


def test_there_may_be_no_config() -> None:
    assert not read_vocabulary(MemoryTree()).types


def test_says_where() -> None:
    vocabulary = read_vocabulary(written(config=REGISTERED))
    assert str(vocabulary.types["beta"]) == "rlinf/config.py:8"
    assert str(vocabulary.embodied["beta"]) == "rlinf/config.py:10"
    assert str(vocabulary.embodied["gamma"]) == "rlinf/config.py:11"


@pytest.mark.parametrize(
    "call",
    ['register_model("delta", build)', "register_model(SupportedModel.DELTA.value)"],
)
def test_the_loader_may_register_too(call: str) -> None:
    config = REGISTERED + 'SupportedModel.DELTA = SupportedModel.register("delta")\n'
    config = REGISTERED if '"delta"' in call else config
    files = {"rlinf/models/__init__.py": f"def _all():\n    {call}\n"}
    where = str(read_vocabulary(written(files, config=config)).types["delta"])
    assert where == ("rlinf/models/__init__.py:2" if '"delta"' in call else where)


def test_a_registration_of_something_else_is_none() -> None:
    files = {"rlinf/models/__init__.py": "register_model()\nregister_model(name)\n"}
    assert sorted(read_vocabulary(written(files)).types) == ALL
