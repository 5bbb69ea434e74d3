from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from showing import LARGE, PROVED, TINY, WHOLE, proof, units

from rlinf_scaffold.report.evidence import Curve, Parity, Unit, shown
from rlinf_scaffold.report.pictures import (
    Bar,
    bars,
    learning_curve,
    parity_scatter,
    unit_colours,
    unit_tree,
)

SIZES = st.integers(0, 10**12)
LOGPROBS = st.floats(-3.4e38, 0)


def drawn(svg: str) -> ElementTree.Element:
    """Return the root of a picture, of which nothing is out of its frame."""
    root = ElementTree.fromstring(svg)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for element in root.iter():
        across = [element.get(key) for key in ("x", "x1", "x2", "cx")]
        up = [element.get(key) for key in ("y", "y1", "y2", "cy")]
        assert all(-0.5 <= float(it) <= width + 0.5 for it in across if it)
        assert all(-0.5 <= float(it) <= height + 0.5 for it in up if it)
        end = float(element.get("x", 0)) + float(element.get("width", 0))
        assert end <= width + 1
    return root


def found(root: ElementTree.Element, tag: str, kind: str = "") -> list[str]:
    """Return what elements of a tag and class say, or their titles do."""
    return [
        element.text or element.findtext("title") or ""
        for element in root.iter(tag)
        if kind in element.get("class", "").split() or not kind
    ]


def tree_of(data: dict[str, object]) -> Unit:
    (found,) = shown([proof("a", "", units("fsdp", data))]).units
    return found.root


def test_bars_are_as_long_as_their_values() -> None:
    rows = [Bar("rank 0", 200, "200 B"), Bar("rank <1>", 50, "50 B"), Bar("c", 0, "0")]
    root = drawn(bars("Memory", rows))
    long, short, none = (float(it.attrib["width"]) for it in root.iter("rect"))
    assert short == pytest.approx(long / 4, abs=0.01)
    assert none == 1
    assert found(root, "text", "name") == ["rank 0", "rank <1>", "c"]
    assert found(root, "text", "value") == ["200 B", "50 B", "0"]
    assert root.findtext("desc") == "rank 0: 200 B; rank <1>: 50 B; c: 0"


def test_bars_of_nothing_are_there() -> None:
    root = drawn(bars("Memory", [Bar("rank 0", 0, "0 B")]))
    assert [it.attrib["width"] for it in root.iter("rect")] == ["1"]


def test_every_class_has_a_colour_of_its_own_as_far_as_there_are() -> None:
    assert [*unit_colours(tree_of(LARGE)).values()] == ["c0", "c1", "c2", "c3", "c4"]
    many = Unit("", "K", 1, 8, tuple(Unit(k, k, 1, 1, ()) for k in "abcdefg"))
    assert [*unit_colours(many).values()][5:] == ["c5", "c0", "c1"]


def test_a_unit_is_as_wide_as_it_is_large() -> None:
    root = drawn(unit_tree(tree_of(TINY), "said"))
    widths = [float(it.attrib["width"]) + 1.5 for it in root.iter("rect")]
    whole, own, *layers = widths
    assert whole == 960
    assert own == pytest.approx(960 * 75_329 / 137_025, abs=0.1)
    assert layers == pytest.approx([960 * 30_848 / 137_025] * 2, abs=0.1)
    assert [it.attrib["class"] for it in root.iter("rect")] == [
        *("unit c0", "unit own", "unit c1", "unit c1"),
    ]
    assert found(root, "g")[2] == "model.layers.0: 30.8 k in LlamaDecoderLayer"
    assert found(root, "desc") == ["said"]


def test_a_model_in_one_unit_is_one_box() -> None:
    root = drawn(unit_tree(tree_of(WHOLE), ""))
    assert len([*root.iter("rect")]) == 1
    assert root.attrib["viewBox"] == "0 0 960 44"


def test_what_a_unit_holds_in_others_alone_is_theirs() -> None:
    inner = Unit("a", "A", 3, 3, ()), Unit("b", "B", 1, 1, ())
    root = drawn(unit_tree(Unit("", "K", 0, 4, inner), ""))
    assert [it.attrib["class"] for it in root.iter("rect")] == [
        *("unit c0", "unit c1", "unit c2"),
    ]


def test_labels_are_shortened_or_dropped_where_there_is_no_room() -> None:
    labels = found(drawn(unit_tree(tree_of(LARGE), "")), "text", "label0")
    numbers = [str(number) for number in range(18)]
    assert labels == ["FooForRLActionPrediction", "of its own", *numbers, "visual"]


TREES = st.recursive(
    st.builds(Unit, st.text(max_size=9), st.just("K"), SIZES, SIZES, st.just(())),
    lambda it: st.builds(
        lambda own, inner: Unit(
            "u", "L", own, own + sum(i.total for i in inner), tuple(inner)
        ),
        SIZES,
        st.lists(it, min_size=1, max_size=4),
    ),
    max_leaves=12,
)


@given(tree=TREES)
def test_any_tree_stays_within_its_picture(tree: Unit) -> None:
    assert len([*drawn(unit_tree(clean(tree), "")).iter("svg")]) == 1


def clean(unit: Unit) -> Unit:
    name = "".join(it for it in unit.name if it.isprintable())
    children = tuple(map(clean, unit.children))
    return Unit(name, unit.kind, unit.own, unit.total, children)


def test_points_stand_on_the_line_where_both_agree() -> None:
    parities = [Parity("a", ((-1, -1), (-3, -3)), 0), Parity("b", ((-2, -1),), 0)]
    root = drawn(parity_scatter(parities, "said"))
    (ideal,) = (it.attrib for it in root.iter("line") if it.get("class") == "ideal")
    x1, y1, x2, y2 = (float(ideal[key]) for key in ("x1", "y1", "x2", "y2"))
    points = [
        (float(it.attrib["cx"]), float(it.attrib["cy"])) for it in root.iter("circle")
    ]
    off = [y - (y1 + (x - x1) / (x2 - x1) * (y2 - y1)) for x, y in points]
    assert off[:2] == pytest.approx([0, 0], abs=0.02)
    assert off[2] < -10
    assert found(root, "circle")[2] == "rollout -2, training -1"
    groups = [it.get("class") for it in root.iter("g")]
    assert groups == ["points c0", "points c1"]


def test_of_very_many_points_the_farthest_are_drawn() -> None:
    pairs = tuple((-number / 1000, -number / 1000) for number in range(4000))
    root = drawn(parity_scatter([Parity("a", ((-1.0, -3.0), *pairs), 0)], ""))
    titles = found(root, "circle")
    assert len(titles) == 1500
    assert titles[-1] == "rollout -1, training -3"


@given(pairs=st.lists(st.tuples(LOGPROBS, LOGPROBS), min_size=1, max_size=5))
def test_any_pairs_stay_within_their_picture(pairs: list[tuple[float, float]]) -> None:
    root = drawn(parity_scatter([Parity("a", tuple(pairs), 0)], ""))
    assert len([*root.iter("circle")]) == len(pairs)


def test_a_curve_rises_over_its_bound() -> None:
    root = drawn(learning_curve(shown(PROVED).curves, "said"))
    lines = [it.attrib["points"].split() for it in root.iter("polyline")]
    assert [len(points) for points in lines] == [14, 14]
    heights = [float(point.split(",")[1]) for point in lines[0]]
    assert heights == sorted(heights, reverse=True)
    levels = {it.get("class"): it for it in root.iter("line") if it.get("x1") == "56"}
    bound = float(levels["level bound"].attrib["y1"])
    assert heights[0] > float(levels["level random"].attrib["y1"]) > bound > heights[-1]
    assert found(root, "text", "bound") == ["bound 0.75"]
    assert found(root, "text", "random") == ["random 0.375"]
    assert found(root, "text", "middle") == [str(it) for it in range(0, 14, 2)]


@pytest.mark.parametrize(
    ("rewards", "runs"),
    [((), 0), ((None,), 0), ((0.5,), 1), ((0.1, 0.2, None, 0.3, None, 0.4), 3)],
)
def test_a_curve_breaks_where_there_is_no_number(
    rewards: tuple[float | None, ...], runs: int
) -> None:
    root = drawn(learning_curve([Curve("ppo", rewards, 0.75, 0.375)], ""))
    assert len([*root.iter("polyline")]) == runs
    dots = len([it for it in rewards if it is not None])
    assert len([*root.iter("circle")]) == dots
