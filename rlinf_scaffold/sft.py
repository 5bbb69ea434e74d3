"""How a checkout trains policies on demonstrations: its worker's loaders and batches."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree, python_files
from rlinf_scaffold.matching import Check
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.subjects import MODELS, Subject, Wording, read_origins
from rlinf_scaffold.syntax import (
    find_class,
    find_function,
    last_name,
    links_of,
    parameter_names,
    parse,
    spelled,
    strings,
    walk,
)
from rlinf_scaffold.wiring import POLICIES

WORKERS = PurePosixPath("rlinf/workers/sft")
RECIPES = PurePosixPath("examples/sft/config")
POLICY = POLICIES / "base_policy.py"
BUILDER = "build_dataloader"
KIND = "ForwardType.SFT"
# What the policy is called with, where the worker takes batches apart itself.
_PAIR = {"observation", "actions"}
_CUDA = "torch.cuda."
_DRIVEN = ("init_worker", "run_training")
_TYPE = "self.cfg.actor.model.model_type"


@dataclass(frozen=True, slots=True)
class Chain:
    """Where a worker chooses the loader of a model.

    Attributes:
        node: the ``if`` that its branches are links of.
        index: which of its method's own ``if`` statements it is, counted from 0.
        subject: what it compares.
        wording: how most of its branches do.
        paths: what the method calls the places of the data.
    """

    node: ast.If
    index: int
    subject: Subject
    wording: Wording
    paths: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sft:
    """What a checkout asks of a policy that is to be trained on demonstrations.

    Attributes:
        forward: whether policies have an ``sft_forward``.
        worker: file of the worker that trains them; None where none can be wired.
        owner: the class of that worker.
        pairs: whether the worker takes batches apart into observations and actions;
            it hands them over whole otherwise.
        resumes: whether it stores where in the data a loader stands.
        undriven: why a proof cannot drive it; empty where it can.
        checks: what was looked for, and where it was found.
    """

    forward: bool = False
    worker: PurePosixPath | None = None
    owner: str = ""
    pairs: bool = False
    resumes: bool = False
    undriven: str = ""
    checks: tuple[Check, ...] = field(default=(), compare=False)

    @property
    def obstacle(self) -> str:
        """What is missing for a model to be wired; empty where nothing is."""
        return next((str(check) for check in self.checks if not check.holds), "")


def read_sft(tree: Tree) -> Sft:
    """Return how a checkout trains on demonstrations.

    Raises:
        SourceSyntaxError: a file to read does not parse.
    """
    kinds = find_class(parse(tree.read(POLICY) or "", POLICY).body, "ForwardType")
    named = {
        spelled(target)
        for line in (kinds.body if kinds else ())
        if isinstance(line, ast.Assign)
        for target in line.targets
    }
    there = Check(KIND, POLICY, kinds, "SFT" in named)
    path, owner = next(_workers(tree), (None, None))
    if path is None or owner is None:
        what = f"a worker with {BUILDER}() that calls a policy with {KIND}"
        missing = Check(what, WORKERS, None, False)
        return Sft(forward=there.holds, checks=(there, missing))
    source = tree.read(path) or ""
    checks = (there, *_needs(source, path, owner))
    return Sft(
        forward=there.holds,
        worker=path if all(check.holds for check in checks) else None,
        owner=owner.name,
        pairs=_takes_apart(owner),
        resumes="StatefulDataLoader" in source,
        undriven=_undriven(tree, owner),
        checks=checks,
    )


def sft_module(modules: Iterable[PurePosixPath], spec: ModelSpec) -> PurePosixPath:
    """Return where what loads a model's demonstrations stands: beside its modules."""
    folder = POLICIES / spec.name
    if any(path.parent == folder for path in modules):
        return folder / "sft_data.py"
    return POLICIES / f"{spec.name}_sft_data.py"


def dotted(path: PurePosixPath) -> str:
    """Return what a module is imported as."""
    return ".".join(path.with_suffix("").parts)


def sft_recipe_path(source: PurePosixPath, spec: ModelSpec) -> PurePosixPath:
    """Return where the recipe derived from another lies: its name, up to the model's."""
    return source.with_name(f"{source.stem.partition('_sft_')[0]}_sft_{spec.name}.yaml")


def find_chain(source: str, path: PurePosixPath, owner: str) -> Chain | None:
    """Return where a worker's class chooses loaders; None where that is not certain.

    Raises:
        SourceSyntaxError: the source does not parse.
    """
    holder = find_class(parse(source, path).body, owner)
    method = find_function(holder.body, BUILDER) if holder else None
    given = parameter_names(method)[1:2] if method else ()
    if method is None or not given:
        return None
    ifs = [line for line in method.body if isinstance(line, ast.If)]
    for index, node in enumerate(ifs):
        above = method.body[: method.body.index(node)]
        subject = Subject(_TYPE, read_origins(above))
        links = links_of(node)
        wordings = [w for link in links for w in subject.wordings(link.test)]
        open_to_all = any(subject.may_take(link.test) for link in links)
        if wordings and links[-1].orelse and not open_to_all:
            wording = max(wordings, key=wordings.count)
            if wording.is_of_members:
                return Chain(node, index, subject, wording, given[0])
    return None


def _undriven(tree: Tree, owner: ast.ClassDef) -> str:
    """Return why a proof cannot drive a worker, with all that it inherits from."""
    found = {
        node.name: (path, node)
        for path in python_files(tree, WORKERS)
        for node in parse(tree.read(path) or "", path).body
        if isinstance(node, ast.ClassDef)
    }
    names, methods, bases = [owner.name], set[str](), set[str]()
    for name in names:
        bases.add(name)
        if name not in found:
            continue
        path, node = found[name]
        names += [last_name(base) for base in node.bases]
        methods |= {it.name for it in node.body if isinstance(it, ast.FunctionDef)}
        for part in walk(node):
            if isinstance(part, ast.Attribute) and spelled(part).startswith(_CUDA):
                return f"{name} asks for CUDA itself: {path.name}:{part.lineno}"
    if "Worker" not in bases or not {*_DRIVEN} <= methods:
        return f"{owner.name} is no Worker with {', '.join(_DRIVEN)}"
    return ""


def _workers(tree: Tree) -> Iterator[tuple[PurePosixPath, ast.ClassDef]]:
    """Yield each worker that asks policies for their loss of demonstrations."""
    for path in python_files(tree, WORKERS):
        source = tree.read(path) or ""
        if KIND in source and f"def {BUILDER}(" in source:
            for node in parse(source, path).body:
                if isinstance(node, ast.ClassDef) and _asks(node):
                    yield path, node


def _asks(owner: ast.ClassDef) -> bool:
    built = find_function(owner.body, BUILDER) is not None
    return built and any(True for _ in _calls(owner))


def _calls(owner: ast.ClassDef) -> Iterator[ast.Call]:
    """Yield the calls of a policy for its loss of demonstrations."""
    for node in walk(owner):
        if isinstance(node, ast.Call) and any(
            given.arg == "forward_type" and spelled(given.value).endswith(KIND)
            for given in node.keywords
        ):
            yield node


def _needs(source: str, path: PurePosixPath, owner: ast.ClassDef) -> Iterator[Check]:
    """Yield what a loader that is generated needs of a worker."""
    call = next(_calls(owner))
    at = ast.copy_location(ast.Expr(call), call)
    named = {given.arg for given in call.keywords}
    yield Check(
        f"a call with forward_type={KIND} and data=...", path, at, "data" in named
    )
    chain = find_chain(source, path, owner.name)
    what = (
        f"{owner.name}.{BUILDER}() with paths of the data, and an if/elif chain that "
        f"compares {_TYPE} with members of {MODELS} and ends in an else"
    )
    method = find_function(owner.body, BUILDER)
    yield Check(what, path, chain.node if chain else method, chain is not None)
    if _takes_apart(owner):
        # Only torch lets a type say that it has no parts; other trees' leaves are numbers.
        holds = "torch.utils import _pytree" in source
        yield Check("batches mapped with torch.utils._pytree", path, owner, holds)


def _takes_apart(owner: ast.ClassDef) -> bool:
    handed_over = (
        given.value
        for call in _calls(owner)
        for given in call.keywords
        if given.arg == "data" and isinstance(given.value, ast.Dict)
    )
    return any({text for text, _ in strings(walk(it))} >= _PAIR for it in handed_over)
