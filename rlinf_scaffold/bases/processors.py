"""What makes a base's inputs of text and images: the parts of a processor, its tokens."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final

from rlinf_scaffold.bases.autos import part_name, processor_types
from rlinf_scaffold.bases.library import Class, Library
from rlinf_scaffold.spec import Processor

_FAST: Final = "PreTrainedTokenizerFast"
_MODALITIES: Final = (
    "tokenizer",
    "image_processor",
    "video_processor",
    "feature_extractor",
    "audio_processor",
)
_VIDEOS: Final = "video_processing_utils.py"
# What image processors inherit from that compute with torchvision.
_TENSOR_PROCESSORS: Final = ("BaseImageProcessorFast", "TorchvisionBackend")
_NO_PART: Final = ("audio_tokenizer",)
_TOKEN: Final = re.compile(r"<[^<>\s{}%]+>|\[[A-Z][A-Z_0-9]*\]|\|[A-Z]+\|")
# Names of special tokens that tokenizers are asked for.
_SPECIAL: Final = re.compile(r".*_token|image_thumbnail")
_USUAL: Final = re.compile(r"(add_)?(bos|eos|pad|unk|sep|cls|mask)_.*")


def read_processor(
    library: Library, class_name: str, model_type: str, known: Mapping[str, str]
) -> Processor | None:
    """Return what a processor is made of; None where there is no such class.

    Args:
        library: where the class is found.
        class_name: the processor's.
        model_type: the configuration's.
        known: classes of parts that the sources do not tell.

    Raises:
        SourceSyntaxError: a source file to read does not parse.
    """
    cls = library.find_class(class_name)
    if cls is None:
        return None
    lineage = [owner for owner in library.lineage(cls) if isinstance(owner, Class)]
    parts = {
        argument: known.get(argument)
        or _part_class(library, lineage, argument, model_type)
        for argument in _arguments(lineage)
    }
    named = {
        name: text
        for owner in reversed(lineage)
        for name, text in _named_tokens(owner.node)
    }
    texts = dict.fromkeys(
        text for owner in lineage for text in (*_constants(owner), *_texts(owner.node))
    )
    return Processor(
        parts=tuple(parts.items()),
        tokens=tuple(named.items()),
        texts=tuple(text for text in texts if text not in named.values()),
        packages=("torchvision",) if _needs_torchvision(library, parts) else (),
    )


def folder_processor(library: Library, cls: Class) -> str:
    """Return the processor that is defined beside a model class, if there is one."""
    for path in sorted(cls.module.path.parent.glob("processing_*.py")):
        found = library.module(f"{cls.module.name.rpartition('.')[0]}.{path.stem}")
        for name, symbol in found.symbols.items() if found else ():
            if isinstance(symbol, ast.ClassDef) and name.endswith("Processor"):
                return name
    return ""


def _needs_torchvision(library: Library, parts: Mapping[str, str]) -> bool:
    """Whether parts have no implementation that Pillow is enough for."""
    if library.transformers is None:
        return False
    videos = (library.transformers / _VIDEOS).is_file()
    for argument, name in parts.items():
        kind = _modality(argument)
        if kind == "video_processor" and videos:
            return True
        if kind == "image_processor" and name and not _runs_on_pillow(library, name):
            return True
    return False


def _runs_on_pillow(library: Library, name: str) -> bool:
    cls = library.find_class(name)
    if cls is None or library.find_class(f"{name}Pil") is not None:
        return True
    ancestors = {owner.name.rpartition(".")[2] for owner in library.lineage(cls)}
    return ancestors.isdisjoint(_TENSOR_PROCESSORS)


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
        return names[-1] if names else _FAST
    types = [model_type, *processor_types(library, lineage[0].name)]
    listed = (part_name(library, kind, found) for found in types)
    return next(filter(None, [*names, *listed]), "")


def _names(declared: ast.expr) -> list[str]:
    value = ast.literal_eval(declared)
    values = value if isinstance(value, tuple | list) else [value]
    return [name for name in values if isinstance(name, str)]


def _constants(owner: Class) -> Iterator[str]:
    """Yield the texts that a class, or its module, calls a token."""
    for name, value in (*owner.values.items(), *owner.module.symbols.items()):
        if name.endswith("_TOKEN") and isinstance(value, ast.Constant):
            yield str(value.value)


def _named_tokens(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Yield the tokens that a class finds by name in a tokenizer, or nowhere.

    A token that the class has a text for, or does without, needs no name: some classes
    take a name that a tokenizer has for another kind of token.
    """
    spared = {name for name, _ in _defaults(node)}.union(_looked_for(node))
    for name in dict.fromkeys(_asked(node)):
        if name not in spared:
            yield name, f"<{name}>"


def _asked(node: ast.ClassDef) -> Iterator[str]:
    attributes = (
        part.attr
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute) and _is_tokenizer(part.value)
    )
    lacking = (name for name, is_spared in _lookups(node) if not is_spared)
    for attribute in (*attributes, *lacking):
        name = attribute.removesuffix("_id")
        if _SPECIAL.fullmatch(name) and not _USUAL.fullmatch(name):
            yield name


def _looked_for(node: ast.ClassDef) -> Iterator[str]:
    """Yield the tokens that a class does without where a tokenizer has none."""
    return (name.removesuffix("_id") for name, spared in _lookups(node) if spared)


def _lookups(node: ast.ClassDef) -> Iterator[tuple[str, bool]]:
    """Yield the names looked for in a tokenizer, and whether there is something else."""
    for part in ast.walk(node):
        if (
            isinstance(part, ast.Call)
            and isinstance(part.func, ast.Name)
            and part.func.id in ("getattr", "hasattr")
            and _is_tokenizer(part.args[0])
            and isinstance(part.args[1], ast.Constant)
        ):
            nothing = ast.unparse(part.args[-1]) == "None"
            yield str(part.args[1].value), not nothing


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
    if not _USUAL.fullmatch(name):
        texts = [text for text in _texts(value) if text]
        yield from ((name, text) for text in texts[:1])


def _texts(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        text = part.value if isinstance(part, ast.Constant) else None
        if isinstance(text, str) and _TOKEN.fullmatch(text):
            yield text
