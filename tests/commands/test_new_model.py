from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from trees import in_every_layout, interpreter, snapshot

from rlinf_scaffold.apply import receipts
from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.commands.check import check
from rlinf_scaffold.commands.new_model import Outcome, Request, new_model
from rlinf_scaffold.errors import (
    AnswersChangedError,
    DirtyFilesError,
    InterpreterError,
    NameTakenError,
    NotACheckoutError,
    ScaffoldError,
    UnknownBaseError,
)
from rlinf_scaffold.layouts import CONFIG
from rlinf_scaffold.smoke.run import Event
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces.smoke_test import smoke_test_path


def yes(_: Outcome) -> bool:
    return True


def interrupt(_: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.fixture
def request_(checkout: Checkout, python: Path) -> Request:
    return Request(
        spec=ModelSpec(name="foo"),
        base="LlamaForCausalLM",
        checkout=checkout.root,
        python=python,
        smoke=False,
    )


def scaffold(
    request: Request,
    confirm: Callable[[Outcome], bool] = yes,
    events: list[Event] | None = None,
) -> Outcome:
    heard: list[Event] = [] if events is None else events
    return new_model(request, confirm=confirm, on_event=heard.append)


def test_dry_run_writes_nothing_and_asks_nothing(request_: Request) -> None:
    before = snapshot(request_.checkout)
    outcome = scaffold(replace(request_, dry_run=True), confirm=interrupt)
    assert snapshot(request_.checkout) == before
    assert outcome.changes
    assert (outcome.applied, outcome.smoke) == (False, None)


def test_what_is_declined_is_not_written(request_: Request) -> None:
    before = snapshot(request_.checkout)
    outcome = scaffold(request_, confirm=lambda _: False)
    assert snapshot(request_.checkout) == before
    assert not outcome.applied


@in_every_layout("checkout")
def test_asks_with_the_plan_before_it_writes(request_: Request) -> None:
    before = snapshot(request_.checkout)
    asked: list[Outcome] = []

    def confirm(outcome: Outcome) -> bool:
        assert snapshot(request_.checkout) == before
        asked.append(outcome)
        return True

    outcome = scaffold(request_, confirm)
    assert asked == [replace(outcome, applied=False)]
    assert outcome.applied
    for change in outcome.changes:
        assert Checkout(request_.checkout).read(change.path) == change.after


@in_every_layout("checkout")
def test_the_same_command_again_changes_nothing(
    request_: Request, checkout: Checkout
) -> None:
    scaffold(request_)
    before = snapshot(checkout.root)
    again = scaffold(request_)
    assert (len(again.changes), again.applied) == (0, True)
    assert snapshot(checkout.root) == before
    assert receipts(checkout) == ("foo",)


def test_works_from_a_folder_inside(request_: Request, checkout: Checkout) -> None:
    outcome = scaffold(replace(request_, checkout=checkout.root / "rlinf/models"))
    assert outcome.checkout == checkout
    assert (checkout.root / smoke_test_path("foo")).is_file()


@in_every_layout("checkout")
def test_proves_what_it_wrote(request_: Request, checkout: Checkout) -> None:
    events: list[Event] = []
    outcome = scaffold(replace(request_, smoke=True), events=events)
    assert outcome.smoke is not None
    assert outcome.smoke.ok, outcome.smoke.trouble
    assert [proof.name for proof in outcome.smoke.proofs] == [
        "good",
        "shards [fsdp[0]]",
        "shards [fsdp2]",
    ]
    assert events[0] == Event("imports", "started")
    assert len(events) == 4
    assert outcome.smoke.log is None


def test_files_stay_when_a_proof_fails(request_: Request, tmp_path: Path) -> None:
    python = interpreter(tmp_path / "other", proofs="def test_bad(): assert 0\n")
    outcome = scaffold(replace(request_, smoke=True, python=python))
    assert outcome.applied
    assert outcome.smoke is not None
    assert not outcome.smoke.ok
    assert (request_.checkout / smoke_test_path("foo")).is_file()


@pytest.mark.parametrize("changed", [{"smoke": False}, {"dry_run": True}])
def test_without_a_proof_the_interpreter_may_lack_anything(
    request_: Request, tmp_path: Path, changed: dict[str, bool]
) -> None:
    python = interpreter(tmp_path / "other", lacks="torch")
    request = replace(request_, smoke=True, python=python)
    assert scaffold(replace(request, **changed)).changes


def test_refuses_an_interpreter_that_cannot_prove(
    request_: Request, tmp_path: Path
) -> None:
    python = interpreter(tmp_path / "other", lacks="torch")
    before = snapshot(request_.checkout)
    with pytest.raises(InterpreterError, match="no torch"):
        scaffold(replace(request_, smoke=True, python=python))
    assert snapshot(request_.checkout) == before


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"base": "LamaForCausalLM"}, UnknownBaseError),
        ({"spec": ModelSpec(name="openvla")}, NameTakenError),
        ({"checkout": Path("/")}, NotACheckoutError),
    ],
)
def test_what_is_refused_writes_nothing(
    request_: Request, changed: dict[str, object], error: type[ScaffoldError]
) -> None:
    before = snapshot(request_.checkout)
    with pytest.raises(error):
        scaffold(replace(request_, **changed), confirm=interrupt)
    assert snapshot(request_.checkout) == before


def test_refuses_to_touch_what_is_not_committed(
    request_: Request, checkout: Checkout
) -> None:
    (checkout.root / "README.md").write_text("not to be touched\n")
    assert scaffold(replace(request_, dry_run=True)).changes
    with (checkout.root / CONFIG).open("a") as file:
        file.write("\nEDITED = True\n")
    before = snapshot(checkout.root)
    for dry_run in (False, True):
        with pytest.raises(DirtyFilesError) as caught:
            scaffold(replace(request_, dry_run=dry_run))
        assert caught.value.paths == (CONFIG,)
    assert snapshot(checkout.root) == before
    assert scaffold(replace(request_, allow_dirty=True)).applied


@in_every_layout("checkout")
def test_recipe_and_base_are_those_of_the_first_run(
    request_: Request, checkout: Checkout
) -> None:
    first = scaffold(request_)
    recipes = checkout.root / "examples/embodiment/config"
    plainer = (recipes / "maniskill_ppo_openvla.yaml").read_text()
    (recipes / "a_ppo_openvla.yaml").write_text(plainer)
    again = scaffold(request_)
    assert again.job.spec.recipe == first.job.spec.recipe
    assert not again.changes


def checkpoint(folder: Path, **sizes: int) -> str:
    folder.mkdir()
    settings = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **sizes}
    (folder / "config.json").write_text(json.dumps(settings))
    return str(folder)


def test_a_checkpoint_of_the_same_sizes_is_the_same_answer(
    request_: Request, tmp_path: Path
) -> None:
    folder = checkpoint(tmp_path / "a", hidden_size=4096, vocab_size=32000)
    scaffold(request_)
    assert not scaffold(replace(request_, base=folder)).changes


def test_a_checkpoint_of_other_sizes_is_another_answer(
    request_: Request, tmp_path: Path
) -> None:
    folder = checkpoint(tmp_path / "a", hidden_size=64, vocab_size=32000)
    scaffold(request_)
    with pytest.raises(AnswersChangedError, match="hidden_size was 4096, now 64"):
        scaffold(replace(request_, base=folder))


def test_the_class_alone_is_the_checkpoint_given_before(
    request_: Request, tmp_path: Path
) -> None:
    folder = checkpoint(tmp_path / "a", hidden_size=64, vocab_size=1000)
    first = scaffold(replace(request_, base=folder))
    again = scaffold(request_)
    assert again.job.base == first.job.base
    assert not again.changes


def test_interrupted_while_asked_leaves_the_tree_as_it_was(request_: Request) -> None:
    before = snapshot(request_.checkout)
    with pytest.raises(KeyboardInterrupt):
        scaffold(request_, confirm=interrupt)
    assert snapshot(request_.checkout) == before


def test_interrupted_while_proving_leaves_the_tree_complete(
    request_: Request, checkout: Checkout
) -> None:
    with pytest.raises(KeyboardInterrupt):
        new_model(replace(request_, smoke=True), confirm=yes, on_event=interrupt)
    (audit,) = check(checkout.root)
    assert audit.findings == ()
    assert not scaffold(request_).changes
