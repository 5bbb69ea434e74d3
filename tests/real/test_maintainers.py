"""What we write to register a model is what RLinf's maintainers wrote for theirs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from edits import Difference, differences, edits
from history import History
from trees import LLAMA

from rlinf_scaffold.checkout import Overlay, Tree
from rlinf_scaffold.layouts import CONFIG, LOADER
from rlinf_scaffold.planner import resolve
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces import all_surfaces

pytestmark = pytest.mark.real

BODY, ELSEWHERE = Difference.BODY, Difference.ELSEWHERE
OURS, THEIRS = Difference.OURS, Difference.THEIRS
ROLLOUT = PurePosixPath("rlinf/workers/rollout/hf/huggingface_worker.py")
FILES = {"config": CONFIG, "loader": LOADER, "rollout": ROLLOUT}

# The commits of main that added a model for embodied tasks, oldest first.
COMMITS = {
    "openpi": "2de62cb8d",
    "mlp_policy": "6b1d8f8ef",
    "gr00t": "df0303eed",
    "cnn_policy": "d34f91b62",
    "flow_policy": "8f0892dbb",
    "dexbotic_pi": "849a9d718",
    "lingbotvla": "1c4188dcf",
    "dreamzero": "7e9751699",
    "starvla": "1538267f3",
    "cfg_model": "3b41eba6b",
    "dexbotic_dm0": "ef4975852",
    "abot_m0": "41ba64297",
    "gr00t_n1d6": "1abc2bffe",
    "gr00t_n1d7": "49fa8edb0",
    "openpi_pytorch": "60165be54",
    "evo1": "41b2d591d",
    "molmoact2": "1f61957ff",
}

BUILT_INLINE = "the branch is the place; what it builds differs by model"
PROCESSOR = "a HuggingFace base has a tokenizer, which this function gives to others"
AMONG_ITS_LIKE = "stands among models of its kind; a kind is not to be read from a tree"
SHARED_PACKAGE = "a version of another model lives in that one's package"
LISTED = "a model on the list gets neither temperature nor top-k from the worker"
# Where we differ from them, and why; they agree everywhere else.
DIFFERENCES = {
    ("openpi", "loader"): {BODY: BUILT_INLINE, OURS: PROCESSOR},
    ("openpi", "rollout"): {THEIRS: LISTED},
    ("mlp_policy", "loader"): {BODY: BUILT_INLINE, OURS: PROCESSOR},
    ("mlp_policy", "rollout"): {THEIRS: LISTED},
    ("gr00t", "loader"): {BODY: BUILT_INLINE, OURS: PROCESSOR},
    ("gr00t", "rollout"): {THEIRS: LISTED},
    ("cnn_policy", "loader"): {
        OURS: f"{PROCESSOR}; and members are compared with members",
        THEIRS: "compares with a string, in a chain that compares with members",
    },
    ("cnn_policy", "rollout"): {THEIRS: LISTED},
    ("dexbotic_pi", "config"): {ELSEWHERE: AMONG_ITS_LIKE},
    ("dexbotic_pi", "loader"): {ELSEWHERE: AMONG_ITS_LIKE},
    ("dreamzero", "config"): {ELSEWHERE: AMONG_ITS_LIKE},
    ("dreamzero", "loader"): {ELSEWHERE: AMONG_ITS_LIKE},
    ("dreamzero", "rollout"): {THEIRS: LISTED},
    ("starvla", "config"): {ELSEWHERE: AMONG_ITS_LIKE},
    ("starvla", "loader"): {ELSEWHERE: AMONG_ITS_LIKE},
    ("cfg_model", "config"): {ELSEWHERE: AMONG_ITS_LIKE},
    ("cfg_model", "loader"): {
        BODY: "its builder is called after its package, which has another name",
        OURS: "its builder is called after its package, which has another name",
        THEIRS: "its adapters are for one part of it alone",
    },
    ("cfg_model", "rollout"): {THEIRS: LISTED},
    ("dexbotic_dm0", "config"): {ELSEWHERE: AMONG_ITS_LIKE},
    ("dexbotic_dm0", "loader"): {ELSEWHERE: AMONG_ITS_LIKE},
    ("abot_m0", "config"): {ELSEWHERE: AMONG_ITS_LIKE},
    ("abot_m0", "loader"): {ELSEWHERE: AMONG_ITS_LIKE},
    ("abot_m0", "rollout"): {THEIRS: LISTED},
    ("gr00t_n1d6", "config"): {ELSEWHERE: AMONG_ITS_LIKE},
    ("gr00t_n1d6", "loader"): {BODY: SHARED_PACKAGE, ELSEWHERE: AMONG_ITS_LIKE},
    ("gr00t_n1d6", "rollout"): {THEIRS: LISTED},
    ("gr00t_n1d7", "config"): {ELSEWHERE: AMONG_ITS_LIKE},
    ("gr00t_n1d7", "loader"): {BODY: SHARED_PACKAGE},
    ("gr00t_n1d7", "rollout"): {THEIRS: LISTED},
    ("openpi_pytorch", "config"): {ELSEWHERE: AMONG_ITS_LIKE},
    ("openpi_pytorch", "loader"): {ELSEWHERE: AMONG_ITS_LIKE},
    ("openpi_pytorch", "rollout"): {THEIRS: LISTED},
    ("evo1", "rollout"): {THEIRS: LISTED},
    ("molmoact2", "config"): {
        ELSEWHERE: AMONG_ITS_LIKE,
        OURS: "the set of embodied models does without it",
        THEIRS: "validation asks for what this model alone needs",
    },
    ("molmoact2", "loader"): {ELSEWHERE: AMONG_ITS_LIKE},
    ("molmoact2", "rollout"): {THEIRS: LISTED},
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", COMMITS)
def test_registers_a_model_as_its_maintainers_did(
    history: History,
    name: str,
    file: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    commit, path = COMMITS[name], FILES[file]
    tree = history.extract(history.parent(commit), tmp_path)
    before = tree.read(path) or ""
    ours = edits(before, registered(tree, name).read(path) or "")
    theirs = [
        edit
        for edit in edits(before, history.read(commit, path))
        if name in "\n".join(edit.lines).lower()
    ]
    reasons = DIFFERENCES.get((name, file), {})
    found = set(differences(ours, theirs))
    for it in sorted(found ^ reasons.keys(), key=str):
        said = "needs no reason" if it in reasons else "needs a reason"
        record_property("problem", f"{name} at {commit}, {path}: {it.value}: {said}")
    assert found == reasons.keys(), f"ours: {ours}\ntheirs: {theirs}"


def test_reasons_are_for_models_and_files_that_are_compared() -> None:
    assert DIFFERENCES.keys() <= {(name, file) for name in COMMITS for file in FILES}


def registered(tree: Tree, name: str) -> Overlay:
    """Return the tree with all that we add to files that are not the model's own."""
    overlay = Overlay(tree)
    job = resolve(tree, ModelSpec(name=name), LLAMA)
    for surface in all_surfaces():
        if not surface.owns_files:
            overlay = overlay.write(surface.plan(overlay, job))
    return overlay
