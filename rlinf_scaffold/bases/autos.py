"""What transformers' auto classes choose: classes by model type, as its tables say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from rlinf_scaffold.bases.library import Class, Library, Module, literal

CONFIGURATIONS: Final = "CONFIG_MAPPING"
_FOLDER: Final = "transformers.models.auto"
_MODELS: Final = f"{_FOLDER}.modeling_auto"
_CAUSAL: Final = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"
_WORDS: Final = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Z])")
# Parts of processors that stand in the table of others.
_OTHER_TABLES: Final = MappingProxyType({"audio_processor": "feature_extractor"})
_SEEING: Final = (
    "MODEL_FOR_VISION_2_SEQ_MAPPING_NAMES",
    "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES",
)


def causal_names(library: Library) -> Mapping[str, str]:
    """Return transformers' causal language models: class name by model type."""
    return _table(library.module(_MODELS), _CAUSAL)


def seeing_names(library: Library) -> Mapping[str, str]:
    """Return transformers' models from images and text to text, by model type."""
    module = library.module(_MODELS)
    tables = (_table(module, name) for name in _SEEING)
    return {kind: name for table in tables for kind, name in table.items()}


def base_names(library: Library) -> Mapping[str, str]:
    """Return the models that may be a base, by model type; of two the one that sees."""
    return {**causal_names(library), **seeing_names(library)}


def is_model_type(library: Library, text: str) -> bool:
    """Whether transformers has a configuration of that model type."""
    return _listed(library, "configuration", f"{CONFIGURATIONS}_NAMES", text) != ""


def config_class(library: Library, model_type: str) -> Class | None:
    """Return the configuration class of a model type."""
    name = _listed(library, "configuration", f"{CONFIGURATIONS}_NAMES", model_type)
    return library.find_class(name) if name else None


def model_class(library: Library, auto: str, model_type: str) -> Class | None:
    """Return the class that an auto class, e.g. ``AutoModel``, builds for a type."""
    words = _WORDS.sub("_", auto.removeprefix("Auto")).upper()
    names = _table(library.module(_MODELS), f"{words}_MAPPING_NAMES")
    name = names.get(model_type)
    return library.find_class(name) if name else None


def processor_name(library: Library, model_type: str) -> str:
    """Return the name of a model type's processor class; empty where it has none."""
    return _listed(library, "processing", "PROCESSOR_MAPPING_NAMES", model_type)


def processor_types(library: Library, name: str) -> list[str]:
    """Return the model types that have a processor class of this name."""
    tables = _tables(library, "processing", "PROCESSOR_MAPPING_NAMES")
    return [kind for table in tables for kind, named in table.items() if named == name]


def part_name(library: Library, part: str, model_type: str) -> str:
    """Return the class of a processor's part for a model type; empty where not listed.

    Args:
        library: where the tables are found.
        part: what it processes, e.g. ``image_processor``.
        model_type: the configuration's.
    """
    part = _OTHER_TABLES.get(part, part)
    kind = part.replace("processor", "processing").replace("extractor", "extraction")
    return _listed(library, kind, f"{part.upper()}_MAPPING_NAMES", model_type)


def tokenizer_row(library: Library, model_type: str) -> tuple[Module, ast.expr] | None:
    """Return what the table of tokenizers says of a model type, and where."""
    module = library.module(f"{_FOLDER}.tokenization_auto")
    table = module.symbols.get("TOKENIZER_MAPPING_NAMES") if module else None
    for node in ast.walk(table) if isinstance(table, ast.Call) else ():
        if module and isinstance(node, ast.Tuple) and len(node.elts) == 2:
            kind, named = node.elts
            if isinstance(kind, ast.Constant) and kind.value == model_type:
                return module, named
    return None


def _listed(library: Library, kind: str, table: str, model_type: str) -> str:
    tables = _tables(library, kind, table)
    return next((names[model_type] for names in tables if model_type in names), "")


def _tables(library: Library, kind: str, table: str) -> Iterator[Mapping[str, str]]:
    """Yield a table that releases keep in one module or in two."""
    for module, prefix in (
        (f"{kind}_auto", "MISSING_"),
        (f"{kind}_auto", ""),
        ("auto_mappings", ""),
    ):
        yield _table(library.module(f"{_FOLDER}.{module}"), f"{prefix}{table}")


def _table(module: Module | None, name: str) -> Mapping[str, str]:
    pairs = module and literal(module, name)
    if not isinstance(pairs, list):
        return MappingProxyType({})
    return {str(kind): _first(named) for kind, named in pairs}


def _first(named: object) -> str:
    """Return the first name of several; of one for each backend that of torchvision."""
    if isinstance(named, dict):
        named = (named.get("torchvision"), *named.values())
    if isinstance(named, tuple | list):
        named = next(filter(None, named), "")
    return str(named)
