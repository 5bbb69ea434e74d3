"""How ``rlinf/models/__init__.py`` tells models apart: if/elif chains on their type."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.codemods.branches import add_branch
from rlinf_scaffold.codemods.source import Edit, edit
from rlinf_scaffold.errors import AnchorNotFoundError, WiringChangedError
from rlinf_scaffold.matching import Check
from rlinf_scaffold.rendering import render
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.subjects import MODELS, Subject, Wording, read_origins
from rlinf_scaffold.supported import ARCHITECTURES, Supported
from rlinf_scaffold.syntax import (
    alone,
    bound_names,
    find_function,
    is_same_code,
    links_of,
    parse,
    required_parameters,
)
from rlinf_scaffold.wiring import CONFIG, LOADER

_PACKAGES = (".embodiment", "rlinf.models.embodiment")
_EXITS = (ast.Return, ast.Raise)
_GIVEN = {"torch_dtype": "precision", "model_path": "model_path"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """A function that dispatches on the model type, and what a branch of it relies on.

    Attributes:
        function: its name.
        key: where, below the settings that it is given, the model type stands.
        members: whether its chain compares with members of the Enum, not with strings.
        binds: what every branch binds, for the statements below the chain to read.
        template: the branch to add.
        imports: whether branches bind by importing.
        takes_path: whether it is given the checkpoint's folder before the settings.
        given: what it binds above the chain.
        closed: whether its chain ends in an ``else`` that turns unknown models away.
    """

    function: str
    key: str
    members: bool
    binds: tuple[str, ...]
    template: str
    imports: bool = False
    takes_path: bool = False
    given: tuple[str, ...] = ()
    closed: bool = False

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that have no default, by the names that RLinf gives them."""
        return ("model_path", "cfg") if self.takes_path else ("cfg",)

    @property
    def chain(self) -> str:
        """Its chain, in words."""
        values = f"members of {MODELS}" if self.members else "strings"
        binds = "imports" if self.imports else "binds"
        return (
            f"{self.function}() with an if/elif chain that compares cfg.{self.key} with "
            f"{values} and {binds} {', '.join(self.binds)}"
        )


@dataclass(frozen=True, slots=True)
class _Chain:
    """The chain of a function, as it is written.

    Attributes:
        node: its ``if``.
        subject: what it compares.
        wording: how most of its branches do.
        names: what the function calls its parameters and what a branch goes by.
        obstacle: a condition above its end that may hold for any model.
    """

    node: ast.If
    subject: Subject
    wording: Wording
    names: Mapping[str, str]
    obstacle: ast.If | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A generation of RLinf's registration that dispatches in if/elif chains."""

    supported: Supported
    dispatches: tuple[Dispatch, ...]

    def detect(self, tree: Tree) -> tuple[Check, ...]:
        """Return what it needs of a checkout."""
        config, loader = _bodies(tree)
        checks = (_checks(loader, dispatch) for dispatch in self.dispatches)
        return (self.supported.check(config), *(c for each in checks for c in each))

    def model_types(self, tree: Tree) -> Mapping[str, str]:
        """Return every model that is wired, and where."""
        config, loader = _bodies(tree)
        members = {
            f"{MODELS}.{member}": name
            for member, name in self.supported.members(config).items()
        }
        types: dict[str, str] = {}
        for dispatch in self.dispatches:
            for model, line in _dispatched(loader, dispatch):
                name = members.get(model, model.removeprefix(f"{MODELS}.").lower())
                types[name] = f"{LOADER}:{line}"
        for name, line in self.supported.names(config).items():
            types[name] = f"{CONFIG}:{line}"
        return types

    def register(self, source: str, spec: ModelSpec) -> str:
        """Return ``rlinf/config.py`` with the model among the supported ones."""
        return self.supported.add(source, spec)

    def load(self, source: str, spec: ModelSpec, values: Mapping[str, object]) -> str:
        """Return ``rlinf/models/__init__.py`` with a branch for the model."""
        branches = [
            _branch(source, dispatch, spec, values) for dispatch in self.dispatches
        ]
        edits = [branch for branch in branches if branch is not None]
        return edit(source, LOADER, *edits) if edits else source


def _bodies(tree: Tree) -> tuple[list[ast.stmt], list[ast.stmt]]:
    config, loader = (
        parse(tree.read(path) or "", path).body for path in (CONFIG, LOADER)
    )
    return config, loader


def _checks(body: list[ast.stmt], dispatch: Dispatch) -> Iterator[Check]:
    """Yield what a dispatch needs, as far as what it rests on is there."""
    name = dispatch.function
    function = find_function(body, name)
    what = f"{name}({', '.join(dispatch.parameters)})"
    subject = _subject(function, dispatch) if function else None
    there = function or _namesake(body, dispatch)
    yield Check(what, LOADER, there, subject is not None, _restore(body, there, what))
    if function is None or subject is None:
        return
    chain = _find_chain(body, dispatch)
    yield Check(dispatch.chain, LOADER, chain.node if chain else function, bool(chain))
    if chain is None:
        return
    at = chain.obstacle or chain.node
    yield Check(
        f"conditions in {name}() that each spell out their models",
        LOADER,
        at,
        chain.obstacle is None,
        f"spell out at {LOADER}:{at.lineno} the models that the condition is for",
    )
    if dispatch.closed:
        last = links_of(chain.node)[-1]
        what = f"{name}() with an else that turns unknown models away below that chain"
        place = f"{LOADER}:{last.end_lineno}"
        remedy = f"write `else: return None` below the chain that ends at {place}"
        yield Check(what, LOADER, last, bool(last.orelse), remedy)
    for given in dispatch.given:
        what = f"{name}() that binds {given} above that chain"
        yield Check(what, LOADER, function, given in chain.names)
    end = function.body[-1]
    holds = isinstance(end, ast.Return) and end.value is not None
    yield Check(f"{name}() that ends in a return", LOADER, end, holds)


def _namesake(body: list[ast.stmt], dispatch: Dispatch) -> ast.FunctionDef | None:
    """Return the one function that may be the one in question under another name."""
    found = [
        node
        for node in body
        if isinstance(node, ast.FunctionDef)
        and len(required_parameters(node)) == len(dispatch.parameters)
        and any(isinstance(line, ast.If) for line in node.body)
    ]
    return found[0] if len(found) == 1 else None


def _restore(
    body: list[ast.stmt], there: ast.FunctionDef | None, signature: str
) -> str:
    if not body:
        return f"take {LOADER} back, which holds nothing (git checkout -- {LOADER})"
    if there is None:
        return ""
    return f"make {LOADER}:{there.lineno} `def {signature}` again"


def _subject(function: ast.FunctionDef, dispatch: Dispatch) -> Subject | None:
    """Return the model type that a function is to dispatch on, if it is given one."""
    required = required_parameters(function)
    if len(required) != len(dispatch.parameters):
        return None
    return Subject(f"{required[-1]}.{dispatch.key}", {})


def _find_chain(body: list[ast.stmt], dispatch: Dispatch) -> _Chain | None:
    """Return the chain where a branch must go for it to run.

    It is the one with an ``else``, which would take the model for an unknown one.
    """
    function = find_function(body, dispatch.function)
    subject = _subject(function, dispatch) if function else None
    if function is None or subject is None:
        return None
    chains = list(_chains(function, dispatch, subject))
    closed = [chain for chain in chains if links_of(chain.node)[-1].orelse]
    chain = next(iter([*closed, *chains]), None)
    if chain is None:
        return None
    above = [line for line in function.body if line.lineno < chain.node.lineno]
    given = {
        name: local
        for name in dispatch.given
        if (local := _given(name, [*body, *above], chain.subject)) is not None
    }
    obstacle = _find_obstacle(above, chain)
    return replace(chain, names={**chain.names, **given}, obstacle=obstacle)


def _find_obstacle(above: list[ast.stmt], chain: _Chain) -> ast.If | None:
    """Return the first condition that may keep the model from the chain's end."""
    exits = [line for line in above if isinstance(line, ast.If) and _leaves(line.body)]
    for link in (*exits, *links_of(chain.node)):
        if chain.subject.may_take(link.test) and not _is_guard(link):
            return link
    return None


def _chains(
    function: ast.FunctionDef, dispatch: Dispatch, subject: Subject
) -> Iterator[_Chain]:
    for index, node in enumerate(function.body):
        if not isinstance(node, ast.If):
            continue
        seen = Subject(subject.key, read_origins(function.body[:index]))
        branches = [link for link in links_of(node) if seen.names(link.test)]
        wordings = [w for link in branches for w in seen.wordings(link.test)]
        bound = _bound(branches, function.body[index + 1 :], dispatch)
        if wordings and bound:
            wording = max(wordings, key=wordings.count)
            if wording.is_of_members is dispatch.members:
                required = required_parameters(function)
                names = dict(zip(dispatch.parameters, required, strict=True))
                yield _Chain(node, seen, wording, {**names, **bound})


def _bound(
    branches: list[ast.If], below: list[ast.stmt], dispatch: Dispatch
) -> Mapping[str, str]:
    """Return what the branches call what they bind; empty where that is not certain."""
    read = [
        node.id
        for statement in below
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    ]
    bodies = [branch.body for branch in branches if not _leaves(branch.body)]
    imported = _in_all(_imported(body) for body in bodies)
    bound = _in_all(bound_names(body) for body in bodies)
    candidates = imported if dispatch.imports else bound - imported
    found = tuple(dict.fromkeys(name for name in read if name in candidates))
    if {*dispatch.binds} <= {*found}:
        return {name: name for name in dispatch.binds}
    if len(found) != len(dispatch.binds):
        return {}
    return dict(zip(dispatch.binds, found, strict=True))


def _imported(body: list[ast.stmt]) -> set[str]:
    imports = [node for node in body if isinstance(node, ast.ImportFrom)]
    return bound_names([*imports])


def _in_all(names: Iterable[set[str]]) -> set[str]:
    first, *others = [*names] or [set[str]()]
    return first.intersection(*others)


def _given(name: str, above: list[ast.stmt], subject: Subject) -> str | None:
    """Return what a function calls a value that it binds above its chain."""
    if name in bound_names(above):
        return name
    key = f"{subject.key.partition('.')[0]}.{_GIVEN[name]}"
    origins = subject.origins.items()
    return next((local for local, path in origins if path == key), None)


def _leaves(body: list[ast.stmt]) -> bool:
    return isinstance(body[-1], _EXITS)


def _is_guard(link: ast.If) -> bool:
    """Whether a condition only keeps models out that are not registered."""
    test = link.test
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.ops[0], ast.NotIn)
        and ast.unparse(test.comparators[0]) in (MODELS, ARCHITECTURES)
        and _leaves(link.body)
    )


def _dispatched(body: list[ast.stmt], dispatch: Dispatch) -> Iterator[tuple[str, int]]:
    """Yield the models that a function names, with the lines."""
    function = find_function(body, dispatch.function)
    subject = _subject(function, dispatch) if function else None
    if function is None or subject is None:
        return
    seen = Subject(subject.key, read_origins(function.body))
    for node in ast.walk(function):
        if isinstance(node, ast.If):
            for name in seen.names(node.test):
                yield name, node.lineno


def _branch(
    source: str, dispatch: Dispatch, spec: ModelSpec, values: Mapping[str, object]
) -> Edit | None:
    """Return the edit that adds the model's branch, or None where it is there."""
    body = parse(source, LOADER).body
    chain = _find_chain(body, dispatch)
    function = find_function(body, dispatch.function)
    if function is None or chain is None or not _can_take(chain, dispatch):
        raise _refusal(dispatch, spec, values)
    values = {**values, "test": chain.wording.of(spec), "names": chain.names}
    text = render(dispatch.template, {**values, "package": _package(function)})
    for link in links_of(chain.node):
        if chain.subject.names(link.test) & {spec.name, f"{MODELS}.{spec.member}"}:
            if _is_generated(link, chain.subject, dispatch, values):
                return None
            what = f"the branch of {spec.name!r}"
            raise WiringChangedError(LOADER, link.lineno, what, f"\n{text}")
    ifs = [line for line in function.body if isinstance(line, ast.If)]
    return add_branch(LOADER, dispatch.function, ifs.index(chain.node), text)


def _can_take(chain: _Chain, dispatch: Dispatch) -> bool:
    return chain.obstacle is None and {*dispatch.given} <= chain.names.keys()


def _is_generated(
    link: ast.If, subject: Subject, dispatch: Dispatch, values: Mapping[str, object]
) -> bool:
    """Whether a branch is what is generated, in one of the chain's wordings."""
    if isinstance(link.test, ast.Compare) and len(subject.names(link.test)) == 1:
        values = {**values, "test": ast.unparse(link.test)}
    texts = [render(dispatch.template, {**values, "package": p}) for p in _PACKAGES]
    return is_same_code(alone(link), *texts)


def _refusal(
    dispatch: Dispatch, spec: ModelSpec, values: Mapping[str, object]
) -> AnchorNotFoundError:
    right = f"{MODELS}.{spec.member}" if dispatch.members else f'"{spec.name}"'
    names = (*dispatch.parameters, *dispatch.binds, *dispatch.given)
    usual = {
        "test": f"cfg.{dispatch.key} == {right}",
        "names": {name: name for name in names},
        "package": _PACKAGES[1],
    }
    text = render(dispatch.template, {**values, **usual})
    return AnchorNotFoundError(
        LOADER,
        f"if/elif chain on cfg.{dispatch.key} in {dispatch.function}()",
        f"add this branch to {dispatch.function}():\n{text}",
    )


def _package(function: ast.FunctionDef) -> str:
    """Return how a function imports from the models' package."""
    imports = [node for node in ast.walk(function) if isinstance(node, ast.ImportFrom)]
    relative = any(node.level for node in imports)
    return _PACKAGES[0] if relative else _PACKAGES[1]
