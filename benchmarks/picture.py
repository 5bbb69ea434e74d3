"""Draw what a terminal shows of a real `rlinf-scaffold demo` as an SVG.

Proofs in the middle of the table are left out, and the picture says how many.
"""

from __future__ import annotations

import io
import os
import pty
import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 100
FIRST, LAST = 12, 6
PROOF = re.compile(r"^(?:\x1b\[[\d;]*m)*✓")
COMMAND = "rlinf-scaffold demo rlinf-practice"


def main(target: Path) -> None:
    """Run the demo on a pseudo-terminal of its own, in a temporary folder, and draw it.

    Raises:
        SystemExit: the demo fails; nothing is drawn.
    """
    shown, status = _run_on_terminal()
    if status != 0:
        msg = f"the demo ended with status {status}:\n{shown}"
        raise SystemExit(msg)
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.assemble(("$ ", "bold green"), (COMMAND, "bold")))
    console.print(Text.from_ansi(_shortened(shown)), soft_wrap=True)
    target.write_text(console.export_svg(title="rlinf-scaffold"), encoding="utf-8")


def _shortened(shown: str) -> str:
    lines = shown.splitlines()
    proofs = [index for index, line in enumerate(lines) if PROOF.match(line)]
    middle = proofs[FIRST:-LAST]
    if not middle:
        return shown
    gap = f"⋮  {len(middle)} more"
    return "\n".join([*lines[: middle[0]], gap, *lines[proofs[-LAST] :]])


def _run_on_terminal() -> tuple[str, int]:
    """Return what the terminal shows of stdout, and the exit status."""
    shown = bytearray()

    def read(terminal: int) -> bytes:
        chunk = os.read(terminal, 1 << 16)
        shown.extend(chunk)
        return chunk

    scripts = Path(sys.executable).parent
    size = {"COLUMNS": str(WIDTH), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    os.environ.update(size, PATH=f"{scripts}{os.pathsep}{os.environ['PATH']}")
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            status = pty.spawn(["sh", "-c", f"exec {COMMAND} 2>/dev/null"], read)
        finally:
            os.chdir(here)
    return shown.decode().replace("\r\n", "\n"), os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
