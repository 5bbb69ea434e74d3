"""What a HuggingFace base is, read from source without importing torch."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rlinf_scaffold.bases import checkpoints
from rlinf_scaffold.bases.catalogue import shipped_bases
from rlinf_scaffold.bases.checkpoints import Checkpoint, read_checkpoint
from rlinf_scaffold.bases.facts import Reader
from rlinf_scaffold.bases.library import Class, Library
from rlinf_scaffold.bases.refusals import causal_names
from rlinf_scaffold.errors import UnknownBaseError
from rlinf_scaffold.spec import Base

_DEFAULTS: Final[Mapping[str, object]] = MappingProxyType({})
_WIDTHS: Final = ("hidden_size", "n_embd", "d_model", "dim")
_SUGGESTIONS: Final = 3


def find_base(base: str, search_path: Sequence[Path]) -> Base:
    """Return what a base is: a class name, ``package.module:Class`` or a folder.

    The search path holds the ``sys.path`` entries of the user's interpreter; where
    none of them has transformers, the shipped catalogue answers.

    Raises:
        UnknownBaseError: nothing goes by that name; with suggestions.
        UnsupportedBaseError: no action model can be generated on it; with the reason.
        SourceSyntaxError: a source file to read does not parse.
    """
    library = Library(tuple(search_path))
    if (Path(base) / checkpoints.FILE).is_file():
        return _from_checkpoint(library, read_checkpoint(base))
    module, colon, name = base.rpartition(":")
    if colon:
        return _from_module(library, base, module, name)
    if not base.isidentifier():
        looked_in = (
            f"the folder {base}, which holds no {checkpoints.FILE} (a name on the Hub "
            "is not downloaded: give a local snapshot)"
        )
        raise UnknownBaseError(base, looked_in)
    if library.transformers is None:
        return _from_catalogue(base)
    cls = _find_class(library, base)
    return Reader(library, base).read(cls, _DEFAULTS)


def _find_class(library: Library, name: str) -> Class:
    cls = library.find_class(name)
    if cls is None:
        suggestions = _suggest(name, causal_names(library))
        raise UnknownBaseError(name, f"{library.transformers}", suggestions)
    return cls


def _from_module(library: Library, base: str, module: str, name: str) -> Base:
    source = library.module(module)
    if source is None:
        raise UnknownBaseError(base, f"the search path, which has no module {module}")
    cls = library.find(module, name)
    if isinstance(cls, Class):
        return Reader(library, base).read(cls, _DEFAULTS)
    close = difflib.get_close_matches(name, source.symbols, _SUGGESTIONS)
    raise UnknownBaseError(base, module, [f"{module}:{found}" for found in close])


def _from_checkpoint(library: Library, checkpoint: Checkpoint) -> Base:
    if library.transformers is None:
        name = checkpoint.architecture or _by_type(checkpoint, _shipped_names())
        return _override(_from_catalogue(name), checkpoint)
    name = checkpoint.architecture or _by_type(checkpoint, causal_names(library))
    reader = Reader(library, checkpoint.folder)
    found = reader.read(_find_class(library, name), checkpoint.settings)
    return replace(found, checkpoint=checkpoint.folder)


def _by_type(checkpoint: Checkpoint, names: Mapping[str, str]) -> str:
    name = names.get(checkpoint.model_type)
    if name is None:
        what = f"model_type {checkpoint.model_type!r} in its {checkpoints.FILE}"
        raise UnknownBaseError(checkpoint.folder, what)
    return name


def _from_catalogue(name: str) -> Base:
    bases = shipped_bases()
    if name not in bases:
        looked_in = "the shipped catalogue (no transformers is installed)"
        raise UnknownBaseError(name, looked_in, _suggest(name, _shipped_names()))
    return bases[name]


def _shipped_names() -> dict[str, str]:
    return {base.model_type: name for name, base in shipped_bases().items()}


def _override(base: Base, checkpoint: Checkpoint) -> Base:
    settings = checkpoint.settings
    nested = settings.get("text_config")
    if isinstance(nested, dict):
        settings = nested
    tied = settings.get("tie_word_embeddings")
    return replace(
        base,
        hidden_size=_size(settings, _WIDTHS, base.hidden_size),
        vocab_size=_size(settings, ("vocab_size",), base.vocab_size),
        tie_word_embeddings=tied
        if isinstance(tied, bool)
        else base.tie_word_embeddings,
        checkpoint=checkpoint.folder,
    )


def _size(settings: Mapping[str, object], names: Iterable[str], default: int) -> int:
    sizes = (settings.get(name) for name in names)
    return next((size for size in sizes if type(size) is int and size > 0), default)


def _suggest(name: str, causal: Mapping[str, str]) -> list[str]:
    """Return the closest causal language models, whatever the case of the letters."""
    by_lower = {c.lower(): c for c in causal.values()}
    by_type = causal.get(name.lower())
    close = difflib.get_close_matches(name.lower(), by_lower, _SUGGESTIONS)
    alike = [by_type, *(by_lower[found] for found in close)]
    return list(dict.fromkeys(filter(None, alike)))[:_SUGGESTIONS]
