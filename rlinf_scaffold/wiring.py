"""Where a checkout wires its models, and which modules a model is made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from rlinf_scaffold.spec import ModelSpec

CONFIG = PurePosixPath("rlinf/config.py")
LOADER = PurePosixPath("rlinf/models/__init__.py")
POLICIES = PurePosixPath("rlinf/models/embodiment")


def flat_module(spec: ModelSpec) -> Mapping[str, PurePosixPath]:
    """Return the templates of a model that is one module, and what they become."""
    return {_action_model(spec): POLICIES / f"{spec.name}_action_model.py"}


def package(spec: ModelSpec) -> Mapping[str, PurePosixPath]:
    """Return the templates of a model that is a package, and what they become."""
    folder = POLICIES / spec.name
    return {
        "model/package.py.j2": folder / "__init__.py",
        _action_model(spec): folder / f"{spec.name}_action_model.py",
    }


def _action_model(spec: ModelSpec) -> str:
    return f"model/{spec.head}/action_model.py.j2"
