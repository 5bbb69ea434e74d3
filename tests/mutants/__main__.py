"""Seed every defect, prove that the smoke test kills it, and write the page.

python -m mutants PAGE [--only WORD ...] [--python PATH]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from mutants import page
from mutants.mutant import Subject
from mutants.running import Verdict, candidates, judge
from mutants.table import MUTANTS, THEMES

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Exit with 1 if a defect survives, or a scaffolded model fails without one."""
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("--only", nargs="*", default=[""], help="words of names")
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "mutants")
    options = parser.parse_args()
    chosen = [it for it in MUTANTS if any(word in it.name for word in options.only)]
    subjects: dict[Subject, None] = dict.fromkeys(it.subject for it in chosen)
    wanted = candidates(chosen, subjects)
    began = time.monotonic()

    def tell(name: str, verdict: Verdict) -> None:
        fate = verdict.proof or (
            "passes" if verdict.survived else f"ended: {verdict.status}"
        )
        print(f"{time.monotonic() - began:5.0f} s  {name}: {fate}", flush=True)

    verdicts = judge(wanted, options.cache, options.python, tell)
    failing = [it.name for it in subjects if not verdicts[it.name].survived]
    surviving = [it.name for it in chosen if not verdicts[it.name].proof]
    for name in failing:
        print(f"fails without a defect: {name}: {verdicts[name]}")
    for name in surviving:
        print(f"survives: {name}")
    if failing or surviving:
        sys.exit(1)
    print(f"{len(chosen)} defects, all killed")
    if len(chosen) == len(MUTANTS):
        options.page.parent.mkdir(exist_ok=True)
        options.page.write_text(page.render(THEMES, verdicts), "utf-8")


if __name__ == "__main__":
    main()
