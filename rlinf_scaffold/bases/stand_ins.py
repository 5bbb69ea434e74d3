"""The shipped bases, by whatever name they are given, where no transformers is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from rlinf_scaffold.bases.checkpoints import FILE, Checkpoint
from rlinf_scaffold.bases.contradictions import refuse_settings
from rlinf_scaffold.bases.names import class_by_type, suggest
from rlinf_scaffold.bases.remote import refuse_untrusted
from rlinf_scaffold.bases.shipped import shipped_bases
from rlinf_scaffold.errors import UnknownBaseError, UnsupportedBaseError
from rlinf_scaffold.spec import Base

_WIDTHS: Final = ("hidden_size", "n_embd", "d_model", "dim")
_ROWS: Final = ("vocab_size",)
_CATALOGUE: Final = "the shipped catalogue"


def shipped_base(name: str) -> Base:
    """Return the shipped base of a class name or a model type.

    Raises:
        UnknownBaseError: none goes by that name; with suggestions.
    """
    bases, names = shipped_bases(), _names()
    found = bases.get(names.get(name, name))
    if found is None:
        looked_in = f"{_CATALOGUE} (no transformers is installed)"
        raise UnknownBaseError(name, looked_in, suggest(name, names))
    return found


def shipped_checkpoint(checkpoint: Checkpoint) -> Base:
    """Return the shipped base that a config.json names, with its sizes.

    Raises:
        UnknownBaseError: none is shipped; with suggestions.
        UnsupportedBaseError: its sizes are none, or its layers depend on its parts.
    """
    folder, settings = checkpoint.folder, decoder_settings(checkpoint)
    name = checkpoint.architecture or _names().get(checkpoint.model_type)
    if checkpoint.remote and name not in shipped_bases():
        refuse_untrusted(checkpoint, _CATALOGUE)
    base = shipped_base(name or class_by_type(checkpoint, _names()))
    if base.modality != "text":
        reason = (
            "its layers depend on its parts, and no transformers is installed to read"
        )
        raise UnsupportedBaseError(folder, reason)
    _refuse_type(checkpoint, base)
    refuse_settings(checkpoint, settings)
    tied = settings.get("tie_word_embeddings")
    if not isinstance(tied, bool):
        tied = base.tie_word_embeddings
    return replace(
        base,
        hidden_size=_size(folder, settings, _WIDTHS) or base.hidden_size,
        vocab_size=_size(folder, settings, _ROWS) or base.vocab_size,
        tie_word_embeddings=tied,
        checkpoint=folder,
    )


def decoder_settings(checkpoint: Checkpoint) -> Mapping[str, object]:
    """Return what a config.json says of the part that decodes."""
    nested = checkpoint.settings.get("text_config")
    return nested if isinstance(nested, dict) else checkpoint.settings


def _refuse_type(checkpoint: Checkpoint, base: Base) -> None:
    """Refuse a model type that is another shipped class's, but for a larger model's."""
    said, named = checkpoint.model_type, _names().get(checkpoint.model_type)
    whole = decoder_settings(checkpoint) is checkpoint.settings
    if whole and named not in (None, base.class_name) and said != base.model_type:
        reason = (
            f"{FILE} contradicts itself: its model_type {said!r} is that of {named}, and "
            f"its architecture {base.class_name} is {base.model_type!r}"
        )
        raise UnsupportedBaseError(checkpoint.folder, reason)


def _names() -> dict[str, str]:
    """Return the shipped classes by model type, one that sees before others."""
    rows = sorted(shipped_bases().items(), key=lambda row: row[1].modality == "vision")
    return {base.model_type: name for name, base in rows}


def _size(
    folder: str, settings: Mapping[str, object], keys: Sequence[str]
) -> int | None:
    key = next((key for key in keys if key in settings), None)
    size = None if key is None else settings[key]
    if key is not None and (type(size) is not int or size < 1):
        reason = f"{FILE} gives no {key} that is a positive integer"
        raise UnsupportedBaseError(folder, reason)
    return size if isinstance(size, int) else None
