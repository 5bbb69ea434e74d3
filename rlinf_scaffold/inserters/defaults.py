"""Hydra's defaults list: which files a configuration mounts, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rlinf_scaffold.inserters.yaml_document import Keys, Value, members

_ENTRY = re.compile(r"((?:(?:override|optional)\s+)*/?)([^@\s]+)(?:@(\S+))?")


@dataclass(frozen=True, slots=True)
class Mount:
    """One entry of a defaults list.

    Attributes:
        keys: where the entry's text stands in the document.
        config: what it mounts, below the folder of configurations: ``env/table``.
        package: where it lands: ``env.train``.
        head: what stands before the name in the entry's text, the group included.
        tail: what stands behind it.
    """

    keys: Keys
    config: str
    package: str
    head: str = ""
    tail: str = ""

    @property
    def group(self) -> str:
        """The folder that what it mounts lies in."""
        return self.config.rpartition("/")[0]

    @property
    def name(self) -> str:
        """What it mounts, within its group."""
        return self.config.rpartition("/")[2]

    def renamed(self, name: str) -> str:
        """Return the entry's text with another name in the same group."""
        return f"{self.head}{name}{self.tail}"


def mounts(document: Value) -> Iterator[Mount]:
    """Yield what a document mounts, ``group/name@package`` and ``group@package: name``."""
    for index, entry in members(members(document).get("defaults")).items():
        if isinstance(entry, str):
            yield from _from_text(("defaults", index), entry)
        for key, name in members(entry).items():
            if isinstance(key, str) and isinstance(name, str):
                yield from _from_pair(("defaults", index, key), key, name)


def _from_text(keys: Keys, text: str) -> Iterator[Mount]:
    match = _ENTRY.fullmatch(text)
    if match is None or match[2] == "_self_":
        return
    prefix, config, package = match.groups()
    group, slash, name = config.rpartition("/")
    bare = name.removesuffix(".yaml")
    yield Mount(
        keys=keys,
        config=f"{group}{slash}{bare}",
        package=package or group.replace("/", "."),
        head=f"{prefix}{group}{slash}",
        tail=text[match.start(2) + len(f"{group}{slash}{bare}") :],
    )


def _from_pair(keys: Keys, key: str, name: str) -> Iterator[Mount]:
    match = _ENTRY.fullmatch(key)
    if match is None:
        return
    _, group, package = match.groups()
    bare = name.removesuffix(".yaml")
    tail = name[len(bare) :]
    landing = package or group.replace("/", ".")
    yield Mount(keys, f"{group}/{bare}", landing, tail=tail)
