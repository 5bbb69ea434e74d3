"""The shape of RLinf's guide to adding a model: string compares on ``model_type``.

``SUPPORTED_MODEL_ARCHS`` lists the names, ``get_model_config_and_processor`` and
``get_model`` dispatch on them, and a model is one flat module.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.codemods.branches import add_branch
from rlinf_scaffold.codemods.collections import append_element
from rlinf_scaffold.codemods.source import Edit, edit
from rlinf_scaffold.errors import AnchorNotFoundError, WiringChangedError
from rlinf_scaffold.layouts import CONFIG, LOADER, POLICIES, Check, Layout
from rlinf_scaffold.rendering import render
from rlinf_scaffold.spec import Base, ModelSpec
from rlinf_scaffold.syntax import (
    bound_names,
    find_assignment,
    find_function,
    find_literal,
    is_same_code,
    parameter_names,
    parse,
)

_ARCHITECTURES = "SUPPORTED_MODEL_ARCHS"


@dataclass(frozen=True, slots=True)
class _Dispatch:
    """A function that dispatches on the model type, and what a branch of it relies on.

    Attributes:
        function: its name.
        parameters: its parameters.
        subject: what its chain compares with the name of a model.
        given: names that it binds above the chain.
        returned: names that every branch binds, and that it returns below the chain.
    """

    function: str
    parameters: tuple[str, ...]
    subject: str
    given: tuple[str, ...]
    returned: tuple[str, ...]

    @property
    def template(self) -> str:
        """The branch to add."""
        return f"model/documented_{self.function}.j2"


_DISPATCHES = (
    _Dispatch(
        function="get_model_config_and_processor",
        parameters=("cfg",),
        subject="cfg.model.model_type",
        given=(),
        returned=("model_config", "input_processor"),
    ),
    _Dispatch(
        function="get_model",
        parameters=("cfg", "override_config_kwargs"),
        subject="cfg.model_type",
        given=("torch_dtype", "model_path"),
        returned=("model",),
    ),
)


def _detect(tree: Tree) -> tuple[Check, ...]:
    architectures = find_assignment(
        parse(tree.read(CONFIG) or "", CONFIG).body, _ARCHITECTURES
    )
    listed = Check(
        f"list {_ARCHITECTURES}",
        CONFIG,
        architectures.node if architectures else None,
        architectures is not None and find_literal(architectures.value) is not None,
    )
    loader = parse(tree.read(LOADER) or "", LOADER).body
    return (listed, *(c for d in _DISPATCHES for c in _dispatch_checks(loader, d)))


def _dispatch_checks(body: list[ast.stmt], dispatch: _Dispatch) -> Iterator[Check]:
    name = dispatch.function
    function = find_function(body, name)
    yield Check(
        f"{name}({', '.join(dispatch.parameters)})",
        LOADER,
        function,
        function is not None and parameter_names(function) == dispatch.parameters,
    )
    chain = _find_chain(function, dispatch) if function else None
    yield Check(
        f"{name}() with an if/elif chain that compares {dispatch.subject} with strings "
        f"and binds {', '.join(dispatch.returned)}",
        LOADER,
        chain or function,
        chain is not None,
    )
    if function is None or chain is None:
        return
    lines = [*body, *(line for line in function.body if line.lineno < chain.lineno)]
    for given in dispatch.given:
        what = f"{name}() that binds {given} above that chain"
        yield Check(what, LOADER, function, given in bound_names(lines))
    returned = ", ".join(dispatch.returned)
    end = function.body[-1]
    yield Check(
        f"{name}() that ends in `return {returned}`",
        LOADER,
        end,
        isinstance(end, ast.Return) and _reads(end, dispatch.returned),
    )


def _reads(node: ast.AST, names: Iterable[str]) -> bool:
    return set(names) <= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _find_chain(function: ast.FunctionDef, dispatch: _Dispatch) -> ast.If | None:
    """Return the chain where a branch must go for it to run, if that is certain.

    It is the one with an ``else``, which would take the model for an unknown one.
    """
    chains = [
        line
        for line in function.body
        if isinstance(line, ast.If)
        and _names(line.test, dispatch.subject)
        and set(dispatch.returned) <= bound_names(line.body)
    ]
    closed = [chain for chain in chains if _links(chain)[-1].orelse]
    chain = next(iter([*closed, *chains]), None)
    if chain is None or any(_may_take(x.test, dispatch.subject) for x in _links(chain)):
        return None
    return chain


def _links(chain: ast.If) -> list[ast.If]:
    """Return the ``if`` of a chain and its ``elif``s."""
    links = [chain]
    while len(links[-1].orelse) == 1 and isinstance(links[-1].orelse[0], ast.If):
        links.append(links[-1].orelse[0])
    return links


def _may_take(test: ast.expr, subject: str) -> bool:
    """Whether a test on the subject may hold for a name that it does not spell out."""
    return not _names(test, subject) and subject in ast.unparse(test)


def _names(test: ast.expr, subject: str) -> set[str]:
    """Return every string that the subject must be one of for a test to hold."""
    if isinstance(test, ast.BoolOp):
        parts = [_names(value, subject) for value in test.values]
        certain = isinstance(test.op, ast.And) or all(parts)
        return set[str]().union(*parts) if certain else set()
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return set()
    left, right = test.left, test.comparators[0]
    if isinstance(test.ops[0], ast.Eq):
        if ast.unparse(right) == subject:
            left, right = right, left
        values = [right]
    elif isinstance(test.ops[0], ast.In) and (choices := find_literal(right)):
        values = choices.elts
    else:
        return set()
    strings = list(_strings(values))
    is_spelt_out = ast.unparse(left) == subject and len(strings) == len(values)
    return {text for text, _ in strings} if is_spelt_out else set()


def _strings(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, int]]:
    """Yield the string constants among nodes, with their lines."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, node.lineno


def _model_types(tree: Tree) -> Mapping[str, str]:
    loader = parse(tree.read(LOADER) or "", LOADER).body
    types: dict[str, str] = {}
    for dispatch in _DISPATCHES:
        function = find_function(loader, dispatch.function)
        for node in ast.walk(function) if function else ():
            if isinstance(node, ast.If):
                for name in _names(node.test, dispatch.subject):
                    types[name] = f"{LOADER}:{node.lineno}"
    architectures = find_assignment(
        parse(tree.read(CONFIG) or "", CONFIG).body, _ARCHITECTURES
    )
    for name, line in _strings(ast.walk(architectures.value) if architectures else ()):
        types[name] = f"{CONFIG}:{line}"
    return types


def _register(source: str, spec: ModelSpec) -> str:
    architectures = find_assignment(parse(source, CONFIG).body, _ARCHITECTURES)
    names = _strings(ast.walk(architectures.value) if architectures else ())
    if spec.name in dict(names):
        return source
    return edit(
        source, CONFIG, append_element(CONFIG, _ARCHITECTURES, f'"{spec.name}"')
    )


def _load(source: str, spec: ModelSpec, base: Base) -> str:
    edits = [
        branch
        for dispatch in _DISPATCHES
        if (branch := _branch(source, dispatch, spec, base)) is not None
    ]
    return edit(source, LOADER, *edits) if edits else source


def _branch(
    source: str, dispatch: _Dispatch, spec: ModelSpec, base: Base
) -> Edit | None:
    """Return the edit that adds the model's branch, or None where it is there."""
    relative, absolute = (
        render(dispatch.template, {"spec": spec, "base": base, "package": package})
        for package in (".embodiment", "rlinf.models.embodiment")
    )
    text = relative if "from .embodiment" in source else absolute
    function = find_function(parse(source, LOADER).body, dispatch.function)
    chain = _find_chain(function, dispatch) if function else None
    if function is None or chain is None:
        raise AnchorNotFoundError(
            LOADER,
            f"if/elif chain on {dispatch.subject} in {dispatch.function}()",
            f"add this branch to {dispatch.function}():\n{text}",
        )
    for link in _links(chain):
        if spec.name in _names(link.test, dispatch.subject):
            if is_same_code(_alone(link), relative, absolute):
                return None
            what = f"the branch of {spec.name!r}"
            raise WiringChangedError(LOADER, link.lineno, what, f"\n{text}")
    ifs = [line for line in function.body if isinstance(line, ast.If)]
    return add_branch(LOADER, dispatch.function, ifs.index(chain), text)


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
