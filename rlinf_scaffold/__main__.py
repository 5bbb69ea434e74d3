"""Entry point of `rlinf-scaffold` and of `python -m rlinf_scaffold`."""

from __future__ import annotations

from rlinf_scaffold.cli import app


def main() -> None:
    """Run the command line."""
    app(prog_name="rlinf-scaffold")


if __name__ == "__main__":
    main()
