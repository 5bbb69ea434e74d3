"""What sees, what decodes, and what stands between them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from rlinf_scaffold.bases.facts import Built, Reader
from rlinf_scaffold.bases.library import Class, Library
from rlinf_scaffold.bases.towers import decoder_path, projectors, towers

SOURCE = """
from transformers import PretrainedConfig, PreTrainedModel
from torch import nn

class TextConfig(PretrainedConfig):
    pass

class VisionConfig(PretrainedConfig):
    pass

class PairConfig(PretrainedConfig):
    def __init__(self, **kwargs):
        self.text_config = TextConfig()
        self.vision_config = VisionConfig()
        super().__init__(**kwargs)

class Bridge(nn.Module):
    def __init__(self, config):
        self.linear = nn.Linear(1, 1)

class Neck(nn.Module):
    pass

class Text(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.config = config
        self.linear = nn.Linear(1, 1)

class Inner(nn.Module):
    def __init__(self, config):
        self.config = config

class Eyes(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.config = config
        self.inner = Inner(config)
        {inside}

class Pair(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.config = config
        {beside}

class Model(PreTrainedModel):
    config_class = PairConfig

    def __init__(self, config):
        super().__init__(config)
        {whole}
        self.lm_head = nn.Linear(1, 1)

    def forward(self, input_ids, pixel_values, past_key_values=None):
        return self.run(pixel_values)

    def prepare_inputs_for_generation(self):
        pass
"""
EYES = "self.eyes = Eyes(config.vision_config)"
TEXT = "self.text = Text(config.text_config)"
PAIR = "self.pair = Pair(config)"


def built(site: Path, root: Path, whole: str, beside: str, inside: str) -> Built:
    (root / "lab").mkdir()
    source = dedent(SOURCE).format(whole=whole, beside=beside, inside=inside)
    (root / "lab/pair.py").write_text(source)
    library = Library((root, site))
    cls = library.find("lab.pair", "Model")
    assert isinstance(cls, Class)
    return Reader(library, "pair").build(cls, {})


CASES = [
    ("pass", "pass", "pass", "", {}, {}),
    (f"{TEXT}; {EYES}", "pass", "pass", "text", {"eyes": "Eyes"}, {}),
    (
        PAIR,
        f"{EYES}; {TEXT}; self.bridge = Bridge(config); self.neck = Neck()",
        "self.merger = Bridge(config)",
        "pair.text",
        {"pair.eyes": "Eyes"},
        {"pair.bridge": "Bridge"},
    ),
    (
        PAIR,
        f"{EYES}; {TEXT}; self.mm_projector = nn.Linear(1, 1)",
        "pass",
        "pair.text",
        {"pair.eyes": "Eyes"},
        {"pair.mm_projector": "Linear"},
    ),
    (
        PAIR,
        f"{EYES}; {TEXT}; self.connector = Inner(config.vision_config)",
        "pass",
        "pair.text",
        {"pair.eyes": "Eyes"},
        {"pair.connector": "Inner"},
    ),
    (
        f"{TEXT}; {EYES}",
        "pass",
        "self.merger = Bridge(config); self.blocks = Bridge(config)",
        "text",
        {"eyes": "Eyes"},
        {"eyes.merger": "Bridge"},
    ),
    (
        EYES,
        "pass",
        "pass",
        "",
        {"eyes": "Eyes"},
        {},
    ),
    (
        f"{EYES}; self.layers = nn.ModuleList([Bridge(config)]); self.proj = Neck()",
        "pass",
        "pass",
        "",
        {"eyes": "Eyes"},
        {"proj": "Neck"},
    ),
]


@pytest.mark.parametrize(
    ("whole", "beside", "inside", "text", "eyes", "between"), CASES
)
def test_parts(
    old_site: Path,
    tmp_path: Path,
    whole: str,
    beside: str,
    inside: str,
    text: str,
    eyes: dict[str, str],
    between: dict[str, str],
) -> None:
    made = built(old_site, tmp_path, whole, beside, inside)
    assert (decoder_path(made), towers(made), projectors(made)) == (text, eyes, between)


def test_a_text_model_has_no_towers(site: Path) -> None:
    library = Library((site,))
    cls = library.find_class("ToyForCausalLM")
    assert cls is not None
    made = Reader(library, "toy").build(cls, {})
    assert (decoder_path(made), towers(made), projectors(made)) == ("", {}, {})
