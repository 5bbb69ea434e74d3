"""Scaffold on every class that transformers lists, prove it, and write the page.

python -m archs PAGE [--python PATH ...] [--only WORD ...]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from archs import page
from archs.entries import read_entries
from archs.running import Result, cover

from rlinf_scaffold.smoke.interpreter import probe_interpreter

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Exit with 1 if a base that was not refused fails a proof."""
    parser = argparse.ArgumentParser(prog="archs", description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("--python", type=Path, nargs="*", default=[sys.executable])
    parser.add_argument("--only", nargs="*", default=[""], help="words of entries")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "archs")
    options = parser.parse_args()
    began = time.monotonic()

    def tell(name: str, result: Result) -> None:
        taken = f"{time.monotonic() - began:5.0f} s"
        print(f"{taken}  {name}: {result.outcome} {result.reason}", flush=True)

    covered = []
    for python in options.python:
        interpreter = probe_interpreter(python.absolute())
        entries = read_entries(interpreter.search_path)
        chosen = [it for it in entries if any(word in it.name for word in options.only)]
        results = cover(chosen, interpreter.python, options.cache, tell)
        covered.append(page.Covered(interpreter.packages, results))
    whole = options.only == [""]
    for line in page.totals(covered):
        print(page.line(line))
    if whole:
        options.page.parent.mkdir(exist_ok=True)
        options.page.write_text(page.render(covered), "utf-8")
        options.page.with_suffix(".json").write_text(page.as_json(covered), "utf-8")
    else:
        for it in covered:
            for entry, result in it.results.items():
                if result.outcome != "pass":
                    print(f"{entry.name}: {result.outcome}: {result.reason}")
    if any(
        result.outcome == "fail" for it in covered for result in it.results.values()
    ):
        sys.exit(1)


if __name__ == "__main__":
    main()
