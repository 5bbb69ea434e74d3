"""How ``rlinf/config.py`` lists the supported models: a list of names, or an Enum."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from rlinf_scaffold.codemods.collections import append_element
from rlinf_scaffold.codemods.source import edit
from rlinf_scaffold.codemods.statements import insert_in_class
from rlinf_scaffold.errors import (
    AnchorNotFoundError,
    NameTakenError,
    WiringChangedError,
)
from rlinf_scaffold.matching import Check
from rlinf_scaffold.rendering import fit
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.subjects import MODELS
from rlinf_scaffold.syntax import (
    find_assignment,
    find_class,
    find_literal,
    is_same_code,
    last_name,
    parse,
    spelled,
    strings,
    walk,
)
from rlinf_scaffold.wiring import CONFIG

ARCHITECTURES = "SUPPORTED_MODEL_ARCHS"
_CATEGORY = "embodied"
_INDENT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Supported:
    """One way of listing the supported models.

    Attributes:
        check: what it needs of the file's statements.
        names: every model's name, and the line it stands in.
        members: the names of models by the member that stands for each.
        add: the file with the model among the others.
    """

    check: Callable[[list[ast.stmt]], Check]
    names: Callable[[list[ast.stmt]], Mapping[str, int]]
    members: Callable[[list[ast.stmt]], Mapping[str, str]]
    add: Callable[[str, ModelSpec], str]


def _check_list(body: list[ast.stmt]) -> Check:
    listed = find_assignment(body, ARCHITECTURES)
    others = find_class(body, MODELS)
    is_literal = listed is not None and find_literal(listed.value) is not None
    what = f"list {ARCHITECTURES} without a class {MODELS} beside it"
    in_place = listed.node if listed and not (is_literal and others) else others
    return Check(what, CONFIG, in_place, is_literal and others is None)


def _listed(body: list[ast.stmt]) -> Mapping[str, int]:
    listed = find_assignment(body, ARCHITECTURES)
    return dict(strings(walk(listed.value))) if listed else {}


def _append(source: str, spec: ModelSpec) -> str:
    if spec.name in _listed(parse(source, CONFIG).body):
        return source
    return edit(source, CONFIG, append_element(CONFIG, ARCHITECTURES, f'"{spec.name}"'))


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of the Enum, and how its value is written.

    Attributes:
        node: the statement.
        head: what stands before the parenthesis of its value; empty for a tuple.
        parts: what stands in it, each as a keyword, if any, and a value.
    """

    node: ast.Assign
    head: str
    parts: tuple[tuple[str, ast.expr], ...]

    @property
    def member(self) -> str:
        """Its name in the Enum."""
        return spelled(self.node.targets[0])

    @property
    def name(self) -> str | None:
        """The model's name: its first string, its category aside."""
        names = (text for text, _ in strings(value for _, value in self.parts))
        return next((name for name in names if name != _CATEGORY), None)

    @property
    def is_model(self) -> bool:
        """Whether it holds the name of an embodied model, its category, and no more."""
        categories = [value for _, value in self.parts if _is_category(value)]
        return len(self.parts) == 2 and len(categories) == 1 and self.name is not None

    def named(self, spec: ModelSpec) -> str:
        """Return a model's member in the form of this one."""
        parts = [
            keyword + (spelled(value) if _is_category(value) else repr(spec.name))
            for keyword, value in self.parts
        ]
        quoted = [part.replace("'", '"') for part in parts]
        text = fit(f"{spec.member} = {self.head}", quoted, indent=_INDENT)
        if "\n" in text and not self.head:  # ruff puts each part of a tuple on a line
            rows = "".join(f"    {part},\n" for part in quoted)
            return f"{spec.member} = (\n{rows})"
        return text.replace(f"\n{' ' * _INDENT}", "\n")


def _is_category(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return value.value == _CATEGORY
    return last_name(value).lower() == _CATEGORY


def _find_enum(body: list[ast.stmt]) -> ast.ClassDef | None:
    found = find_class(body, MODELS)
    return found if found and _is_enum(body, found) else None


def _is_enum(body: list[ast.stmt], node: ast.ClassDef) -> bool:
    for base in map(spelled, node.bases):
        if base.endswith("Enum"):
            return True
        above = [line for line in body if line.lineno < node.lineno]
        parent = find_class(above, base)
        if parent is not None and _is_enum(above, parent):
            return True
    return False


def _members(body: list[ast.stmt]) -> Iterator[_Member]:
    enum = _find_enum(body)
    for node in enum.body if enum else ():
        if not isinstance(node, ast.Assign):
            continue
        value = node.value
        if isinstance(value, ast.Tuple):
            yield _Member(node, "", tuple(("", part) for part in value.elts))
        elif isinstance(value, ast.Call):
            named = ((f"{k.arg}=" if k.arg else "**", k.value) for k in value.keywords)
            parts = (*(("", part) for part in value.args), *named)
            yield _Member(node, spelled(value.func), parts)
        else:
            yield _Member(node, "", (("", value),))


def _check_enum(body: list[ast.stmt]) -> Check:
    enum = find_class(body, MODELS)
    listed = find_assignment(body, ARCHITECTURES)
    rival = listed.node if listed and find_literal(listed.value) else None
    models = any(member.is_model for member in _members(body))
    return Check(
        f'Enum {MODELS} with members as NAME = ("name", "{_CATEGORY}"), without a '
        f"list {ARCHITECTURES} beside it",
        CONFIG,
        rival if rival and models else enum or rival,
        models and rival is None,
    )


def _member_lines(body: list[ast.stmt]) -> Mapping[str, int]:
    return {m.name: m.node.lineno for m in _members(body) if m.name is not None}


def _member_names(body: list[ast.stmt]) -> Mapping[str, str]:
    return {m.member: m.name for m in _members(body) if m.name is not None}


def _add_member(source: str, spec: ModelSpec) -> str:
    members = tuple(_members(parse(source, CONFIG).body))
    models = [member for member in members if member.is_model]
    if not models:
        anchor = f'member NAME = ("name", "{_CATEGORY}") in Enum {MODELS}'
        text = f'add {spec.member} = ("{spec.name}", "{_CATEGORY}") to it'
        raise AnchorNotFoundError(CONFIG, anchor, text)
    others = [model for model in models if model.member != spec.member]
    text = (others or models)[-1].named(spec)
    for member in members:
        if spec.member == member.member or spec.name == member.name:
            _check_member(spec, member, [model.named(spec) for model in models])
            return source
    last = models[-1].node
    return edit(
        source,
        CONFIG,
        insert_in_class(
            CONFIG,
            MODELS,
            lambda node: node.lineno == last.lineno,
            text,
            anchor="embodied member",
        ),
    )


def _check_member(spec: ModelSpec, found: _Member, texts: list[str]) -> None:
    where = f"{CONFIG}:{found.node.lineno}"
    if found.member == spec.member and found.name != spec.name:
        value = spelled(found.node.value)
        taken = f"{MODELS}.{spec.member} is {value} at {where}"
        raise NameTakenError(spec.name, [taken])
    if not is_same_code(found.node, *texts):
        what = f"{MODELS}.{found.member}"
        raise WiringChangedError(CONFIG, found.node.lineno, what, texts[-1])


LIST = Supported(check=_check_list, names=_listed, members=_member_names, add=_append)
ENUM = Supported(
    check=_check_enum, names=_member_lines, members=_member_names, add=_add_member
)
