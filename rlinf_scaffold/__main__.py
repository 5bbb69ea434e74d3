"""Entry point of `rlinf-scaffold` and of `python -m rlinf_scaffold`."""

from __future__ import annotations

import gc

# Syntax trees are all that a run allocates, and it keeps them to its end: looking for
# garbage among them would cost a tenth of the time and find none.
gc.disable()

from rlinf_scaffold.cli import app  # noqa: E402


def main() -> None:
    """Run the command line."""
    app(prog_name="rlinf-scaffold")


if __name__ == "__main__":
    main()
