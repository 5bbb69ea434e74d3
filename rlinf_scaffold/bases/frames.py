"""One function body read: known branches taken, unknown ones taken both."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum

from rlinf_scaffold.bases.expressions import Expressions, World
from rlinf_scaffold.bases.library import Class, Module, imports
from rlinf_scaffold.bases.values import (
    UNKNOWN,
    Function,
    Instance,
    compute,
    either,
    items_of,
    truth,
)


class Flow(Enum):
    """How a statement ends."""

    NEXT = "next"
    BREAK = "break"
    CONTINUE = "continue"
    STOP = "stop"


class Frame(Expressions):
    """The reading of one body: its statements and the values it may return."""

    def __init__(
        self,
        world: World,
        module: Module,
        names: dict[str, object],
        owner: Class | None = None,
        receiver: Instance | None = None,
    ) -> None:
        super().__init__(world, module, names, owner, receiver)
        self.returned: list[object] = []

    def run(self, body: Iterable[ast.stmt]) -> Flow:
        """Read statements in order until one leaves."""
        for statement in body:
            flow = self.visit(statement)
            if isinstance(flow, Flow) and flow is not Flow.NEXT and not self.doubts:
                return flow
        return Flow.NEXT

    def result(self) -> object:
        """Return what the body returned, or may have."""
        return either(*self.returned) if self.returned else None

    @contextmanager
    def _doubt(self) -> Iterator[None]:
        self.doubts += 1
        yield
        self.doubts -= 1

    def visit_Expr(self, node: ast.Expr) -> Flow:
        self.visit(node.value)
        return Flow.NEXT

    def visit_Assign(self, node: ast.Assign) -> Flow:
        value = self.visit(node.value)
        for target in node.targets:
            self._bind(target, value)
        return Flow.NEXT

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Flow:
        if node.value is not None:
            self._bind(node.target, self.visit(node.value))
        return Flow.NEXT

    def visit_AugAssign(self, node: ast.AugAssign) -> Flow:
        old, new = self.visit(node.target), self.visit(node.value)
        self._bind(node.target, compute(node.op, old, new))
        return Flow.NEXT

    def visit_If(self, node: ast.If) -> Flow:
        known = truth(self.visit(node.test))
        if known is not None:
            return self.run(node.body if known else node.orelse)
        with self._doubt():
            self.run(node.body)
            self.run(node.orelse)
        return Flow.NEXT

    def visit_For(self, node: ast.For) -> Flow:
        items = items_of(self.visit(node.iter))
        if items is None:
            with self._doubt():
                self._bind(node.target, UNKNOWN)
                self.run(node.body)
            return Flow.NEXT
        for item in items:
            self._bind(node.target, item)
            flow = self.run(node.body)
            if flow is Flow.STOP:
                return flow
            if flow is Flow.BREAK:
                return Flow.NEXT
        return self.run(node.orelse)

    def visit_While(self, node: ast.While) -> Flow:
        with self._doubt():
            self.run(node.body)
        return Flow.NEXT

    def visit_With(self, node: ast.With) -> Flow:
        return self.run(node.body)

    def visit_Try(self, node: ast.Try) -> Flow:
        return self.run((*node.body, *node.orelse, *node.finalbody))

    def visit_Return(self, node: ast.Return) -> Flow:
        self.returned.append(None if node.value is None else self.visit(node.value))
        return Flow.STOP

    def visit_Raise(self, node: ast.Raise) -> Flow:  # noqa: ARG002
        return Flow.STOP

    def visit_Break(self, node: ast.Break) -> Flow:  # noqa: ARG002
        return Flow.BREAK

    def visit_Continue(self, node: ast.Continue) -> Flow:  # noqa: ARG002
        return Flow.CONTINUE

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Flow:
        self.names[node.name] = Function(self.module, node)
        return Flow.NEXT

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Flow:
        package = self.module.name.rpartition(".")[0]
        for name, imported in imports(node, package):
            self.names[name] = self.world.follow(self.module, imported)
        return Flow.NEXT
