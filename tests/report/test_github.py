from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from rlinf_scaffold.audit import Finding
from rlinf_scaffold.changes import ChangeSet, FileChange
from rlinf_scaffold.report.github import finding_annotations, golden_annotations


def finding(path: str = "a.py", message: str = "it is gone") -> Finding:
    return Finding("foo", "config", PurePosixPath(path), 7, "missing", message)


def test_nothing_found_is_no_annotation() -> None:
    assert list(finding_annotations([])) == []
    assert list(golden_annotations(ChangeSet(), PurePosixPath("golden"))) == []


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (
            finding(),
            "::error file=a.py,line=7,title=foo%3A config missing::it is gone",
        ),
        (
            finding("50%,a:b.py", "100%: one\ntwo\r\nthree, four"),
            "::error file=50%25%2Ca%3Ab.py,line=7,title=foo%3A config missing"
            "::100%25: one%0Atwo%0D%0Athree, four",
        ),
    ],
)
def test_a_finding_is_one_escaped_line(found: Finding, line: str) -> None:
    assert list(finding_annotations([found])) == [line]


def test_a_golden_file_stands_below_its_folder() -> None:
    changes = ChangeSet.of(
        [
            FileChange(PurePosixPath("a"), before=None, after="x"),
            FileChange(PurePosixPath("b"), before="x", after="y"),
            FileChange(PurePosixPath("c"), before="x", after=None),
        ]
    )
    assert list(golden_annotations(changes, PurePosixPath("tests/golden"))) == [
        f"::error file=tests/golden/{name},line=1,title=golden::"
        f"{name}: rendering would {verb} it"
        for name, verb in (("a", "create"), ("b", "modify"), ("c", "delete"))
    ]
