"""What pytest says of a run: its lines while it runs, its JUnit XML at the end."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias
from xml.etree import ElementTree

Outcome: TypeAlias = Literal["passed", "failed", "skipped", "error"]

_WORDS: Final[Mapping[str, Outcome]] = MappingProxyType(
    {
        "PASSED": "passed",
        "XPASS": "passed",
        "FAILED": "failed",
        "ERROR": "error",
        "SKIPPED": "skipped",
        "XFAIL": "skipped",
    }
)
_LINE: Final = re.compile(
    rf"\S+\.py::(?:\S+::)?(?P<test>\S+)(?: (?P<word>{'|'.join(_WORDS)})\b)?"
)
_TAGS: Final[Mapping[str, Outcome]] = MappingProxyType(
    {"error": "error", "failure": "failed", "skipped": "skipped"}
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a proof hands over to be drawn: plain data of a kind.

    Numbers in it are finite: what was not is None.
    """

    kind: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One proof and how it ended.

    Attributes:
        name: the claim, in words.
        section: the part of the smoke test that it stands in, if that is known.
        outcome: how it ended; ``error`` is outside of the proof itself.
        seconds: how long it took, preparation included.
        measured: what was measured, if it came to that.
        bound: what was expected of it.
        cause: what a miss most likely means.
        message: why it did not pass; empty if it did.
        evidence: what it hands over to be drawn.
    """

    name: str
    section: str = ""
    outcome: Outcome
    seconds: float = 0.0
    measured: str | None = None
    bound: str | None = None
    cause: str | None = None
    message: str = ""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of ``pytest -v`` about one test; without outcome, the test still runs."""

    proof: str
    outcome: Outcome | None


def proof_name(test: str) -> str:
    """Return a test's name as words: ``test_a_b[c_d]`` is ``a b [c_d]``."""
    function, bracket, parameters = test.partition("[")
    words = function.removeprefix("test_").replace("_", " ")
    return f"{words} {bracket}{parameters}".rstrip()


def parse_line(line: str) -> Line | None:
    """Return what a line of ``pytest -v`` says about a test, if it is about one."""
    match = _LINE.match(line)
    if match is None:
        return None
    word = match["word"]
    return Line(proof_name(match["test"]), _WORDS[word] if word else None)


def parse_junit(xml: str) -> tuple[Proof, ...]:
    """Return the proofs of a JUnit XML report, in the order in which they ran."""
    cases = ElementTree.fromstring(xml).iter("testcase")
    return tuple(_proof(case) for case in cases)


def _proof(case: ElementTree.Element) -> Proof:
    ends = [(tag, case.find(tag)) for tag in _TAGS]
    tag, end = next(((t, e) for t, e in ends if e is not None), ("", None))
    message = "" if end is None else end.get("message") or (end.text or "").strip()
    properties = [(it.get("name"), it.get("value")) for it in case.iter("property")]
    recorded = dict(properties)
    shown = (_evidence(text or "") for name, text in properties if name == "evidence")
    return Proof(
        name=proof_name(case.get("name", "")),
        outcome=_TAGS[tag] if tag else "passed",
        seconds=float(case.get("time", 0)),
        measured=recorded.get("measured"),
        bound=recorded.get("bound"),
        cause=recorded.get("cause"),
        message=message.removeprefix("Failed: "),
        evidence=tuple(it for it in shown if it is not None),
    )


def _evidence(text: str) -> Evidence | None:
    """Return what a property holds, or None where it is not as it should be."""
    try:
        data = json.loads(text, parse_constant=lambda _: None, parse_float=_finite)
        json.dumps(data, ensure_ascii=False).encode()  # no halves of characters
    except (ValueError, RecursionError):
        return None
    kind = data.pop("kind", None) if isinstance(data, dict) else None
    return Evidence(kind, data) if isinstance(kind, str) else None


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None
