"""One module per place where RLinf must know a model; each ends in one Surface."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.contracts import Contract, Terms
from rlinf_scaffold.discovery import discover
from rlinf_scaffold.engine import Engine
from rlinf_scaffold.families import family_of
from rlinf_scaffold.heads import Head
from rlinf_scaffold.layouts import Layout
from rlinf_scaffold.recipes import RecipeStyle, Settings
from rlinf_scaffold.sft import Sft
from rlinf_scaffold.spec import Base, ModelSpec
from rlinf_scaffold.tiny import imposed_settings, text_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Everything that a surface needs to know, resolved.

    Attributes:
        views: under which keys observations hold images, if the base takes any.
    """

    spec: ModelSpec
    base: Base
    layout: Layout
    contract: Contract
    terms: Terms
    recipes: RecipeStyle
    head: Head
    engine: Engine
    sft: Sft = field(default_factory=Sft)
    views: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        """Where the model's settings lie; its answers must name a recipe."""
        return self.recipes.settings(self.spec)

    @property
    def own_settings(self) -> tuple[str, ...]:
        """What the model's YAML holds, and its class is given, for these answers alone."""
        projected = ("state_dim",) if self.spec.state == "token" else ()
        return (*self.head.settings, *projected)

    @property
    def values(self) -> Mapping[str, object]:
        """What every template is given."""
        return {
            "spec": self.spec,
            "base": self.base,
            "family": family_of(self.base.model_type),
            "layout": self.layout,
            "contract": self.contract,
            "terms": self.terms,
            "head": self.head,
            "own_settings": self.own_settings,
            "recipes": self.recipes,
            "engine": self.engine,
            "sft": self.sft,
            "views": self.views,
            "imposed": imposed_settings(self.base),
            "widened": text_rules().widened.get(self.base.model_type, []),
            "decoding": text_rules().decoding.get(self.base.model_type, ""),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """One place where RLinf must know a model.

    Attributes:
        name: what reports call it.
        title: one line for people.
        plan: the changes that wire the model there; empty where it is wired already.
        owns_files: whether its files are the model's own, written whole.
    """

    name: str
    title: str
    plan: Callable[[Tree, Job], Iterable[FileChange]]
    owns_files: bool = False


def all_surfaces() -> tuple[Surface, ...]:
    """Return every surface of this package."""
    return discover(sys.modules[__name__], Surface)
