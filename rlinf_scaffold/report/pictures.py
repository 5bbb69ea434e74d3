"""What proofs measured, drawn as SVG; colours are the page's, by class."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from rlinf_scaffold.report.evidence import Curve, Parity, Unit
from rlinf_scaffold.report.quantities import count_words, number_words
from rlinf_scaffold.report.svg import line, picture, scale, tag, text, ticks, title

COLOURS: Final = 6
_WIDTH: Final = 960.0
_ROW: Final = 44.0
_LETTER: Final = 6.7
_BOLD: Final = 7.4
_MOST_POINTS: Final = 1500
# How far a curve's frame is from the picture's edges: left, top, right, bottom.
_MARGINS: Final = (56.0, 14.0, 128.0, 40.0)


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a bar chart: what it is of, how long it is, and that in words."""

    name: str
    value: float
    words: str


def bars(name: str, rows: Sequence[Bar]) -> str:
    """Return horizontal bars, the longest as long as there is room."""
    longest = max(row.value for row in rows) or 1.0
    left = 14 + _LETTER * min(40, max(len(row.name) for row in rows))
    right = 14 + _LETTER * max(len(row.words) for row in rows)
    length = scale(0, longest, 0, _WIDTH - left - right)
    drawn = [_bar(row, 26.0 * n, left, length(row.value)) for n, row in enumerate(rows)]
    said = "; ".join(f"{row.name}: {row.words}" for row in rows)
    return picture(name, said, _WIDTH, 26 * len(rows), *drawn)


def _bar(row: Bar, top: float, left: float, length: float) -> str:
    middle = top + 17
    return tag(
        "g",
        text(row.name, x=left - 12, y=middle, class_="name"),
        tag(
            "rect",
            x=left,
            y=top + 4,
            width=max(length, 1),
            height=18,
            rx=3,
            class_="c0",
        ),
        text(row.words, x=left + max(length, 1) + 8, y=middle, class_="value"),
    )


def unit_colours(root: Unit) -> Mapping[str, str]:
    """Return a class of colour for each class of unit, in the order of the tree."""
    kinds = dict.fromkeys(unit.kind for unit in root.walk())
    return {kind: f"c{number % COLOURS}" for number, kind in enumerate(kinds)}


def unit_tree(root: Unit, description: str) -> str:
    """Return the units of a model, as wide as they are large, inner ones below."""
    drawn = list(_placed(root, 0, _WIDTH, 0, unit_colours(root)))
    height = _ROW * (1 + max(depth for depth, _ in drawn))
    return picture(
        "FSDP units by size", description, _WIDTH, height, *(it for _, it in drawn)
    )


def _placed(
    unit: Unit, left: float, width: float, depth: int, colours: Mapping[str, str]
) -> Iterator[tuple[int, str]]:
    words = f"{count_words(unit.total)} in {unit.kind}"
    name = unit.name or unit.kind
    yield depth, _box((name, words), left, width, depth, colours[unit.kind])
    inside = unit.own + sum(child.total for child in unit.children)
    if not unit.children or not inside:
        return
    if unit.own:
        share = width * unit.own / inside
        own = ("of its own", count_words(unit.own))
        yield depth + 1, _box(own, left, share, depth + 1, "own")
        left += share
    for child in unit.children:
        share = width * child.total / inside
        yield from _placed(child, left, share, depth + 1, colours)
        left += share


def _box(
    labels: tuple[str, str], left: float, width: float, depth: int, kind: str
) -> str:
    top, gap = depth * _ROW, min(0.75, width / 4)
    return tag(
        "g",
        title(": ".join(labels)),
        tag(
            "rect",
            x=left + gap,
            y=top + 0.75,
            width=width - 2 * gap,
            height=_ROW - 1.5,
            rx=min(4, width / 4),
            class_=f"unit {kind}",
        ),
        *(
            text(shown, x=left + 9, y=top + 19 + 15 * row, class_=f"label{row}")
            for row, label in enumerate(labels)
            if (shown := _fitting(label, width - 16))
        ),
    )


def _fitting(label: str, width: float) -> str:
    """Return a label, or the end of a dotted one, or nothing, as there is room."""
    shorter = (label, label.rpartition(".")[2], label.partition(" in ")[0])
    return next((it for it in shorter if len(it) * _BOLD <= width), "")


def parity_scatter(parities: Sequence[Parity], description: str) -> str:
    """Return log-probabilities of training over those of the rollout, and y = x."""
    size, left, top = 420.0, 64.0, 10.0
    low, high = _bounds(value for it in parities for pair in it.pairs for value in pair)
    x, y = scale(low, high, left, left + size), scale(low, high, top + size, top)
    drawn = [
        *_grid(ticks(low, high, 5), x, (top, top + size), vertical=True),
        *_grid(ticks(low, high, 5), y, (left, left + size), vertical=False),
        line(x(low), y(low), x(high), y(high), "ideal"),
        *(
            tag("g", *_points(it, x, y), class_=f"points c{number % COLOURS}")
            for number, it in enumerate(parities)
        ),
        _across("rollout", left + size / 2, top + size + 38),
        _upwards("training", 14, top + size / 2),
    ]
    name = "Log-probabilities, rollout against training"
    return picture(name, description, left + size + 10, top + size + 48, *drawn)


def _points(
    parity: Parity, x: Callable[[float], float], y: Callable[[float], float]
) -> Iterator[str]:
    """Yield a point a pair, of very many the farthest apart, which come last."""
    pairs = sorted(parity.pairs, key=lambda it: abs(it[0] - it[1]))
    for rollout, training in pairs[-_MOST_POINTS:]:
        said = f"rollout {number_words(rollout)}, training {number_words(training)}"
        yield tag("circle", title(said), cx=x(rollout), cy=y(training), r=3.5)


def learning_curve(curves: Sequence[Curve], description: str) -> str:
    """Return rewards over updates, with what is to be reached and what random gets."""
    width, height = _WIDTH, 320.0
    left, top, right, bottom = _MARGINS
    marks = [mark for it in curves for mark in (it.bound, it.random)]
    low, high = _bounds(
        [*marks, *(it for curve in curves for it in curve.rewards if it is not None)]
    )
    updates = max(1, *(len(curve.rewards) - 1 for curve in curves))
    x = scale(0, updates, left, width - right)
    y = scale(low, high, height - bottom, top)
    frame = (left, width - right)
    steps = [it for it in ticks(0, updates, 10) if it == int(it)]
    drawn = [
        *_grid(steps, x, (top, height - bottom), vertical=True),
        *_grid(ticks(low, high), y, frame, vertical=False),
        *_levels({it.random: "random" for it in curves}, y, frame, "random"),
        *_levels({it.bound: "bound" for it in curves}, y, frame, "bound"),
        *(
            tag("g", *_strokes(it, x, y), class_=f"curve c{number % COLOURS}")
            for number, it in enumerate(curves)
        ),
        _across("updates", (left + width - right) / 2, height - 4),
        _upwards("mean reward", 14, (top + height - bottom) / 2),
    ]
    return picture("Learning curve", description, width, height, *drawn)


def _strokes(
    curve: Curve, x: Callable[[float], float], y: Callable[[float], float]
) -> Iterator[str]:
    """Yield a line for each run of rewards that are numbers, and a dot for each."""
    places = [
        None if reward is None else (x(update), y(reward))
        for update, reward in enumerate(curve.rewards)
    ]
    for is_gap, run in groupby(places, key=lambda place: place is None):
        if not is_gap:
            points = [place for place in run if place is not None]
            joined = " ".join(f"{across:.1f},{up:.1f}" for across, up in points)
            yield tag("polyline", points=joined)
            yield from (tag("circle", cx=a, cy=b, r=2.5) for a, b in points)


def _levels(
    named: Mapping[float, str],
    y: Callable[[float], float],
    frame: tuple[float, float],
    kind: str,
) -> Iterator[str]:
    for value, name in named.items():
        start, end = frame
        yield line(start, y(value), end, y(value), f"level {kind}")
        said = f"{name} {number_words(value)}"
        yield text(said, x=end + 8, y=y(value) + 4, class_=f"value {kind}")


def _bounds(values: Iterator[float] | Sequence[float]) -> tuple[float, float]:
    """Return what holds all values, with a little room around them."""
    known = sorted(values)
    low, high = known[0], known[-1]
    scarce = 1e-9 * max(1.0, abs(low), abs(high))
    room = (high - low) * 0.06 if high - low > scarce else max(1.0, abs(low) * 0.1)
    return low - room, high + room


def _grid(
    values: Sequence[float],
    place: Callable[[float], float],
    span: tuple[float, float],
    *,
    vertical: bool,
) -> Iterator[str]:
    """Yield a thin line and a number for each value of an axis."""
    start, end = span
    for value in values:
        at, said = place(value), number_words(value)
        if vertical:
            yield line(at, start, at, end, "grid")
            yield text(said, x=at, y=end + 17, class_="tick middle")
        else:
            yield line(start, at, end, at, "grid")
            yield text(said, x=start - 8, y=at + 4, class_="tick end")


def _across(words: str, x: float, y: float) -> str:
    return text(words, x=x, y=y, class_="axis")


def _upwards(words: str, x: float, y: float) -> str:
    turn = f"rotate(-90 {x:g} {y:g})"
    return text(words, x=x, y=y, transform=turn, class_="axis")
