"""The units that FSDP makes of a model: shapes and counts, without any weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Final

_HEAD: Final = "ValueHead"
_VALUE_HEAD: Final = (512, 128)
_EXPERTS: Final = 3  # dimensions of a weight that holds all experts
_NORMS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """Parameters of one name and shape.

    Attributes:
        name: its name within its unit, with ``*`` for numbers.
        shape: its sizes, the one that FSDP 2 shards first.
        count: how many of them the unit holds.
        is_tied: whether another parameter, counted elsewhere, is the same.
        trains: whether it gets gradients.
        is_float32: whether it is kept in float32, whatever the weights are.
    """

    name: str
    shape: tuple[int, ...]
    count: int = 1
    is_tied: bool = False
    trains: bool = True
    is_float32: bool = False

    @property
    def rows(self) -> int:
        """Its first size."""
        return self.shape[0] if self.shape else 1

    @property
    def elements(self) -> int:
        """Numbers that all of them hold together."""
        return 0 if self.is_tied else prod(self.shape) * self.count

    @property
    def matrices(self) -> int:
        """How many matrices they are."""
        return prod(self.shape[:-2]) * self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Units of one name and content, which FSDP shards and gathers as a whole.

    Attributes:
        name: where in the model, with ``*`` for numbers; empty for the root.
        kind: the class that is wrapped.
        parameters: what one of them holds itself.
        count: how many of them there are.
    """

    name: str
    kind: str
    parameters: tuple[Parameter, ...]
    count: int = 1

    @property
    def elements(self) -> int:
        """Numbers that one of them holds."""
        return sum(it.elements for it in self.parameters)

    @property
    def trainable(self) -> int:
        """Numbers among them that get gradients."""
        return sum(it.elements for it in self.parameters if it.trains)

    @property
    def is_mixed(self) -> bool:
        """Whether some of what trains is kept in float32 whatever the weights are."""
        return len({it.is_float32 for it in self.parameters if it.trains}) > 1

    @property
    def hidden(self) -> int:
        """The size that its matrices have most often."""
        sizes = Counter(size for it in self._matrices for size in it.shape[-2:])
        return sizes.most_common(1)[0][0] if sizes else 0

    def width(self, experts: int = 0) -> int:
        """Return how many numbers a token leaves behind for the backward pass.

        An estimate, where attention keeps no matrix of scores: what every linear layer
        reads and writes, and eight times the hidden size for norms and residuals.

        Args:
            experts: how many of several alike layers a token goes through; 0 is all.
        """
        linear = sum(
            sum(it.shape[-2:]) * min(it.matrices, experts or it.matrices)
            for it in self._matrices
        )
        return linear + _NORMS * self.hidden

    @property
    def _matrices(self) -> list[Parameter]:
        return [it for it in self.parameters if 1 < len(it.shape) <= _EXPERTS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapping:
    """What one version of FSDP makes of a model.

    Attributes:
        version: ``fsdp`` or ``fsdp2``.
        layers: names of the classes that it is asked to wrap.
        missing: those of them that the model has not.
        units: the root among them, which holds what no other does.
    """

    version: str
    layers: tuple[str, ...]
    missing: tuple[str, ...]
    units: tuple[Unit, ...]

    @property
    def shards_rows(self) -> bool:
        """Whether every parameter is sharded by its rows, and not a unit as a whole."""
        return self.version == "fsdp2"

    @property
    def elements(self) -> int:
        """Numbers that the whole model holds."""
        return sum(unit.elements * unit.count for unit in self.units)

    @property
    def trainable(self) -> int:
        """Numbers among them that get gradients."""
        return sum(unit.trainable * unit.count for unit in self.units)

    @property
    def root(self) -> Unit:
        """What no other unit holds; empty if there is nothing left."""
        empty = Unit(name="", kind="", parameters=())
        return next((unit for unit in self.units if not unit.name), empty)

    @property
    def others(self) -> tuple[Unit, ...]:
        """The units but for the root."""
        return tuple(unit for unit in self.units if unit.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """What LoRA adds to a model.

    Attributes:
        targets: names of the linear layers that get adapters.
        rank: of each.
        is_float32: whether adapters are kept in float32, whatever the weights are.
    """

    targets: frozenset[str]
    rank: int
    is_float32: bool


def with_value_head(wrapping: Wrapping, hidden_size: int) -> Wrapping:
    """Return the units with RLinf's value head: of its own in FSDP 1, else the root's."""
    sizes = (hidden_size, *_VALUE_HEAD)
    layers: list[Parameter] = []
    for at, (read, written) in enumerate(zip(sizes, (*_VALUE_HEAD, 1), strict=True)):
        name = f"mlp.{2 * at}"
        layers.append(Parameter(name=f"{name}.weight", shape=(written, read)))
        if written != 1:
            layers.append(Parameter(name=f"{name}.bias", shape=(written,)))
    head = Unit(name="value_head", kind=_HEAD, parameters=tuple(layers))
    if not wrapping.shards_rows:
        return replace(wrapping, units=(*wrapping.units, head))
    root = wrapping.root
    named = (replace(it, name=f"value_head.{it.name}") for it in head.parameters)
    grown = replace(root, parameters=(*root.parameters, *named))
    return replace(wrapping, units=(*wrapping.others, grown))


def with_lora(wrapping: Wrapping, lora: Lora) -> Wrapping:
    """Return the units with adapters and all else frozen but for the value head.

    FSDP 1 makes a unit of every module that trains, the value head's layers too.
    """
    units: list[Unit] = []
    for unit in wrapping.units:
        adapters = list(_adapters(unit, lora))
        if wrapping.shards_rows:
            frozen = (
                replace(it, trains=_is_critic(unit, it)) for it in unit.parameters
            )
            units.append(replace(unit, parameters=(*frozen, *adapters)))
        elif unit.kind == _HEAD:
            units.extend(_leaves(unit))
        else:
            frozen = (replace(it, trains=False) for it in unit.parameters)
            units.append(replace(unit, parameters=tuple(frozen)))
            units.extend(_unit_of(unit, adapter) for adapter in adapters)
    return replace(wrapping, units=tuple(units))


def lora_elements(unit: Unit, lora: Lora) -> int:
    """Return how many numbers train in one such unit where adapters do."""
    adapters = sum(it.elements for it in _adapters(unit, lora))
    return adapters + sum(it.elements for it in unit.parameters if _is_critic(unit, it))


def _adapters(unit: Unit, lora: Lora) -> Iterator[Parameter]:
    for it in unit.parameters:
        module, _, last = f"{unit.name}.{it.name}".rpartition(".")
        if last != "weight" or module.rpartition(".")[2] not in lora.targets:
            continue
        own = it.name.removesuffix("weight")
        for name, shape in (
            ("lora_A", (lora.rank, prod(it.shape[1:]))),
            ("lora_B", (it.rows, lora.rank)),
        ):
            yield Parameter(
                name=f"{own}{name}.weight",
                shape=shape,
                count=it.count,
                is_float32=lora.is_float32,
            )


def _unit_of(unit: Unit, adapter: Parameter) -> Unit:
    name = f"{unit.name}.{adapter.name.removesuffix('.weight')}".strip(".")
    alone = replace(adapter, name="weight", count=1)
    count = unit.count * adapter.count
    return Unit(name=name, kind="Linear", parameters=(alone,), count=count)


def _is_critic(unit: Unit, parameter: Parameter) -> bool:
    return unit.kind == _HEAD or parameter.name.startswith("value_head.")


def _leaves(head: Unit) -> Iterator[Unit]:
    modules = dict.fromkeys(it.name.rpartition(".")[0] for it in head.parameters)
    for module in modules:
        held = [it for it in head.parameters if it.name.rpartition(".")[0] == module]
        own = tuple(replace(it, name=it.name.rpartition(".")[2]) for it in held)
        name = f"{head.name}.{module}"
        yield Unit(name=name, kind="Linear", parameters=own)
