"""Small checkouts of each generation that dispatches in if/elif chains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools import BASE, Transform, plant, python

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.contracts import Terms, all_contracts
from rlinf_scaffold.heads import find_head
from rlinf_scaffold.layouts import (
    CONFIG,
    LOADER,
    Layout,
    documented,
    enum_chain,
    enum_imports,
    string_chain,
    vla_string_chain,
)
from rlinf_scaffold.spec import ModelSpec

LIST = """\
# Copyright 2026 The rlinf-scaffold authors.

SUPPORTED_MODEL_ARCHS = [
    "one",
    "two",
]
"""
ENUM = """\
# Copyright 2026 The rlinf-scaffold authors.

from enum import Enum


class SupportedModel(Enum):
    # Reasoning models
    THINKER = ("thinker", "reasoning")

    # Embodied models
    ONE = ("one", "embodied")
    TWO = ("two", "embodied")

    # Sft models
    THINKER_SFT = ("thinker_sft", "sft")

    def __new__(cls, value, category):
        obj = object.__new__(cls)
        obj._value_ = value
        obj.category = category
        return obj


def get_supported_model(model_type):
    return SupportedModel(model_type)
"""
_PROCESSORS = """\
def {processors}(cfg):
    if cfg.model.{key} == "one":
        model_config, input_processor = "one", None
    elif cfg.model.{key} == "two":
        model_config = "two"
        input_processor = None

    return model_config, input_processor
"""
_STRINGS = f"""\
# Copyright 2026 The rlinf-scaffold authors.


{_PROCESSORS}

def get_model({{path}}cfg, override_config_kwargs=None):
    torch_dtype = cfg.precision
{{folder}}    if cfg.{{key}} == "one":
        model = "one"
    elif cfg.{{key}} == "two":
        model = "two"
    else:
        return None

    return model
"""
_MEMBERS = """\
# Copyright 2026 The rlinf-scaffold authors.

from rlinf.config import SupportedModel, get_supported_model


def get_vla_model_config_and_processor(cfg):
    model_type = get_supported_model(cfg.model.model_type)
    if model_type == SupportedModel.ONE:
        model_config, input_processor = "one", None
    elif model_type == SupportedModel.TWO:
        model_config = "two"
        input_processor = None

    return model_config, input_processor


def get_model(cfg, override_config_kwargs=None):
    model_path = cfg.model_path
    torch_dtype = cfg.precision
    model_type = get_supported_model(cfg.model_type)
    if model_type == SupportedModel.ONE:
        model = "one"
    elif model_type == SupportedModel.TWO:
        model = "two"
    else:
        return None

    return model
"""
_IMPORTS = """\
# Copyright 2026 The rlinf-scaffold authors.

from rlinf.config import SupportedModel, get_supported_model


def get_model(cfg):
    model_type = get_supported_model(cfg.model_type)
    if model_type == SupportedModel.ONE:
        from rlinf.models.embodiment.one import get_model
    elif model_type == SupportedModel.TWO:
        from rlinf.models.embodiment.two import get_model
    else:
        return None

    torch_dtype = cfg.precision
    model = get_model(cfg, torch_dtype)
    return model
"""
_BUILDER = "def get_model(cfg, torch_dtype):\n    return {!r}\n"
_POLICY = """\
class {0.class_name}:
    def __init__(self, path, torch_dtype):
        self.made = f"{0.name} of {{path}} in {{torch_dtype}}"

    @classmethod
    def from_pretrained(cls, path, torch_dtype, **settings):
        return cls(path, torch_dtype)

    def setup_config_and_processor(self, *given):
        self.made += f" with {{given[0]}} and {{given[-1]}}"

    def __str__(self):
        return self.made


def load_config_and_processor(path, trust_remote_code):
    return "a config", "a processor"
"""
_RUN = """\
import rlinf.config as config
from rlinf import models

class Config(dict):
    def __getattr__(self, key):
        return self.get(key)

for name in ("one", "two", "{name}"):
    cfg = Config({key}=name, model_path="here", precision="bf16")
    cfg.update(model=cfg, tokenizer=cfg)
    print(models.get_model({arguments}))
    if hasattr(models, "{processors}"):
        print(*models.{processors}(cfg))
print("{name}" in getattr(config, "SUPPORTED_MODEL_ARCHS", ())
      or config.SupportedModel("{name}").category)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A layout, sources of it, and the words that its chains are written in."""

    layout: Layout
    config: str
    loader: str
    processors: str = "none"
    is_flat: bool = True

    @property
    def has_members(self) -> bool:
        return "SupportedModel" in self.loader

    def words(self, text: str) -> str:
        """Return a text with this generation's words for models and their type."""
        key = self.layout.type_key
        names = ("one", "two", "three", "foo")
        models = {
            name: f"SupportedModel.{name.upper()}" if self.has_members else f'"{name}"'
            for name in names
        }
        kind = "model_type" if self.has_members else f"cfg.{key}"
        value = "model" if self.is_flat else "get_model"
        registered = "SupportedModel" if self.has_members else "SUPPORTED_MODEL_ARCHS"
        return text.format(
            kind=kind, key=key, value=value, registered=registered, **models
        )

    def register(self, name: str) -> Transform:
        return lambda source: self.layout.register(source, ModelSpec(name=name))

    def load(self, name: str, terms: Terms | None = None) -> Transform:
        spec = ModelSpec(name=name)
        given = values(self.layout, spec, terms or Terms())
        return lambda source: self.layout.load(source, spec, given)

    def tree(self, config: str | None = None, loader: str | None = None) -> MemoryTree:
        """Return a tree of both files, each as it is unless given."""
        return MemoryTree.of(
            {
                str(CONFIG): self.config if config is None else config,
                str(LOADER): self.loader if loader is None else loader,
            }
        )

    def check_works(self, folder: Path, name: str, config: str, loader: str) -> None:
        """Check that Python finds the new model, and still the others."""
        embodiment = "rlinf/models/embodiment"
        policy = _POLICY.format(ModelSpec(name=name))
        if self.is_flat:
            modules = {f"{embodiment}/{name}_action_model.py": policy}
        else:
            made = {m: _BUILDER.format(m) for m in ("one", "two", name)}
            modules = {f"{embodiment}/{m}/__init__.py": made[m] for m in made}
        plant(folder, {str(CONFIG): config, str(LOADER): loader, **modules})
        arguments = "'here', cfg" if self.layout.loader_takes_path else "cfg"
        code = _RUN.format(
            name=name,
            key=self.layout.type_key,
            arguments=arguments,
            processors=self.processors,
        )
        assert python(code, folder).split("\n")[:-1] == self._expected(name)

    def _expected(self, name: str) -> list[str]:
        known = "embodied" if self.has_members else "True"
        if not self.is_flat:
            return ["one", "two", name, known]
        made = f"{name} of here in bf16 with a config and a processor"
        processors = ["one None", "two None", "a config a processor"]
        models = ["one", "two", made]
        pairs = zip(models, processors, strict=True)
        return [*(line for pair in pairs for line in pair), known]


def values(layout: Layout, spec: ModelSpec, terms: Terms) -> Mapping[str, object]:
    """Return what templates are given."""
    return {
        "spec": spec,
        "base": BASE,
        "layout": layout,
        "contract": all_contracts()[0],
        "terms": terms,
        "head": find_head("tokens"),
        "own_settings": (),
    }


def _strings(layout: Layout, processors: str) -> Generation:
    takes_path = layout.loader_takes_path
    loader = _STRINGS.format(
        processors=processors,
        key=layout.type_key,
        path="model_path, " if takes_path else "",
        folder="" if takes_path else "    model_path = cfg.model_path\n",
    )
    return Generation(layout=layout, config=LIST, loader=loader, processors=processors)


GENERATIONS = {
    generation.layout.name: generation
    for generation in (
        _strings(documented.layout, "get_model_config_and_processor"),
        _strings(string_chain.layout, "get_model_config_and_processor"),
        _strings(vla_string_chain.layout, "get_vla_model_config_and_processor"),
        Generation(
            layout=enum_chain.layout,
            config=ENUM,
            loader=_MEMBERS,
            processors="get_vla_model_config_and_processor",
        ),
        Generation(
            layout=enum_imports.layout, config=ENUM, loader=_IMPORTS, is_flat=False
        ),
    )
}
