"""Run the smoke test of a scaffolded model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from rlinf_scaffold.checkout import Checkout, find_checkout
from rlinf_scaffold.errors import NotScaffoldedError
from rlinf_scaffold.manifest import read_manifest, read_manifests
from rlinf_scaffold.smoke.interpreter import find_python, probe_interpreter, require
from rlinf_scaffold.smoke.run import Event, SmokeReport, run_smoke
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces.smoke_test import smoke_test_path

TIMEOUT = 900.0


def run(
    checkout: Checkout,
    spec: ModelSpec,
    python: Path,
    *,
    on_event: Callable[[Event], None],
) -> SmokeReport:
    """Run one model's smoke test; the log is kept among the temporary files."""
    folder = Path(tempfile.mkdtemp(prefix="rlinf-scaffold-"))
    return run_smoke(
        checkout.root,
        smoke_test_path(spec.name),
        python,
        timeout=TIMEOUT,
        log=folder / f"{spec.name}.log",
        on_event=on_event,
    )


def prove(
    name: str,
    start: Path,
    given_python: Path | None,
    *,
    on_event: Callable[[Event], None],
) -> SmokeReport:
    """Run the smoke test of a model that was scaffolded before.

    Raises:
        NotScaffoldedError: no such model was scaffolded in this checkout.
        InterpreterError: the interpreter lacks what the test runs on.
    """
    checkout = find_checkout(start)
    manifest = read_manifest(checkout, name)
    if manifest is None:
        known = [manifest.spec.name for manifest in read_manifests(checkout)]
        raise NotScaffoldedError(name, known)
    python = probe_interpreter(find_python(checkout.root, given_python))
    require(python)
    return run(checkout, manifest.spec, python.python, on_event=on_event)
