"""Packages that a model's code asks for, and that an interpreter may lack."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rlinf_scaffold.bases.library import Class, Library, Module
from rlinf_scaffold.bases.parts import instances
from rlinf_scaffold.bases.values import Instance
from rlinf_scaffold.errors import UnsupportedBaseError

# Where the name of a package to install is not that of what is imported, and what
# transformers means by a backend.
_INSTALLED: Final = MappingProxyType(
    {
        **{"PIL": "pillow", "vision": "pillow", "cv2": "opencv-python"},
        **{"sklearn": "scikit-learn", "skimage": "scikit-image"},
        **{"flash_attn": "flash-attn", "mamba_ssm": "mamba-ssm"},
    }
)
_IMPORTED: Final = MappingProxyType({"vision": "PIL"})
# Not looked for: every plan does without them, and the proof asks for them.
_GIVEN: Final = frozenset({"torch", "transformers", "tf", "flax"})
_NAME: Final = re.compile(r"[A-Za-z_]\w*")


def refuse_packages(library: Library, given: str, model: Instance) -> None:
    """Refuse a model whose code imports or requires what is not on the search path.

    Raises:
        UnsupportedBaseError: names the packages, who asks for them, and how to get them.
    """
    asked: dict[str, str] = {}
    for name, place in _asked(model):
        if name not in asked and not is_there(library.search_path, name):
            asked[name] = place
    if asked:
        wanted = "; ".join(f"{place} needs {name}" for name, place in asked.items())
        packages = " ".join(sorted(_INSTALLED.get(name, name) for name in asked))
        reason = (
            f"{wanted}, which the interpreter does not have. Install it there: "
            f"`python -m pip install {packages}`"
        )
        raise UnsupportedBaseError(given, reason)


def is_there(search_path: Iterable[Path], name: str) -> bool:
    """Whether a package lies in one of the folders, importing nothing."""
    name = _IMPORTED.get(name, name)
    spelt = (name, f"{name}.py", f"{name}.*.so", f"__editable__*{name}*")
    return any(
        next(folder.glob(pattern), None) is not None
        for folder in search_path
        for pattern in spelt
    )


def _asked(model: Instance) -> Iterator[tuple[str, str]]:
    """Yield the packages that the code of a model's parts asks for, and where."""
    classes = dict.fromkeys(cls for part in instances(model) for cls in part.owners())
    for module in dict.fromkeys(cls.module for cls in classes):
        yield from _imported(module)
    for cls in classes:
        yield from _required(cls)


def _imported(module: Module) -> Iterator[tuple[str, str]]:
    """Yield what a module imports whatever is available."""
    own = module.name.partition(".")[0]
    for node in module.body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            continue
        for name in names:
            package = name.partition(".")[0]
            if package not in (*sys.stdlib_module_names, *_GIVEN, own):
                yield package, f"{module.path.name}:{node.lineno}"


def _required(cls: Class) -> Iterator[tuple[str, str]]:
    """Yield the backends that a class, or its ``__init__``, requires."""
    calls: list[ast.AST] = [*cls.node.decorator_list]
    if "__init__" in cls.methods:
        calls += [
            statement.value
            for statement in cls.methods["__init__"].body
            if isinstance(statement, ast.Expr)
        ]
    for call in calls:
        if isinstance(call, ast.Call) and _called(call) in (
            "requires",
            "requires_backends",
        ):
            values: Sequence[ast.AST] = [
                *call.args[-1:],
                *(k.value for k in call.keywords),
            ]
            for text in (it for value in values for it in _texts(value)):
                yield text, f"{cls.module.path.name}:{call.lineno}"


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _texts(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            found = _NAME.match(part.value)
            if found and found[0] not in _GIVEN:
                yield found[0]
