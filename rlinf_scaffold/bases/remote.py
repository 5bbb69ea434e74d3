"""Code that a checkpoint brings: named where it is not trusted, read where it is."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final, NoReturn

from rlinf_scaffold.bases.checkpoints import Checkpoint
from rlinf_scaffold.bases.library import REMOTE, TRANSFORMERS, Class, Library
from rlinf_scaffold.errors import UnknownBaseError, UnsupportedBaseError, quoted

_TARGET: Final = re.compile(r"(?:(?P<repo>[\w./-]+)--)?(?P<module>\w+)\.(?P<name>\w+)")
# Auto classes whose model may be a base, the likeliest first.
_MODELS: Final = (
    "AutoModelForImageTextToText",
    "AutoModelForVision2Seq",
    "AutoModelForCausalLM",
    "AutoModel",
)


def remote_class(
    library: Library, checkpoint: Checkpoint, *, trust: bool
) -> tuple[Library, Class] | None:
    """Return the model class that a checkpoint brings, and what reads it.

    None where it brings none, or transformers has a class of that name and the
    checkpoint's is not to be trusted.

    Raises:
        UnsupportedBaseError: the class is the checkpoint's own, and is not trusted,
            or cannot be read.
    """
    auto = next((auto for auto in _MODELS if auto in checkpoint.remote), None)
    if not checkpoint.remote or (trust and auto is None):
        return None
    if not trust:
        if checkpoint.architecture and library.find_class(checkpoint.architecture):
            return None
        refuse_untrusted(checkpoint, TRANSFORMERS)
    assert auto is not None
    return _read(library, checkpoint, checkpoint.remote[auto])


def refuse_remote(given: str, cls: Class) -> None:
    """Refuse a class in a checkpoint as the base of a generated one.

    Raises:
        UnsupportedBaseError: it is one; with what to do.
    """
    if cls.module.name.startswith(f"{REMOTE}."):
        reason = (
            f"{cls.name} stands in {cls.module.path.name} of the checkpoint, and what "
            "is generated imports its base by name. Put the checkpoint's modules into "
            f"a package on the interpreter's path, and give package.module:{cls.name}; "
            "where transformers has the class, leave --trust-remote-code out"
        )
        raise UnsupportedBaseError(given, reason)


def refuse_untrusted(checkpoint: Checkpoint, others: str) -> NoReturn:
    """Refuse code that nobody said is to be trusted.

    Args:
        checkpoint: what brings it.
        others: what has no class of its name.

    Raises:
        UnsupportedBaseError: names the code, and what to do.
    """
    targets = ", ".join(map(_shown, sorted({*checkpoint.remote.values()})))
    files = sorted(path.name for path in checkpoint.path.glob("*.py"))
    there = f" (it holds {', '.join(files)})" if files else ""
    reason = (
        f"config.json needs remote code: loading it executes {targets}{there}, and "
        f"{others} has no such class itself. Read that code. `inspect` reads it for "
        "what it is with --trust-remote-code, without running it; a base must be imported "
        "by name: put the modules into a package on the interpreter's path, and give "
        "package.module:Class"
    )
    raise UnsupportedBaseError(checkpoint.folder, reason)


def _shown(target: str) -> str:
    return target if _TARGET.fullmatch(target) else quoted(target)


def _read(
    library: Library, checkpoint: Checkpoint, target: str
) -> tuple[Library, Class]:
    found = _TARGET.fullmatch(target)
    if found is None:
        said = quoted(target)
        reason = f"config.json names the code {said}, which is no module.Class"
        raise UnsupportedBaseError(checkpoint.folder, reason)
    if found["repo"]:
        reason = (
            f"its code is that of another repository, {found['repo']}: give a folder "
            f"that holds {found['module']}.py itself"
        )
        raise UnsupportedBaseError(checkpoint.folder, reason)
    reader = replace(library, remote=checkpoint.path)
    module = reader.module(f"{REMOTE}.{found['module']}")
    if module is None:
        reason = f"config.json names {target}, and there is no {found['module']}.py"
        raise UnsupportedBaseError(checkpoint.folder, reason)
    cls = reader.resolve(module, found["name"])
    if not isinstance(cls, Class):
        raise UnknownBaseError(target, f"{module.path}, which has no such class")
    return reader, cls
