"""What an interpreter is and has. Also runs as source in another one: plain stdlib."""

from __future__ import annotations

import json
import platform
import sys
from importlib import metadata
from importlib.util import find_spec


def installed_version(package: str) -> str | None:
    """Return a package's version; None if it is not there, for which none is imported."""
    if find_spec(package) is None:
        return None
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def describe(packages: list[str]) -> dict[str, object]:
    """Return this interpreter's version, its packages' and its search path, as JSON."""
    return {
        "version": platform.python_version(),
        "packages": {name: installed_version(name) for name in packages},
        "search_path": [entry for entry in sys.path if entry],
    }


if __name__ == "__main__":
    print(json.dumps(describe(sys.argv[1:])))
