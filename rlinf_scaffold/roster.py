"""The models that a checkout has: where each is wired, and where it was forgotten."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TypeGuard

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.sites import Arm, Line, Site
from rlinf_scaffold.sites.features import keys_replaced, keys_set
from rlinf_scaffold.sites.meanings import Meaning
from rlinf_scaffold.sites.verdicts import embodied_types, meaning_of
from rlinf_scaffold.sites.vocabulary import Vocabulary
from rlinf_scaffold.syntax import find_function, parameter_names, parse, strings, walk
from rlinf_scaffold.wiring import LOADER

_EXAMPLES = PurePosixPath("examples")
_EVALUATIONS = PurePosixPath("evaluations")
_ACTORS = PurePosixPath("rlinf/workers/actor")
_TYPE = re.compile(r"(?m)^[ \t]*model_(?:type|name):[ \t]*[\"']?([\w.-]+)")
_MOUNT = re.compile(r"(?m)^[ \t]*-[ \t]*[\"']?/?model/([\w.-]+)@")
_GET = "get_model"
_PREDICT = "predict_action_batch"
# Where the code that tells models apart stands, by the words of its path.
_ROLES = (
    ("rollout", "rlinf/workers/rollout"),
    ("async actor", "rlinf/workers/actor/async"),
    ("actor", "rlinf/workers/actor"),
    ("actions", "rlinf/envs"),
    ("SFT", "rlinf/workers/sft"),
    ("FSDP", "rlinf/hybrid_engines"),
)
_MODE = "rollout: mode or sampling parameters"
_MODE_LIST = "mode list"
_REGISTRATION = "registration"

Known = Sequence[tuple[Site, Meaning | None]]


@dataclass(frozen=True, slots=True)
class Wired:
    """One model type, and every place that knows it.

    Attributes:
        name: the model type.
        places: what the place is for, and where; sorted by file and line.
    """

    name: str
    places: Mapping[str, tuple[Line, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gap:
    """Models that a place does not know, and what that place is."""

    models: tuple[str, ...]
    said: str

    def __str__(self) -> str:
        return f"{', '.join(self.models)}: {self.said}"


@dataclass(frozen=True, slots=True)
class Roster:
    """What models a checkout has.

    Attributes:
        models: those that act, sorted by name.
        others: all others, and where they are registered.
        gaps: where models were forgotten.
    """

    models: tuple[Wired, ...]
    others: Mapping[str, Line]
    gaps: tuple[Gap, ...]


def read_roster(tree: Tree, vocabulary: Vocabulary, sites: Iterable[Site]) -> Roster:
    """Return the models of a checkout, read from its code and its YAML files."""
    known = [(site, meaning_of(site)) for site in sites]
    acting = embodied_types((site for site, _ in known), vocabulary)
    places: dict[str, dict[str, list[Line]]] = {name: {} for name in sorted(acting)}
    for role, name, line in (
        *_registered(vocabulary),
        *_loaded(tree, known),
        *_yaml(tree),
        *_compared(known),
    ):
        if name in places:
            places[name].setdefault(role, []).append(line)
    models = tuple(
        Wired(name, {role: tuple(sorted(set(it))) for role, it in found.items()})
        for name, found in places.items()
    )
    others = {name: it for name, it in vocabulary.types.items() if name not in acting}
    gaps = (
        *_unloaded(models, known),
        *_unregistered(models, known),
        *_modeless(tree, models, known),
        *_uneven(known),
    )
    return Roster(models, others, gaps)


def _registered(vocabulary: Vocabulary) -> Iterator[tuple[str, str, Line]]:
    for name, line in vocabulary.types.items():
        yield "registered", name, line
    for name, line in vocabulary.embodied.items():
        yield "embodied", name, line


def _compared(known: Known) -> Iterator[tuple[str, str, Line]]:
    for site, meaning in known:
        if site.path == LOADER or (meaning and meaning.name == _REGISTRATION):
            continue
        for arm in site.arms:
            for name in arm.named:
                yield _role(site, meaning), name, Line(site.path, arm.line)


def _role(site: Site, meaning: Meaning | None) -> str:
    if meaning and meaning.name == _MODE:
        return _MODE_LIST
    path = str(site.path)
    return next((role for role, start in _ROLES if path.startswith(start)), "other")


def _loaded(tree: Tree, known: Known) -> Iterator[tuple[str, str, Line]]:
    """Yield what loads each model, and the module that it is imported from."""
    loader = parse(tree.read(LOADER) or "", LOADER) if known else ast.Module([], [])
    functions = {
        node.name: node for node in walk(loader) if isinstance(node, ast.FunctionDef)
    }
    for site, _ in known:
        for arm in site.arms if site.path == LOADER else ():
            for name in arm.named:
                yield "loader", name, Line(LOADER, arm.line)
            imported = list(_imported(tree, arm, functions))
            acting = [it for it in imported if any(_predicting(tree, it))]
            for code in (acting or imported)[:1] if site.function == _GET else ():
                for name in arm.named:
                    yield "code", name, Line(code, 1)


def _imported(
    tree: Tree, arm: Arm, functions: Mapping[str, ast.FunctionDef]
) -> Iterator[PurePosixPath]:
    """Yield the modules of RLinf's models that an arm, or its builder, imports."""
    names = [node for it in arm.body for node in walk(it)]
    built = [functions[it.id] for it in names if _is_in(it, functions)]
    for part in (*arm.body, *built):
        for node in walk(part):
            if isinstance(node, ast.ImportFrom) and (path := _module(tree, node)):
                yield path


def _is_in(node: ast.AST, functions: Mapping[str, object]) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and node.id in functions


def _module(tree: Tree, node: ast.ImportFrom) -> PurePosixPath | None:
    package = LOADER.parent.parts if node.level == 1 else ()
    folder = PurePosixPath(*package, *(node.module or "").split("."))
    if not folder.is_relative_to(LOADER.parent) or folder == LOADER.parent:
        return None
    if tree.read(folder / "__init__.py") is not None:
        return folder / "__init__.py"
    path = folder.with_suffix(".py")
    return path if tree.read(path) is not None else None


def _yaml(tree: Tree) -> Iterator[tuple[str, str, Line]]:
    """Yield the YAML files that set a model's type, and those that mount them."""
    types: dict[str, str] = {}
    texts = {path: tree.read(path) or "" for path in _yaml_files(tree)}
    for path, text in texts.items():
        if path.parent.name == "model":
            for found in _TYPE.finditer(text):
                types.setdefault(path.stem, found[1])
                yield "model YAML", found[1], _line(path, text, found)
    for path, text in texts.items():
        if path.parent.name != "model":
            for found in _MOUNT.finditer(text):
                name = types.get(found[1], found[1])
                yield "recipes", name, _line(path, text, found)
            for found in _TYPE.finditer(text):
                yield "recipes", found[1], _line(path, text, found)


def _line(path: PurePosixPath, text: str, found: re.Match[str]) -> Line:
    return Line(path, text.count("\n", 0, found.start(1)) + 1)


def _yaml_files(tree: Tree) -> Iterator[PurePosixPath]:
    for example in tree.folders(_EXAMPLES):
        yield from _only_yaml(tree, example / "config" / "model")
        yield from _only_yaml(tree, example / "config")
    for suite in (_EVALUATIONS, *tree.folders(_EVALUATIONS)):
        yield from _only_yaml(tree, suite)


def _only_yaml(tree: Tree, folder: PurePosixPath) -> Iterator[PurePosixPath]:
    yield from (path for path in tree.files(folder) if path.suffix == ".yaml")


def _unloaded(models: Iterable[Wired], known: Known) -> Iterator[Gap]:
    if not any(site.path == LOADER for site, _ in known):
        return
    for model in models:
        if "loader" not in model.places:
            where = (model.places.get("embodied") or model.places["registered"])[0]
            said = f"registered at {where}, but {LOADER} loads no such model"
            yield Gap((model.name,), said)


def _unregistered(models: Iterable[Wired], known: Known) -> Iterator[Gap]:
    for site, meaning in known:
        if meaning is None or meaning.name != _REGISTRATION:
            continue
        for model in models:
            if model.name not in site.named and "loader" in model.places:
                said = (
                    f"loaded at {model.places['loader'][0]}, but not among the models "
                    f"that {site.where} accepts, unless something adds it there"
                )
                yield Gap((model.name,), said)


def _modeless(tree: Tree, models: Iterable[Wired], known: Known) -> Iterator[Gap]:
    """Yield the models that act on a mode which the rollout worker never tells them."""
    acting = [it for it in models if "embodied" in it.places]
    for site, _ in known:
        told = [arm for arm in site.arms if "mode" in keys_replaced(arm)]
        named = {name for arm in told for name in arm.named}
        for model in (acting or models) if told else ():
            code = model.places.get("code", ())
            if model.name in named or not code:
                continue
            if where := _mode(tree, model.name, code[0].path):
                said = (
                    f"takes a mode at {where}, which {site.where} never tells it: "
                    "evaluation runs in the default one"
                )
                yield Gap((model.name,), said)


def _mode(tree: Tree, name: str, code: PurePosixPath) -> Line | None:
    """Return where a model takes a mode, and not whether to sample."""
    for path in sorted(_predicting(tree, code), key=lambda path: path.stem != name):
        try:
            body = parse(tree.read(path) or "", path).body
        except SourceSyntaxError:
            continue
        for node in body:
            if isinstance(node, ast.ClassDef):
                predict = find_function(node.body, _PREDICT)
                if predict is not None and _acts_on_mode(predict):
                    return Line(path, predict.lineno)
    return None


def _predicting(tree: Tree, code: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield the files of a module, or a package, that say how a model acts."""
    paths = [code]
    if code.name == "__init__.py":
        folders = (code.parent, *tree.folders(code.parent))
        paths = [path for folder in folders for path in tree.files(folder)]
    for path in paths:
        if path.suffix == ".py" and f"def {_PREDICT}(" in (tree.read(path) or ""):
            yield path


def _acts_on_mode(predict: ast.FunctionDef) -> bool:
    """Whether a mode is among the parameters, or read from the keywords."""
    named = {*parameter_names(predict)}
    read = {word for word, _ in strings(walk(predict))}
    return "mode" in named | read and "do_sample" not in named


def _uneven(known: Known) -> Iterator[Gap]:
    """Yield the models that one actor gives something to, and another one does not."""
    given: dict[str, dict[PurePosixPath, list[Arm]]] = {}
    for site, _ in known:
        for arm in site.arms if site.path.is_relative_to(_ACTORS) else ():
            for key in sorted(keys_set(arm)):
                given.setdefault(key, {}).setdefault(site.path, []).append(arm)
    for key, files in sorted(given.items()):
        for path, arms in files.items():
            named = {name for arm in arms for name in arm.named}
            lines = ", ".join(str(arm.line) for arm in arms)
            for other, rest in files.items():
                for arm in rest:
                    missed = tuple(name for name in arm.named if name not in named)
                    if missed:
                        where = f"{Line(other, arm.line)}, but not at {path}:{lines}"
                        yield Gap(missed, f"given {key} at {where}")
