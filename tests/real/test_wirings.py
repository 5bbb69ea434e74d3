"""Every revision of RLinf that changed how models are wired takes a new model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import shorten

import pytest
from findings import style, unmounted, unparsable
from history import History, Revision
from trees import plan_for, snapshot

from rlinf_scaffold.apply import apply, undo
from rlinf_scaffold.audit import audit
from rlinf_scaffold.changes import ChangeSet
from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.errors import ScaffoldError
from rlinf_scaffold.manifest import read_manifest
from rlinf_scaffold.spec import ModelSpec

pytestmark = pytest.mark.real
WIDTH = 300

SPECS = {
    "value head": ModelSpec(name="foo"),
    "GRPO with chunks": ModelSpec(
        name="foo", value_head=False, action_chunks=8, lora=True
    ),
}


def problems(checkout: Checkout, spec: ModelSpec, scratch: Path) -> Iterator[str]:
    """Yield every step that does not go as it should."""
    before = snapshot(checkout.root)
    try:
        changes = plan_for(checkout, spec)
    except ScaffoldError as error:
        yield f"plan: {error}"
        return
    if broken := list(unparsable(changes)):
        yield from (f"parse: {it}" for it in broken)
        return
    yield from problems_applied(checkout, spec, changes, scratch)
    undo(checkout, spec.name)
    after = snapshot(checkout.root)
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            yield f"undo: {path} is not as it was"


def problems_applied(
    checkout: Checkout, spec: ModelSpec, changes: ChangeSet, scratch: Path
) -> Iterator[str]:
    """Apply a plan; yield what is wrong with the checkout then."""
    sources = [it.path for it in changes if it.path.suffix == ".py"]
    found = style(checkout.root, sources, scratch)
    apply(checkout, changes, spec.name)
    new = style(checkout.root, sources, scratch) - found
    yield from (f"style: {it}" for it in new.elements())
    yield from (f"mounts: {it}" for it in unmounted(checkout, changes))
    manifest = read_manifest(checkout, spec.name)
    if manifest is None:
        yield "check: there is no manifest"
    else:
        yield from (f"check: {it.message}" for it in audit(checkout, manifest))
    try:
        again = plan_for(checkout, spec)
    except ScaffoldError as error:
        yield f"plan again: {error}"
    else:
        yield from (f"plan again: {it.path} changes" for it in again)


def test_takes_a_model_and_lets_it_go(
    history: History,
    wiring: Revision,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    checkout = history.extract(wiring, tmp_path / "rl")
    found = [
        f"{wiring}: {name}: {problem}"
        for name, spec in SPECS.items()
        for problem in problems(checkout, spec, tmp_path)
    ]
    for line in found:
        record_property("problem", shorten(line, WIDTH))
    if found:
        pytest.fail("\n".join(found), pytrace=False)
