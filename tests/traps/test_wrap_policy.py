from __future__ import annotations

import pytest
from snags import snags_of

from rlinf_scaffold.traps.wrap_policy import trap

STRATEGY = "rlinf/hybrid_engines/fsdp/strategy/fsdp.py"


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("another(config=None)", False),
        ("get_fsdp_wrap_policy(module=model)", False),
        ("get_fsdp_wrap_policy(module=model, config=self.cfg.fsdp_config)", False),
        ("get_fsdp_wrap_policy(model, self.cfg.fsdp_config)", False),
        ("get_fsdp_wrap_policy(module=model, config=None)", True),
        ("utils.get_fsdp_wrap_policy(model, None)", True),
    ],
)
def test_finds_a_call_without_settings(call: str, found: bool) -> None:
    snags = snags_of(trap, {STRATEGY: f"def wrap(self, model):\n    policy = {call}\n"})
    expected = (
        f"fsdp_config.wrap_policy is ignored: {STRATEGY}:2 calls get_fsdp_wrap_policy "
        "without it, so the base's own _no_split_modules decide."
    )
    assert [snag.sentence for snag in snags] == ([expected] if found else [])
