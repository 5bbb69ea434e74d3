from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tools import STYLES, Transform, ruff, swap
from trees import TREES, job_for

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.errors import WiringChangedError
from rlinf_scaffold.sft import POLICY, WORKERS, Sft, read_sft
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces import Job
from rlinf_scaffold.surfaces.sft_dataloader import surface

WORKER = WORKERS / "trainer.py"
KINDS = 'class ForwardType(Enum):\n    SFT = "sft"\n'
SOURCE = """\
class Trainer(Base):
    def build_dataloader(self, paths, eval_dataset=False):
        kind = SupportedModel(self.cfg.actor.model.model_type)
        if kind == SupportedModel.A:
            return load(paths)
        elif kind == SupportedModel.B:
            return load(paths)
        else:
            raise KeyError

    def get_train_model_output(self, batch):
        return self.model(forward_type=ForwardType.SFT, data=batch)
"""
BRANCH = """\
        elif kind == SupportedModel.FOO:
            from rlinf.models.embodiment.foo.sft_data import build_foo_sft_dataloader

            return build_foo_sft_dataloader(
                self.cfg, self._world_size, self._rank, paths
            )
"""
DONE = SOURCE.replace("        else:", f"{BRANCH}        else:")
LONG = ModelSpec(name="a_policy_with_a_name_of_32_chars")
LEFTS = ("kind", "SupportedModel(self.cfg.actor.model.model_type)")
UNKNOWN = {
    "no worker": "",
    "another chain": SOURCE.replace("SupportedModel.", "Other."),
    "no else": SOURCE.replace("        else:\n            raise KeyError\n", ""),
}


def job_on(source: str, spec: ModelSpec | None = None) -> tuple[MemoryTree, Job]:
    tree = MemoryTree({WORKER: source, POLICY: KINDS})
    job = job_for(TREES["registry"], spec or ModelSpec(name="foo"))
    return tree, replace(job, sft=read_sft(tree))


def after(source: str, spec: ModelSpec | None = None) -> str:
    tree, job = job_on(source, spec)
    (change,) = surface.plan(tree, job)
    return change.after or ""


@pytest.mark.parametrize("source", UNKNOWN.values(), ids=UNKNOWN)
def test_adds_nothing_where_no_worker_is_known(source: str) -> None:
    assert not list(surface.plan(*job_on(source)))


def test_adds_nothing_to_a_model_made_without_demonstrations() -> None:
    tree, job = job_on(SOURCE)
    assert not list(surface.plan(tree, replace(job, sft=Sft(forward=True))))


def test_adds_nothing_where_the_chain_has_gone_since() -> None:
    _, job = job_on(SOURCE)
    assert not list(surface.plan(MemoryTree({WORKER: ""}), job))


@pytest.mark.parametrize(
    "source",
    [
        DONE,
        DONE.replace("kind == SupportedModel.FOO", "kind in [SupportedModel.FOO]"),
    ],
)
def test_adds_nothing_twice(source: str) -> None:
    assert after(source) == source


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_adds_a_branch_before_the_refusal(style: Transform) -> None:
    assert after(style(SOURCE)) == style(DONE)


@pytest.mark.parametrize(
    "old",
    [
        "return build_foo_sft_dataloader(",
        "self._rank",
        "from rlinf.models.embodiment.foo.sft_data",
    ],
)
def test_refuses_a_branch_that_was_edited(old: str) -> None:
    edited = swap(DONE, (old, old.replace("foo", "bar").replace("rank", "it")))
    line = DONE[: DONE.index("elif kind == SupportedModel.FOO")].count("\n") + 1
    with pytest.raises(WiringChangedError) as caught:
        after(edited)
    assert (caught.value.path, caught.value.line) == (WORKER, line)


def test_refuses_a_branch_that_is_shared() -> None:
    both = "in [SupportedModel.FOO, SupportedModel.B]"
    with pytest.raises(WiringChangedError):
        after(SOURCE.replace("== SupportedModel.B", both))


@pytest.mark.parametrize("left", LEFTS)
def test_a_branch_is_broken_as_ruff_does(left: str, tmp_path: Path) -> None:
    source = SOURCE.replace("kind ==", f"{left} ==")
    for name in ("ab1", "foo", "foo_bars", "a_policy_with_a_name", LONG.name):
        (tmp_path / f"{name}.py").write_text(after(source, ModelSpec(name=name)))
    finished = ruff("format", "--diff", "--isolated", ".", folder=tmp_path)
    assert finished.returncode == 0, finished.output
