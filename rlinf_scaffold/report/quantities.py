"""Numbers as people read them."""

from __future__ import annotations

from typing import Final

_BINARY: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")
_DECIMAL: Final = ("", " k", " M", " B")


def byte_words(count: float) -> str:
    """Return a number of bytes with a binary unit: ``1.5 GiB``."""
    return _with_unit(count, 1024, _BINARY, " ")


def count_words(count: float) -> str:
    """Return a number of things, short: ``1.5 M``."""
    return _with_unit(count, 1000, _DECIMAL, "")


def number_words(value: float) -> str:
    """Return a measured number with three digits: ``9.5e-7``."""
    digits, exponent, power = f"{value:.3g}".partition("e")
    return f"{digits}e{int(power)}" if exponent else digits


def second_words(seconds: float) -> str:
    """Return a time; what is long needs no fractions."""
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def _with_unit(count: float, step: int, units: tuple[str, ...], space: str) -> str:
    value, *larger = count, *units[1:]
    unit = units[0]
    while larger and abs(value) >= step - step / 2000:
        value, unit = value / step, larger.pop(0)
    if unit == units[0]:
        return f"{value:.0f}{space}{unit}"
    return f"{value:.3g}{space}{unit}" if value < 999.5 else f"{value:.0f}{space}{unit}"
