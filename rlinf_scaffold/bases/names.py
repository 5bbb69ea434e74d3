"""What --base names: a class, by whichever of its names it is called."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from keyword import iskeyword
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
from rlinf_scaffold.bases.hub import Hub, expanded, is_repository, repositories_in
from rlinf_scaffold.bases.library import TRANSFORMERS, Class, Library, is_file
from rlinf_scaffold.bases.remote import remote_class
from rlinf_scaffold.errors import UnknownBaseError, UnsupportedBaseError

_NO_SETTINGS: Final[Mapping[str, object]] = MappingProxyType({})
_ADAPTER: Final = "adapter_config.json"
_MODEL_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
# Names that stand for many models.
_MANY: Final = re.compile(r"Auto(Model|Config)\w*|PreTrainedModel|GenerationMixin")
_SUFFIX: Final = re.compile(r"Model|For|PreTrained|Config")
_SUGGESTIONS: Final = 3
_PATHS: Final = (".", "/", "~")
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
    folder = expanded(given)
    if is_file(folder / checkpoints.FILE):
        return read_checkpoint(given, folder)
    is_path = given.startswith(_PATHS) or "/" in given
    if is_path and _is_there(folder):
        raise _no_checkpoint(given, folder)
    if hub is not None and is_repository(given):
        return _on_hub(given, hub)
    if is_path and (":" not in given or "://" in given):
        raise _not_there(given)
    return None


def find_class(library: Library, given: str) -> Named:
    """Return the class that a name means, a model type or ``package.module:Class``.

    Raises:
        UnknownBaseError: nothing goes by that name; with suggestions.
        UnsupportedBaseError: no model of that type generates.
    """
    module, colon, name = given.rpartition(":")
    if colon:
        return _in_module(library, given, module, name)
    _refuse_many(given, given)
    names = base_names(library)
    if given in names:
        how = f"model type {given}: {_mapping(library, given)}"
        return Named(library=library, cls=_known(library, names[given]), how=how)
    if _MODEL_TYPE.fullmatch(given):
        _refuse_type(library, given, given)
    cls = library.find_class(given) if given.isidentifier() else None
    if cls is None:
        where = f"{library.transformers}" if given.isidentifier() else _KINDS
        raise UnknownBaseError(given, where, suggest(given.strip(), names))
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
        UnsupportedBaseError: the class is the checkpoint's own, and that is not read; or
            no model of its type generates.
    """
    own = remote_class(library, checkpoint, trust=trust)
    if own is not None:
        how = f"code of {checkpoint.folder} that its {checkpoints.FILE} names"
        return Named(library=own[0], cls=own[1], how=how, checkpoint=checkpoint)
    name = checkpoint.architecture
    names, place = base_names(library), f"{checkpoints.FILE} of {checkpoint.folder}"
    how = f"the first of architectures in {place}"
    if not name:
        if checkpoint.model_type not in names:
            _refuse_type(library, checkpoint.folder, checkpoint.model_type)
        name = class_by_type(checkpoint, names)
        mapping = _mapping(library, checkpoint.model_type)
        how = f"model_type in {place}: {mapping}"
    _refuse_many(checkpoint.folder, name)
    cls = library.find_class(name)
    if cls is None:
        where = f"{library.transformers}, for the architecture that {place} names"
        raise UnknownBaseError(name, where, suggest(name, names))
    return Named(library=library, cls=cls, how=how, checkpoint=checkpoint)


def class_by_type(checkpoint: Checkpoint, names: Mapping[str, str]) -> str:
    """Return the name of the class for a config.json that says its model type alone.

    Raises:
        UnknownBaseError: there is none.
    """
    name = names.get(checkpoint.model_type)
    if not checkpoint.model_type:
        what = (
            f"its {checkpoints.FILE}, which has neither architectures nor a model_type"
        )
        raise UnknownBaseError(checkpoint.folder, what)
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
    if not _is_dotted(module) or not _is_dotted(name) or "." in name:
        where = (
            "the search path: give a dotted module and a class, package.module:Class"
        )
        raise UnknownBaseError(given, where, _meant(library, given, module, name))
    source = library.module(module)
    if source is None:
        raise UnknownBaseError(given, f"the search path, which has no module {module}")
    cls = _class_in(library, module, name)
    if cls is not None:
        return Named(library=library, cls=cls, how=f"a class of {module}")
    _refuse_many(given, name)
    close = difflib.get_close_matches(name, source.symbols, _SUGGESTIONS)
    if module == TRANSFORMERS:
        close = suggest(name, base_names(library))
    classes = [near for near in close if _class_in(library, module, near)]
    raise UnknownBaseError(given, module, [f"{module}:{near}" for near in classes])


def _class_in(library: Library, module: str, name: str) -> Class | None:
    found = library.unaliased(library.find(module, name))
    return found if isinstance(found, Class) else None


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() and not iskeyword(part) for part in text.split("."))


def _meant(library: Library, given: str, module: str, name: str) -> list[str]:
    """Return what was meant by a path in place of a module, or by a revision."""
    dotted = module.strip("./").replace("/", ".")
    if _is_dotted(dotted) and _class_in(library, dotted, name):
        return [f"{dotted}:{name}"]
    return repositories_in(given)


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


def _refuse_type(library: Library, given: str, model_type: str) -> None:
    config = config_class(library, model_type)
    if config is not None:
        near = suggest(model_type, base_names(library))
        hint = f"; near it are {', '.join(near)}" if near else ""
        reason = (
            f"its model type {model_type} is that of {config.name}, and transformers has "
            "no model for it in its causal or image-text-to-text mapping: nothing "
            f"generates{hint}"
        )
        raise UnsupportedBaseError(given, reason)


def _refuse_many(given: str, name: str) -> None:
    if _MANY.fullmatch(name):
        reason = (
            f"{name} stands for many models, and a model_type chooses one: give a folder, "
            "a model type or the class of one"
        )
        raise UnsupportedBaseError(given, reason)


def _on_hub(given: str, hub: Hub) -> Checkpoint:
    snapshot = hub.snapshot(given)
    if not is_file(snapshot.folder / checkpoints.FILE):
        looked_in = f"that repository, which holds no {checkpoints.FILE}"
        raise UnknownBaseError(given, looked_in)
    return read_checkpoint(given, snapshot.folder, snapshot.files)


def _is_there(folder: Path) -> bool:
    try:
        return folder.exists()
    except OSError:
        return False


def _not_there(given: str) -> UnknownBaseError:
    looked_in = f"the folder {given}, which is not there"
    if not given.startswith(_PATHS):
        looked_in += "; on the Hub it would be organisation/name, without -- and .."
    return UnknownBaseError(given, looked_in, repositories_in(given))


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
    looked_in = f"the folder {given}, which holds no {checkpoints.FILE}"
    places = (f"{below}/{checkpoints.FILE}" for below in ("*", "*/*"))
    deeper = (path for place in places for path in sorted(folder.glob(place)))
    near = islice(filter(is_file, deeper), _SUGGESTIONS)
    return UnknownBaseError(given, looked_in, [str(path.parent) for path in near])
