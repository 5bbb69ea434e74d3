"""`new-model --no-smoke` against importing the libraries that it works with."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.rounds import Side, compare
from rlinf_scaffold.rendering import templates_folder

PRACTICE = templates_folder() / "checkouts" / "registry"
NEW_MODEL = ("new-model", "--name", "foo", "--base", "LlamaForCausalLM", "--yes")


def main() -> None:
    """Print the ratio, on a fresh copy of the checkout for every run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkout", type=Path, default=PRACTICE)
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        print(_compare(options.checkout, Path(name) / "checkout", options.rounds))


def _compare(checkout: Path, copy: Path, rounds: int) -> str:
    def prepare() -> Path:
        shutil.rmtree(copy, ignore_errors=True)
        return shutil.copytree(checkout, copy, symlinks=True)

    tool = Path(sys.executable).with_name("rlinf-scaffold")
    ours = Side("new-model", [tool, *NEW_MODEL, "--no-smoke"], prepare)
    imports = "import libcst, jinja2, typer, rich"
    theirs = Side(imports, [sys.executable, "-c", imports], prepare)
    return compare(ours, theirs, rounds)


if __name__ == "__main__":
    main()
