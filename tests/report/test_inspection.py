from __future__ import annotations

import io
from dataclasses import replace

import pytest
from inspections import inspection_of
from rich.console import Console

from rlinf_scaffold.commands.inspect import Inspection
from rlinf_scaffold.git import Revision
from rlinf_scaffold.report.inspection import inspection_text


def shown(inspection: Inspection, width: int = 400) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(inspection_text(inspection))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


@pytest.mark.parametrize(
    ("revision", "said"),
    [
        (None, "/rl, not in git"),
        (Revision("0123456789abcdef", 0), "/rl, revision 0123456789ab, clean"),
        (
            Revision("0123456789abcdef", 1),
            "/rl, revision 0123456789ab and 1 uncommitted file",
        ),
        (
            Revision("0123456789abcdef", 2),
            "/rl, revision 0123456789ab and 2 uncommitted files",
        ),
    ],
)
def test_begins_with_the_checkout(revision: Revision | None, said: str) -> None:
    assert shown(inspection_of(revision=revision)).splitlines()[0] == said


WHOLE = """\
registration: registry ([one])
  - a at b.py:1
YAML: the checkout's YAML is not recognised:
  - mend [this]

model  registered  embodied  loader  code              model YAML  recipes  mode list  actor   actions
alpha  6           6         3       embodiment/alpha  alpha_big   1        2          a3 b2  3
beta   7           7         6       -                 -           -        -          -       5
gamma  8           8         -       -                 -           -        -          -       -
"""
LEGEND = """\
  - registered, embodied: lines of rlinf/config.py
  - loader: lines of rlinf/models/__init__.py
  - mode list: lines of rlinf/workers/rollout/hf/huggingface_worker.py
  - actor: lines of a=rlinf/workers/actor/fsdp_actor_worker.py, b=rlinf/workers/actor/other.py
  - actions: lines of rlinf/envs/action_utils.py
also registered: qwen (rlinf/config.py:5)

forgotten:
  - gamma: registered at rlinf/config.py:8, but rlinf/models/__init__.py loads no such model
not read: rlinf/broken.py:1: cannot be parsed"""


def columns(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_shows_all_models() -> None:
    text = shown(inspection_of())
    head, _, rest = text.partition("  - registered")
    assert columns(head)[1:] == columns(WHOLE)
    assert ("  - registered" + rest).startswith(LEGEND)


def test_shows_nothing_of_nothing() -> None:
    text = shown(inspection_of(files={}, config=""))
    assert text.splitlines()[-1] == "  - mend [this]"


FOO = """\
foo is not wired here; judged as what new-model would generate

crash   rlinf/workers/actor/other.py:2 f
        raises AssertionError where this is called
        named there: alpha
silent  rlinf/envs/action_utils.py:3 prepare_actions_for_arm
        actions: gripper: a gripper in [0, 1] is not turned to -1 or 1 for it: the"""


def test_shows_the_worst_first_for_a_new_model() -> None:
    text = shown(inspection_of("foo"))
    assert FOO in text
    outcomes = [line.split()[0] for line in text.splitlines() if " rlinf/" in line[:14]]
    assert outcomes == ["crash", "silent", "unknown", "ok", "ok"]
    assert "\n1 more places where it does not come: see --format json\n" in text
    assert "model  registered" not in text


ALPHA = """\
alpha is wired here by hand
  - registered: rlinf/config.py:6
  - embodied: rlinf/config.py:6
  - loader: rlinf/models/__init__.py:3
  - code: rlinf/models/embodiment/alpha/__init__.py
  - model YAML: examples/embodiment/config/model/alpha_big.yaml:1
  - recipes: examples/embodiment/config/a.yaml:1
"""


def test_shows_what_is_done_for_a_model_of_the_checkout() -> None:
    text = shown(inspection_of("alpha"))
    assert ALPHA in text
    assert (
        "named   rlinf/workers/actor/fsdp_actor_worker.py:3 train\n"
        "        one(), if the rest of the test holds\n"
        "        named there: alpha\n"
    ) in text
    beta = shown(inspection_of("beta"))
    assert "-       rlinf/workers/actor/other.py:2 f\n        raises AssertionE" in beta


def test_shows_what_was_forgotten_of_a_model() -> None:
    assert "  - registered at rlinf/config.py:8, but" in shown(inspection_of("gamma"))


def test_a_scaffolded_model_is_called_so() -> None:
    found = inspection_of("foo")
    assert found.judged is not None
    known = replace(found, judged=replace(found.judged, known=True))
    assert "\nfoo was scaffolded here\n" in shown(known)


def test_a_model_that_nothing_tells_apart() -> None:
    found = inspection_of("foo", files={})
    assert shown(found).endswith("judged as what new-model would generate")


def test_names_a_few_models_of_many() -> None:
    names = [f"model{number}" for number in range(12)]
    config = f"SUPPORTED_MODELS = {names}\n"
    files = {"rlinf/a.py": f"def f():\n    assert model_type in {names}\n"}
    text = shown(inspection_of("foo", files=files, config=config))
    assert (
        "named there: model0, model1, model2, model3, model4, model5, model6, " in text
    )
    assert "model7 and 4 more" in text


def test_files_beyond_the_alphabet_have_letters_too() -> None:
    files = {
        f"rlinf/workers/actor/w{number:02}.py": "assert model_type == 'alpha'\n"
        for number in range(28)
    }
    text = shown(inspection_of(files=files))
    assert "z=rlinf/workers/actor/w25.py, aa=rlinf/workers/actor/w26.py, ab=" in text


def test_names_a_few_recipes_of_many() -> None:
    files = {
        f"examples/embodiment/config/r{number}.yaml": "model_type: alpha\nmodel_type: alpha"
        for number in range(6)
    }
    text = shown(inspection_of("alpha", files=files))
    assert "  - recipes: examples/embodiment/config/r0.yaml:1,2, examples/" in text
    assert "config/r3.yaml:1,2 and 2 more\n" in text + "\n"


def test_a_terminal_that_is_too_narrow_shows_a_list() -> None:
    text = shown(inspection_of(), width=100)
    assert "model  registered" not in text
    assert ALPHA.partition("\n")[2] in text
    assert "\nbeta\n  - registered: rlinf/config.py:7\n" in text
