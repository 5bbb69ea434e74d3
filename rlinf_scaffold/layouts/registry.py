"""Registered builders: RLinf v0.3 and main, since April 2026.

``SupportedModel`` is a class with a member a statement, ``EMBODIED_MODEL`` a set of
members, and ``_register_builtin_models`` holds one lazy builder a model.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.codemods.collections import append_element
from rlinf_scaffold.codemods.source import Edit, edit
from rlinf_scaffold.codemods.statements import insert_after_last, insert_in_function
from rlinf_scaffold.errors import NameTakenError, WiringChangedError
from rlinf_scaffold.layouts import Layout
from rlinf_scaffold.matching import Check
from rlinf_scaffold.rendering import fit
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.syntax import (
    Assignment,
    bound_names,
    find_assignment,
    find_class,
    find_function,
    find_literal,
    is_same_code,
    parameter_names,
    parse,
    takes,
)
from rlinf_scaffold.wiring import CONFIG, LOADER, package

_SET = "EMBODIED_MODEL"
_REGISTRAR = "_register_builtin_models"
_BUILDER = ("model_type", "model_builder")
_OPTIONS = ("category", "force")
_IMPORTS = ("DictConfig", "SupportedModel")


def _detect(tree: Tree) -> tuple[Check, ...]:
    config = parse(tree.read(CONFIG) or "", CONFIG).body
    loader = parse(tree.read(LOADER) or "", LOADER).body
    return (*_config_checks(config), *_loader_checks(loader))


def _config_checks(body: list[ast.stmt]) -> Iterator[Check]:
    supported = find_class(body, "SupportedModel")
    register = find_function(supported.body, "register") if supported else None
    yield Check(
        "class SupportedModel with a classmethod register(value, force)",
        CONFIG,
        register or supported,
        register is not None and _is_classmethod(register) and _takes_force(register),
    )
    embodied = find_assignment(body, _SET)
    node = embodied.node if embodied else None
    yield Check(
        f"set literal {_SET}",
        CONFIG,
        node,
        embodied is not None and find_literal(embodied.value) is not None,
    )
    registrations = [line for line in body if _is_registration(line)]
    above = [line for line in registrations if node and line.lineno < node.lineno]
    yield Check(
        f"SupportedModel registration above {_SET}",
        CONFIG,
        [None, *registrations, *above][-1],
        bool(above),
    )


def _loader_checks(body: list[ast.stmt]) -> Iterator[Check]:
    register = find_function(body, "register_model")
    yield Check(
        f"register_model({', '.join((*_BUILDER, *_OPTIONS))})",
        LOADER,
        register,
        register is not None and takes(register, _BUILDER, _OPTIONS),
    )
    registrar = find_function(body, _REGISTRAR)
    inside = registrar.body if registrar else []
    yield Check(
        f"{_REGISTRAR}() with nested builders and register_model() calls",
        LOADER,
        registrar,
        any(isinstance(node, ast.FunctionDef) for node in inside)
        and any(_is_register_call(node) for node in inside),
    )
    get_model = find_function(body, "get_model")
    yield Check(
        "get_model(cfg)",
        LOADER,
        get_model,
        get_model is not None and parameter_names(get_model) == ("cfg",),
    )
    names = bound_names(body)
    for name in _IMPORTS:
        yield Check(f"import of {name}", LOADER, None, name in names)


def _is_classmethod(function: ast.FunctionDef) -> bool:
    return "classmethod" in map(ast.unparse, function.decorator_list)


def _takes_force(register: ast.FunctionDef) -> bool:
    return takes(register, ("cls", *parameter_names(register)[1:2]), ("force",))


def _is_registration(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        targets: Sequence[ast.expr] = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    else:
        return False
    return (
        len(targets) == 1
        and isinstance(targets[0], ast.Attribute)
        and ast.unparse(targets[0].value) == "SupportedModel"
        and _calls(node.value, "SupportedModel.register")
    )


def _calls(node: ast.AST | None, function: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == function


def _model_types(tree: Tree) -> Mapping[str, str]:
    types: dict[str, str] = {}
    for path, function, keyword in (
        (LOADER, "register_model", "model_type"),
        (CONFIG, "SupportedModel.register", "value"),
    ):
        for node in ast.walk(parse(tree.read(path) or "", path)):
            value = _argument(node, keyword) if _calls(node, function) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                types[value.value] = f"{path}:{value.lineno}"
    return types


def _argument(call: ast.Call, keyword: str) -> ast.expr | None:
    """Return what a call gives as first parameter, by place or by keyword."""
    named = [given.value for given in call.keywords if given.arg == keyword]
    return next(iter([*call.args, *named]), None)


def _register(source: str, spec: ModelSpec) -> str:
    body = parse(source, CONFIG).body
    member = f"SupportedModel.{spec.member}"
    text = fit(f"{member} = SupportedModel.register", [f'"{spec.name}"', "force=True"])
    edits: list[Edit] = []
    embodied = find_assignment(body, _SET)
    assignment = find_assignment(body, member)
    if assignment is None:
        edits.append(
            insert_after_last(
                CONFIG,
                _is_registration,
                text,
                anchor=f"SupportedModel registration above {_SET}",
                above=lambda node: find_assignment([node], _SET) is not None,
            )
        )
    else:
        _check_registration(spec, assignment, embodied, text)
    if embodied is None or member not in _members(embodied.value):
        edits.append(append_element(CONFIG, _SET, member))
    return edit(source, CONFIG, *edits) if edits else source


def _check_registration(
    spec: ModelSpec, found: Assignment, embodied: Assignment | None, text: str
) -> None:
    line = found.node.lineno
    member = f"SupportedModel.{spec.member}"
    if _calls(found.value, "SupportedModel.register"):
        value = _argument(found.value, "value")
        if isinstance(value, ast.Constant) and value.value != spec.name:
            where = f"{member} is {value.value!r} at {CONFIG}:{line}"
            raise NameTakenError(spec.name, [where])
    if not is_same_code(found.node, text):
        raise WiringChangedError(CONFIG, line, member, text)
    if embodied is not None and embodied.node.lineno < line:
        place = f"it above {_SET} at line {embodied.node.lineno}"
        raise WiringChangedError(CONFIG, line, member, place)


def _members(value: ast.expr) -> set[str]:
    return {ast.unparse(n) for n in ast.walk(value) if isinstance(n, ast.Attribute)}


def _load(source: str, spec: ModelSpec, values: Mapping[str, object]) -> str:
    del values  # the builder is the same for every base and contract
    registrar = find_function(parse(source, LOADER).body, _REGISTRAR)
    body = registrar.body if registrar else []
    name = f"_build_{spec.name}"
    builder = (
        f"def {name}(cfg: DictConfig, torch_dtype):\n"
        f"    from rlinf.models.embodiment.{spec.name} import get_model\n"
        "\n"
        "    return get_model(cfg, torch_dtype)\n"
    )
    member = f"SupportedModel.{spec.member}.value"
    call = (
        f"register_model(\n    {member},\n    {name},\n"
        '    category="embodied",\n    force=True,\n)\n'
    )
    edits: list[Edit] = []
    built = find_function(body, name)
    called = _find_call(body, {member, repr(spec.name)})
    if built is None:
        edits.append(_insert_builder(builder, body, member if called else None))
    elif not is_same_code(built, builder):
        raise WiringChangedError(LOADER, built.lineno, f"{name}()", f"\n{builder}")
    if called is None:
        edits.append(_insert_call(call, name))
    elif not is_same_code(called, call):
        what = f"register_model({member}, ...)"
        raise WiringChangedError(LOADER, called.lineno, what, f"\n{call}")
    return edit(source, LOADER, *edits) if edits else source


def _find_call(body: list[ast.stmt], names: set[str]) -> ast.stmt | None:
    """Return the statement that registers a model under one of these names."""
    for statement in body:
        for node in ast.walk(statement):
            if _calls(node, "register_model"):
                value = _argument(node, "model_type")
                if value is not None and ast.unparse(value) in names:
                    return statement
    return None


def _insert_builder(text: str, body: list[ast.stmt], called: str | None) -> Edit:
    """Behind the builder of the last call, or what stands last above the model's own."""
    neighbour = None if called else _last_builder(body)
    return insert_in_function(
        LOADER,
        _REGISTRAR,
        lambda node: (
            isinstance(node, ast.FunctionDef) and neighbour in (None, node.name)
        ),
        text,
        anchor="nested builder above the register_model() calls",
        blank_lines=1,
        above=lambda node: (
            _is_register_call(node)
            and (called is None or _find_call([node], {called}) is not None)
        ),
    )


def _last_builder(body: list[ast.stmt]) -> str | None:
    """Return the builder that the last call registers, if it is one that stands above."""
    calls = [line for line in body if _is_register_call(line)]
    if not calls:
        return None
    call = calls[-1]
    names = {n.id for n in ast.walk(call) if isinstance(n, ast.Name)}
    above = [
        line.name
        for line in body
        if isinstance(line, ast.FunctionDef) and line.lineno < call.lineno
    ]
    return next((name for name in reversed(above) if name in names), None)


def _insert_call(text: str, builder: str) -> Edit:
    return insert_in_function(
        LOADER,
        _REGISTRAR,
        lambda node: (
            _is_register_call(node) or find_function([node], builder) is not None
        ),
        text,
        anchor="register_model() call",
    )


def _is_register_call(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and _calls(node.value, "register_model")


layout = Layout(
    name="registry",
    title="registered builders, RLinf v0.3 and main",
    detect=_detect,
    model_types=_model_types,
    register=_register,
    load=_load,
    modules=package,
    has_guide_keys=True,
)
