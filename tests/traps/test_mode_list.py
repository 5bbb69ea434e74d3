from __future__ import annotations

import pytest
from snags import snags_of
from written import ROLLOUT

from rlinf_scaffold.traps.mode_list import trap

TOLD = "def predict(self):\n    if model_type in {}:\n        kwargs = {}\n"


@pytest.mark.parametrize(
    ("names", "kwargs", "sentence"),
    [
        (["alpha"], "{'return_obs': 1}", ""),
        (
            ["alpha"],
            "{'mode': mode}",
            f"foo is not put on the list at {ROLLOUT}:2: models there are told a mode "
            "and lose temperature and top-k.",
        ),
        (
            ["alpha", "foo"],
            "{'mode': mode}",
            f"{ROLLOUT}:2 gives foo a mode instead of temperature and top-k: take it "
            "off that list to sample by them.",
        ),
    ],
)
def test_says_on_which_side_the_model_is(
    names: list[str], kwargs: str, sentence: str
) -> None:
    snags = snags_of(trap, {ROLLOUT: TOLD.format(names, kwargs)})
    assert [snag.sentence for snag in snags] == ([sentence] if sentence else [])
