from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tools import STYLES, Transform, swap
from trees import TREES, job_for

from rlinf_scaffold.checkout import MemoryTree, Overlay
from rlinf_scaffold.contracts import MODEL_FUNCTIONS
from rlinf_scaffold.errors import AnchorNotFoundError, WiringChangedError
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces import Job
from rlinf_scaffold.surfaces.observations import surface

BuildJob = Callable[..., Job]
JOB = job_for(TREES["string_chain"], ModelSpec(name="foo"))
SOURCE = """\
def prepare_observations(raw_obs, model_name, use_proprio, max_length, processor, device):
    if raw_obs is None:
        return None
    if model_name == "openvla" or model_name == "openvla_oft":
        return 1
    else:
        raise NotImplementedError
"""
BRANCH = """\
    elif model_name == "foo":
        from rlinf.models.embodiment.foo_action_model import prepare_foo_observations

        return prepare_foo_observations(
            raw_obs=raw_obs,
            use_proprio=use_proprio,
            max_length=max_length,
            processor=processor,
            device=device,
        )
"""
DONE = SOURCE.replace("    else:", f"{BRANCH}    else:")
REFUSED = {
    "nothing": "",
    "another function": SOURCE.replace("prepare_", "make_"),
    "another subject": SOURCE.replace("model_name ==", "policy =="),
    "no chain": SOURCE[: SOURCE.index("    if model_name")],
}


def after(source: str, job: Job = JOB) -> str:
    tree = MemoryTree({MODEL_FUNCTIONS: source})
    (change,) = surface.plan(tree, job)
    return change.after or ""


def test_adds_nothing_where_policies_read_observations_themselves() -> None:
    for layout in ("vla_string_chain", "registry"):
        tree = TREES[layout]
        assert not list(surface.plan(tree, job_for(tree, ModelSpec(name="foo"))))


def test_adds_nothing_twice() -> None:
    assert after(DONE) == DONE


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_adds_a_branch_before_the_refusal(style: Transform) -> None:
    assert after(style(SOURCE)) == style(DONE)


def test_the_checkout_of_that_time_parses_and_changes_once() -> None:
    tree = TREES["string_chain"]
    planned = Overlay(tree).write(surface.plan(tree, JOB))
    assert [change.path for change in planned.changes()] == [MODEL_FUNCTIONS]
    assert planned.write(surface.plan(planned, JOB)).changes() == planned.changes()


@pytest.mark.parametrize("source", REFUSED.values(), ids=REFUSED)
def test_refuses_where_there_is_no_such_chain(source: str) -> None:
    with pytest.raises(AnchorNotFoundError) as caught:
        after(source)
    assert str(MODEL_FUNCTIONS) in str(caught.value)
    assert 'if model_name == "foo":' in str(caught.value)


def test_refuses_a_branch_that_was_edited() -> None:
    edited = swap(DONE, ("device=device", 'device="cpu"'))
    line = DONE[: DONE.index('elif model_name == "foo"')].count("\n") + 1
    with pytest.raises(WiringChangedError) as caught:
        after(edited)
    assert caught.value.line == line


def test_a_long_name_is_imported_over_several_lines() -> None:
    spec = replace(JOB.spec, name="a_policy_with_a_name_of_32_chars")
    text = after(SOURCE, replace(JOB, spec=spec))
    assert max(map(len, text.splitlines())) <= 88 + len("processor, device):")
    assert "_action_model import (\n" in text
