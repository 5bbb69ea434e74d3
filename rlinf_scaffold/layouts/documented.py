"""The shape of RLinf's guide to adding a model: string compares on ``model_type``.

``SUPPORTED_MODEL_ARCHS`` lists the names, ``get_model_config_and_processor`` and
``get_model`` dispatch on them, and a model is one flat module.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.codemods.branches import add_branch
from rlinf_scaffold.codemods.collections import append_element
from rlinf_scaffold.codemods.source import edit
from rlinf_scaffold.errors import WiringChangedError
from rlinf_scaffold.layouts import CONFIG, LOADER, POLICIES, Detection, Layout
from rlinf_scaffold.rendering import render
from rlinf_scaffold.spec import Base, ModelSpec
from rlinf_scaffold.syntax import (
    find_assignment,
    find_function,
    is_same_code,
    parameter_names,
    parse,
)

_ARCHITECTURES = "SUPPORTED_MODEL_ARCHS"
_PROCESSOR = "get_model_config_and_processor"
_CHAINS = {_PROCESSOR: "cfg.model.model_type", "get_model": "cfg.model_type"}
_PARAMETERS = {_PROCESSOR: ("cfg",), "get_model": ("cfg", "override_config_kwargs")}


def _detect(tree: Tree) -> Detection:
    found, missing = [], []
    config = parse(tree.read(CONFIG) or "", CONFIG)
    architectures = find_assignment(config.body, _ARCHITECTURES)
    if architectures is not None and isinstance(architectures.value, ast.List):
        found.append(f"list {_ARCHITECTURES} at {CONFIG}:{architectures.lineno}")
    else:
        missing.append(f"list {_ARCHITECTURES} in {CONFIG}")
    loader = parse(tree.read(LOADER) or "", LOADER)
    for name, subject in _CHAINS.items():
        function = find_function(loader.body, name)
        signature = f"{name}({', '.join(_PARAMETERS[name])})"
        if function is None or parameter_names(function) != _PARAMETERS[name]:
            line = f" (line {function.lineno} differs)" if function else ""
            missing.append(f"{signature} in {LOADER}{line}")
        elif not _branches(function, subject):
            missing.append(
                f"if/elif chain on {subject} in {name}() at {LOADER}:{function.lineno}"
            )
        else:
            found.append(f"{signature} at {LOADER}:{function.lineno}")
    return Detection(tuple(found), tuple(missing))


def _branches(function: ast.FunctionDef, subject: str) -> dict[str, ast.If]:
    """Return the branches of the function's chain by the string they compare with."""
    branches: dict[str, ast.If] = {}
    for statement in function.body:
        node: ast.stmt | None = statement
        while isinstance(node, ast.If):
            for comparison in ast.walk(node.test):
                if (
                    isinstance(comparison, ast.Compare)
                    and ast.unparse(comparison.left) == subject
                    and isinstance(comparison.comparators[0], ast.Constant)
                ):
                    branches[str(comparison.comparators[0].value)] = node
            node = node.orelse[0] if len(node.orelse) == 1 else None
    return branches


def _model_types(tree: Tree) -> Mapping[str, str]:
    config = parse(tree.read(CONFIG) or "", CONFIG)
    loader = parse(tree.read(LOADER) or "", LOADER)
    types: dict[str, str] = {}
    for name, subject in _CHAINS.items():
        function = find_function(loader.body, name)
        if function is not None:
            for value, branch in _branches(function, subject).items():
                types[value] = f"{LOADER}:{branch.lineno}"
    architectures = find_assignment(config.body, _ARCHITECTURES)
    if architectures is not None:
        for node in ast.walk(architectures.value):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                types[node.value] = f"{CONFIG}:{node.lineno}"
    return types


def _register(source: str, spec: ModelSpec) -> str:
    architectures = find_assignment(parse(source, CONFIG).body, _ARCHITECTURES)
    names = ast.walk(architectures.value) if architectures is not None else ()
    if any(
        isinstance(node, ast.Constant) and node.value == spec.name for node in names
    ):
        return source
    return edit(
        source, CONFIG, append_element(CONFIG, _ARCHITECTURES, f'"{spec.name}"')
    )


def _load(source: str, spec: ModelSpec, base: Base) -> str:
    loader = parse(source, LOADER)
    package = (
        ".embodiment" if "from .embodiment" in source else "rlinf.models.embodiment"
    )
    edits = []
    for name, subject in _CHAINS.items():
        template = f"model/documented_{name}.j2"
        values = {"spec": spec, "base": base, "package": package}
        text = render(template, values)
        function = find_function(loader.body, name)
        branch = _branches(function, subject).get(spec.name) if function else None
        if branch is None:
            edits.append(add_branch(LOADER, name, subject, text))
        elif not is_same_code(_alone(branch), text):
            raise WiringChangedError(
                LOADER, branch.lineno, f"the branch of {spec.name!r}", f"\n{text}"
            )
    return edit(source, LOADER, *edits) if edits else source


def _alone(branch: ast.If) -> ast.If:
    return ast.If(test=branch.test, body=branch.body, orelse=[])


def _modules(spec: ModelSpec) -> Mapping[str, PurePosixPath]:
    return {
        f"model/{spec.head}_action_model.py.j2": (
            POLICIES / f"{spec.name}_action_model.py"
        )
    }


layout = Layout(
    name="documented",
    title="string compares on model_type, as in RLinf's guide",
    detect=_detect,
    model_types=_model_types,
    register=_register,
    load=_load,
    modules=_modules,
)
