"""A model scaffolded into a release of RLinf loads there, and its proofs hold."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from history import History, Revision

from rlinf_scaffold.commands.new_model import Request, new_model
from rlinf_scaffold.smoke.interpreter import probe_interpreter
from rlinf_scaffold.spec import ModelSpec


def python_for(release: Revision, given: list[str]) -> Path:
    """Return the interpreter named for a release, else for all, else the running one."""
    named = {name: path for name, _, path in (it.rpartition("=") for it in given)}
    return Path(named.get(release.name) or named.get("") or sys.executable)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], sys.executable),
        (["/a"], "/a"),
        (["v1=/b"], sys.executable),
        (["/a", "v2=/b"], "/b"),
        (["v2=/b", "v1=/c", "/a"], "/b"),
    ],
)
def test_takes_the_interpreter_of_a_release(given: list[str], expected: str) -> None:
    assert python_for(Revision("1234", "v2"), given) == Path(expected)


@pytest.mark.real
def test_proves_itself_on(
    history: History,
    release: Revision,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    record_property: Callable[[str, object], None],
) -> None:
    checkout = history.extract(release, tmp_path / "rl")
    python = python_for(release, pytestconfig.getoption("rlinf_python"))
    request = Request(
        spec=ModelSpec(name="foo"),
        base="LlamaForCausalLM",
        checkout=checkout.root,
        python=python,
    )
    outcome = new_model(request, confirm=lambda _: True, on_event=lambda _: None)
    report = outcome.smoke
    assert report is not None
    version = probe_interpreter(report.python).packages["transformers"]
    there = f"{release} with transformers {version}"
    record_property("found", f"{there}: {len(report.proofs)} proofs")
    alike = Counter(proof.message for proof in report.failed)
    for message, times in alike.items():
        record_property("problem", f"{there}: {times} proofs: {message}")
    if not report.ok:
        pytest.fail("\n".join((there, *report.trouble)), pytrace=False)
