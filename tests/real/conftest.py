"""What the tests on a real RLinf run on: the revisions of the clone that was given."""

from __future__ import annotations

import pytest
from history import History

_NEEDS = pytest.mark.skip(reason="needs --rlinf-repo, a clone of RLinf with history")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, revisions in (
        ("wiring", History.wirings),
        ("release", History.released),
    ):
        if name in metafunc.fixturenames:
            given = metafunc.config.getoption("rlinf_repo")
            cases = revisions(History(given)) if given else ()
            metafunc.parametrize(
                name, cases or [pytest.param(None, marks=_NEEDS)], ids=str
            )


@pytest.fixture
def history(request: pytest.FixtureRequest) -> History:
    given = request.config.getoption("rlinf_repo")
    if given is None:
        pytest.skip("needs --rlinf-repo")
    return History(given)
