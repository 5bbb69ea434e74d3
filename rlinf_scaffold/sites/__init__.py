"""Where a checkout tells one model type from another, read from its syntax trees."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """A line of a file of the checkout."""

    path: PurePosixPath
    number: int

    def __str__(self) -> str:
        return f"{self.path}:{self.number}"


@dataclass(frozen=True, slots=True)
class Types:
    """A set of model types: those named, or all others."""

    names: frozenset[str]
    others: bool = False

    def __contains__(self, name: str) -> bool:
        return (name in self.names) is not self.others

    def __invert__(self) -> Types:
        return Types(self.names, not self.others)

    def __and__(self, other: Types) -> Types:
        if self.others and other.others:
            return Types(self.names | other.names, others=True)
        if self.others or other.others:
            some, rest = (other, self) if self.others else (self, other)
            return Types(some.names - rest.names)
        return Types(self.names & other.names)

    def __or__(self, other: Types) -> Types:
        return ~(~self & ~other)


EVERY = Types(frozenset(), others=True)


@dataclass(frozen=True, slots=True)
class Arm:
    """One way out of a site.

    Attributes:
        line: where it is tested, or where its entry stands.
        named: the model types that its test spells out, in that order.
        types: those that it is for; a test may exclude the ones that it names.
        exact: whether it asks for nothing but the model type.
        does: what is done there, in the words of the code.
        body: the code itself.
    """

    line: int
    named: tuple[str, ...]
    types: Types
    exact: bool
    does: str
    body: tuple[ast.AST, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Site:
    """A place where the model type decides what happens.

    Attributes:
        path: the file.
        line: its first line.
        function: the function, with its class, or empty for a module's own code.
        arms: what is done for the models named, in the order of the tests.
        default: what is done for all others.
        around: the code of that function, or of the module.
    """

    path: PurePosixPath
    line: int
    function: str
    arms: tuple[Arm, ...]
    default: Arm
    around: ast.AST = field(compare=False, repr=False)

    @property
    def where(self) -> Line:
        """Where it begins."""
        return Line(self.path, self.line)

    @property
    def named(self) -> tuple[str, ...]:
        """Every model type named there, once."""
        return tuple(dict.fromkeys(name for arm in self.arms for name in arm.named))

    def arm_for(self, name: str) -> Arm:
        """Return the first way that a model type may take."""
        return next((arm for arm in self.arms if name in arm.types), self.default)
