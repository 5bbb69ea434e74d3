"""The catalogue of bases, read anew from one transformers release.

``python -m rlinf_scaffold.bases.catalogue SITE_PACKAGES`` prints it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rlinf_scaffold.bases.autos import causal_names, seeing_names
from rlinf_scaffold.bases.facts import Reader
from rlinf_scaffold.bases.library import Library
from rlinf_scaffold.errors import UnsupportedBaseError
from rlinf_scaffold.spec import Base


def render_catalogue(library: Library) -> str:
    """Return the JSON of every model of the auto tables that can be a base."""
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
    causal = {*causal_names(library).values()}
    for name in sorted(causal.union(seeing_names(library).values())):
        cls = library.find_class(name)
        if cls is not None:
            try:
                base = Reader(library, name).read(cls, {})
            except UnsupportedBaseError:
                continue
            if name in causal or base.modality == "vision":
                yield base


def _row(base: Base) -> str:
    facts = base.facts()
    del facts["class_name"], facts["checkpoint"]
    return json.dumps(facts, sort_keys=True)


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
