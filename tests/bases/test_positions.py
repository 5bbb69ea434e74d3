"""Which positions generation hands on, and who computes its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from reading import read_own

GENERATES = """
from torch import nn
from transformers.generation import GenerationMixin
from transformers.models.see.configuration_see import SeeVisionConfig
from transformers.models.see.modeling_see import SeeBlock, SeePreTrainedModel

class SeeAnew(SeePreTrainedModel, GenerationMixin):
    config: SeeVisionConfig

    def __init__(self, config):
        super().__init__(config)
        self.blocks = nn.ModuleList([SeeBlock(config) for _ in range(config.depth)])
        self.lm_head = nn.Linear(1, 1)

    def forward(self, input_ids=None, pixel_values=None, past_key_values=None):
        return self.run(pixel_values)

    def prepare_inputs_for_generation(self, inputs, positions=None):
        {line}
        return inputs
"""


@pytest.mark.parametrize(
    ("line", "computes"),
    [
        ("pass", True),
        ("inputs['position_ids'] = positions", False),
        ("positions = inputs['position_ids']", False),
        ("inputs['position_ids'] = None", True),
        ("inputs.pop('position_ids', None)", True),
        ("if positions: inputs.pop('position_ids')", True),
        ("inputs['position_ids'] = create_position_ids(inputs)", True),
        ("inputs = {key: value for key, value in kwargs.items()}", True),
    ],
)
def test_positions_that_generation_drops_are_computed(
    site: Path, tmp_path: Path, line: str, computes: bool
) -> None:
    source = GENERATES.format(line=line)
    assert read_own(site, tmp_path, source, "SeeAnew").mrope is computes


def test_positions_that_generation_is_given_may_be_handed_on(
    site: Path, tmp_path: Path
) -> None:
    own = shutil.copytree(site, tmp_path / "site")
    line = "inputs = {key: value for key, value in kwargs.items()}"
    source = GENERATES.format(line=line)
    assert read_own(own, tmp_path, source, "SeeAnew").mrope
    generation = own / "transformers/generation"
    generation.mkdir(exist_ok=True)
    given = "class GenerationMixin:\n    def _prepare_position_ids_for_generation(self): ..."
    (generation / "utils.py").write_text(given)
    assert not read_own(own, tmp_path, source, "SeeAnew").mrope
    dropping = GENERATES.format(line="inputs = {}")
    assert read_own(own, tmp_path, dropping, "SeeAnew").mrope


def test_who_numbers_tokens_by_their_place_in_an_image_computes_positions(
    site: Path, tmp_path: Path
) -> None:
    handed = GENERATES.format(line="inputs['position_ids'] = positions")
    assert not read_own(site, tmp_path, handed, "SeeAnew").mrope
    rope = handed + "\n    def get_rope_index(self, input_ids): ...\n"
    assert read_own(site, tmp_path / "rope", rope, "SeeAnew").mrope
