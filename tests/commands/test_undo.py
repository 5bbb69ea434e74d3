from __future__ import annotations

import pytest
from trees import in_every_layout, plan_for, snapshot

from rlinf_scaffold.apply import apply
from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.commands.undo import undo
from rlinf_scaffold.errors import EditedSinceError, NothingToUndoError
from rlinf_scaffold.layouts import CONFIG
from rlinf_scaffold.spec import ModelSpec


def test_there_is_nothing_to_take_back(checkout: Checkout) -> None:
    with pytest.raises(NothingToUndoError):
        undo("foo", checkout.root)


@in_every_layout("checkout")
def test_takes_everything_back_from_a_folder_inside(checkout: Checkout) -> None:
    before = snapshot(checkout.root)
    changes = plan_for(checkout, ModelSpec(name="foo"))
    apply(checkout, changes, "foo")
    assert undo("foo", checkout.root / "rlinf") == changes.inverse()
    assert snapshot(checkout.root) == before


def test_the_model_that_came_last_goes_first(checkout: Checkout) -> None:
    before = snapshot(checkout.root)
    for name in ("foo", "bar"):
        apply(checkout, plan_for(checkout, ModelSpec(name=name)), name)
    both = snapshot(checkout.root)
    with pytest.raises(EditedSinceError) as caught:
        undo("foo", checkout.root)
    assert CONFIG in caught.value.paths
    assert snapshot(checkout.root) == both
    undo("bar", checkout.root)
    undo("foo", checkout.root)
    assert snapshot(checkout.root) == before
