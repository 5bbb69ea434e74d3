from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from trees import TREES

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.sft import POLICY, Sft, find_chain, read_sft

WORKER = PurePosixPath("rlinf/workers/sft/fsdp_vla_sft_worker.py")
KINDS = 'class ForwardType(Enum):\n    DEFAULT = "default"\n    SFT = "sft"\n'
CHAIN = """\
        if SupportedModel(self.cfg.actor.model.model_type) in [SupportedModel.A]:
            return load(data_paths)
        else:
            raise KeyError
"""
SOURCE = f"""\
from torchdata.stateful_dataloader import StatefulDataLoader


class Trainer(Base):
    def build_dataloader(self, data_paths, eval_dataset=False):
{CHAIN}
    def get_train_model_output(self, batch):
        return self.model(forward_type=ForwardType.SFT, data=batch)
"""
PAIRS = SOURCE.replace(
    "data=batch", 'data={"observation": observation, "actions": actions}'
)
MAPPED = f"from torch.utils import _pytree\n{PAIRS}"
OBSTACLES = {
    "no kind of that name": ({POLICY: KINDS.replace("SFT", "SAC")}, "ForwardType.SFT"),
    "no kinds": ({POLICY: ""}, "ForwardType.SFT in"),
    "no worker": ({WORKER: ""}, "a worker with build_dataloader()"),
    "a worker without data": (
        {WORKER: SOURCE.replace("data=batch", "batch=batch")},
        "data=... ",
    ),
    "a worker that is told no paths": (
        {WORKER: SOURCE.replace("self, data_paths, eval_dataset=False", "self")},
        "Trainer.build_dataloader() with paths",
    ),
    "a chain without else": (
        {WORKER: SOURCE.replace("        else:\n            raise KeyError\n", "")},
        "ends in an else",
    ),
    "a chain that takes any model": (
        {WORKER: SOURCE.replace("in [SupportedModel.A]", "!= SupportedModel.A")},
        "ends in an else",
    ),
    "a chain of strings": (
        {
            WORKER: SOURCE.replace("SupportedModel(self", "(self").replace(
                "[SupportedModel.A]", '["a"]'
            )
        },
        "members of SupportedModel",
    ),
    "batches mapped by another library": ({WORKER: PAIRS}, "torch.utils._pytree"),
}


def tree(files: dict[PurePosixPath, str] | None = None) -> MemoryTree:
    return MemoryTree({POLICY: KINDS, WORKER: SOURCE, **(files or {})})


def test_a_checkout_without_any_of_it_has_no_worker() -> None:
    sft = read_sft(MemoryTree({}))
    assert sft == Sft()
    assert sft.obstacle


@pytest.mark.parametrize(
    ("source", "pairs", "resumes"),
    [(SOURCE, False, True), (MAPPED, True, True), (SOURCE[60:], False, False)],
)
def test_reads_what_a_worker_makes_of_batches(
    source: str, pairs: bool, resumes: bool
) -> None:
    sft = read_sft(tree({WORKER: source}))
    expected = Sft(
        forward=True,
        worker=WORKER,
        owner="Trainer",
        pairs=pairs,
        resumes=resumes,
        undriven="Trainer is no Worker with init_worker, run_training",
    )
    assert sft == expected
    assert not sft.obstacle


def test_finds_a_worker_by_what_it_does_wherever_it_stands() -> None:
    moved = WORKER.with_name("other.py")
    others = "class Loads:\n    def build_dataloader(self): ...\n"
    sft = read_sft(tree({WORKER: f"{others}# {POLICY}", moved: SOURCE}))
    assert (sft.worker, sft.owner) == (moved, "Trainer")


@pytest.mark.parametrize(("files", "missing"), OBSTACLES.values(), ids=OBSTACLES)
def test_says_why_no_model_is_wired(
    files: dict[PurePosixPath, str], missing: str
) -> None:
    sft = read_sft(tree(files))
    assert sft.worker is None
    assert missing in sft.obstacle


def test_says_what_was_found_and_where() -> None:
    found = [str(check) for check in read_sft(tree()).checks]
    assert found[0] == f"ForwardType.SFT at {POLICY}:1"
    assert found[1].endswith(f" at {WORKER}:12")
    assert found[2].endswith(f" at {WORKER}:6")


@pytest.mark.parametrize(
    ("above", "left"),
    [
        ("", "SupportedModel(self.cfg.actor.model.model_type)"),
        ("kind = SupportedModel(self.cfg.actor.model.model_type)", "kind"),
        ("cfg = self.cfg", "SupportedModel(cfg.actor.model.model_type)"),
    ],
)
def test_takes_over_the_words_of_the_chain(above: str, left: str) -> None:
    words = "SupportedModel(self.cfg.actor.model.model_type)"
    source = SOURCE.replace(words, left)
    source = source.replace("=False):\n", f"=False):\n        {above}\n", 1)
    chain = find_chain(source, WORKER, "Trainer")
    assert chain is not None
    assert (chain.wording.left, chain.paths) == (left, "data_paths")


def test_finds_no_chain_in_another_class() -> None:
    assert find_chain(SOURCE, WORKER, "Other") is None


def test_says_what_does_not_parse() -> None:
    with pytest.raises(SourceSyntaxError, match=str(WORKER)):
        read_sft(tree({WORKER: f"{SOURCE}def broken(:\n"}))


@pytest.mark.parametrize("layout", TREES)
def test_reads_each_generation(layout: str) -> None:
    sft = read_sft(TREES[layout])
    assert bool(sft.worker) != bool(sft.obstacle)
