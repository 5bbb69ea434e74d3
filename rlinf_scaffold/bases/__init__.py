"""What a HuggingFace base is, read from source without importing torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rlinf_scaffold.bases.checkpoints import Checkpoint
from rlinf_scaffold.bases.contradictions import (
    Said,
    findings,
    refuse_config,
    refuse_weights,
    said_by,
)
from rlinf_scaffold.bases.facts import Built, Reader
from rlinf_scaffold.bases.hub import Hub
from rlinf_scaffold.bases.library import Library
from rlinf_scaffold.bases.names import (
    Named,
    class_of_checkpoint,
    find_checkpoint,
    find_class,
)
from rlinf_scaffold.bases.packages import refuse_packages
from rlinf_scaffold.bases.refusals import refuse_modality, refuse_parts
from rlinf_scaffold.bases.remote import refuse_remote
from rlinf_scaffold.bases.stand_ins import (
    decoder_settings,
    shipped_base,
    shipped_checkpoint,
)
from rlinf_scaffold.bases.values import Instance
from rlinf_scaffold.bases.weights import (
    Weights,
    read_weights,
    refuse_pickles,
    refuse_quantized,
)
from rlinf_scaffold.spec import Base


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All that was read of a base.

    Attributes:
        base: its facts.
        named: the class, and how it was found; None where the catalogue answered.
        built: that class, built on paper.
        checkpoint: the folder or repository that it was given as, if any.
        weights: what that holds of weights, if any.
        findings: what is odd about them, a sentence each.
    """

    base: Base
    named: Named | None = None
    built: Built | None = None
    checkpoint: Checkpoint | None = None
    weights: Weights | None = None
    findings: tuple[str, ...] = ()


def find_base(
    base: str,
    search_path: Sequence[Path],
    hub: Hub | None = None,
    *,
    trust: bool = False,
) -> Base:
    """Return what a base is that an action model can be generated on.

    Args:
        base: a class name, a model type, ``package.module:Class``, a folder, or a
            repository on the Hub.
        search_path: the ``sys.path`` entries of the user's interpreter; where none of
            them has transformers, the shipped catalogue answers.
        hub: where repositories come from; None looks for none.
        trust: whether code in a checkpoint is read.

    Raises:
        UnknownBaseError: nothing goes by that name; with suggestions.
        UnsupportedBaseError: no action model can be generated on it; with the reason.
        NotFetchedError: it may be on the Hub, but was not got from there.
        SourceSyntaxError: a source file to read does not parse.
    """
    library = Library(tuple(search_path))
    found = read(base, search_path, hub, trust=trust)
    if found.named is not None and found.checkpoint is not None:
        named = found.checkpoint.architecture
        if trust and named and library.find_class(named):  # which can be imported
            found = read(base, search_path, hub)
    refuse(base, found, search_path)
    return found.base


def refuse(given: str, found: Reading, search_path: Sequence[Path]) -> None:
    """Refuse what can be read, and yet be no base of an action model.

    Raises:
        UnsupportedBaseError: with the reason.
    """
    if found.named is not None:
        refuse_remote(given, found.named.cls)
    if found.checkpoint is not None:
        refuse_quantized(given, found.checkpoint.settings)
    refuse_modality(Library(tuple(search_path)), given, found.base)
    if found.base.modality != "text" and found.checkpoint is not None:
        usual = read_base(found.base.class_name, search_path)
        refuse_parts(given, found.base, usual)


def read_base(base: str, search_path: Sequence[Path]) -> Base:
    """Return what a base is, whatever its modality; raises as ``find_base`` does."""
    return read(base, search_path).base


def read(
    base: str,
    search_path: Sequence[Path],
    hub: Hub | None = None,
    *,
    trust: bool = False,
) -> Reading:
    """Return all that can be read of a base; arguments and errors are find_base's."""
    library = Library(tuple(search_path))
    checkpoint = find_checkpoint(base, hub)
    if library.transformers is None and (checkpoint or ":" not in base):
        return _shipped(base, checkpoint)
    if checkpoint is not None:
        named = class_of_checkpoint(library, checkpoint, trust=trust)
        refuse_pickles(base, named.cls.name, checkpoint.files)
    else:
        named = find_class(library, base)
    reader = Reader(named.library, base)
    built = reader.build(named.cls, named.settings)
    refuse_packages(named.library, base, built.model)
    if checkpoint is None:
        return Reading(base=reader.facts(built), named=named, built=built)
    return _of_checkpoint(reader, named, built, checkpoint)


def _of_checkpoint(
    reader: Reader, named: Named, built: Built, checkpoint: Checkpoint
) -> Reading:
    usual = built.interpreter.call(built.config_class, [], {})
    if isinstance(usual, Instance):
        refuse_config(named.library, checkpoint, built, usual)
    base = replace(reader.facts(built), checkpoint=checkpoint.folder)
    said = partial(built.interpreter.attribute, built.decoder)
    found = _with_weights(checkpoint, base, said)
    return replace(found, named=named, built=built)


def _shipped(given: str, checkpoint: Checkpoint | None) -> Reading:
    if checkpoint is None:
        return Reading(base=shipped_base(given))
    base = shipped_checkpoint(checkpoint)
    refuse_pickles(given, base.class_name, checkpoint.files)
    return _with_weights(checkpoint, base, said_by(decoder_settings(checkpoint)))


def _with_weights(checkpoint: Checkpoint, base: Base, said: Said) -> Reading:
    weights = read_weights(checkpoint.folder, checkpoint.path)
    if weights is not None:
        refuse_weights(checkpoint, base, said, weights)
    odd = tuple(findings(checkpoint, base, weights))
    return Reading(base=base, checkpoint=checkpoint, weights=weights, findings=odd)
