"""The smoke test of a scaffolded model against two bare ranks that wrap one like it."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.new_model import NEW_MODEL, PRACTICE
from benchmarks.rounds import Side, compare, compare_peaks
from rlinf_scaffold.processes import run

BARE_RANKS = Path(__file__).with_name("bare_ranks.py")
TOOL = Path(sys.executable).with_name("rlinf-scaffold")


def main() -> None:
    """Print the ratios; both sides run in this interpreter, which must have torch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkout", type=Path, default=PRACTICE)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        copy = shutil.copytree(options.checkout, Path(name) / "checkout", symlinks=True)
        made = run([TOOL, *NEW_MODEL, "--no-smoke"], cwd=copy, timeout=60)
        if made.returncode != 0:
            raise SystemExit(made.output)
        print(compare(*_sides(copy), options.rounds))
        print(compare_peaks(*_sides(copy)))


def _sides(checkout: Path) -> tuple[Side, Side]:
    proof = [str(TOOL), "smoke", "foo", "--python", sys.executable]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    ranks = [*launch, "--nproc-per-node=2", str(BARE_RANKS)]
    return (
        Side("smoke test", proof, lambda: checkout),
        Side("two bare ranks", ranks, lambda: checkout),
    )


if __name__ == "__main__":
    main()
