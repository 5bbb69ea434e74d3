"""Registered builders: RLinf v0.3 and main, since April 2026.

``SupportedModel`` is a dataclass with a member a statement, ``EMBODIED_MODEL`` a set of
members, and ``_register_builtin_models`` holds one lazy builder a model.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import libcst as cst
import libcst.matchers as m

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.codemods.collections import append_element
from rlinf_scaffold.codemods.source import Edit, edit
from rlinf_scaffold.codemods.statements import insert_after_last, insert_in_function
from rlinf_scaffold.errors import WiringChangedError
from rlinf_scaffold.layouts import CONFIG, LOADER, POLICIES, Detection, Layout
from rlinf_scaffold.rendering import fit
from rlinf_scaffold.spec import Base, ModelSpec
from rlinf_scaffold.syntax import (
    find_assignment,
    find_class,
    find_function,
    is_same_code,
    parameter_names,
    parse,
)

_REGISTRAR = "_register_builtin_models"
_PARAMETERS = {"model_type", "model_builder", "category", "force"}


def _detect(tree: Tree) -> Detection:
    config = parse(tree.read(CONFIG) or "", CONFIG)
    loader = parse(tree.read(LOADER) or "", LOADER)
    supported = find_class(config.body, "SupportedModel")
    embodied = find_assignment(config.body, "EMBODIED_MODEL")
    register = find_function(loader.body, "register_model")
    registrar = find_function(loader.body, _REGISTRAR)
    get_model = find_function(loader.body, "get_model")
    checks: tuple[tuple[str, PurePosixPath, ast.stmt | None, bool], ...] = (
        (
            "class SupportedModel with a classmethod register",
            CONFIG,
            supported,
            supported is not None
            and find_function(supported.body, "register") is not None,
        ),
        ("set EMBODIED_MODEL", CONFIG, embodied, embodied is not None),
        (
            f"register_model({', '.join(sorted(_PARAMETERS))})",
            LOADER,
            register,
            register is not None and set(parameter_names(register)) >= _PARAMETERS,
        ),
        (
            f"{_REGISTRAR}() with nested builders",
            LOADER,
            registrar,
            registrar is not None
            and any(isinstance(node, ast.FunctionDef) for node in registrar.body),
        ),
        (
            "get_model(cfg)",
            LOADER,
            get_model,
            get_model is not None and parameter_names(get_model) == ("cfg",),
        ),
    )
    return Detection(
        found=tuple(
            f"{what} at {path}:{node.lineno}"
            for what, path, node, holds in checks
            if holds and node is not None
        ),
        missing=tuple(
            f"{what} in {path}" + (f" (line {node.lineno} differs)" if node else "")
            for what, path, node, holds in checks
            if not holds
        ),
    )


def _model_types(tree: Tree) -> Mapping[str, str]:
    config = parse(tree.read(CONFIG) or "", CONFIG)
    return {
        value.value: f"{CONFIG}:{node.lineno}"
        for node in config.body
        for value in _registered_values(node)
    }


def _registered_values(node: ast.stmt) -> Iterator[ast.Constant]:
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        call = node.value
        if ast.unparse(call.func) == "SupportedModel.register" and call.args:
            value = call.args[0]
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value


def _register(source: str, spec: ModelSpec) -> str:
    config = parse(source, CONFIG)
    member = f"SupportedModel.{spec.member}"
    text = fit(f"{member} = SupportedModel.register", [f'"{spec.name}"', "force=True"])
    edits: list[Edit] = []
    assignment = find_assignment(config.body, member)
    if assignment is None:
        edits.append(
            insert_after_last(
                CONFIG, _is_registration, text, anchor="SupportedModel registration"
            )
        )
    elif not is_same_code(assignment, text):
        raise WiringChangedError(CONFIG, assignment.lineno, member, text)
    embodied = find_assignment(config.body, "EMBODIED_MODEL")
    if embodied is None or member not in _members(embodied.value):
        edits.append(append_element(CONFIG, "EMBODIED_MODEL", member))
    return edit(source, CONFIG, *edits) if edits else source


def _members(value: ast.expr) -> set[str]:
    return {ast.unparse(n) for n in ast.walk(value) if isinstance(n, ast.Attribute)}


def _is_registration(node: cst.CSTNode) -> bool:
    supported = m.Name("SupportedModel")
    return m.matches(
        node,
        m.SimpleStatementLine(
            body=[
                m.Assign(
                    targets=[m.AssignTarget(target=m.Attribute(value=supported))],
                    value=m.Call(func=m.Attribute(supported, m.Name("register"))),
                )
            ]
        ),
    )


def _load(source: str, spec: ModelSpec, base: Base) -> str:
    del base  # the builder is the same for every base
    registrar = find_function(parse(source, LOADER).body, _REGISTRAR)
    body = registrar.body if registrar else []
    builder = f"_build_{spec.name}"
    builder_text = (
        f"def {builder}(cfg: DictConfig, torch_dtype):\n"
        f"    from rlinf.models.embodiment.{spec.name} import get_model\n"
        "\n"
        "    return get_model(cfg, torch_dtype)\n"
    )
    member = f"SupportedModel.{spec.member}.value"
    call_text = (
        f"register_model(\n    {member},\n    {builder},\n"
        '    category="embodied",\n    force=True,\n)\n'
    )
    edits: list[Edit] = []
    existing = find_function(body, builder)
    if existing is None:
        edits.append(
            insert_in_function(
                LOADER,
                _REGISTRAR,
                lambda node: isinstance(node, cst.FunctionDef),
                builder_text,
                anchor="nested builder",
                blank_lines=1,
            )
        )
    elif not is_same_code(existing, builder_text):
        raise WiringChangedError(
            LOADER, existing.lineno, f"{builder}()", f"\n{builder_text}"
        )
    call = _find_call(body, member)
    if call is None:
        edits.append(
            insert_in_function(
                LOADER,
                _REGISTRAR,
                _is_register_call,
                call_text,
                anchor="register_model() call",
            )
        )
    elif not is_same_code(call, call_text):
        raise WiringChangedError(
            LOADER, call.lineno, f"register_model({member}, ...)", f"\n{call_text}"
        )
    return edit(source, LOADER, *edits) if edits else source


def _find_call(body: list[ast.stmt], member: str) -> ast.Expr | None:
    for node in body:
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Call)
            and ast.unparse(node.value.func) == "register_model"
            and node.value.args
            and ast.unparse(node.value.args[0]) == member
        ):
            return node
    return None


def _is_register_call(node: cst.CSTNode) -> bool:
    call = m.Expr(value=m.Call(func=m.Name("register_model")))
    return m.matches(node, m.SimpleStatementLine(body=[call]))


def _modules(spec: ModelSpec) -> Mapping[str, PurePosixPath]:
    package = POLICIES / spec.name
    return {
        "model/package.py.j2": package / "__init__.py",
        f"model/{spec.head}_action_model.py.j2": (
            package / f"{spec.name}_action_model.py"
        ),
    }


layout = Layout(
    name="registry",
    title="registered builders, RLinf v0.3 and main",
    detect=_detect,
    model_types=_model_types,
    register=_register,
    load=_load,
    modules=_modules,
)
