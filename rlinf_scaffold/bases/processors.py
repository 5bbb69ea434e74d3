"""What makes a base's inputs of text and images: the parts of a processor, its tokens."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from rlinf_scaffold.bases.autos import part_name, processor_types
from rlinf_scaffold.bases.library import Class, Library

FAST: Final = "PreTrainedTokenizerFast"
_MODALITIES: Final = (
    "tokenizer",
    "image_processor",
    "video_processor",
    "feature_extractor",
    "audio_processor",
)
_NO_PART: Final = ("audio_tokenizer",)
_TOKEN: Final = re.compile(r"<[^<>\s{}%]+>|\[[A-Z][A-Z_0-9]*\]|\|[A-Z]+\|")
_USUAL: Final = ("bos", "eos", "pad", "unk", "sep", "cls", "mask")


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor class, and what a tiny one is made of.

    Attributes:
        class_name: the class.
        parts: its arguments that are processors themselves, with their classes; an
            empty name is one that the sources do not tell.
        tokens: text of the special tokens that it asks a tokenizer for, by name.
        others: special tokens that it writes without a name.
    """

    class_name: str
    parts: Mapping[str, str]
    tokens: Mapping[str, str]
    others: tuple[str, ...]


def read_processor(
    library: Library, class_name: str, model_type: str
) -> Processor | None:
    """Return what a processor is made of; None where there is no such class.

    Raises:
        SourceSyntaxError: a source file to read does not parse.
    """
    cls = library.find_class(class_name)
    if cls is None:
        return None
    lineage = [owner for owner in library.lineage(cls) if isinstance(owner, Class)]
    parts = {
        argument: _part_class(library, lineage, argument, model_type)
        for argument in _arguments(lineage)
    }
    named = {
        name: text
        for owner in reversed(lineage)
        for name, text in _named_tokens(owner.node)
    }
    literals = dict.fromkeys(text for owner in lineage for text in _texts(owner.node))
    others = tuple(text for text in literals if text not in named.values())
    return Processor(class_name, parts, named, others)


def _arguments(lineage: list[Class]) -> list[str]:
    """Return the parts that a processor is built with, in its own order."""
    for owner in lineage:
        listed = owner.values.get("attributes")
        if listed is not None:
            return [str(name) for name in ast.literal_eval(listed)]
        if "__init__" in owner.methods:
            spec = owner.methods["__init__"].args
            named = [a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
            found = [n for n in named if n not in _NO_PART and _modality(n)]
            if found:
                return found
    return []


def _modality(argument: str) -> str:
    return next((kind for kind in _MODALITIES if kind in argument), "")


def _part_class(
    library: Library, lineage: list[Class], argument: str, model_type: str
) -> str:
    """Return the class of a part: declared beside the processor, or listed for its type."""
    kind = _modality(argument)
    declared = next(
        (
            owner.values[f"{argument}_class"]
            for owner in lineage
            if f"{argument}_class" in owner.values
        ),
        None,
    )
    names = _names(declared) if declared is not None else []
    names = [name for name in names if not name.startswith("Auto")]
    if kind == "tokenizer":
        return names[-1] if names else FAST
    types = [model_type, *processor_types(library, lineage[0].name)]
    listed = (part_name(library, kind, found) for found in types)
    return next(filter(None, [*names, *listed]), "")


def _names(declared: ast.expr) -> list[str]:
    value = ast.literal_eval(declared)
    values = value if isinstance(value, tuple | list) else [value]
    return [name for name in values if isinstance(name, str)]


def _named_tokens(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Yield the tokens that a class asks a tokenizer for by name, with their text.

    The text is that of the class where it has a default, else made of the name.
    """
    asked = dict.fromkeys(_asked(node))
    defaults = dict(_defaults(node))
    for name in asked:
        yield name, defaults.get(name) or f"<{name}>"
    for name, text in defaults.items():
        if name not in asked:
            yield name, text


def _asked(node: ast.ClassDef) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and _is_tokenizer(part.value):
            name = part.attr.removesuffix("_id")
        elif (
            isinstance(part, ast.Call)
            and isinstance(part.func, ast.Name)
            and part.func.id in ("getattr", "hasattr")
            and _is_tokenizer(part.args[0])
            and isinstance(part.args[1], ast.Constant)
        ):
            name = str(part.args[1].value).removesuffix("_id")
        else:
            continue
        if name.endswith("_token") and not name.startswith(_USUAL):
            yield name


def _is_tokenizer(node: ast.expr) -> bool:
    return ast.unparse(node) in ("tokenizer", "self.tokenizer")


def _defaults(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for part in ast.walk(node):
        if isinstance(part, ast.Assign):
            for target in part.targets:
                if isinstance(target, ast.Attribute) and target.attr.endswith("_token"):
                    yield from _pairs(target.attr, part.value)
        elif isinstance(part, ast.FunctionDef):
            named = [*part.args.posonlyargs, *part.args.args]
            given = part.args.defaults
            for argument, default in zip(named[-len(given) :], given, strict=False):
                if argument.arg.endswith("_token"):
                    yield from _pairs(argument.arg, default)


def _pairs(name: str, value: ast.expr) -> Iterator[tuple[str, str]]:
    if not name.startswith(_USUAL):
        texts = [text for text in _texts(value) if text]
        yield from ((name, text) for text in texts[:1])


def _texts(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            if _TOKEN.fullmatch(part.value):
                yield part.value
