"""What a HuggingFace base is, read from source without importing torch."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rlinf_scaffold.bases import checkpoints
from rlinf_scaffold.bases.autos import base_names
from rlinf_scaffold.bases.checkpoints import Checkpoint, read_checkpoint
from rlinf_scaffold.bases.facts import Reader
from rlinf_scaffold.bases.library import Class, Library
from rlinf_scaffold.bases.refusals import refuse_modality, refuse_parts
from rlinf_scaffold.bases.shipped import shipped_bases
from rlinf_scaffold.errors import UnknownBaseError, UnsupportedBaseError
from rlinf_scaffold.spec import Base

_DEFAULTS: Final[Mapping[str, object]] = MappingProxyType({})
_WIDTHS: Final = ("hidden_size", "n_embd", "d_model", "dim")
_ROWS: Final = ("vocab_size",)
_SUFFIX: Final = re.compile(r"Model|For|PreTrained|Config")
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
    found = read_base(base, search_path)
    refuse_modality(Library(tuple(search_path)), base, found)
    if found.modality != "text" and found.checkpoint is not None:
        refuse_parts(base, found, read_base(found.class_name, search_path))
    return found


def read_base(base: str, search_path: Sequence[Path]) -> Base:
    """Return what a base is, whatever its modality; raises as ``find_base`` does."""
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
        suggestions = _suggest(name, base_names(library))
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
    name = checkpoint.architecture or _by_type(checkpoint, base_names(library))
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
    if base.modality != "text":
        reason = (
            "its layers hang on its parts, and no transformers is installed to read"
        )
        raise UnsupportedBaseError(checkpoint.folder, reason)
    nested = settings.get("text_config")
    if isinstance(nested, dict):
        settings = nested
    tied = settings.get("tie_word_embeddings")
    if not isinstance(tied, bool):
        tied = base.tie_word_embeddings
    return replace(
        base,
        hidden_size=_size(checkpoint.folder, settings, _WIDTHS) or base.hidden_size,
        vocab_size=_size(checkpoint.folder, settings, _ROWS) or base.vocab_size,
        tie_word_embeddings=tied,
        checkpoint=checkpoint.folder,
    )


def _size(
    folder: str, settings: Mapping[str, object], keys: Sequence[str]
) -> int | None:
    key = next((key for key in keys if key in settings), None)
    size = None if key is None else settings[key]
    if key is not None and (type(size) is not int or size < 1):
        reason = f"{checkpoints.FILE} gives no {key} that is a positive integer"
        raise UnsupportedBaseError(folder, reason)
    return size if isinstance(size, int) else None


def _suggest(name: str, causal: Mapping[str, str]) -> list[str]:
    """Return the causal language models of that type or of a close name, in any case."""
    by_lower = {found.lower(): found for found in causal.values()}
    stem = _SUFFIX.split(name)[0]
    close = difflib.get_close_matches(name.lower(), by_lower, _SUGGESTIONS)
    alike = [causal.get(name.lower()), causal.get(stem.lower())]
    alike.extend(by_lower[found] for found in close)
    return list(dict.fromkeys(filter(None, alike)))[:_SUGGESTIONS]
