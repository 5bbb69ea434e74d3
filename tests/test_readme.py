"""The README and docs/ say what is so: tables, picture, commands, length."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from readme_tables import PAGES, README, TABLES, filled

from rlinf_scaffold.errors import InvalidAnswerError, ScaffoldError

ROOT = README.parent
TEXT = README.read_text("utf-8")
TEXTS = "".join(page.read_text("utf-8") for page in PAGES)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_stands_once_as_the_code_makes_it(name: str) -> None:
    head = f"<!-- table: {name} -->\n"
    table = head + TABLES[name]() + "<!-- end -->"
    assert TEXTS.count(table) == TEXTS.count(head) == 1, "run `make readme`"


def test_a_stale_table_is_made_anew() -> None:
    stale = TEXTS.replace("`--action-dim <int>`", "`--action-width <int>`")
    assert stale != TEXTS
    assert filled(stale) == filled(TEXTS)


def test_text_outside_the_markers_is_left_alone() -> None:
    assert filled("# Title\n<!-- end -->\n") == "# Title\n<!-- end -->\n"


def test_it_is_short() -> None:
    assert len(TEXT.splitlines()) <= 110


def test_every_link_into_the_project_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert [link for link in links if not _is_there(link)] == []


def _is_there(link: str) -> bool:
    return link.startswith("https://") or (ROOT / link).exists()


@pytest.mark.parametrize("target", re.findall(r"\$ make (\w+)", TEXT))
def test_every_make_target_exists(target: str) -> None:
    assert f"\n{target}:" in (ROOT / "Makefile").read_text("utf-8")


def test_every_error_has_an_exit_code_of_its_own() -> None:
    codes = Counter(error.exit_code for error in ScaffoldError.__subclasses__())
    shared = {code for code, errors in codes.items() if errors > 1}
    assert shared <= {InvalidAnswerError.exit_code}
