"""`rlinf-scaffold --help` against `cookiecutter --help`."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.rounds import Side, compare

SCRIPTS = Path(sys.executable).parent


def main() -> None:
    """Print the ratio."""
    ours, theirs = (
        Side(f"{name} --help", [SCRIPTS / name, "--help"])
        for name in ("rlinf-scaffold", "cookiecutter")
    )
    print(compare(ours, theirs, rounds=21))


if __name__ == "__main__":
    main()
