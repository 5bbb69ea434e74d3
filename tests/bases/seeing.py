"""A small family that takes images and text: its configuration in both styles."""

from __future__ import annotations

CONFIG_NAMES = """
from collections import OrderedDict
CONFIG_MAPPING_NAMES = OrderedDict([("toy", "ToyConfig"), ("see", "SeeConfig")])
"""

PROCESSORS = """
from collections import OrderedDict
PROCESSOR_MAPPING_NAMES = OrderedDict([("see", ("SeeProcessor", None))])
"""

SUB_CONFIGS = """
class SubConfigSpec:
    def __init__(self, config_class, model_type=None, init_kwargs=None, optional=False):
        self.init_kwargs = init_kwargs if init_kwargs is not None else {}
        self.config_class = config_class
        self.model_type = model_type if model_type is not None else config_class.model_type

    def get_config_class(self, model_type=None):
        from transformers.models.auto.configuration_auto import CONFIG_MAPPING

        if model_type not in CONFIG_MAPPING:
            raise ValueError(model_type)
        return CONFIG_MAPPING[model_type]

    def create_subconfig(self, key, subconfig=None, **kwargs):
        if isinstance(subconfig, PreTrainedConfig):
            return subconfig, kwargs
        if not issubclass(self.config_class, PreTrainedConfig):
            model_type = self.model_type
            if subconfig is not None:
                model_type = subconfig.get("model_type", self.model_type)
            subconfig_cls = self.get_config_class(model_type)
        else:
            subconfig_cls = self.config_class
        if subconfig is None:
            subconfig = self.init_kwargs
        return subconfig_cls(**subconfig), kwargs
"""

OLD_CONFIG = """
from ...configuration_utils import PretrainedConfig
from ..auto import CONFIG_MAPPING, AutoConfig

class SeeVisionConfig(PretrainedConfig):
    model_type = "see_vision"

    def __init__(self, depth=3, hidden_size=8, **kwargs):
        self.depth = depth
        self.hidden_size = hidden_size
        super().__init__(**kwargs)

class SeeConfig(PretrainedConfig):
    model_type = "see"
    sub_configs = {"text_config": AutoConfig, "vision_config": SeeVisionConfig}

    def __init__(self, text_config=None, vision_config=None, **kwargs):
        if isinstance(vision_config, dict):
            vision_config = self.sub_configs["vision_config"](**vision_config)
        elif vision_config is None:
            vision_config = self.sub_configs["vision_config"]()
        self.vision_config = vision_config
        if isinstance(text_config, dict):
            text_config["model_type"] = text_config.get("model_type", "toy")
            text_config = CONFIG_MAPPING[text_config["model_type"]](**text_config)
        elif text_config is None:
            text_config = CONFIG_MAPPING["toy"]()
        self.text_config = text_config
        super().__init__(**kwargs)

__all__ = ["SeeConfig"]
"""

NEW_CONFIG = """
from ...configuration_utils import PreTrainedConfig, SubConfigSpec
from ..auto.configuration_auto import AutoConfig

class SeeVisionConfig(PreTrainedConfig):
    model_type = "see_vision"

    depth: int = 3
    hidden_size: int = 8

class SeeConfig(PreTrainedConfig):
    model_type = "see"
    sub_configs_defaults = {
        "vision_config": SeeVisionConfig,
        "text_config": SubConfigSpec(config_class=AutoConfig, model_type="toy"),
    }

    text_config: dict | PreTrainedConfig | None = None
    vision_config: dict | PreTrainedConfig | None = None
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        if not self.tie_word_embeddings and self.text_config.tie_word_embeddings:
            self.tie_word_embeddings = True

__all__ = ["SeeConfig"]
"""

MODEL = """
from torch import nn
from ...generation import GenerationMixin
from ...modeling_utils import PreTrainedModel
from ..auto import AutoModel
from .configuration_see import SeeConfig, SeeVisionConfig

class SeeHead(nn.Module):
    pass

class SeeAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.heads = nn.ModuleList([SeeHead() for _ in range(4)])
        self.gaze = nn.Linear(config.hidden_size, config.hidden_size)

class SeeMerger(nn.Module):
    pass

class SeeBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attn = SeeAttention(config)

class SeePreTrainedModel(PreTrainedModel):
    config: SeeConfig
    _no_split_modules = ["SeeAttention"]

class SeeVisionModel(SeePreTrainedModel):
    config: SeeVisionConfig

    def __init__(self, config):
        super().__init__(config)
        self.mergers = nn.ModuleList([SeeMerger() for _ in range(2)])
        self.blocks = nn.ModuleList([SeeBlock(config) for _ in range(config.depth)])

class SeeModel(SeePreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.visual = SeeVisionModel._from_config(config.vision_config)
        self.language_model = AutoModel.from_config(config=config.text_config)
        self.unread = AutoModel.from_config(config.no_such_config)

    def get_rope_index(self, input_ids):
        return None

class SeeForConditionalGeneration(SeePreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        self.model = SeeModel(config)
        self.lm_head = nn.Linear(1, 1)

    def forward(self, input_ids=None, pixel_values=None, past_key_values=None):
        return self.model(pixel_values)

class SeeForCaptions(SeeForConditionalGeneration):
    def forward(self, pixel_values=None, input_ids=None):
        return None

class SeePolicy(SeePreTrainedModel):
    def forward(self, pixel_values=None, past_key_values=None):
        return None

class SeeFlat(SeeForConditionalGeneration):
    config: SeeVisionConfig

    def __init__(self, config):
        super(SeeForConditionalGeneration, self).__init__(config)
        self.blocks = nn.ModuleList([SeeBlock(config) for _ in range(config.depth)])
        self.lm_head = nn.Linear(1, 1)

class SeeDeep(SeeForConditionalGeneration):
    config: "DeepConfig"

    def __init__(self, config):
        super(SeeForConditionalGeneration, self).__init__(config)
        self.thinker = SeeModel(config.thinker_config)
        self.lm_head = nn.Linear(1, 1)

class DeepConfig(SeeVisionConfig):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.thinker_config = SeeConfig()

class SeeBlind(SeeForConditionalGeneration):
    def forward(self, input_ids=None, pixel_values=None, past_key_values=None):
        return self.model(input_ids)

class SeeForLabels(SeePreTrainedModel):
    def forward(self, input_ids=None):
        return None

__all__ = ["SeeForConditionalGeneration"]
"""
