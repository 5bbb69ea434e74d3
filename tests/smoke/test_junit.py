from __future__ import annotations

from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlinf_scaffold.smoke.junit import (
    Evidence,
    Line,
    Proof,
    parse_junit,
    parse_line,
    proof_name,
)

WORD = st.text("abz019", min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("test", "name"),
    [
        ("other", "other"),
        ("test_a", "a"),
        ("test_a_b", "a b"),
        ("test_a_b[c_d-1.5]", "a b [c_d-1.5]"),
    ],
)
def test_proof_name(test: str, name: str) -> None:
    assert proof_name(test) == name


@given(words=st.lists(WORD, min_size=1, max_size=5), parameter=st.text("ab_-."))
def test_proof_name_keeps_words_and_parameters(
    words: list[str], parameter: str
) -> None:
    test = f"test_{'_'.join(words)}"
    parameter = f"[{parameter}]"
    assert proof_name(test) == " ".join(words)
    assert proof_name(test + parameter) == f"{' '.join(words)} {parameter}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", None),
        ("collected 3 items", None),
        ("tests/test_a.py:12: AssertionError", None),
        ("FAILED tests/test_a.py::test_b - assert 0", None),
        ("tests/test_a.py::test_b ", Line("b", None)),
        ("tests/test_a.py::test_b Fatal Python error: Aborted", Line("b", None)),
        ("tests/test_a.py::test_b PASSED   [ 10%]", Line("b", "passed")),
        ("tests/test_a.py::TestC::test_b[x] FAILED [ 20%]", Line("b [x]", "failed")),
        ("tests/test_a.py::test_b ERROR [ 30%]", Line("b", "error")),
        ("tests/test_a.py::test_b SKIPPED (no GPU) [100%]", Line("b", "skipped")),
        ("tests/test_a.py::test_b XFAIL [100%]", Line("b", "skipped")),
        ("tests/test_a.py::test_b XPASS [100%]", Line("b", "passed")),
    ],
)
def test_parse_line(line: str, expected: Line | None) -> None:
    assert parse_line(line) == expected


def case(inside: str = "") -> str:
    return f'<testcase classname="t" name="test_a[b_c]" time="0.25">{inside}</testcase>'


def properties(**values: str) -> str:
    rows = (f'<property name="{key}" value="{it}"/>' for key, it in values.items())
    return f"<properties>{''.join(rows)}</properties>"


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("", {}),
        (properties(measured="1", bound="2"), {"measured": "1", "bound": "2"}),
        (
            properties(measured="3", cause="why")
            + '<failure message="Failed: a b: 3&#10;more">trace</failure>',
            {
                "outcome": "failed",
                "measured": "3",
                "cause": "why",
                "message": "a b: 3\nmore",
            },
        ),
        (
            '<error message="">\n no message\n</error>',
            {"outcome": "error", "message": "no message"},
        ),
        (
            '<failure message="one"/><error message="failed on teardown"/>',
            {"outcome": "error", "message": "failed on teardown"},
        ),
        (
            '<skipped type="pytest.skip" message="no GPU">here</skipped>',
            {"outcome": "skipped", "message": "no GPU"},
        ),
    ],
)
def test_parse_junit(inside: str, expected: dict[str, str]) -> None:
    (proof,) = parse_junit(
        f"<testsuites><testsuite>{case(inside)}</testsuite></testsuites>"
    )
    values = {"name": "a [b_c]", "outcome": "passed", "seconds": 0.25, **expected}
    assert proof == Proof(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), ()),
        (("", "no JSON", "[1]", "1", "{}", '{"kind": 1}', "[" * 10**6), ()),
        (('{"kind": "half of a character: \\ud800"}',), ()),
        (('{"kind": "curve"}',), (Evidence("curve", {}),)),
        (
            ('{"kind": "b", "x": [1, 2.5, "<"]}', "{", '{"kind": "a", "y": {}}'),
            (Evidence("b", {"x": [1, 2.5, "<"]}), Evidence("a", {"y": {}})),
        ),
        (
            ('{"kind": "c", "x": [NaN, Infinity, -Infinity, 1e999, 1e-7]}',),
            (Evidence("c", {"x": [None, None, None, None, 1e-7]}),),
        ),
    ],
)
def test_parse_junit_reads_evidence_that_is_as_it_should_be(
    values: tuple[str, ...], expected: tuple[Evidence, ...]
) -> None:
    rows = (f'<property name="evidence" value={quoteattr(it)}/>' for it in values)
    inside = f"<properties>{''.join(rows)}</properties>"
    (proof,) = parse_junit(f"<testsuite>{case(inside)}</testsuite>")
    assert proof.evidence == expected


def test_parse_junit_keeps_the_order() -> None:
    cases = "".join(f'<testcase name="test_{key}"/>' for key in "cab")
    proofs = parse_junit(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    assert [proof.name for proof in proofs] == ["c", "a", "b"]
