from __future__ import annotations

import ast
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
OLD, NEW = layout("old", BAD), layout("new", GOOD)


def test_takes_the_one_that_matches() -> None:
    assert match_layout(MemoryTree(), [OLD, NEW]) is NEW


def test_refuses_where_none_matches() -> None:
    with pytest.raises(UnknownLayoutError, match=r"^the checkout's registration is"):
        match_layout(MemoryTree(), [OLD])


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
