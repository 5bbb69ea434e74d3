"""What lines of the sources say of a base."""

from __future__ import annotations

from pathlib import Path

import pytest
from reading import read_own

from rlinf_scaffold.bases.signs import Signs

SOURCE = """
from torch import nn
from transformers.models.toy.modeling_toy import ToyForCausalLM

class Part(nn.Module):
    def act(self, weight, attention_mask):
        {line}

class MineForCausalLM(ToyForCausalLM):
    def __init__(self, config):
        super().__init__(config)
        self.part = Part()
"""
SIGNS = [
    ("pass", ""),
    ("self.recurrent_states = weight", ""),
    ("self.recurrent_states = None", "keeps_states"),
    ("if attention_mask.shape[0] > 1: pass", "reads_lone_padding"),
    ("nn.init.normal_(weight)", ""),
    ("nn.init.orthogonal_(weight)", "initializes_orthogonally"),
    ("init.orthogonal_(weight, gain=0.5)", "initializes_orthogonally"),
]


@pytest.mark.parametrize(("line", "said"), SIGNS)
def test_what_a_line_says(site: Path, tmp_path: Path, line: str, said: str) -> None:
    base = read_own(site, tmp_path, SOURCE.format(line=line), "MineForCausalLM")
    assert [name for name in Signs.__annotations__ if getattr(base, name)] == (
        [said] if said else []
    )
