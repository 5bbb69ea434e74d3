"""Findings as annotations of a GitHub workflow run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from rlinf_scaffold.audit import Finding
from rlinf_scaffold.changes import ChangeSet


def finding_annotations(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield one ``::error`` command a finding."""
    for finding in findings:
        title = f"{finding.model}: {finding.surface} {finding.problem}"
        yield _error(finding.path, finding.line, title, finding.message)


def golden_annotations(changes: ChangeSet, folder: PurePosixPath) -> Iterator[str]:
    """Yield one ``::error`` command a golden file that differs."""
    for change in changes:
        message = f"{change.path}: rendering would {change.kind.value} it"
        yield _error(folder / change.path, 1, "golden", message)


def _error(path: PurePosixPath, line: int, title: str, message: str) -> str:
    properties = f"file={_property(str(path))},line={line},title={_property(title)}"
    return f"::error {properties}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
