"""The proof itself: what is generated rolls out, trains and shards, in every layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlinf_scaffold.commands.demo import demo
from rlinf_scaffold.layouts import Layout, all_layouts
from rlinf_scaffold.smoke.run import Event


@pytest.mark.smoke
@pytest.mark.parametrize("layout", all_layouts(), ids=lambda layout: layout.name)
def test_a_practice_checkout_is_scaffolded_and_proved(
    layout: Layout, tmp_path: Path
) -> None:
    events: list[Event] = []
    outcome = demo(tmp_path / "rl", None, layout=layout.name, on_event=events.append)
    assert outcome.applied
    assert outcome.smoke is not None
    assert outcome.smoke.ok, (outcome.smoke.failed, outcome.smoke.trouble)
    ended = [event.proof for event in events if event.outcome != "started"]
    assert ended == [proof.name for proof in outcome.smoke.proofs]
