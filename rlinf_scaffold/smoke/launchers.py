"""What starts ranks: apart, so that the command line can name them and stay quick."""

from __future__ import annotations

from enum import Enum
from typing import Final

MOST_TIME: Final = 900.0


class Launcher(str, Enum):
    """What starts the ranks of a smoke test."""

    PYTEST = "pytest"
    TORCHRUN = "torchrun"
    RAY = "ray"
