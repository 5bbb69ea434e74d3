from __future__ import annotations

import pytest
from snags import snags_of
from written import ROLLOUT

from rlinf_scaffold.traps.rollout_checkpoint import trap


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("pass", False),
        ("cfg.model_path = self.cfg.rollout.model.model_path", False),
        ("path = self.cfg.rollout.model.model_path", False),
        ("cfg.path = self.cfg.rollout.model.model_path.strip()", False),
        ("cfg.path = self.cfg.rollout.model.model_path", True),
    ],
)
def test_finds_a_folder_that_nobody_reads(line: str, found: bool) -> None:
    snags = snags_of(trap, {ROLLOUT: f"def init_worker(self):\n    {line}\n"})
    expected = (
        f"rollout.model.model_path is ignored: {ROLLOUT}:2 stores it as path, and "
        "get_model reads model_path, so rollouts load actor.model.model_path."
    )
    assert [snag.sentence for snag in snags] == ([expected] if found else [])
