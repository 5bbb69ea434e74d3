from __future__ import annotations

from pathlib import Path

import pytest
from trees import interpreter, on_disk

from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.git import commit_all


@pytest.fixture(params=["registry"])
def checkout(request: pytest.FixtureRequest, tmp_path: Path) -> Checkout:
    """Return a committed practice checkout, of one layout if not of every."""
    checkout = on_disk(str(request.param), tmp_path / "rl")
    assert commit_all(checkout.root, "Start")
    return checkout


@pytest.fixture
def python(tmp_path: Path) -> Path:
    return interpreter(tmp_path / "env")
