"""Which embeddings a base reads the weights of itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from reading import value_of

from rlinf_scaffold.bases.tables import read_tables
from rlinf_scaffold.bases.values import Instance

SOURCE = """
from torch import nn

class Eyes(nn.Module):
    def __init__(self):
        self.table = nn.Embedding(4, 8)
        self.linear = nn.Linear(8, 8)
        self.linear.weight = self.table.weight

    def forward(self, indices):
        {forward}

class Model(nn.Module):
    def __init__(self):
        self.eyes = Eyes()

    def forward(self, indices):
        {outside}

result = Model()
"""


@pytest.mark.parametrize(
    ("forward", "outside", "expected"),
    [
        ("pass", "pass", ()),
        ("return self.table(indices)", "return self.eyes(indices)", ()),
        ("return self.linear.weight.sum()", "pass", ()),
        ("return indices.to(self.table.weight.device)", "pass", ()),
        ("return indices.to(self.table.weight.dtype)", "pass", ()),
        ("return self.table.weight.sum()", "pass", ("Eyes.table",)),
        ("return resize(self.table.weight, indices)", "pass", ("Eyes.table",)),
        ("pass", "return self.eyes.table.weight[indices]", ("Eyes.table",)),
    ],
)
def test_tables(
    forward: str, outside: str, expected: tuple[str, ...], tmp_path: Path
) -> None:
    model = value_of(tmp_path, SOURCE.format(forward=forward, outside=outside))
    assert isinstance(model, Instance)
    assert read_tables(model) == expected
