"""The bases of one transformers release, for when none is installed.

``python -m rlinf_scaffold.bases.catalogue SITE_PACKAGES`` prints it anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypedDict

from rlinf_scaffold.bases.facts import Reader
from rlinf_scaffold.bases.library import Library
from rlinf_scaffold.bases.refusals import causal_names
from rlinf_scaffold.errors import UnsupportedBaseError
from rlinf_scaffold.spec import Base

FILE: Final = Path(__file__).with_name("catalogue.json")


class Entry(TypedDict):
    """One base in the JSON, under its class name."""

    module: str
    config_class: str
    config_module: str
    model_type: str
    hidden_size: int
    vocab_size: int
    tie_word_embeddings: bool
    layer_classes: list[str]
    lora_targets: list[str]
    forward_arguments: list[str]


@cache
def shipped_bases() -> Mapping[str, Base]:
    """Return the shipped bases by class name."""
    return MappingProxyType(parse_catalogue(FILE.read_text("utf-8")))


def parse_catalogue(text: str) -> dict[str, Base]:
    """Return the bases of a catalogue's JSON by class name."""
    entries: dict[str, Entry] = json.loads(text)
    return {name: _base(name, entry) for name, entry in entries.items()}


def render_catalogue(library: Library) -> str:
    """Return the JSON of every causal language model that can be a base."""
    rows = [f"{json.dumps(base.class_name)}: {_row(base)}" for base in _bases(library)]
    return "{\n" + ",\n".join(rows) + "\n}\n"


def main(arguments: list[str]) -> str:
    """Return the catalogue of the transformers in a site-packages folder.

    Raises:
        SystemExit: no such folder is given.
    """
    match arguments:
        case [folder] if Library((Path(folder),)).transformers is not None:
            return render_catalogue(Library((Path(folder),)))
        case _:
            raise SystemExit("usage: catalogue SITE_PACKAGES (holding transformers)")


def _bases(library: Library) -> Iterator[Base]:
    for name in sorted(set(causal_names(library).values())):
        cls = library.find_class(name)
        if cls is not None:
            try:
                yield Reader(library, name).read(cls, {})
            except UnsupportedBaseError:
                continue


def _row(base: Base) -> str:
    facts = asdict(base)
    del facts["class_name"], facts["checkpoint"]
    return json.dumps(facts, sort_keys=True)


def _base(name: str, entry: Entry) -> Base:
    return Base(
        class_name=name,
        module=entry["module"],
        config_class=entry["config_class"],
        config_module=entry["config_module"],
        model_type=entry["model_type"],
        hidden_size=entry["hidden_size"],
        vocab_size=entry["vocab_size"],
        tie_word_embeddings=entry["tie_word_embeddings"],
        layer_classes=tuple(entry["layer_classes"]),
        lora_targets=tuple(entry["lora_targets"]),
        forward_arguments=tuple(entry["forward_arguments"]),
    )


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
