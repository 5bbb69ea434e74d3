"""The Python sources along a search path, read as syntax trees and never imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

from rlinf_scaffold.errors import SourceSyntaxError

TRANSFORMERS: Final = "transformers"
# What transformers calls the package of a checkpoint's own code.
REMOTE: Final = "transformers_modules"
CONFIG_ROOTS: Final = ("PretrainedConfig", "PreTrainedConfig")
_NEVER_READ: Final = ("Auto", "PreTrainedModel", "GenerationMixin", "Conv1D")
_AUTO: Final = "transformers.models.auto"
CONFIGURATION: Final = "transformers.configuration_utils"
_KINDS: Final = MappingProxyType(
    {
        "Config": "configuration",
        "ImageProcessor": "image_processing",
        "ImageProcessorFast": "image_processing",
        "ImageProcessorPil": "image_processing",
        "Processor": "processing",
    }
)
_OTHER_FRAMEWORKS: Final = ("modeling_tf_", "modeling_flax_")


@dataclass(frozen=True, slots=True)
class Import:
    """A name bound by an import; an empty name is the module itself."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class External:
    """Something that is not read, by its dotted path."""

    name: str

    @property
    def leaf(self) -> str:
        """Last part of the path, e.g. ``Linear`` of ``torch.nn.Linear``."""
        return self.name.rpartition(".")[2]


Symbol: TypeAlias = "ast.ClassDef | ast.FunctionDef | ast.expr | Import"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Module:
    """One source file: its dotted name, its statements and what its top level binds."""

    name: str
    path: Path
    body: Sequence[ast.stmt]
    symbols: Mapping[str, Symbol]
    stars: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Class:
    """One class statement: its own methods, attributes and annotations."""

    module: Module
    node: ast.ClassDef
    methods: Mapping[str, ast.FunctionDef]
    setters: Mapping[str, ast.FunctionDef]
    properties: frozenset[str]
    statics: frozenset[str]
    values: Mapping[str, ast.expr]
    annotations: Mapping[str, ast.expr]

    @property
    def name(self) -> str:
        """The class's name."""
        return self.node.name


@dataclass(frozen=True, slots=True, eq=False)
class Global:
    """A module's function, or a module-level name and the expression it is bound to."""

    module: Module
    node: ast.FunctionDef | ast.expr


Definition: TypeAlias = "Class | Global | External"


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """Sources found by file along a search path, each parsed at most once.

    Attributes:
        search_path: the folders that packages lie in.
        remote: the folder of a checkpoint whose own code may be read, if any.
    """

    search_path: tuple[Path, ...]
    remote: Path | None = None
    _modules: dict[str, Module | None] = field(default_factory=dict)
    _classes: dict[tuple[str, str], Class] = field(default_factory=dict)
    _looked_for: list[tuple[str, str]] = field(default_factory=list)
    _climbed: list[Class] = field(default_factory=list)

    @property
    def transformers(self) -> Path | None:
        """Folder of the first transformers on the search path, if there is one."""
        found = self._path_of(TRANSFORMERS)
        return found.parent if found is not None else None

    def module(self, name: str) -> Module | None:
        """Return a module by its dotted name, or None where there is no such file.

        Raises:
            SourceSyntaxError: the file does not parse.
        """
        if name not in self._modules:
            path = self._path_of(name)
            self._modules[name] = None if path is None else _parse(name, path)
        return self._modules[name]

    def find(self, module: str, name: str) -> Definition | None:
        """Return what a module binds a name to, through the imports that lead there."""
        if module == TRANSFORMERS:
            return self.find_class(name) or External(f"{module}.{name}")
        source = self.module(module)
        if source is None or (module, name) in self._looked_for:
            return None
        self._looked_for.append((module, name))
        try:
            return self.resolve(source, name)
        finally:
            self._looked_for.pop()

    def resolve(self, module: Module, name: str) -> Definition | None:
        """Return what a name means at the top level of a module; None is unbound."""
        symbol = module.symbols.get(name)
        if symbol is None:
            return self._from_stars(module, name)
        if isinstance(symbol, Import):
            return self.follow(module, symbol)
        if isinstance(symbol, ast.ClassDef):
            return self._class(module, symbol)
        return Global(module, symbol)

    def follow(self, importer: Module, imported: Import) -> Definition:
        """Return what an import brings in; what is outside the library is external."""
        dotted = ".".join(filter(None, (imported.module, imported.name)))
        if not imported.name or not _is_read(importer, imported.module):
            return External(dotted)
        return self.find(imported.module, imported.name) or External(dotted)

    def unaliased(self, found: Definition | None) -> Definition | None:
        """Return what stands behind names that are bound to names, ``M = Model``."""
        seen: list[ast.Name] = []
        while isinstance(found, Global) and isinstance(found.node, ast.Name):
            if found.node in seen:
                return None
            seen.append(found.node)
            found = self.resolve(found.module, found.node.id)
        return found

    def lineage(self, cls: Class) -> tuple[Class | External, ...]:
        """Return the class and its ancestors, in the order that attributes are found.

        Raises:
            SourceSyntaxError: the class is an ancestor of its own.
        """
        if cls in self._climbed:
            said = f"class {cls.name} is an ancestor of itself"
            raise SourceSyntaxError(str(cls.module.path), cls.node.lineno, said)
        self._climbed.append(cls)
        try:
            inherited = (a for base in self._bases(cls) for a in self._ancestors(base))
            chain = [cls, *inherited]
        finally:
            self._climbed.pop()
        return tuple(dict.fromkeys(reversed(chain)))[::-1]

    def find_class(self, name: str) -> Class | None:
        """Return a class of transformers by name alone; families named alike first."""
        opening = re.compile(rb"^class %b\b" % re.escape(name.encode()), re.MULTILINE)
        for path in self._sources(name):
            if opening.search(path.read_bytes()):
                module = self.module(self._dotted(path))
                symbol = module and module.symbols.get(name)
                if module and isinstance(symbol, ast.ClassDef):
                    return self._class(module, symbol)
        return None

    def _from_stars(self, module: Module, name: str) -> Definition | None:
        for star in module.stars:
            if _is_read(module, star):
                found = self.find(star, name)
                if found is not None and not isinstance(found, External):
                    return found
        return None

    def _bases(self, cls: Class) -> Iterator[Class | External]:
        for expression in cls.node.bases:
            name, dot, rest = ast.unparse(expression).partition(".")
            found = self.resolve(cls.module, name)
            if isinstance(found, Class) and found is not cls and not dot:
                yield found
            else:
                root = found.name if isinstance(found, External) else name
                yield External(f"{root}{dot}{rest}")

    def _ancestors(self, base: Class | External) -> tuple[Class | External, ...]:
        return self.lineage(base) if isinstance(base, Class) else (base,)

    def _class(self, module: Module, node: ast.ClassDef) -> Class:
        key = (module.name, node.name)
        if key not in self._classes:
            self._classes[key] = _read_class(module, node)
        return self._classes[key]

    def _path_of(self, name: str) -> Path | None:
        package, _, rest = name.partition(".")
        if package == REMOTE and self.remote is not None:
            path = self.remote.joinpath(*rest.split(".")).with_suffix(".py")
            return path if is_file(path) else None
        for entry in self.search_path:
            stem = entry.joinpath(*name.split("."))
            for path in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
                if is_file(path):
                    return path
        return None

    def _sources(self, name: str) -> Iterator[Path]:
        if self.transformers is None:
            return
        if name in CONFIG_ROOTS:
            yield self.transformers / "configuration_utils.py"
        if name in CONFIG_ROOTS or name.startswith(_NEVER_READ):
            return
        models = self.transformers / "models"
        families = [*_folders(models / "deprecated"), *_folders(models)]
        families.sort(key=lambda folder: (-_likeness(name, folder.name), folder.name))
        for family in families:
            yield from _files(family, _kind_of(name))

    def _dotted(self, path: Path) -> str:
        root = self.transformers or path.parent
        return ".".join(path.relative_to(root.parent).with_suffix("").parts)


def is_file(path: Path) -> bool:
    """Whether a file is there; where the system takes no such path, none is."""
    try:
        return path.is_file()
    except OSError:
        return False


def imports(
    node: ast.Import | ast.ImportFrom, package: str
) -> Iterator[tuple[str, Import]]:
    """Yield each name that an import binds in a package, stars under ``*``."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name if alias.asname else alias.name.partition(".")[0]
            yield alias.asname or top, Import(top, "")
        return
    parents = package.split(".")[: -(node.level - 1) or None] if node.level else []
    module = ".".join([*parents, *filter(None, [node.module])])
    for alias in node.names:
        yield alias.asname or alias.name, Import(module, alias.name)


def literal(module: Module, name: str) -> object:
    """Return a module-level name's value where it is a plain literal, else None."""
    symbol = module.symbols.get(name)
    if not isinstance(symbol, ast.expr):
        return None
    if isinstance(symbol, ast.Call) and symbol.args:
        symbol = symbol.args[0]
    try:
        value: object = ast.literal_eval(symbol)
    except ValueError:
        return None
    return value


def _is_read(importer: Module, module: str) -> bool:
    package = module.partition(".")[0]
    if package != TRANSFORMERS:
        return package == importer.name.partition(".")[0]
    if module == TRANSFORMERS:
        return not importer.name.startswith(f"{TRANSFORMERS}.")
    return module == CONFIGURATION or (
        module.startswith("transformers.models.") and not module.startswith(_AUTO)
    )


def _parse(name: str, path: Path) -> Module:
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise SourceSyntaxError(str(path), error.lineno or 1, error.msg) from error
    except (ValueError, RecursionError, MemoryError) as error:
        said = f"{error}" or "expressions are nested too deep"
        raise SourceSyntaxError(str(path), 1, said) from error
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    bound = list(_bindings(tree.body, package))
    stars = [i.module for key, i in bound if key == "*" and isinstance(i, Import)]
    return Module(name, path, tree.body, dict(bound), tuple(stars))


def _bindings(body: Iterable[ast.stmt], package: str) -> Iterator[tuple[str, Symbol]]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imports(node, package)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.If | ast.Try):
            # What stands where an optional package is missing comes last and wins.
            yield from _bindings((*node.body, *node.orelse), package)
        else:
            yield from _assigned(node)


def _assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        yield ast.unparse(node.target), node.value


def _read_class(module: Module, node: ast.ClassDef) -> Class:
    functions = [item for item in node.body if isinstance(item, ast.FunctionDef)]
    setters = {f.name: f for f in functions if "setter" in _decorators(f)}
    return Class(
        module,
        node,
        methods={f.name: f for f in functions if f not in setters.values()},
        setters=setters,
        properties=frozenset(f.name for f in functions if _is_property(f)),
        statics=frozenset(
            f.name for f in functions if "staticmethod" in _decorators(f)
        ),
        values=dict(pair for item in node.body for pair in _assigned(item)),
        annotations={
            ast.unparse(item.target): item.annotation
            for item in node.body
            if isinstance(item, ast.AnnAssign)
        },
    )


def _decorators(function: ast.FunctionDef) -> list[str]:
    return [ast.unparse(d).rpartition(".")[2] for d in function.decorator_list]


def _is_property(function: ast.FunctionDef) -> bool:
    return not {"property", "cached_property"}.isdisjoint(_decorators(function))


def _kind_of(name: str) -> str:
    """Return what the files are called that hold a class of this name."""
    for ending, kind in _KINDS.items():
        if name.endswith(ending):
            return kind
    return "modeling"


def _likeness(name: str, family: str) -> int:
    """Return how many letters a class's and a family's name begin with alike."""
    first, second = (text.replace("_", "").lower() for text in (name, family))
    pairs = zip(first, second, strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _folders(parent: Path) -> Sequence[Path]:
    if not parent.is_dir():
        return ()
    return [path for path in parent.iterdir() if path.is_dir()]


def _files(family: Path, kind: str) -> Sequence[Path]:
    return sorted(
        path
        for path in family.glob(f"{kind}_*.py")
        if not path.name.startswith(_OTHER_FRAMEWORKS)
    )
