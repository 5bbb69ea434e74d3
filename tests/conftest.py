"""Settings of the whole suite."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

# Tests make and drop whole syntax trees; looking for cycles among them is a tenth of
# the suite's time.
gc.set_threshold(200_000, 50, 50)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("real", "tests on a real RLinf")
    group.addoption(
        "--rlinf-repo",
        type=Path,
        metavar="PATH",
        help="a clone of RLinf, with its history; they are skipped without one",
    )
    group.addoption(
        "--rlinf-python",
        action="append",
        default=[],
        metavar="[RELEASE=]PYTHON",
        help="what proofs run in, for one release or for all; may be given again",
    )


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what the tests on a real RLinf recorded, a line each, and how many passed."""
    if config.getoption("rlinf_repo") is None:
        return
    ended = {name: list(_real(terminalreporter, name)) for name in ("passed", "failed")}
    terminalreporter.section("real RLinf")
    for report in (*ended["passed"], *ended["failed"]):
        said = [str(line) for _, line in report.user_properties]
        if report.failed and not said:
            said = [f"{report.nodeid}: {report.longreprtext.splitlines()[-1]}"]
        for line in said:
            terminalreporter.write_line(" ".join(line.split()))
    passed, tried = len(ended["passed"]), sum(map(len, ended.values()))
    terminalreporter.write_line(f"{passed} of {tried}")


def _real(
    terminalreporter: pytest.TerminalReporter, outcome: str
) -> Iterator[pytest.TestReport]:
    for report in terminalreporter.getreports(outcome):
        if "real" in Path(report.nodeid.partition("::")[0]).parts:
            yield report
