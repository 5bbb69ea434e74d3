from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from trees import TREES, job_for, on_disk

from rlinf_scaffold.apply import apply
from rlinf_scaffold.checkout import MemoryTree, Overlay
from rlinf_scaffold.commands.inspect import inspect, read_axes
from rlinf_scaffold.contracts import detect_contract
from rlinf_scaffold.errors import (
    InvalidAnswerError,
    NotACheckoutError,
    SourceSyntaxError,
    UnknownLayoutError,
)
from rlinf_scaffold.git import commit_all
from rlinf_scaffold.planner import plan
from rlinf_scaffold.recipes import detect_style
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.wiring import CONFIG, LOADER

AXES = ["registration", "runtime contract", "YAML", "demonstrations"]


@pytest.mark.parametrize("layout", TREES)
def test_says_what_a_checkout_is_and_why(layout: str, tmp_path: Path) -> None:
    checkout = on_disk(layout, tmp_path / "checkout")
    found = inspect(checkout.root)
    assert [axis.axis for axis in found.axes] == AXES
    names = [layout, detect_contract(checkout).name, detect_style(checkout).name]
    assert [axis.name for axis in found.axes[:3]] == names
    assert found.axes[3].name in ("none", "batches", "pairs")
    for axis in found.axes:
        assert axis.error is None
        assert axis.title
        assert any(":" in reason for reason in axis.reasons)
    assert (found.exit_code, found.judged, found.unread) == (0, None, ())
    assert found.checkout == checkout
    assert "openvla" in {model.name for model in found.roster.models}


def test_from_any_folder_of_it(tmp_path: Path) -> None:
    checkout = on_disk("registry", tmp_path / "checkout")
    assert inspect(checkout.root / "rlinf" / "models").checkout == checkout


def test_says_which_revision(tmp_path: Path) -> None:
    checkout = on_disk("registry", tmp_path / "checkout")
    assert commit_all(checkout.root, "all")
    (checkout.root / "new.py").touch()
    revision = inspect(checkout.root).revision
    assert revision is not None
    assert revision.uncommitted == 1


@pytest.mark.parametrize(
    ("path", "text", "error"),
    [
        (LOADER, "def get_model(): ...\n", UnknownLayoutError),
        (CONFIG, "(", SourceSyntaxError),
    ],
)
def test_what_is_not_certain_is_said_and_the_rest_too(
    path: PurePosixPath, text: str, error: type[Exception]
) -> None:
    axes = read_axes(Overlay(TREES["registry"], {path: text}))
    assert [axis.axis for axis in axes] == AXES
    assert isinstance(axes[0].error, error)
    assert axes[0].name == ""
    assert bool(axes[0].reasons) is (error is UnknownLayoutError)
    assert [bool(axis.name) for axis in axes[1:]] == [True, True, True]


def test_says_what_each_layout_found_and_missed() -> None:
    loader = "def get_model(cfg): ...\n"
    axis = read_axes(Overlay(TREES["registry"], {LOADER: loader}))[0]
    reasons = dict(reason.split(": ", 1) for reason in axis.reasons)
    assert [*reasons] == [*TREES]
    found, missing = reasons["registry"].split("; missing ")
    assert found.startswith("found class SupportedModel")
    assert f"get_model(cfg) at {LOADER}:1" in found
    assert missing.startswith("register_model(")
    assert "; missing list SUPPORTED_MODEL_ARCHS" in reasons["documented"]


def test_an_empty_tree_is_certain_of_nothing() -> None:
    names = {axis.axis: axis.name for axis in read_axes(MemoryTree())}
    assert names == {**dict.fromkeys(AXES, ""), "demonstrations": "none"}


@pytest.mark.parametrize("layout", TREES)
def test_ends_as_the_error_that_keeps_a_model_out(layout: str, tmp_path: Path) -> None:
    checkout = on_disk(layout, tmp_path / "checkout")
    (checkout.root / LOADER).write_text("def get_model(): ...\n")
    found = inspect(checkout.root, "openvla")
    assert found.exit_code == UnknownLayoutError.exit_code
    assert found.judged is not None
    acting = {model.name for model in found.roster.models}
    assert "openvla" in acting | {*found.roster.others}


def test_files_that_do_not_parse_are_said(tmp_path: Path) -> None:
    checkout = on_disk("registry", tmp_path / "checkout")
    (checkout.root / "rlinf" / "broken.py").write_text("SupportedModel(\n")
    (error,) = inspect(checkout.root).unread
    assert str(error.path) == "rlinf/broken.py"


@pytest.mark.parametrize("layout", TREES)
def test_a_model_is_judged_by_where_it_comes_from(layout: str, tmp_path: Path) -> None:
    checkout = on_disk(layout, tmp_path / "checkout")
    found = inspect(checkout.root, "foo").judged
    assert found is not None
    assert (found.known, found.generated) == (False, True)
    apply(checkout, plan(checkout, job_for(checkout, ModelSpec(name="foo"))), "foo")
    scaffolded = inspect(checkout.root, "foo").judged
    assert scaffolded is not None
    assert (scaffolded.known, scaffolded.generated) == (True, True)
    assert not any(it.outcome == "crash" for it in scaffolded.verdicts)
    other = inspect(checkout.root, "openvla").judged
    assert other is not None
    assert (other.known, other.generated) == (True, False)
    assert {it.outcome for it in other.verdicts} <= {"", "elsewhere"}


@pytest.mark.parametrize("layout", TREES)
def test_a_scaffolded_model_is_wired_wherever_it_must_be(
    layout: str, tmp_path: Path
) -> None:
    checkout = on_disk(layout, tmp_path / "checkout")
    apply(checkout, plan(checkout, job_for(checkout, ModelSpec(name="foo"))), "foo")
    roster = inspect(checkout.root).roster
    (foo,) = (model for model in roster.models if model.name == "foo")
    assert {"registered", "loader", "code", "recipes"} <= {*foo.places}
    assert not [gap for gap in roster.gaps if "foo" in gap.models]


def test_a_name_that_no_model_can_have_is_refused(tmp_path: Path) -> None:
    checkout = on_disk("registry", tmp_path / "checkout")
    with pytest.raises(InvalidAnswerError, match="--name 'Foo'"):
        inspect(checkout.root, "Foo")


def test_there_must_be_a_checkout(tmp_path: Path) -> None:
    with pytest.raises(NotACheckoutError):
        inspect(tmp_path)
