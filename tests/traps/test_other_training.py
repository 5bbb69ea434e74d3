from __future__ import annotations

from snags import snags_of
from written import ACTOR

from rlinf_scaffold.sft import Sft
from rlinf_scaffold.traps.other_training import trap

SFT = "rlinf/workers/sft/worker.py"
REFUSING = """
def build(self):
    if model_type in ("alpha", "beta"):
        return one()
    raise KeyError
"""


def test_is_silent_where_nothing_else_is_asked() -> None:
    default = "self.model(forward_type=ForwardType.DEFAULT)\n"
    named = REFUSING.replace('"beta"', '"foo"')
    others = REFUSING.replace("alpha", "qwen").replace("beta", "qwen")
    files = {ACTOR: default, SFT: named, "rlinf/workers/vlm.py": others}
    assert snags_of(trap, {**files, "rlinf/runner.py": REFUSING}) == []


def test_names_other_forward_passes_where_they_are_first_asked_for() -> None:
    code = "self.model(forward_type=ForwardType.SFT)\nself.model('sac_forward')\n" * 2
    files = {ACTOR: code, "rlinf/workers/actor/z.py": code}
    (snag,) = snags_of(trap, files, sft=Sft())
    assert snag.sentence == (
        "PPO and GRPO train foo; other forward passes that rlinf/workers/actor asks for "
        "end in an error: sac (fsdp_actor_worker.py:2), sft (fsdp_actor_worker.py:1)."
    )
    assert str(snag.line) == f"{ACTOR}:2"
    (snag,) = snags_of(trap, files)  # which has a loss of demonstrations
    assert snag.sentence.endswith("end in an error: sac (fsdp_actor_worker.py:2).")


def test_names_what_refuses_the_model() -> None:
    code = f"class Worker:\n    def act(self):\n        assert model_type == 'alpha'\n{REFUSING}"
    (snag,) = snags_of(trap, {SFT: code})
    assert (
        snag.sentence
        == f"These refuse foo by its type: act ({SFT}:3), build ({SFT}:6)."
    )
