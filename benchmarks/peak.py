"""Run a command, and say how much memory its largest process held at most.

python -m benchmarks.peak COMMAND [ARGUMENT ...]
"""

from __future__ import annotations

import os
import resource
import sys


def main() -> None:
    """Print the peak in bytes as the last line; exit as the command does."""
    status = os.spawnvp(os.P_WAIT, sys.argv[1], sys.argv[1:])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(peak * (1 if sys.platform == "darwin" else 1024), flush=True)
    raise SystemExit(status)


if __name__ == "__main__":
    main()
