"""What the Hub's client raised, in a word."""

from __future__ import annotations

import pytest

from rlinf_scaffold.bases.hub_probe import failure, origin


class RepositoryNotFoundError(OSError):
    pass


class GatedRepoError(RepositoryNotFoundError):
    pass


class OfflineModeIsEnabled(ConnectionError):
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
        (OfflineModeIsEnabled(), "offline"),
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
