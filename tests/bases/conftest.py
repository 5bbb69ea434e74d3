"""Small hand-written transformers trees: the older and the newer style of configs."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
import seeing

MAPPING = """
from collections import OrderedDict
MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict(
    [
        ("toy", "ToyForCausalLM"),
        ("hybrid_v1", "HybridV1LMHeadModel"),
        ("plain", "PlainForCausalLM"),
        ("seq", "SeqForCausalLM"),
        ("enc", "EncLMHeadModel"),
        ("look", "LookForCausalLM"),
        ("hollow", "HollowForCausalLM"),
        ("odd", "OddGenerator"),
        ("gone", "GoneForCausalLM"),
    ]
)
MODEL_MAPPING_NAMES = OrderedDict([("toy", "ToyModel"), ("see", "SeeModel")])
MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES = OrderedDict(
    [("see", "SeeForConditionalGeneration"), ("seq", "SeqForConditionalGeneration"),
     ("hear", "OddTranscriber")]
)
"""

ROOT = """
class PreTrainedModel(nn.Module, GenerationMixin):
    pass
"""

OLD_BASE = """
class PretrainedConfig:
    model_type = ""
    attribute_map = {}

    def __init__(self, **kwargs):
        self.tie_word_embeddings = kwargs.pop("tie_word_embeddings", True)
        self.is_encoder_decoder = kwargs.pop("is_encoder_decoder", False)
        self.is_decoder = kwargs.pop("is_decoder", False)
        for key, value in kwargs.items():
            setattr(self, key, value)
"""

NEW_BASE = """
from typing import ClassVar

@strict
class PreTrainedConfig(Mixin):
    model_type: ClassVar[str] = ""
    attribute_map: ClassVar[dict] = {}
    is_encoder_decoder: bool = False
    sub_configs_defaults: ClassVar[dict] = {}

    def __post_init__(self, **kwargs):
        for key, specs in self.sub_configs_defaults.items():
            subconfig = getattr(self, key)
            subconfig, kwargs = specs.create_subconfig(key, subconfig, **kwargs)
            setattr(self, key, subconfig)
        for key, value in kwargs.items():
            setattr(self, key, value)

PretrainedConfig = PreTrainedConfig
"""

OLD_TOY_CONFIG = """
from ...configuration_utils import PretrainedConfig

class ToyConfig(PretrainedConfig):
    model_type = "toy"

    def __init__(
        self, vocab_size=320, hidden_size=64, num_hidden_layers=2, num_heads=4,
        head_dim=None, tie_word_embeddings=False, **kwargs,
    ):
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.head_dim = head_dim if head_dim is not None else hidden_size // num_heads
        super().__init__(tie_word_embeddings=tie_word_embeddings, **kwargs)

__all__ = ["ToyConfig"]
"""

NEW_TOY_CONFIG = """
from dataclasses import field
from typing import ClassVar
from ...configuration_utils import PreTrainedConfig
from ...utils.type_validators import interval, positive_int_field, unset

@strict
class ToyConfig(PreTrainedConfig):
    model_type = "toy"

    vocab_size: int = 320
    hidden_size: int = positive_int_field(default=64)
    num_hidden_layers: int = 2
    num_heads: int = interval(min=0)(default=4)
    skipped: list = field(default_factory=lambda: [7])
    unreadable: int = unset()
    registry: ClassVar[dict] = {}
    head_dim: int | None = None
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs):
        if self.head_dim is None:
            self.head_dim = self.hidden_size // self.num_heads
        super().__post_init__(**kwargs)

__all__ = ["ToyConfig"]
"""

TOY_MODEL = """
import torch
from torch import nn
from ...generation import GenerationMixin
from ...modeling_utils import PreTrainedModel
from .configuration_toy import ToyConfig

class ToyNorm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

class ToyMLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.up_proj = nn.Linear(config.hidden_size, 4 * config.hidden_size)
        self.down_proj = nn.Linear(4 * config.hidden_size, config.hidden_size)

class ToyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.qkv = nn.Linear(config.hidden_size, 3 * config.head_dim)

class ToyLayer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.attn = ToyAttention(config, layer_idx)
        self.mlp = ToyMLP(config)
        self.norm = ToyNorm(config.hidden_size)

class ToyPreTrainedModel(PreTrainedModel):
    config_class = ToyConfig
    _no_split_modules = ["ToyLayer", "ToyVisionLayer"]

class ToyModel(ToyPreTrainedModel):
    def __init__(self, config: ToyConfig):
        super().__init__(config)
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(
            [ToyLayer(config, i) for i in range(config.num_hidden_layers)]
        )

class ToyForCausalLM(ToyPreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        self.model = ToyModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size)

    def forward(self, input_ids=None, attention_mask=None, *, labels=None, **kwargs):
        return None

class ToyForSequenceClassification(ToyPreTrainedModel):
    pass

__all__ = ["ToyForCausalLM", "ToyModel"]
"""

HYBRID_CONFIG = """
from ..toy.configuration_toy import ToyConfig

class HybridV1Config(ToyConfig):
    model_type = "hybrid_v1"
    attribute_map = {"hidden_size": "n_embd"}

__all__ = ["HybridV1Config"]
"""

HYBRID_MODEL = """
from torch import nn
from ...modeling_utils import PreTrainedModel
from ...pytorch_utils import Conv1D
from ...utils import is_flash_available
from ..toy.modeling_toy import ToyForCausalLM, ToyMLP
from .configuration_hybrid_v1 import HybridV1Config

class EagerAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c_attn = Conv1D(3 * config.hidden_size, config.hidden_size)
        if getattr(config, "q_lora_rank", None) is None:
            self.q_proj = nn.Linear(config.hidden_size, config.hidden_size)
        else:
            self.q_a_proj = nn.Linear(config.hidden_size, config.q_lora_rank)

class FlashAttention(EagerAttention):
    def __init__(self, config):
        super().__init__(config)
        self.c_flash = Conv1D(3 * config.hidden_size, config.hidden_size)

ATTENTION_CLASSES = {"eager": EagerAttention, "flash": FlashAttention}

class HybridAttentionLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attn = ATTENTION_CLASSES[config._attn_implementation](config)
        self.mlp = ToyMLP(config)

class HybridRouter(nn.Linear):
    pass

class HybridStateLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.add_module("in_proj", nn.Linear(1, 2))
        self.experts = nn.ModuleList([nn.Linear(1, 2)])
        self.router = HybridRouter(1, 2)
        self.gates = nn.ModuleDict({"gate": nn.Linear(1, 2)})

class HybridDebugLayer(nn.Module):
    pass

class HybridV1PreTrainedModel(PreTrainedModel):
    config: HybridV1Config
    _no_split_modules = ["HybridStateLayer", "HybridAttentionLayer", "HybridDebugLayer"]

class HybridV1Model(HybridV1PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.h = nn.ModuleList()
        for index in range(config.num_hidden_layers):
            if index % 2:
                self.h.append(HybridStateLayer(config))
            else:
                self.h.append(HybridAttentionLayer(config))

class HybridV1LMHeadModel(HybridV1PreTrainedModel, GenerationMixin):
    _tied_weights_keys = ["lm_head.weight"]
    forward = ToyForCausalLM.forward

    def __init__(self, config):
        super().__init__(config)
        self.transformer = HybridV1Model._from_config(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size)

    def forward(self, input_ids, past_key_values=None, position_ids=None):
        return None

__all__ = ["HybridV1LMHeadModel"]
"""

PLAIN_MODEL = """
import torch.nn as nn
from ..toy.configuration_toy import ToyConfig
from ..toy.modeling_toy import ToyForCausalLM, ToyPreTrainedModel

class PlainLinear(nn.Linear):
    pass

class PlainBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.dense = PlainLinear(config.hidden_size, config.hidden_size)

class OtherBlock(nn.Module):
    pass

class PlainForCausalLM(ToyForCausalLM):
    _no_split_modules = []

    def __init__(self, config):
        super(ToyForCausalLM, self).__init__(config)
        self.extra = nn.ModuleList([nn.Linear(1, 1)])
        self.others = nn.ModuleList([OtherBlock() for _ in range(config.blocks)])
        self.blocks = nn.ModuleList(
            [PlainBlock(config) for _ in range(config.num_hidden_layers)]
        )
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size)
"""

SEQ_MODEL = """
import copy
from torch import nn
from ..toy.configuration_toy import ToyConfig
from ..toy.modeling_toy import ToyLayer, ToyModel, ToyPreTrainedModel

class SeqConfig(ToyConfig):
    model_type = "seq"
    is_encoder_decoder: bool = True

    def __init__(self, is_encoder_decoder=True, **kwargs):
        super().__init__(**kwargs)
        self.is_encoder_decoder = is_encoder_decoder

class SeqForConditionalGeneration(ToyPreTrainedModel):
    config_class = SeqConfig

    def __init__(self, config):
        super().__init__(config)
        self.encoder = ToyModel(config)
        self.lm_head = nn.Linear(1, 1)

class SeqForCausalLM(ToyPreTrainedModel, GenerationMixin):
    config_class = SeqConfig

    def __init__(self, config):
        config = copy.deepcopy(config)
        config.is_encoder_decoder = False
        super().__init__(config)
        self.decoder = ToyModel(config)
        self.lm_head = nn.Linear(1, 1)
"""

ENC_MODEL = """
from torch import nn
from ..toy.modeling_toy import ToyModel, ToyPreTrainedModel

class EncForMaskedLM(ToyPreTrainedModel):
    pass

class EncLMHeadModel(ToyPreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        if not config.is_decoder:
            logger.warning("add is_decoder=True")
        self.enc = ToyModel(config)
        self.cls = nn.Linear(1, 1)
"""

LOOK_MODEL = """
from ..toy.configuration_toy import ToyConfig
from ..toy.modeling_toy import ToyModel, ToyPreTrainedModel

class LookConfig(ToyConfig):
    model_type = "look"
    vision_config: dict | None = None

    def __init__(self, vision_config=None, **kwargs):
        super().__init__(**kwargs)
        self.vision_config = vision_config

class LookForConditionalGeneration(ToyPreTrainedModel):
    config_class = LookConfig

class LookForCausalLM(ToyPreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        self.model = ToyModel(config)
"""

ODD_MODEL = """
'''
class Ghost is only spoken of.
'''
from ..toy.modeling_toy import ToyModel, ToyPreTrainedModel

class OddGenerator(ToyPreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        self.body = ToyModel(config)

class OddTranscriber(OddGenerator):
    def __init__(self, config):
        super().__init__(config)
        self.lm_head = nn.Linear(1, 1)
"""

HOLLOW_MODEL = """
from ...toy.modeling_toy import ToyPreTrainedModel

class HollowForCausalLM(ToyPreTrainedModel, GenerationMixin):
    pass
"""

OWN_MODEL = """
from transformers import PreTrainedModel, PretrainedConfig, ToyForCausalLM
from torch import nn
from .parts import *

class OwnConfig(PretrainedConfig):
    model_type = "own"

    def __init__(self, hidden_size=8, vocab_size=16, **kwargs):
        self.hidden_size = hidden_size
        self.vocab_size = vocab_size
        super().__init__(tie_word_embeddings=False, **kwargs)

class OwnModel(PreTrainedModel, GenerationMixin):
    config_class = "OwnConfig"

    def __init__(self, config):
        super().__init__(config)
        self.blocks = nn.Sequential(*[OwnBlock() for _ in range(3)])
        self.lm_head = nn.Linear(1, 1)
        self._no_split = None

    _no_split_modules = ["OwnBlock"]

class Orphan(PreTrainedModel):
    pass

class GreedyConfig(OwnConfig):
    def __init__(self):
        super().__init__()
        self.sums = [abs(i) for i in range(150) for j in range(150)]

class Greedy(OwnModel):
    config_class = GreedyConfig

class StrayConfig:
    pass

class Stray(PreTrainedModel):
    config_class = StrayConfig

class Lost(PreTrainedModel):
    config: "NoSuchConfig"

class ToyChild(ToyForCausalLM):
    pass

Renamed = ToyForCausalLM
Round = Round
"""

OWN_PARTS = """
from torch import nn

class OwnBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Linear(1, 1)
"""

FAMILIES = {
    "toy/modeling_toy.py": TOY_MODEL,
    "hybrid_v1/configuration_hybrid_v1.py": HYBRID_CONFIG,
    "hybrid_v1/modeling_hybrid_v1.py": HYBRID_MODEL,
    "plain/modeling_plain.py": PLAIN_MODEL,
    "seq/modeling_seq.py": SEQ_MODEL,
    "enc/modeling_enc.py": ENC_MODEL,
    "look/modeling_look.py": LOOK_MODEL,
    "odd/modeling_odd.py": ODD_MODEL,
    "look/modeling_tf_look.py": "class TFLookModel: pass\n",
    "deprecated/hollow/modeling_hollow.py": HOLLOW_MODEL,
    "auto/modeling_auto.py": MAPPING,
    "auto/configuration_auto.py": seeing.CONFIG_NAMES,
    "auto/processing_auto.py": seeing.PROCESSORS,
    "see/modeling_see.py": seeing.MODEL,
}


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return root


def site_packages(
    root: Path, config_base: str, toy_config: str, see_config: str
) -> Path:
    models = {f"transformers/models/{name}": text for name, text in FAMILIES.items()}
    return write(
        root,
        {
            "transformers/__init__.py": 'exported = {"models": ["SeqConfig"]}\n',
            "transformers/configuration_utils.py": config_base,
            "transformers/models/toy/__init__.py": "from .modeling_toy import *\n",
            "transformers/models/toy/configuration_toy.py": toy_config,
            "transformers/models/see/configuration_see.py": see_config,
            "own/model.py": OWN_MODEL,
            "own/parts.py": OWN_PARTS,
            **models,
        },
    )


@pytest.fixture(scope="session")
def old_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("old")
    write(root, {"transformers/modeling_utils.py": ROOT})
    return site_packages(root, OLD_BASE, OLD_TOY_CONFIG, seeing.OLD_CONFIG)


@pytest.fixture(scope="session")
def new_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("new")
    config_base = seeing.SUB_CONFIGS + NEW_BASE
    return site_packages(root, config_base, NEW_TOY_CONFIG, seeing.NEW_CONFIG)


@pytest.fixture(scope="session", params=["old_site", "new_site"])
def site(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path
