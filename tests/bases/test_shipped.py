"""The shipped bases can be read, and each has what a model is generated from."""

from __future__ import annotations

import pytest

from rlinf_scaffold.bases.shipped import FILE, shipped_bases
from rlinf_scaffold.spec import Base


def test_file_is_sorted() -> None:
    names = list(shipped_bases())
    assert names == sorted(names)
    assert FILE.read_text("utf-8").endswith("}\n")


@pytest.mark.parametrize("base", shipped_bases().values(), ids=lambda b: b.class_name)
def test_every_base_is_whole(base: Base) -> None:
    assert base.layer_classes
    assert base.lora_targets
    assert "input_ids" in base.forward_arguments or "input" in base.forward_arguments[0]
    assert base.hidden_size > 0
    assert base.vocab_size > 0
    assert base.checkpoint is None
