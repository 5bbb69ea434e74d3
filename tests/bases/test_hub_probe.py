"""What the Hub's client raised, in a word."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from test_hub import ANSWERS, FAILS

from rlinf_scaffold.bases.hub_probe import failure, fetch, origin


class RepositoryNotFoundError(OSError):
    pass


class GatedRepoError(RepositoryNotFoundError):
    pass


def after(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (OSError(), "unreachable"),
        (RepositoryNotFoundError(), "absent"),
        (GatedRepoError(), "gated"),
        (after(OSError(), GatedRepoError()), "gated"),
        (after(OSError(), OSError()), "unreachable"),
    ],
)
def test_failure(error: Exception, meaning: str) -> None:
    assert failure(error) == meaning


def test_origin_is_the_first_of_a_chain() -> None:
    first = KeyError("first")
    assert origin(first) is first
    assert origin(after(OSError(), after(OSError(), first))) is first


def installed(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Make a source text the huggingface_hub that is imported."""
    module = ModuleType("huggingface_hub")
    module.__file__ = "/hub/huggingface_hub.py"
    exec(source, vars(module))
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)


def test_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, ANSWERS)
    found = fetch("org/name")
    assert found == {"folder": str(Path("/hub")), "files": ["model.safetensors"]}


def test_fetch_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, FAILS.format("GatedRepoError('no entry')"))
    assert fetch("org/name") == {"failed": "gated", "said": "no entry"}


def test_fetch_without_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert fetch("org/name") == {"failed": "no package", "said": ""}
