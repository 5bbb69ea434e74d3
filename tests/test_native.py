from __future__ import annotations

import pytest
from trees import TREES
from workers import ACTS, TRAINS

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.native import Native, read_native

CONFIG = "rlinf/config.py"
LOADER = "rlinf/models/__init__.py"
ACTOR = "rlinf/workers/actor/fsdp_actor_worker.py"
ROLLOUT = "rlinf/workers/rollout/hf/huggingface_worker.py"
DRIVEN = Native(
    actor="rlinf.workers.actor.fsdp_actor_worker",
    rollout="rlinf.workers.rollout.hf.huggingface_worker",
)
OBSTACLES = {
    "no worker trains": (
        {ACTOR: ""},
        "rlinf/workers has no EmbodiedFSDPActor that is a Worker",
    ),
    "what trains is no worker": (
        {ACTOR: TRAINS.replace("scheduler.Worker", "Trainer")},
        "rlinf/workers has no EmbodiedFSDPActor that is a Worker",
    ),
    "no worker acts": (
        {ROLLOUT: ACTS.replace("class Multi", "class Single")},
        "rlinf/workers has no MultiStepRolloutWorker that is a Worker",
    ),
    "acts on other observations": (
        {ROLLOUT: ACTS.replace("env_obs", "processed_obs")},
        "huggingface_worker.py has no MultiStepRolloutWorker.predict(env_obs, mode)",
    ),
    "is told more to train": (
        {ACTOR: TRAINS.replace("run_training(self)", "run_training(self, *, step)")},
        "fsdp_actor_worker.py has no EmbodiedFSDPActor.run_training()",
    ),
    "syncs nothing": (
        {ACTOR: TRAINS.replace("sync_model_to", "send_to")},
        "fsdp_actor_worker.py has no EmbodiedFSDPActor.sync_model_to_rollout()",
    ),
    "trains on a GPU alone": (
        {ACTOR: TRAINS.replace("cfg): ...", "cfg):\n        torch.cuda.set_device(0)")},
        "EmbodiedFSDPActor asks for CUDA itself: fsdp_actor_worker.py:3",
    ),
}


def tree(**files: str) -> MemoryTree:
    return MemoryTree.of({ACTOR: TRAINS, ROLLOUT: ACTS, **files})


def test_finds_both_workers() -> None:
    assert read_native(tree()) == DRIVEN


def test_finds_them_wherever_they_stand() -> None:
    moved = {"rlinf/workers/new.py": f"X = 1\n{TRAINS}", ACTOR: "class Other: ...\n"}
    assert read_native(tree(**moved)).actor == "rlinf.workers.new"


@pytest.mark.parametrize(("files", "obstacle"), OBSTACLES.values(), ids=OBSTACLES)
def test_says_why_workers_are_not_driven(files: dict[str, str], obstacle: str) -> None:
    assert read_native(tree(**files)) == Native(obstacle=obstacle)


@pytest.mark.parametrize(
    ("code", "validates"),
    [
        ("", False),
        ("def validate(cfg): ...", False),
        ("def validate_cfg(cfg): ...", True),
    ],
)
def test_says_whether_recipes_are_validated(code: str, validates: bool) -> None:
    assert read_native(tree(**{CONFIG: code})).validates == validates


@pytest.mark.parametrize(
    ("scheduler", "loader", "extends"),
    [
        ("", "", False),
        ("", "def register_model(name, builder): ...", False),
        ('EXT_MODULE = "EXT_MODULE"', "", False),
        ('EXT_MODULE = "EXT_MODULE"', "def register_model(name, builder): ...", True),
    ],
)
def test_says_whether_extensions_register_models(
    scheduler: str, loader: str, extends: bool
) -> None:
    files = {"rlinf/scheduler/cluster/utils.py": scheduler, LOADER: loader}
    assert read_native(tree(**files)).extends == extends


@pytest.mark.parametrize("layout", TREES)
def test_reads_each_generation(layout: str) -> None:
    native = read_native(TREES[layout])
    assert bool(native.obstacle) != bool(native.actor and native.rollout)


def test_says_what_does_not_parse() -> None:
    with pytest.raises(SourceSyntaxError, match=r"^rlinf/workers/actor"):
        read_native(tree(**{ACTOR: f"{TRAINS}\ndef broken(:\n"}))
