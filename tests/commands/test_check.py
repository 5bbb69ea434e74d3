from __future__ import annotations

import pytest
from trees import in_every_layout, plan_for, settings_of, snapshot

from rlinf_scaffold.apply import apply, undo
from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.commands.check import check
from rlinf_scaffold.errors import NotScaffoldedError
from rlinf_scaffold.spec import ModelSpec


@pytest.fixture
def scaffolded(checkout: Checkout) -> Checkout:
    for name in ("foo", "bar"):
        apply(checkout, plan_for(checkout, ModelSpec(name=name)), name)
    return checkout


def edit(checkout: Checkout) -> None:
    with (checkout.root / settings_of(checkout)).open("a") as file:
        file.write("mine: 1\n")


def test_nothing_is_scaffolded(checkout: Checkout) -> None:
    assert check(checkout.root) == ()


@in_every_layout("checkout")
def test_every_model_stands_and_nothing_is_written(scaffolded: Checkout) -> None:
    before = snapshot(scaffolded.root)
    audits = check(scaffolded.root / "rlinf")
    assert [audit.manifest.spec.name for audit in audits] == ["bar", "foo"]
    assert [audit.findings for audit in audits] == [(), ()]
    assert snapshot(scaffolded.root) == before


@in_every_layout("checkout")
def test_finds_what_is_edited_in_its_own_model(scaffolded: Checkout) -> None:
    edit(scaffolded)
    bar, foo = check(scaffolded.root)
    assert bar.findings == ()
    assert [finding.path for finding in foo.findings] == [settings_of(scaffolded)]


@in_every_layout("checkout")
def test_what_is_accepted_stands_and_can_be_taken_back(scaffolded: Checkout) -> None:
    edit(scaffolded)
    before = snapshot(scaffolded.root)
    assert [audit.findings for audit in check(scaffolded.root, ["foo"])] == [(), ()]
    assert [audit.findings for audit in check(scaffolded.root)] == [(), ()]
    undo(scaffolded, "foo")
    assert {**snapshot(scaffolded.root), **before} == snapshot(scaffolded.root)
    assert check(scaffolded.root)[1].findings


def test_accepting_what_stands_writes_nothing(scaffolded: Checkout) -> None:
    before = snapshot(scaffolded.root)
    check(scaffolded.root, ["foo", "bar"])
    assert snapshot(scaffolded.root) == before


def test_refuses_to_accept_what_was_not_scaffolded(scaffolded: Checkout) -> None:
    with pytest.raises(NotScaffoldedError, match="it knows bar, foo"):
        check(scaffolded.root, ["quux"])
