"""tests/unit_tests/: the proof that the model trains, alone and under FSDP."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.contracts import read_views
from rlinf_scaffold.layouts import LOADER
from rlinf_scaffold.rendering import render
from rlinf_scaffold.surfaces import Job, Surface
from rlinf_scaffold.syntax import find_function, parameter_names, parse

_ENGINES = PurePosixPath("rlinf/hybrid_engines/fsdp")
_ENGINE = _ENGINES / "utils.py"
_WRAP_POLICY = "get_fsdp_wrap_policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How a checkout wraps a model with FSDP, as far as calling it differs.

    Attributes:
        has_fsdp2: whether it has a function that applies FSDP2.
        takes_model_type: whether the wrap policy depends on the model's type.
        reads_config: whether the strategy passes the recipe's ``fsdp_config`` to it.
        asks_platform: whether ``get_model`` asks the worker's platform without looking
            whether there is one.
    """

    has_fsdp2: bool
    takes_model_type: bool
    reads_config: bool
    asks_platform: bool


def read_engine(tree: Tree) -> Engine:
    """Return how a checkout wraps a model with FSDP.

    Raises:
        SourceSyntaxError: a file to read does not parse.
    """
    body = parse(tree.read(_ENGINE) or "", _ENGINE).body
    wrap_policy = find_function(body, _WRAP_POLICY)
    return Engine(
        has_fsdp2=find_function(body, "apply_fsdp2_to_model") is not None,
        takes_model_type=wrap_policy is not None
        and "model_type" in parameter_names(wrap_policy),
        reads_config=not _passes_no_config(tree),
        asks_platform=_asks_platform(tree),
    )


def _passes_no_config(tree: Tree) -> bool:
    files = (*tree.files(_ENGINES), *tree.files(_ENGINES / "strategy"))
    return any(
        keyword.arg == "config"
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value is None
        for path in files
        if path.suffix == ".py" and _WRAP_POLICY in (tree.read(path) or "")
        for node in ast.walk(parse(tree.read(path) or "", path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(_WRAP_POLICY)
        for keyword in node.keywords
    )


def _asks_platform(tree: Tree) -> bool:
    get_model = find_function(parse(tree.read(LOADER) or "", LOADER).body, "get_model")
    text = ast.unparse(get_model) if get_model else ""
    return (
        "Worker.torch_platform.is_available()" in text
        and "Worker.torch_platform is not None" not in text
    )


def smoke_test_path(name: str) -> PurePosixPath:
    """Return where the smoke test of a model lies."""
    return PurePosixPath(f"tests/unit_tests/test_{name}_fsdp_smoke.py")


def _plan(tree: Tree, job: Job) -> Iterator[FileChange]:
    path = smoke_test_path(job.spec.name)
    values = {
        **job.values,
        "path": path,
        "engine": read_engine(tree),
        "settings": job.settings,
        "views": read_views(tree) if job.base.modality == "vision" else (),
    }
    text = render("smoke_test.py.j2", values)
    yield FileChange(path, before=tree.read(path), after=text)


surface = Surface(
    name="smoke test",
    title="proof that it trains, alone and under FSDP",
    plan=_plan,
    owns_files=True,
)
