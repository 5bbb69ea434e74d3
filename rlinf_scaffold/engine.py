"""How a checkout wraps a model with FSDP, and what its loader asks of a machine."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree, python_files
from rlinf_scaffold.sites import Line
from rlinf_scaffold.syntax import (
    find_assignment,
    find_function,
    last_name,
    parameter_names,
    parse,
    spelled,
    walk,
)
from rlinf_scaffold.wiring import LOADER

WRAP_POLICY = "get_fsdp_wrap_policy"
PLATFORM = "torch_platform"
FUNCTIONS = PurePosixPath("rlinf/hybrid_engines/fsdp/utils.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What differs between checkouts in wrapping and loading a model.

    Attributes:
        has_fsdp2: whether there is a function that applies FSDP2.
        has_node_mesh: whether ranks can be set out by nodes, as hybrid_shard needs.
        takes_model_type: whether the wrap policy depends on the model's type.
        ignores_config: where the wrap policy is made without the recipe's settings.
        asks_platform: where the loader asks for the platform of an accelerator without
            looking whether there is one.
    """

    has_fsdp2: bool = True
    has_node_mesh: bool = False
    takes_model_type: bool = True
    ignores_config: Line | None = None
    asks_platform: Line | None = None


def read_engine(tree: Tree) -> Engine:
    """Return how a checkout wraps and loads a model.

    Raises:
        SourceSyntaxError: a file to read does not parse.
    """
    body = parse(tree.read(FUNCTIONS) or "", FUNCTIONS).body
    wrap_policy = find_function(body, WRAP_POLICY)
    mesh = find_function(body, "create_device_mesh")
    return Engine(
        has_fsdp2=find_function(body, "apply_fsdp2_to_model") is not None,
        has_node_mesh=mesh is not None and "fsdp_size" in parameter_names(mesh),
        takes_model_type=wrap_policy is not None
        and "model_type" in parameter_names(wrap_policy),
        ignores_config=next(_without_config(tree), None),
        asks_platform=next(_asking(tree), None),
    )


def lora_targets(tree: Tree) -> Iterator[tuple[Line, frozenset[str]]]:
    """Yield each list of layers to adapt that a checkout's loader holds, and its place.

    Raises:
        SourceSyntaxError: the loader does not parse.
    """
    loader = parse(tree.read(LOADER) or "", LOADER)
    for node in walk(loader):
        if isinstance(node, ast.keyword) and node.arg == "target_modules":
            listed = _strings(node.value) or {
                text
                for name in walk(node.value)
                if isinstance(name, ast.Name)
                and (bound := find_assignment(loader.body, name.id)) is not None
                for text in _strings(bound.value)
            }
            yield Line(LOADER, node.value.lineno), frozenset(listed)


def _strings(node: ast.expr) -> set[str]:
    constants = (n.value for n in walk(node) if isinstance(n, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


def _without_config(tree: Tree) -> Iterator[Line]:
    for path in python_files(tree, FUNCTIONS.parent):
        source = tree.read(path) or ""
        if f"{WRAP_POLICY}(" in source:
            for node in walk(parse(source, path)):
                if isinstance(node, ast.Call) and _is_without_config(node):
                    yield Line(path, node.lineno)


def _is_without_config(call: ast.Call) -> bool:
    if not last_name(call.func).endswith(WRAP_POLICY):
        return False
    given = [keyword.value for keyword in call.keywords if keyword.arg == "config"]
    settings = [*call.args[1:2], *given]
    return any(isinstance(it, ast.Constant) and it.value is None for it in settings)


def _asking(tree: Tree) -> Iterator[Line]:
    for node in walk(parse(tree.read(LOADER) or "", LOADER)):
        if isinstance(node, ast.If) and _asks(node.test) and not _looks(node.test):
            yield Line(LOADER, node.lineno)


def _asks(test: ast.expr) -> bool:
    return f".{PLATFORM}.is_available()" in spelled(test)


def _looks(test: ast.expr) -> bool:
    """Whether a test holds only where there is a platform."""
    return any(
        isinstance(part, (ast.Attribute, ast.Compare))
        and spelled(part).endswith((PLATFORM, f"{PLATFORM} is not None"))
        for part in (test.values if isinstance(test, ast.BoolOp) else [test])
    )
