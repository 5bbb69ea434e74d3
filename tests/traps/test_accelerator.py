from __future__ import annotations

import pytest
from snags import snags_of

from rlinf_scaffold.traps.accelerator import trap

LOADER = "rlinf/models/__init__.py"


@pytest.mark.parametrize(
    ("test", "lines"),
    [
        ("torch.cuda.is_available()", []),
        (
            "Worker.torch_platform is not None and Worker.torch_platform.is_available()",
            [],
        ),
        ("Worker.torch_platform and Worker.torch_platform.is_available()", []),
        ("Worker.torch_platform.is_available()", [2]),
        ("Worker.torch_platform.is_available() and cfg.get('to_device')", [2]),
    ],
)
def test_finds_a_platform_that_may_be_none(test: str, lines: list[int]) -> None:
    code = f"def get_model(cfg):\n    if {test}:\n        model.to(device)\n"
    snags = snags_of(trap, {LOADER: code})
    assert [snag.line.number for snag in snags] == lines
    for snag in snags:
        assert snag.sentence == (
            f"get_model fails on a machine without an accelerator: {LOADER}:2 asks "
            "torch_platform, which is None there."
        )
