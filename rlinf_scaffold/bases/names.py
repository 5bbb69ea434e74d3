"""What --base names: a class, by whichever of its names it is called."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rlinf_scaffold.bases import checkpoints
from rlinf_scaffold.bases.autos import (
    base_names,
    causal_names,
    config_class,
    seeing_names,
)
from rlinf_scaffold.bases.checkpoints import Checkpoint, read_checkpoint
from rlinf_scaffold.bases.hub import Hub, is_repository
from rlinf_scaffold.bases.library import Class, Library
from rlinf_scaffold.bases.remote import remote_class
from rlinf_scaffold.bases.weights import refuse_pickles
from rlinf_scaffold.errors import UnknownBaseError, UnsupportedBaseError

_NO_SETTINGS: Final[Mapping[str, object]] = MappingProxyType({})
_ADAPTER: Final = "adapter_config.json"
_MODEL_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
_SUFFIX: Final = re.compile(r"Model|For|PreTrained|Config")
_SUGGESTIONS: Final = 3
_KINDS: Final = (
    "a class of transformers, a model type, package.module:Class, a folder with "
    f"{checkpoints.FILE}, or organisation/name on the Hub"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A class, and what called it by its name.

    Attributes:
        library: where it is read.
        cls: the class.
        how: what the user gave, and how that leads to the class.
        checkpoint: the folder or repository that names it, if one does.
    """

    library: Library
    cls: Class
    how: str
    checkpoint: Checkpoint | None = None

    @property
    def settings(self) -> Mapping[str, object]:
        """What overrides the defaults of its configuration."""
        return self.checkpoint.settings if self.checkpoint else _NO_SETTINGS


def find_checkpoint(given: str, hub: Hub | None) -> Checkpoint | None:
    """Return the folder or repository that a base is given as; None for other names.

    Raises:
        UnknownBaseError: it is none, and looks like one.
        UnsupportedBaseError: what it holds cannot be used; with the reason.
        NotFetchedError: the repository was not got.
    """
    folder = Path(given).expanduser()
    if (folder / checkpoints.FILE).is_file():
        checkpoint = read_checkpoint(given, folder)
        files = [path.name for path in folder.iterdir()]
    elif folder.exists() and (given.startswith((".", "/", "~")) or "/" in given):
        raise _no_checkpoint(given, folder)
    elif hub is not None and is_repository(given):
        snapshot = hub.snapshot(given)
        if not (snapshot.folder / checkpoints.FILE).is_file():
            looked_in = f"that repository, which holds no {checkpoints.FILE}"
            raise UnknownBaseError(given, looked_in)
        checkpoint = read_checkpoint(given, snapshot.folder)
        files = list(snapshot.files)
    elif "/" in given and ":" not in given:
        raise UnknownBaseError(given, f"the folder {given}, which is not there")
    else:
        return None
    refuse_pickles(given, checkpoint.architecture or "AutoModel", files)
    return checkpoint


def find_class(library: Library, given: str) -> Named:
    """Return the class that a name means, a model type or ``package.module:Class``.

    Raises:
        UnknownBaseError: nothing goes by that name; with suggestions.
        UnsupportedBaseError: no model of that type generates.
    """
    module, colon, name = given.rpartition(":")
    if colon:
        return _in_module(library, given, module, name)
    names = base_names(library)
    if given in names:
        how = f"model type {given}: {_mapping(library, given)}"
        return Named(library=library, cls=_known(library, names[given]), how=how)
    if _MODEL_TYPE.fullmatch(given):
        _refuse_type(library, given)
    cls = library.find_class(given) if given.isidentifier() else None
    if cls is None:
        where = f"{library.transformers}" if _is_word(given) else _KINDS
        raise UnknownBaseError(given, where, suggest(given, names))
    return Named(library=library, cls=cls, how="a class of transformers")


def class_of_checkpoint(
    library: Library, checkpoint: Checkpoint, *, trust: bool
) -> Named:
    """Return the class that a config.json names.

    Args:
        library: where it is read.
        checkpoint: what the config.json says.
        trust: whether the checkpoint's own code is read, where it has some.

    Raises:
        UnknownBaseError: transformers has no such class.
        UnsupportedBaseError: the class is the checkpoint's own, and that is not read.
    """
    own = remote_class(library, checkpoint, trust=trust)
    if own is not None:
        how = f"code of {checkpoint.folder} that its {checkpoints.FILE} names"
        return Named(library=own[0], cls=own[1], how=how, checkpoint=checkpoint)
    name = checkpoint.architecture
    how = f"the first of architectures in {checkpoints.FILE} of {checkpoint.folder}"
    if not name:
        name = class_by_type(checkpoint, base_names(library))
        mapping = _mapping(library, checkpoint.model_type)
        how = f"model_type in {checkpoints.FILE} of {checkpoint.folder}: {mapping}"
    cls = library.find_class(name)
    if cls is None:
        where = f"{library.transformers}, for the architecture that it names"
        raise UnknownBaseError(name, where, suggest(name, base_names(library)))
    return Named(library=library, cls=cls, how=how, checkpoint=checkpoint)


def class_by_type(checkpoint: Checkpoint, names: Mapping[str, str]) -> str:
    """Return the name of the class for a config.json that says its model type alone.

    Raises:
        UnknownBaseError: there is none.
    """
    name = names.get(checkpoint.model_type)
    if name is None:
        what = f"model_type {checkpoint.model_type!r} in its {checkpoints.FILE}"
        near = suggest(checkpoint.model_type, names)
        raise UnknownBaseError(checkpoint.folder, what, near)
    return name


def suggest(name: str, names: Mapping[str, str]) -> list[str]:
    """Return what a name may have meant: model types of a word, classes of a class.

    Args:
        name: what is not known.
        names: classes that may be a base, by model type.
    """
    if _MODEL_TYPE.fullmatch(name):
        near = difflib.get_close_matches(name, names, _SUGGESTIONS)
        if near:
            return near
    by_lower = {found.lower(): found for found in names.values()}
    stem = _SUFFIX.split(name)[0]
    close = difflib.get_close_matches(name.lower(), by_lower, _SUGGESTIONS)
    alike = [names.get(name.lower()), names.get(stem.lower())]
    alike.extend(by_lower[found] for found in close)
    return list(dict.fromkeys(filter(None, alike)))[:_SUGGESTIONS]


def _known(library: Library, name: str) -> Class:
    cls = library.find_class(name)
    if cls is None:
        raise UnknownBaseError(name, f"{library.transformers}, whose tables name it")
    return cls


def _in_module(library: Library, given: str, module: str, name: str) -> Named:
    source = library.module(module)
    if source is None:
        raise UnknownBaseError(given, f"the search path, which has no module {module}")
    cls = library.find(module, name)
    if isinstance(cls, Class):
        return Named(library=library, cls=cls, how=f"a class of {module}")
    close = difflib.get_close_matches(name, source.symbols, _SUGGESTIONS)
    raise UnknownBaseError(given, module, [f"{module}:{found}" for found in close])


def _mapping(library: Library, model_type: str) -> str:
    """Say which of transformers' tables chose a model type's class, and over what."""
    causal = causal_names(library).get(model_type)
    seeing = seeing_names(library).get(model_type)
    if seeing is None:
        return "transformers' causal mapping"
    chosen = "transformers' image-text-to-text mapping"
    return (
        f"{chosen} (its causal one: {causal})"
        if causal not in (None, seeing)
        else chosen
    )


def _refuse_type(library: Library, model_type: str) -> None:
    config = config_class(library, model_type)
    if config is not None:
        near = suggest(model_type, base_names(library))
        hint = f"; near it are {', '.join(near)}" if near else ""
        reason = (
            f"{config.name} has that model type, and transformers has no model for it "
            f"in its causal or image-text-to-text mapping: nothing generates{hint}"
        )
        raise UnsupportedBaseError(model_type, reason)


def _is_word(text: str) -> bool:
    return text.isidentifier() or _MODEL_TYPE.fullmatch(text) is not None


def _no_checkpoint(given: str, folder: Path) -> UnknownBaseError | UnsupportedBaseError:
    if folder.is_file():
        return UnknownBaseError(
            given, "that file; give its folder", [str(folder.parent)]
        )
    if (folder / _ADAPTER).is_file():
        reason = (
            f"it holds {_ADAPTER} and no {checkpoints.FILE}: an adapter of PEFT, not a "
            "model. Give the base that base_model_name_or_path in it names"
        )
        return UnsupportedBaseError(given, reason)
    deeper: Sequence[Path] = sorted(folder.glob(f"**/{checkpoints.FILE}"))[
        :_SUGGESTIONS
    ]
    looked_in = f"the folder {given}, which holds no {checkpoints.FILE}"
    return UnknownBaseError(given, looked_in, [str(path.parent) for path in deeper])
