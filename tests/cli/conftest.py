from __future__ import annotations

from pathlib import Path

import pytest
from terminal import NAME, rlinf_scaffold
from trees import interpreter, on_disk

from rlinf_scaffold.git import commit_all


@pytest.fixture(params=["registry"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a committed practice checkout, of one layout if not of every."""
    checkout = on_disk(str(request.param), tmp_path / "rl")
    assert commit_all(checkout.root, "Start")
    return checkout.root


@pytest.fixture
def python(tmp_path: Path) -> Path:
    return interpreter(tmp_path / "env")


@pytest.fixture
def new_model(root: Path, python: Path) -> tuple[str | Path, ...]:
    """Return the words of a run that proves nothing."""
    where = ("--checkout", root, "--python", python)
    return ("new-model", *NAME, *where, "--no-smoke")


@pytest.fixture
def scaffolded(new_model: tuple[str, ...], root: Path) -> Path:
    assert rlinf_scaffold(*new_model).code == 0
    return root
