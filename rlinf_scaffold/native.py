"""Which of RLinf's own code a proof can go through, read from a checkout."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree, python_files
from rlinf_scaffold.syntax import (
    find_class,
    find_function,
    last_name,
    parse,
    spelled,
    walk,
)
from rlinf_scaffold.wiring import CONFIG, LOADER

ACTOR = "EmbodiedFSDPActor"
ROLLOUT = "MultiStepRolloutWorker"
EXTENSIONS = "EXT_MODULE"
REGISTER = "register_model"
_WORKERS = PurePosixPath("rlinf/workers")
_SCHEDULER = PurePosixPath("rlinf/scheduler")
_METHODS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    ACTOR: {
        "__init__": ("cfg",),
        "init_worker": (),
        "compute_advantages_and_returns": (),
        "run_training": (),
        "sync_model_to_rollout": (),
    },
    ROLLOUT: {
        "__init__": ("cfg",),
        "init_worker": (),
        "predict": ("env_obs", "mode"),
        "sync_model_from_actor": (),
    },
}
_Method = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
    """What a proof knows how to drive.

    Attributes:
        actor: module of the worker that trains; empty where none is to be driven.
        rollout: module of the worker that acts.
        obstacle: why none is to be driven, in words; empty where both are.
        validates: whether there is a function that validates a recipe.
        extends: whether workers load an extension module when they start, and there is
            a function that such a module can register a model with.
    """

    actor: str = ""
    rollout: str = ""
    obstacle: str = ""
    validates: bool = False
    extends: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    """A class, and the file that it stands in."""

    path: PurePosixPath
    node: ast.ClassDef


def read_native(tree: Tree) -> Native:
    """Return what a proof can drive in a checkout.

    Raises:
        SourceSyntaxError: a file to read does not parse.
    """
    found = _find_workers(tree)
    obstacle = next(filter(None, (_obstacle(*it) for it in found.items())), "")
    modules = [_module(it.path) for it in found.values() if it and not obstacle]
    actor, rollout = modules or ("", "")
    body = parse(tree.read(CONFIG) or "", CONFIG).body
    return Native(
        actor=actor,
        rollout=rollout,
        obstacle=obstacle,
        validates=find_function(body, "validate_cfg") is not None,
        extends=_extends(tree),
    )


def _extends(tree: Tree) -> bool:
    body = parse(tree.read(LOADER) or "", LOADER).body
    return find_function(body, REGISTER) is not None and any(
        EXTENSIONS in (tree.read(path) or "") for path in python_files(tree, _SCHEDULER)
    )


def _find_workers(tree: Tree) -> dict[str, _Found | None]:
    """Return the first class of each name that is a Worker."""
    found: dict[str, _Found | None] = dict.fromkeys(_METHODS)
    for path in python_files(tree, _WORKERS):
        source = tree.read(path) or ""
        for name in (it for it in _METHODS if not found[it]):
            if f"class {name}(" in source:
                node = find_class(parse(source, path).body, name)
                if node and any(last_name(base) == "Worker" for base in node.bases):
                    found[name] = _Found(path, node)
    return found


def _obstacle(name: str, found: _Found | None) -> str:
    """Return why a class is not to be driven; empty where it is."""
    if found is None:
        return f"{_WORKERS} has no {name} that is a Worker"
    methods = {it.name: it for it in found.node.body if isinstance(it, _Method)}
    for method, parameters in _METHODS[name].items():
        if method not in methods or _parameters(methods[method]) != parameters:
            call = f"{name}.{method}({', '.join(parameters)})"
            return f"{found.path.name} has no {call}"
    for node in walk(found.node):
        if isinstance(node, ast.Attribute) and spelled(node).startswith("torch.cuda."):
            return f"{name} asks for CUDA itself: {found.path.name}:{node.lineno}"
    return ""


def _parameters(method: _Method) -> tuple[str, ...]:
    """Return the names of a method's parameters, but for that of its object."""
    arguments = method.args
    ordered = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    return tuple(parameter.arg for parameter in ordered[1:])


def _module(path: PurePosixPath) -> str:
    return ".".join(path.with_suffix("").parts)
