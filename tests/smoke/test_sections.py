from __future__ import annotations

import pytest

from rlinf_scaffold.rendering import templates_folder
from rlinf_scaffold.smoke.junit import Proof
from rlinf_scaffold.smoke.sections import in_sections

SOURCE = '''"""About it."""

import os


def test_before():
    pass


# How it loads


@pytest.fixture
def fixture():
    # Not a title.

    pass


def test_it_loads(fixture):
    pass


# Why this is so.
def test_it_stays():
    pass


# It trains


def test_trains():
    pass
'''


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("proof", "section"),
    [
        ("no such test", ""),
        ("before", ""),
        ("it loads", "How it loads"),
        ("it stays", "How it loads"),
        ("trains", "It trains"),
        ("trains [fsdp [2]]", "It trains"),
    ],
)
def test_a_proof_is_in_the_section_of_its_test(
    proof: str, section: str, newline: str
) -> None:
    source = SOURCE.replace("\n", newline)
    (found,) = in_sections([Proof(name=proof, outcome="passed")], source)
    assert (found.name, found.section) == (proof, section)


def test_without_a_source_there_are_no_sections() -> None:
    (found,) = in_sections([Proof(name="a", outcome="failed")], "")
    assert found == Proof(name="a", outcome="failed")


def test_the_templates_mark_their_sections_that_way() -> None:
    source = (templates_folder() / "smoke" / "agreement.j2").read_text("utf-8")
    proof = Proof(name="an own test", outcome="passed")
    source = f"\n\n\n{source}\n\ndef test_an_own_test():\n"
    assert in_sections([proof], source)[0].section == "Rollout and training agree"
