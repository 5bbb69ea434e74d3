"""The evidence of proofs as values to draw; what is not as agreed is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from rlinf_scaffold.smoke.junit import Proof

_T = TypeVar("_T")
_DEEPEST: Final = 64
_LARGEST: Final = 1e300  # differences are numbers, too


@dataclass(frozen=True, slots=True)
class Unit:
    """A module that FSDP shards as one.

    Attributes:
        name: what the model calls it; empty is the model itself.
        kind: its class.
        own: how many numbers it holds itself, its children's not counted.
        total: the same, with its children's.
        children: the units inside of it.
    """

    name: str
    kind: str
    own: float
    total: float
    children: tuple[Unit, ...]

    def walk(self) -> Iterator[Unit]:
        """Yield the unit and all that are inside of it, outermost first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Units:
    """How one strategy cuts the model."""

    strategy: str
    root: Unit


@dataclass(frozen=True, slots=True)
class Parity:
    """Log-probabilities that the rollout had, and training has, a pair each.

    Attributes:
        sampling: how it was sampled.
        pairs: both, where both are numbers.
        lost: how many pairs are not numbers.
    """

    sampling: str
    pairs: tuple[tuple[float, float], ...]
    lost: int

    @property
    def distances(self) -> tuple[float, ...]:
        """How far the members of each pair are from each other."""
        return tuple(abs(rollout - training) for rollout, training in self.pairs)


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean rewards while a policy learns; None is none that is a number."""

    algorithm: str
    rewards: tuple[float | None, ...]
    bound: float
    random: float


@dataclass(frozen=True, slots=True)
class RankMemory:
    """The most that a rank held at once."""

    rank: int
    device: str
    peak_bytes: float


@dataclass(frozen=True, slots=True)
class World:
    """What the proof ran on."""

    backend: str
    size: int
    device: str
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Shown:
    """All that the proofs of a run hand over."""

    units: tuple[Units, ...]
    parities: tuple[Parity, ...]
    curves: tuple[Curve, ...]
    memory: tuple[RankMemory, ...]
    shims: tuple[str, ...]
    worlds: tuple[World, ...]


def shown(proofs: Iterable[Proof]) -> Shown:
    """Return what these proofs hand over; of a rank's peaks, the highest."""
    evidence = [
        (it.kind, {"strategy": _case(proof), **it.data})
        for proof in proofs
        for it in proof.evidence
    ]

    def of_kind(
        kind: str, read: Callable[[Mapping[str, object]], _T]
    ) -> tuple[_T, ...]:
        data = (data for it, data in evidence if it == kind)
        return tuple(value for it in data for value in _tried(read, it))

    peaks = [peak for ranks in of_kind("memory", _ranks) for peak in ranks]
    highest = {it.rank: it for it in sorted(peaks, key=lambda it: it.peak_bytes)}
    shims = (shim for shims in of_kind("shims", _shims) for shim in shims)
    return Shown(
        units=of_kind("units", _units),
        parities=of_kind("parity", _parity),
        curves=of_kind("curve", _curve),
        memory=tuple(highest[rank] for rank in sorted(highest)),
        shims=tuple(dict.fromkeys(shims)),
        worlds=of_kind("world", _world),
    )


def _case(proof: Proof) -> str:
    """Return what a proof was tried for, which stands in brackets behind its claim."""
    return proof.name.partition(" [")[2].rpartition("]")[0]


class _MalformedError(Exception):
    """Data is not as agreed."""


def _tried(
    read: Callable[[Mapping[str, object]], _T], data: Mapping[str, object]
) -> Iterator[_T]:
    try:
        yield read(data)
    except _MalformedError:
        return


def _units(data: Mapping[str, object]) -> Units:
    return Units(_text(data, "strategy"), _unit(_mapping(data.get("tree")), _DEEPEST))


def _unit(data: Mapping[str, object], depth: int) -> Unit:
    if not depth:
        raise _MalformedError
    children = _list(data.get("children", []))

    def read(child: object) -> Unit:
        return _unit(_mapping(child), depth - 1)

    return Unit(
        name=_text(data, "name"),
        kind=_text(data, "kind"),
        own=_count(data, "own"),
        total=_count(data, "total"),
        children=tuple(sorted(map(read, children), key=_place)),
    )


def _place(unit: Unit) -> list[tuple[int, str]]:
    """Return a key that sorts units by their names, runs of digits as numbers."""
    parts = re.findall(r"[0-9]+|[^0-9]+", unit.name)
    return [(int(it) if it.isdecimal() else -1, it) for it in parts]


def _parity(data: Mapping[str, object]) -> Parity:
    rollout, training = (_numbers(data, key) for key in ("rollout", "training"))
    if len(rollout) != len(training):
        raise _MalformedError
    pairs = tuple(
        (one, other)
        for one, other in zip(rollout, training, strict=True)
        if one is not None and other is not None
    )
    return Parity(_settings(data.get("sampling")), pairs, len(rollout) - len(pairs))


def _settings(value: object) -> str:
    """Return settings in words; they may be in words already."""
    if isinstance(value, str):
        return value
    settings = (f"{name} {it}" for name, it in _mapping(value).items())
    return ", ".join(settings) or "as set"


def _curve(data: Mapping[str, object]) -> Curve:
    return Curve(
        algorithm=_text(data, "algorithm"),
        rewards=_numbers(data, "rewards"),
        bound=_number(data.get("bound")),
        random=_number(data.get("random")),
    )


def _ranks(data: Mapping[str, object]) -> list[RankMemory]:
    rows = (_mapping(it) for it in _list(data.get("ranks")))
    return [
        RankMemory(_whole(it, "rank"), _text(it, "device"), _count(it, "peak_bytes"))
        for it in rows
    ]


def _shims(data: Mapping[str, object]) -> list[str]:
    return [_string(it) for it in _list(data.get("shims"))]


def _world(data: Mapping[str, object]) -> World:
    versions = _mapping(data.get("versions"))
    return World(
        backend=_text(data, "backend"),
        size=_whole(data, "size"),
        device=_text(data, "device"),
        versions={name: _string(it) for name, it in versions.items()},
    )


def _text(data: Mapping[str, object], key: str) -> str:
    return _string(data.get(key))


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise _MalformedError
    return value


def _whole(data: Mapping[str, object], key: str) -> int:
    return int(_count(data, key))


def _count(data: Mapping[str, object], key: str) -> float:
    value = _number(data.get(key))
    if value < 0:
        raise _MalformedError
    return value


def _number(value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _MalformedError
    if abs(value) > _LARGEST:
        raise _MalformedError
    return float(value)


def _numbers(data: Mapping[str, object], key: str) -> tuple[float | None, ...]:
    values = _list(data.get(key))
    return tuple(None if value is None else _number(value) for value in values)


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise _MalformedError
    return value


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _MalformedError
    return value
