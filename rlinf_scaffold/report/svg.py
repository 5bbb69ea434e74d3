"""SVG as text, escaped where it is made, and the scales to draw with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape


def tag(name: str, *inside: str, **attributes: str | float) -> str:
    """Return an element around others; ``class_`` is ``class``, ``_`` is ``-``."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
    )
    return f"<{name}{given}>{''.join(inside)}</{name}>"


def text(words: str, **attributes: str | float) -> str:
    """Return a text element."""
    return tag("text", escape(words), **attributes)


def title(words: str) -> str:
    """Return what is said of an element where the pointer rests on it."""
    return tag("title", escape(words))


def picture(
    name: str, description: str, width: float, height: float, *inside: str
) -> str:
    """Return a picture of a size, named and described for who does not see it."""
    return tag(
        "svg",
        title(name),
        tag("desc", escape(description)),
        *inside,
        viewBox=f"0 0 {_attribute(width)} {_attribute(height)}",
        role="img",
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """Return a straight line of a kind, which is its class."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def scale(
    low: float, high: float, start: float, end: float
) -> Callable[[float], float]:
    """Return what maps low to start and high to end, evenly."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def ticks(low: float, high: float, most: int = 6) -> Sequence[float]:
    """Return round numbers from low to high, evenly apart, at most so many."""
    rough = (high - low) / (most - 1)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(it for it in (1, 2, 5, 10) if it * magnitude >= rough) * magnitude
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _attribute(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else f"{round(value, 2):g}"
