from __future__ import annotations

import pytest
from written import NAMES, written

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.roster import Roster, read_roster
from rlinf_scaffold.sites.scan import scan
from rlinf_scaffold.sites.vocabulary import read_vocabulary

LOADER = "rlinf/models/__init__.py"
CHAIN = """
    def get_model(cfg):
        model_type = SupportedModel(cfg.model_type)
        if model_type == SupportedModel.ALPHA:
            from torch import nn
            from rlinf.models.embodiment.gone import Gone
            from rlinf.models.embodiment.alpha import prepare
            from rlinf.models.embodiment.alpha_action_model import Alpha
            return Alpha()
        elif model_type == SupportedModel.BETA:
            from .embodiment.beta import get_model
        else:
            return None
        return get_model(cfg)
"""
REGISTRY = """
    _BUILDERS = {}

    def register_model(model_type, builder):
        _BUILDERS[model_type] = builder

    def _register_all():
        def _build_alpha(cfg):
            from rlinf.models.embodiment.alpha_action_model import Alpha
            return Alpha()

        register_model(SupportedModel.ALPHA.value, _build_alpha)
        register_model("beta", elsewhere.build)

    def get_model(cfg):
        return _BUILDERS.get(cfg.model_type)(cfg)
"""
POLICY = """
    class Alpha:
        def predict_action_batch(self, env_obs, mode="train"):
            ...
"""
FILES = {
    "rlinf/models/embodiment/alpha/__init__.py": "prepare = 1\n",
    "rlinf/models/embodiment/alpha_action_model.py": POLICY,
    "rlinf/models/embodiment/beta/__init__.py": "",
    "examples/embodiment/config/model/alpha_big.yaml": 'model_type: "alpha"\n',
    "examples/embodiment/config/ppo_alpha.yaml": "defaults:\n"
    "  - model/alpha_big@actor.model\n",
    "examples/embodiment/config/ppo_beta.yaml": "actor:\n  model:\n    model_name: beta\n",
    "examples/embodiment/config/ppo_other.yaml": "defaults:\n  - model/other@actor.model\n",
    "examples/embodiment/config/notes.txt": "model_type: alpha\n",
    "evaluations/libero/alpha.yaml": "defaults:\n  - model/alpha_big@rollout.model\n",
}


def roster_of(files: dict[str, str], config: str = "") -> Roster:
    tree = written(files, config=config) if config else written(files)
    vocabulary = read_vocabulary(tree)
    return read_roster(tree, vocabulary, scan(tree, vocabulary).sites)


def places(roster: Roster) -> dict[str, dict[str, list[str]]]:
    return {
        model.name: {role: list(map(str, it)) for role, it in model.places.items()}
        for model in roster.models
    }


def test_an_empty_checkout_has_no_models() -> None:
    tree = MemoryTree()
    roster = read_roster(tree, read_vocabulary(tree), ())
    assert (roster.models, dict(roster.others), roster.gaps) == ((), {}, ())


@pytest.mark.parametrize(
    ("loader", "lines"), [(CHAIN, ("4", "10")), (REGISTRY, ("12", "13"))]
)
def test_says_where_each_model_is_wired(loader: str, lines: tuple[str, str]) -> None:
    roster = roster_of({**FILES, LOADER: loader})
    found = places(roster)
    recipes = "examples/embodiment/config"
    assert found["alpha"] == {
        "registered": ["rlinf/config.py:6"],
        "embodied": ["rlinf/config.py:6"],
        "loader": [f"{LOADER}:{lines[0]}"],
        "code": ["rlinf/models/embodiment/alpha_action_model.py:1"],
        "model YAML": [f"{recipes}/model/alpha_big.yaml:1"],
        "recipes": ["evaluations/libero/alpha.yaml:2", f"{recipes}/ppo_alpha.yaml:2"],
    }
    code = {"code": ["rlinf/models/embodiment/beta/__init__.py:1"]}
    assert found["beta"] == {
        "registered": ["rlinf/config.py:7"],
        "embodied": ["rlinf/config.py:7"],
        "loader": [f"{LOADER}:{lines[1]}"],
        **(code if loader is CHAIN else {}),
        "recipes": [f"{recipes}/ppo_beta.yaml:3"],
    }
    assert {name: str(line) for name, line in roster.others.items()} == {
        "qwen": "rlinf/config.py:5"
    }


def test_models_that_are_loaded_act_where_no_more_is_said() -> None:
    loader = (
        "def get_model(path, cfg):\n    if cfg.model_name == 'alpha':\n        one()\n"
    )
    roster = roster_of({LOADER: loader}, NAMES)
    assert places(roster) == {
        "alpha": {"registered": ["rlinf/config.py:1"], "loader": [f"{LOADER}:2"]}
    }
    assert sorted(roster.others) == ["beta", "gamma", "qwen"]


COMPARED = "def act(self):\n    if model_type == 'alpha':\n        one()\n"


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("rlinf/workers/rollout/hf/worker.py", "rollout"),
        ("rlinf/workers/actor/async_ppo_worker.py", "async actor"),
        ("rlinf/workers/actor/worker.py", "actor"),
        ("rlinf/envs/action_utils.py", "actions"),
        ("rlinf/workers/sft/worker.py", "SFT"),
        ("rlinf/hybrid_engines/fsdp/utils.py", "FSDP"),
        ("rlinf/runners/runner.py", "other"),
    ],
)
def test_says_who_tells_a_model_apart(path: str, role: str) -> None:
    assert places(roster_of({path: COMPARED}))["alpha"][role] == [f"{path}:2"]


ROLLOUT = "rlinf/workers/rollout/hf/worker.py"
TOLD = "def f():\n    if model_type == 'beta':\n        kwargs = {'mode': mode}\n"


def gaps(files: dict[str, str], config: str = "") -> list[str]:
    return list(map(str, roster_of(files, config).gaps))


def test_the_list_of_modes_is_a_place_of_its_own() -> None:
    found = places(roster_of({ROLLOUT: TOLD}))
    assert found["beta"]["mode list"] == [f"{ROLLOUT}:2"]
    assert gaps({ROLLOUT: TOLD}) == []


def test_a_model_that_nothing_loads_is_a_gap() -> None:
    assert gaps({**FILES, LOADER: CHAIN}) == [
        f"gamma: registered at rlinf/config.py:8, but {LOADER} loads no such model"
    ]


def test_a_model_that_no_check_accepts_is_a_gap() -> None:
    config = (
        'class SupportedModel:\n    ALPHA = "alpha"\n    BETA = "beta"\n    C = "c"\n'
        "    D = 'd'\n"
        "EMBODIED_MODEL = {SupportedModel.ALPHA, SupportedModel.C, SupportedModel.D}\n"
        "def check(cfg):\n    assert SupportedModel(cfg.model_type) in EMBODIED_MODEL\n"
    )
    loader = "def get_model(cfg):\n    return {'alpha': a, 'beta': b, 'c': c, 'd': d}[cfg.model_type]\n"
    assert gaps({LOADER: loader}, config) == [
        f"beta: loaded at {LOADER}:2, but not among the models that rlinf/config.py:8 "
        "accepts, unless something adds it there"
    ]


@pytest.mark.parametrize(
    ("signature", "said"),
    [
        ("self, env_obs", False),
        ("self, env_obs, mode='train', do_sample=True", False),
        ("self, env_obs, mode='train', **kwargs", True),
        ("self, env_obs, *, mode", True),
        ("self, **kwargs):\n            kwargs.get('mode'", True),
    ],
)
def test_a_model_that_is_never_told_its_mode_is_a_gap(
    signature: str, said: bool
) -> None:
    body = "return 1" if "get(" not in signature else ""
    end = "):\n            " if body else ")"
    policy = f"""
    def alone(): ...

    class Policy:
        def predict_action_batch({signature}{end}{body}
    """
    files = {**FILES, LOADER: CHAIN, ROLLOUT: TOLD}
    files["rlinf/models/embodiment/alpha_action_model.py"] = policy
    expected = (
        "alpha: takes a mode at rlinf/models/embodiment/alpha_action_model.py:5, which "
        f"{ROLLOUT}:2 never tells it: evaluation runs in the default one"
    )
    assert (expected in gaps(files)) is said


def test_the_file_named_after_a_model_is_its_own() -> None:
    loader = CHAIN.replace("alpha_action_model", "shared")
    shared = {
        f"rlinf/models/embodiment/shared/{stem}.py": POLICY
        for stem in ("__init__", "aaa", "alpha")
    }
    found = gaps({LOADER: loader, ROLLOUT: TOLD, **shared})
    assert any(
        "alpha: takes a mode at rlinf/models/embodiment/shared/alpha.py" in it
        for it in found
    )


def test_code_that_does_not_parse_takes_no_mode() -> None:
    files = {**FILES, LOADER: CHAIN, ROLLOUT: TOLD}
    files["rlinf/models/embodiment/alpha_action_model.py"] = "def predict_action_batch("
    assert not any("takes a mode" in gap for gap in gaps(files))


def test_what_one_actor_gives_and_another_does_not_is_a_gap() -> None:
    code = "def f():\n    if model_type in {}:\n        kwargs['prev_logprobs'] = 1\n"
    one, two = "rlinf/workers/actor/a.py", "rlinf/workers/actor/b.py"
    files = {one: code.format(("alpha", "beta", "gamma")), two: code.format(["beta"])}
    assert gaps(files) == [
        f"alpha, gamma: given prev_logprobs at {one}:2, but not at {two}:2"
    ]
    assert gaps({one: files[one], two: files[one]}) == []
