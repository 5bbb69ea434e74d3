"""Find every place in a checkout at which a model type is compared or looked up."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree, python_files
from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.sites import EVERY, Arm, Site, Types
from rlinf_scaffold.sites.collected import entries, named_in
from rlinf_scaffold.sites.conditions import Condition, condition, is_subject
from rlinf_scaffold.sites.names import Scope, Source, statements
from rlinf_scaffold.sites.vocabulary import Vocabulary
from rlinf_scaffold.sites.wording import ends, text, words
from rlinf_scaffold.subjects import MODELS
from rlinf_scaffold.syntax import children, links_of, parse, spelled, walk

FOLDERS = tuple(map(PurePosixPath, ("evaluations", "examples", "rlinf", "toolkits")))
_QUOTED = "[\"']"
_LEAVES = (ast.Constant, ast.Name)
_LOGIC = (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Call)


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found, and the files that could not be read."""

    sites: tuple[Site, ...]
    unread: tuple[SourceSyntaxError, ...]


def scan(
    tree: Tree,
    vocabulary: Vocabulary,
    folders: Sequence[PurePosixPath] = FOLDERS,
) -> Scan:
    """Return every site of a checkout's Python, sorted by file and line."""
    if not vocabulary.types:
        return Scan((), ())
    names = "|".join(map(re.escape, sorted(vocabulary.types)))
    spells = re.compile(f"{_QUOTED}(?:{names}){_QUOTED}")
    sites: list[Site] = []
    unread: list[SourceSyntaxError] = []
    for folder in folders:
        for path in python_files(tree, folder):
            source = tree.read(path) or ""
            if not (MODELS in source or spells.search(source)):
                continue
            try:
                module = parse(source, path)
            except SourceSyntaxError as error:
                unread.append(error)
                continue
            sites += sites_in(Source(tree, path, module, vocabulary))
    return Scan(tuple(sorted(sites, key=lambda it: it.where)), tuple(unread))


def sites_in(source: Source) -> Iterator[Site]:
    """Yield the sites of one module."""
    yield from _Reader(Scope(source, source.module)).read(source.module.body)


@dataclass(slots=True)
class _Reader:
    """Reads the code of one scope.

    Attributes:
        scope: where its names are looked up.
        filled: dictionaries that the code puts something into: a test on one of those
            asks whether a model is registered already.
        through: names that tests were read through: what binds them is part of those.
    """

    scope: Scope
    filled: frozenset[str] = frozenset()
    through: set[str] = field(default_factory=set)

    def read(self, body: Sequence[ast.stmt]) -> list[Site]:
        """Return the sites of a body, those of the definitions in it included."""
        self.filled = frozenset(_filled(body))
        found = list(self._block(body))
        return [site for site in found if not self._is_part(site)]

    def _is_part(self, site: Site) -> bool:
        node = site.arms[0].body[:1]
        if site.function != self.scope.name or not node:
            return False
        return isinstance(node[0], (ast.Assign, ast.AnnAssign)) and any(
            isinstance(it, (ast.Name, ast.Attribute))
            and isinstance(it.ctx, ast.Store)
            and spelled(it) in self.through
            for it in walk(node[0])
        )

    def _block(self, body: Sequence[ast.stmt]) -> Iterator[Site]:
        for index, node in enumerate(body):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield from _Reader(self.scope.within(node)).read(node.body)
            elif isinstance(node, ast.ClassDef):
                yield from _Reader(self.scope.of_class(node)).read(node.body)
            elif isinstance(node, ast.If):
                yield from self._chain(node, body[index + 1 :])
            elif isinstance(node, ast.Match):
                yield from self._match(node)
            else:
                yield from self._statement(node)

    def _chain(self, node: ast.If, behind: Sequence[ast.stmt]) -> Iterator[Site]:
        links = links_of(node)
        arms: list[Arm] = []
        for link in links:
            held = self._condition(link.test)
            if held is None:
                yield from self._expressions(link.test, link)
            else:
                arms.append(_arm(link.test.lineno, held, link.body))
            yield from self._block(link.body)
        final = links[-1].orelse
        if arms:
            default: Sequence[ast.stmt] = final
            if not final and all(ends(link.body) for link in links):
                default = behind[:1] if ends(behind[:1]) else []
            yield self._site(node.lineno, arms, default)
        yield from self._block(final)

    def _match(self, node: ast.Match) -> Iterator[Site]:
        arms: list[Arm] = []
        default: Sequence[ast.stmt] = ()
        for case in node.cases:
            values = _values(case.pattern)
            names = tuple(
                name for it in values for name in named_in(it, self.scope).names
            )
            if names:
                held = Condition(names, Types(frozenset(names)), case.guard is None)
                arms.append(_arm(case.pattern.lineno, held, case.body))
            elif isinstance(case.pattern, ast.MatchAs):
                default = case.body
            yield from self._block(case.body)
        known = self.scope.source.vocabulary.types
        if is_subject(node.subject, self.scope) and any(
            name in known for arm in arms for name in arm.named
        ):
            yield self._site(node.lineno, arms, default)

    def _statement(self, node: ast.stmt) -> Iterator[Site]:
        if isinstance(node, ast.Assert) and (held := self._condition(node.test)):
            failing = "raises AssertionError"
            arm = Arm(
                node.lineno, held.named, held.types, held.exact, "passes", (node,)
            )
            default = Arm(node.lineno, (), EVERY, True, failing)
            yield self._made(node.lineno, [arm], default)
            return
        for child in children(node):
            if isinstance(child, ast.expr):
                yield from self._expressions(child, node)
            elif isinstance(child, ast.withitem):
                yield from self._expressions(child.context_expr, node)
            elif isinstance(child, ast.ExceptHandler):
                yield from self._block(child.body)
        for name in ("body", "orelse", "finalbody"):
            if block := getattr(node, name, []):
                yield from self._block(block)

    def _expressions(self, node: ast.expr, statement: ast.stmt) -> Iterator[Site]:
        """Yield the sites within an expression of a statement."""
        while isinstance(node, ast.Attribute):
            node = node.value
        if isinstance(node, _LEAVES):
            return
        if isinstance(node, ast.IfExp) and (held := self._condition(node.test)):
            body = (statement, node.body)
            arm = _valued(node.lineno, held, text(node.body), body)
            default = Arm(node.lineno, (), EVERY, True, text(node.orelse))
            yield self._made(node.lineno, [arm], default)
            return
        if isinstance(node, _LOGIC) and (held := self._condition(node)):
            returned = isinstance(statement, ast.Return) and statement.value is node
            does = "returns {}" if returned else f"{{}} in `{text(statement)}`"
            arm = _valued(node.lineno, held, does.format(True), (statement,))
            default = Arm(node.lineno, (), EVERY, True, does.format(False))
            yield self._made(node.lineno, [arm], default)
            return
        yield from self._lookup(node)
        for child in children(node):
            if isinstance(child, ast.expr):
                yield from self._expressions(child, statement)
            elif isinstance(child, ast.keyword):
                yield from self._expressions(child.value, statement)
            elif isinstance(child, ast.comprehension):
                for test in child.ifs:
                    yield from self._expressions(test, statement)

    def _lookup(self, node: ast.expr) -> Iterator[Site]:
        """Yield the site that looks the model type up in a dictionary."""
        missing = "raises KeyError"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr != "get" or not node.args:
                return
            table, key = node.func.value, node.args[0]
            missing = f"gives {text(node.args[1])}" if node.args[1:] else "gives None"
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            table, key = node.value, node.slice
        else:
            return
        if not is_subject(key, self.scope) or spelled(table) in self.through:
            return
        arms = [
            Arm(line, (found,), Types(frozenset({found})), True, text(held), (held,))
            for found, (line, held) in entries(table, self.scope).items()
        ]
        if arms:
            default = Arm(node.lineno, (), EVERY, True, missing)
            yield self._made(node.lineno, arms, default)

    def _condition(self, test: ast.expr) -> Condition | None:
        held = condition(test, self.scope)
        if held is None or held.through & self.filled:
            return None
        self.through |= held.through
        return held

    def _site(
        self, line: int, arms: Sequence[Arm], default: Sequence[ast.stmt]
    ) -> Site:
        final = Arm(
            default[0].lineno if default else line,
            (),
            EVERY,
            True,
            words(default),
            tuple(default),
        )
        return self._made(line, arms, final)

    def _made(self, line: int, arms: Sequence[Arm], default: Arm) -> Site:
        scope = self.scope
        return Site(
            scope.source.path, line, scope.name, tuple(arms), default, scope.code
        )


def _filled(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in statements(body):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Subscript):
                    yield spelled(target.value)


def _values(pattern: ast.pattern) -> list[ast.expr]:
    if isinstance(pattern, ast.MatchOr):
        return [value for it in pattern.patterns for value in _values(it)]
    return [pattern.value] if isinstance(pattern, ast.MatchValue) else []


def _arm(line: int, held: Condition, body: Sequence[ast.stmt]) -> Arm:
    return Arm(line, held.named, held.types, held.exact, words(body), tuple(body))


def _valued(line: int, held: Condition, does: str, body: tuple[ast.AST, ...]) -> Arm:
    return Arm(line, held.named, held.types, held.exact, does, body)
