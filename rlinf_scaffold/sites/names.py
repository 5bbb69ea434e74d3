"""What a name stands for where it is read: in a function, its module, or another one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.sites.vocabulary import Vocabulary
from rlinf_scaffold.syntax import DEFINITIONS, find_function, last_name, parse, spelled

_DEPTH = 8
_SIMPLE = (ast.Assign, ast.Expr, ast.Return, ast.AugAssign, ast.Import, ast.ImportFrom)
_PREDICATE = re.compile(r"_*(?:is|are|has|can|needs?|uses?|should|supports?)_")


@dataclass(frozen=True)
class Source:
    """A module of the checkout, and what it can see."""

    tree: Tree
    path: PurePosixPath
    module: ast.Module
    vocabulary: Vocabulary

    @cached_property
    def bound(self) -> Mapping[str, ast.expr]:
        """What the module's own assignments bind."""
        return bindings(self.module.body)

    @cached_property
    def imports(self) -> Mapping[str, tuple[str, str]]:
        """The module and the name there of everything that is imported."""
        return {
            alias.asname or alias.name: (node.module, alias.name)
            for node in statements(self.module.body, definitions=True)
            if isinstance(node, ast.ImportFrom) and node.module and not node.level
            for alias in node.names
        }

    def imported(self, name: str) -> tuple[Source, str] | None:
        """Return the module of the checkout that a name is imported from."""
        if name not in self.imports:
            return None
        module, original = self.imports[name]
        folder = PurePosixPath(*module.split("."))
        for path in (folder.with_suffix(".py"), folder / "__init__.py"):
            text = self.tree.read(path)
            if text is not None:
                try:
                    body = parse(text, path)
                except SourceSyntaxError:
                    return None
                return Source(self.tree, path, body, self.vocabulary), original
        return None


@dataclass(frozen=True)
class Scope:
    """A function, or a module's own code, with what its names stand for."""

    source: Source
    code: ast.AST
    name: str = ""
    outer: tuple[Mapping[str, ast.expr], ...] = ()
    methods: Mapping[str, ast.FunctionDef] | None = None
    depth: int = 0

    def within(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Scope:
        """Return the scope of a function that stands here."""
        outer = (bindings(node.body), *self.outer)
        return Scope(self.source, node, self._dotted(node.name), outer, self.methods)

    def of_class(self, node: ast.ClassDef) -> Scope:
        """Return the scope of a class that stands here."""
        methods = {it.name: it for it in node.body if isinstance(it, ast.FunctionDef)}
        name = self._dotted(node.name)
        return Scope(self.source, node, name, self.outer, methods)

    def find(self, name: str) -> tuple[ast.expr, Scope] | None:
        """Return what a name was last bound to, and the scope that this is read in."""
        if self.depth >= _DEPTH:
            return None
        for bound in (*self.outer, self.source.bound):
            if name in bound:
                return bound[name], self._deeper(self.source)
        imported = self.source.imported(name)
        if imported is None or imported[1] not in imported[0].bound:
            return None
        return imported[0].bound[imported[1]], self._deeper(imported[0])

    def find_predicate(self, function: ast.expr) -> tuple[ast.expr, Scope] | None:
        """Return what a function of the checkout that asks something ends in."""
        found: ast.FunctionDef | None = None
        source = self.source
        name = last_name(function)
        if not _PREDICATE.match(name) or self.depth >= _DEPTH:
            return None
        if isinstance(function, ast.Attribute) and self.methods is not None:
            found = self.methods.get(name)
        elif isinstance(function, ast.Name):
            found = find_function(source.module.body, name)
            if found is None and (imported := source.imported(name)):
                source, name = imported
                found = find_function(source.module.body, name)
        if found is None:
            return None
        last = found.body[-1]
        if not isinstance(last, ast.Return) or last.value is None:
            return None
        bound = (bindings(found.body),)
        return last.value, Scope(source, found, found.name, bound, None, self.depth + 1)

    def _deeper(self, source: Source) -> Scope:
        outer = self.outer if source is self.source else ()
        return Scope(source, self.code, self.name, outer, self.methods, self.depth + 1)

    def _dotted(self, name: str) -> str:
        return f"{self.name}.{name}" if self.name else name


def bindings(body: list[ast.stmt]) -> Mapping[str, ast.expr]:
    """Return the expression that each name, or ``self.name``, is last bound to."""
    bound: dict[str, ast.expr] = {}
    for node in statements(body):
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        for target in targets:
            if node.value is not None and isinstance(target, (ast.Name, ast.Attribute)):
                bound[spelled(target)] = node.value
    return bound


def statements(
    body: Sequence[ast.stmt], *, definitions: bool = False
) -> Iterator[ast.stmt]:
    """Yield every statement of a body and of its blocks, those of definitions if asked."""
    for node in body:
        yield node
        if isinstance(node, _SIMPLE):
            continue
        if definitions or not isinstance(node, DEFINITIONS):
            for block in blocks(node):
                yield from statements(block, definitions=definitions)


def blocks(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Yield the bodies that a statement has."""
    for name in ("body", "orelse", "finalbody"):
        yield getattr(node, name, [])
    for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield part.body
