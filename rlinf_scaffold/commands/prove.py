"""Run the smoke test of a scaffolded model."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rlinf_scaffold.checkout import Checkout, find_checkout
from rlinf_scaffold.errors import NotScaffoldedError
from rlinf_scaffold.manifest import read_manifest, read_manifests
from rlinf_scaffold.smoke.interpreter import (
    RAY_PACKAGES,
    find_python,
    probe_interpreter,
    require,
)
from rlinf_scaffold.smoke.launch import Launch
from rlinf_scaffold.smoke.launchers import Launcher
from rlinf_scaffold.smoke.run import Event, SmokeReport, run_smoke
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces.smoke_test import smoke_test_path

USUAL = Launch()


def run(
    checkout: Checkout,
    spec: ModelSpec,
    python: Path,
    launch: Launch = USUAL,
    *,
    on_event: Callable[[Event], None],
) -> SmokeReport:
    """Run one model's smoke test; logs are kept if something failed."""
    folder = Path(tempfile.mkdtemp(prefix="rlinf-scaffold-"))
    report = None
    try:
        report = run_smoke(
            checkout.root,
            smoke_test_path(spec.name),
            python,
            launch,
            log=folder / f"{spec.name}.log",
            on_event=on_event,
        )
    finally:
        if report is None or report.ok:
            shutil.rmtree(folder)
    return replace(report, log=None) if report.ok else report


def prove(
    name: str,
    start: Path,
    given_python: Path | None,
    launch: Launch = USUAL,
    *,
    on_event: Callable[[Event], None],
) -> SmokeReport:
    """Run the smoke test of a model that was scaffolded before.

    Raises:
        InvalidAnswerError: ranks cannot be launched like that.
        PortInUseError: something else listens where ranks were to find each other.
        NotScaffoldedError: no such model was scaffolded in this checkout.
        InterpreterError: the interpreter lacks what the test runs on.
    """
    launch.validate()
    checkout = find_checkout(start)
    manifest = read_manifest(checkout, name)
    if manifest is None:
        known = [manifest.spec.name for manifest in read_manifests(checkout)]
        raise NotScaffoldedError(name, known)
    extra = RAY_PACKAGES if launch.launcher is Launcher.RAY else ()
    python = probe_interpreter(find_python(checkout.root, given_python), extra)
    require(python)
    return run(checkout, manifest.spec, python.python, launch, on_event=on_event)
