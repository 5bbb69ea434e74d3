"""A package of one small model, with as much of torch and transformers as it takes."""

from __future__ import annotations

import sys
from pathlib import Path

TORCH = """
class device:
    def __init__(self, kind):
        self.kind = kind

    def __enter__(self):
        from torch import nn

        nn.devices.append(self.kind)

    def __exit__(self, *exception):
        from torch import nn

        nn.devices.pop()
"""

NN = """
devices = []


class Parameter:
    def __init__(self, *shape):
        assert devices == ["meta"]
        self.shape = shape


class Module:
    def _own(self, kind):
        return [(k, v) for k, v in vars(self).items() if isinstance(v, kind)]

    def named_parameters(self, recurse=True):
        assert not recurse
        return self._own(Parameter)

    def named_modules(self, seen=None, prefix=""):
        seen = set() if seen is None else seen
        if id(self) not in seen:
            seen.add(id(self))
            yield prefix, self
            for name, part in self._own(Module):
                yield from part.named_modules(seen, f"{prefix}.{name}".strip("."))

    def modules(self):
        return [part for _, part in self.named_modules()]


class ModuleList(Module):
    def __init__(self, parts):
        vars(self).update((str(at), part) for at, part in enumerate(parts))


class Linear(Module):
    def __init__(self, read, written, bias=True):
        self.weight = Parameter(written, read)
        if bias:
            self.bias = Parameter(written)


class Embedding(Module):
    def __init__(self, rows, width):
        self.weight = Parameter(rows, width)
"""

CONFIGURATIONS = """
import json
from pathlib import Path


class PretrainedConfig:
    model_type = ""
    attribute_map = {}

    def __init__(self, **kwargs):
        self.tie_word_embeddings = kwargs.pop("tie_word_embeddings", False)
        for key, value in kwargs.items():
            setattr(self, key, value)

    @classmethod
    def from_pretrained(cls, folder, local_files_only=False):
        assert local_files_only
        settings = json.loads((Path(folder) / "config.json").read_text())
        return cls(**settings)
"""

MODELS = """
from torch import nn


class GenerationMixin:
    pass


class PreTrainedModel(nn.Module):
    _no_split_modules = None

    def __init__(self, config):
        assert config._attn_implementation == "eager"
        self.config = config
"""

TABLE = """
MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = {"zoo": "ZooForCausalLM"}
"""

ZOO = """
from torch import nn
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel


class ZooConfig(PretrainedConfig):
    model_type = "zoo"

    def __init__(
        self, hidden_size=8, vocab_size=10, num_hidden_layers=3,
        tie_word_embeddings=False, **kwargs,
    ):
        self.hidden_size = hidden_size
        self.vocab_size = vocab_size
        self.num_hidden_layers = num_hidden_layers
        super().__init__(tie_word_embeddings=tie_word_embeddings, **kwargs)


class ZooLayer(nn.Module):
    def __init__(self, config):
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.down_proj = nn.Linear(2 * config.hidden_size, config.hidden_size, False)


class ZooBody(nn.Module):
    def __init__(self, config):
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(
            [ZooLayer(config) for _ in range(config.num_hidden_layers)]
        )


class ZooForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = ZooConfig

    def __init__(self, config):
        super().__init__(config)
        self.body = ZooBody(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, False)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.body.embed.weight

    def forward(self, input_ids=None, attention_mask=None, past_key_values=None):
        return None


class ZooKeepingLM(ZooForCausalLM):
    _no_split_modules = ["ZooLayer"]

    def forward(
        self, input_ids=None, attention_mask=None, past_key_values=None,
        logits_to_keep=0,
    ):
        return None


class ZooBlock(nn.Module):
    def __init__(self, config):
        self.qkv = nn.Linear(config.hidden_size, config.hidden_size)


class ZooSpecialLayer(ZooLayer):
    pass


class ZooOddLM(ZooForCausalLM):
    def __init__(self, config):
        super().__init__(config)
        setattr(self.body.layers, "3", ZooSpecialLayer(config))


class ZooVision(nn.Module):
    _no_split_modules = ["ZooBlock"]

    def __init__(self, config):
        self.blocks = nn.ModuleList([ZooBlock(config)])


class ZooWords(ZooBody):
    _no_split_modules = ["ZooLayer"]


class ZooWordsLM(ZooForCausalLM):
    def __init__(self, config):
        super().__init__(config)
        self.language_model = ZooWords(config)


class ZooSeeingLM(ZooWordsLM):
    def __init__(self, config):
        super().__init__(config)
        self.visual = ZooVision(config)


class ZooQuietLM(ZooForCausalLM):
    def __init__(self, config):
        import os

        os._exit(3)


class ZooEndlessLM(ZooForCausalLM):
    def __init__(self, config):
        while True:
            pass


class ZooBrokenLM(ZooForCausalLM):
    def __init__(self, config):
        super().__init__(config)
        self.lm_head = nn.Linear(8, 10, False)
        self.check()

    def check(self):
        raise ValueError("no weights to look at:\\n  neither these nor those")
"""

FILES = {
    "torch/__init__.py": TORCH,
    "torch/nn.py": NN,
    "transformers/__init__.py": (
        "from .configuration_utils import PretrainedConfig\n"
        "from .modeling_utils import GenerationMixin, PreTrainedModel\n"
    ),
    "transformers/configuration_utils.py": CONFIGURATIONS,
    "transformers/modeling_utils.py": MODELS,
    "transformers/models/auto/modeling_auto.py": TABLE,
    "zoo.py": ZOO,
}


def write_zoo(folder: Path, without: str = "") -> Path:
    """Return an interpreter that has nothing but these packages."""
    site = folder / "site"
    for name, text in FILES.items():
        if not without or not name.startswith(without):
            path = site / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    python = folder / "python"
    python.write_text(
        f'#!/bin/sh\nPYTHONPATH="{site}" exec "{sys.executable}" -S "$@"\n'
    )
    python.chmod(0o755)
    return python
