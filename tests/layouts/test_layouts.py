from __future__ import annotations

import ast
import re
from collections.abc import Callable
from itertools import permutations
from pathlib import PurePosixPath

import pytest

from rlinf_scaffold.checkout import Checkout, MemoryTree
from rlinf_scaffold.errors import SourceSyntaxError, UnknownLayoutError
from rlinf_scaffold.layouts import (
    CONFIG,
    LOADER,
    Check,
    Layout,
    all_layouts,
    detect_layout,
    match_layout,
)
from rlinf_scaffold.rendering import templates_folder

PATH = PurePosixPath("rlinf/config.py")
NODE = ast.parse("\n@cache\ndef get_model(cfg):\n    pass\n").body[0]


def layout(name: str, *checks: Check) -> Layout:
    return Layout(
        name=name,
        title=f"the {name} one",
        detect=lambda tree: checks,
        model_types=lambda tree: {},
        register=lambda source, spec: source,
        load=lambda source, spec, values: source,
        modules=lambda spec: {},
    )


GOOD = Check("b", PATH, NODE, True)
BAD = Check("c", PATH, None, False)
OLD, NEW, NEWER = layout("old", BAD), layout("new", GOOD), layout("newer", GOOD)
REFUSED = {
    "none": (
        [OLD, layout("half", GOOD, BAD)],
        "the checkout's registration is not recognised:\n"
        "  - nearest to half (the half one): 1 of 2 are there\n"
        "  - missing c in rlinf/config.py\n"
        "  - further off: old 0 of 1\n"
        "  - by hand: write c in rlinf/config.py; then run again",
    ),
    "the only one": (
        [layout("half", GOOD, BAD)],
        "the checkout's registration is not recognised:\n"
        "  - nearest to half (the half one): 1 of 2 are there\n"
        "  - missing c in rlinf/config.py\n"
        "  - by hand: write c in rlinf/config.py; then run again",
    ),
    "two things are missing": (
        [layout("bad", BAD, Check("b", PATH, NODE, False))],
        "the checkout's registration is not recognised:\n"
        "  - nearest to bad (the bad one): 0 of 2 are there\n"
        "  - missing c in rlinf/config.py\n"
        "  - missing b (rlinf/config.py:3 has `def get_model(cfg):`)\n"
        "  - by hand: write c in rlinf/config.py; write b in place of "
        "rlinf/config.py:3; then run again",
    ),
    "several": (
        [NEW, NEWER],
        "the checkout's registration is not recognised:\n"
        "  - new (the new one): all of it is there\n"
        "  - newer (the newer one): all of it is there\n"
        "  - by hand: take all but one away, then run again",
    ),
}


def test_takes_the_one_that_matches() -> None:
    assert match_layout(MemoryTree(), [OLD, NEW]) is NEW


@pytest.mark.parametrize(("layouts", "text"), REFUSED.values(), ids=REFUSED)
def test_refuses_where_not_exactly_one_matches(
    layouts: list[Layout], text: str
) -> None:
    with pytest.raises(UnknownLayoutError, match=f"^{re.escape(text)}$"):
        match_layout(MemoryTree(), layouts)


@pytest.mark.parametrize("layout", all_layouts(), ids=lambda layout: layout.name)
def test_every_layout_knows_its_practice_checkout(layout: Layout) -> None:
    checkout = Checkout(templates_folder() / "checkouts" / layout.name)
    assert detect_layout(checkout) is layout


@pytest.mark.parametrize("path", [CONFIG, LOADER])
@pytest.mark.parametrize(
    "read", [detect_layout, *(layout.model_types for layout in all_layouts())]
)
def test_says_which_file_does_not_parse(
    path: PurePosixPath, read: Callable[[MemoryTree], object]
) -> None:
    with pytest.raises(SourceSyntaxError, match=rf"^{path}:2: cannot be parsed"):
        read(MemoryTree.of({str(path): "a = 1\nb = (\n"}))


@pytest.mark.parametrize(("config", "loader"), list(permutations(all_layouts(), 2)))
def test_refuses_half_of_one_and_half_of_another(
    config: Layout, loader: Layout
) -> None:
    checkouts = templates_folder() / "checkouts"
    tree = MemoryTree.of(
        {
            str(CONFIG): (checkouts / config.name / CONFIG).read_text(),
            str(LOADER): (checkouts / loader.name / LOADER).read_text(),
        }
    )
    if kind(config) == kind(loader):
        assert detect_layout(tree) is loader
        return
    with pytest.raises(UnknownLayoutError) as caught:
        detect_layout(tree)
    nearest, first, *_, by_hand = caught.value.findings
    assert nearest.startswith("nearest to ")
    assert first.startswith("missing ")
    assert by_hand.startswith("by hand: write ")
    assert str(CONFIG) in by_hand or str(LOADER) in by_hand


def kind(layout: Layout) -> str:
    """Return how a layout lists the supported models."""
    return {"registry": "registrations"}.get(
        layout.name, "members" if "enum" in layout.name else "names"
    )
