"""What a checkout's own tools find in files: syntax, YAML, style."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from tools import ruff

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import Tree

_RECIPES = PurePosixPath("examples/embodiment/config")
_HOOKS = ".pre-commit-config.yaml"
_OLDEST_PYTHON = (3, 10)


def unparsable(changes: Iterable[FileChange]) -> Iterator[str]:
    """Yield what no parser takes among the files as they will be."""
    for change in changes:
        try:
            if change.path.suffix == ".py":
                tree = ast.parse(change.after or "", feature_version=_OLDEST_PYTHON)
                compile(tree, str(change.path), "exec")
            elif change.path.suffix == ".yaml":
                YAML(typ="safe").load(change.after)
        except (SyntaxError, YAMLError) as error:
            yield f"{change.path}: {error}"


def unmounted(tree: Tree, changes: Iterable[FileChange]) -> Iterator[str]:
    """Yield the files that recipes mount and that are not there."""
    for change in changes:
        if change.path.parent == _RECIPES and change.path.suffix == ".yaml":
            defaults = YAML(typ="safe").load(change.after).get("defaults", [])
            for name in filter(None, map(_mounted, defaults)):
                if tree.read(_RECIPES / f"{name}.yaml") is None:
                    yield f"{change.path}: no {name}"


def _mounted(default: str | dict[str, str]) -> str | None:
    """Return what one of a recipe's defaults mounts; None if it is no file of RLinf's."""
    if isinstance(default, str):
        return None if default == "_self_" else default.partition("@")[0]
    ((group, name),) = default.items()
    return None if group.startswith("override ") else f"{group}/{name}"


def style(root: Path, paths: Iterable[PurePosixPath], scratch: Path) -> Counter[str]:
    """Return what ruff, set and called as the checkout says, would have otherwise.

    Args:
        root: the checkout.
        paths: Python files in it; those that are not there are passed over.
        scratch: a folder for what ruff reports.
    """
    there = [str(path) for path in paths if (root / path).is_file()]
    if not there:
        return Counter()
    report = scratch / "ruff.json"
    to_report = ("--output-format=json", f"--output-file={report}")
    _ruff(root, "check", *_options(root), *to_report, *there)
    found: Counter[str] = Counter(
        f"{Path(it['filename']).relative_to(root)}: {it['code']} {it['message']}"
        for it in json.loads(report.read_text("utf-8"))
    )
    path = ""
    for line in _ruff(root, "format", "--diff", *there).splitlines():
        if line.startswith("--- "):
            path = line.removeprefix("--- ")
        elif line.startswith("-"):
            found[f"{path}: ruff format has other than {line[1:]!r}"] += 1
    return found


def _options(root: Path) -> list[str]:
    """Return how the checkout's hooks call ruff, but for mending what it finds."""
    hooks = root / _HOOKS
    text = hooks.read_text("utf-8") if hooks.is_file() else "repos: []"
    return [
        option
        for repository in YAML(typ="safe").load(text)["repos"]
        for hook in repository["hooks"]
        if hook["id"] in ("ruff", "ruff-check")
        for option in hook.get("args", [])
        if option not in ("--fix", "--exit-non-zero-on-fix")
    ]


def _ruff(root: Path, *words: str) -> str:
    finished = ruff(*words, folder=root)
    assert finished.returncode in (0, 1), finished.output
    return finished.output
