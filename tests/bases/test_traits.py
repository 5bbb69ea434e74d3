"""How bases remember, and what they make of padding: by what their sources say."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from rlinf_scaffold.bases.facts import Built, Reader
from rlinf_scaffold.bases.library import Class, Library
from rlinf_scaffold.bases.provenance import Places
from rlinf_scaffold.bases.traits import cache_fact, padding_fact

PLAIN = "input_ids, attention_mask=None, past_key_values=None, position_ids=None"
NO_POSITIONS = "input_ids, attention_mask=None, past_key_values=None"


def built(
    site: Path,
    root: Path,
    arguments: str = PLAIN,
    flags: str = "pass",
    layer: str = "pass",
    kinds: object = None,
    named: str = "layer_types",
) -> Built:
    source = f"""
    from transformers import PretrainedConfig, PreTrainedModel
    from torch import nn

    class KindConfig(PretrainedConfig):
        model_type = "kind"

        def __init__(self, **kwargs):
            self.vocab_size = 8
            self.hidden_size = 4
            self.{named} = {kinds!r}
            super().__init__(**kwargs)

    class KindLayer(nn.Module):
        def forward(self, x, attention_mask):
            {layer}

    class KindForCausalLM(PreTrainedModel):
        config_class = KindConfig
        {flags}

        def __init__(self, config):
            super().__init__(config)
            self.layers = nn.ModuleList([KindLayer()])

        def forward(self, {arguments}):
            return self.run(pixel_values)
    """
    (root / "lab").mkdir()
    (root / "lab/kind.py").write_text(dedent(source))
    library = Library((root, site))
    cls = library.find("lab.kind", "KindForCausalLM")
    assert isinstance(cls, Class)
    return Reader(library, "kind").build(cls, {})


MIXED = ["full_attention", "linear_attention", "full_attention"]
CACHES: list[tuple[dict[str, object], str]] = [
    ({"arguments": "input_ids, attention_mask=None"}, "none: forward takes no past_k"),
    ({}, "dynamic"),
    ({"kinds": ["full_attention", "sliding_attention"]}, "dynamic"),
    ({"flags": "_can_compile_fullgraph = False"}, "dynamic"),
    (
        {"flags": "_can_compile_fullgraph = True"},
        "dynamic or static (_can_compile_fullgraph)",
    ),
    (
        {"flags": "_supports_static_cache = True"},
        "dynamic or static (_supports_static_cache)",
    ),
    ({"arguments": "input_ids, cache_params=None"}, "recurrent state (cache_params)"),
    ({"arguments": "input_ids, state=None"}, "recurrent state (state)"),
    (
        {"kinds": MIXED},
        "hybrid: attention and states (2 full_attention, 1 linear_attention)",
    ),
    (
        {"kinds": MIXED, "named": "layers_block_type"},
        "hybrid: attention and states (2 full_attention, 1 linear_attention)",
    ),
    (
        {"kinds": ("recurrent",), "named": "block_types", "arguments": "input_ids"},
        "recurrent state, which its layers keep",
    ),
    (
        {"flags": "def generate(self, x): return self.inner.generate(x)"}
        | {"arguments": "input_ids, pixel_values=None"},
        "that of the model inside that its generate calls",
    ),
    ({"kinds": ["mamba", "mamba"]}, "hybrid or recurrent state, in past_key_values"),
    ({"flags": "_is_stateful = True"}, "hybrid or recurrent state, in past_key_values"),
]


@pytest.mark.parametrize(("makes", "said"), CACHES)
def test_cache(
    old_site: Path, tmp_path: Path, makes: dict[str, str], said: str
) -> None:
    fact = cache_fact(Places((tmp_path,)), built(old_site, tmp_path, **makes))
    assert fact.name == "cache"
    assert str(fact.value).startswith(said)
    assert "lab/kind.py:" in fact.source


PADDINGS: list[tuple[dict[str, object], str]] = [
    ({}, "yes, with position_ids"),
    ({"arguments": "input_ids, past_key_values=None"}, "no: forward takes no atten"),
    ({"arguments": NO_POSITIONS}, "unproved: no position_ids, and no count of"),
    (
        {"arguments": NO_POSITIONS, "layer": "x = torch.cumsum(attention_mask, dim=1)"},
        "yes: positions follow from attention_mask",
    ),
    (
        {"arguments": NO_POSITIONS, "layer": "x = attention_mask.long().cumsum(-1)"},
        "yes: positions follow from attention_mask",
    ),
    (
        {"arguments": NO_POSITIONS, "layer": "x = build_alibi_tensor(attention_mask)"},
        "yes: positions follow from attention_mask",
    ),
    ({"kinds": MIXED}, "unproved: padding may go through its states"),
    (
        {
            "kinds": MIXED,
            "layer": "x = apply_mask_to_padding_states(x, attention_mask)",
        },
        "yes: what padding adds to states is masked",
    ),
    (
        {
            "arguments": "input_ids, attention_mask=None, cache_params=None",
            "layer": "x = x * attention_mask.unsqueeze(1)",
        },
        "yes: what padding adds to states is masked",
    ),
    (
        {"kinds": MIXED, "layer": "x = m.eq(0.0) * attention_mask[:, None].eq(0.0)"},
        "unproved: padding may go through its states",
    ),
    (
        {"flags": "_is_stateful = True"},
        "unproved: padding may go through its states",
    ),
]


@pytest.mark.parametrize(("makes", "said"), PADDINGS)
def test_padding(
    old_site: Path, tmp_path: Path, makes: dict[str, str], said: str
) -> None:
    fact = padding_fact(Places((tmp_path,)), built(old_site, tmp_path, **makes))
    assert fact.name == "left_padding"
    assert str(fact.value).startswith(said)
    assert fact.source.startswith("lab/kind.py:")


def test_the_line_that_masks_is_named(old_site: Path, tmp_path: Path) -> None:
    line = "x = apply_mask_to_padding_states(x, attention_mask)"
    fact = padding_fact(
        Places((tmp_path,)), built(old_site, tmp_path, layer=line, kinds=MIXED)
    )
    at = int(fact.source.rpartition(":")[2])
    assert (tmp_path / "lab/kind.py").read_text().splitlines()[at - 1].strip() == line
