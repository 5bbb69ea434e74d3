from __future__ import annotations

import pytest
from written import ACTIONS, ACTOR, ROLLOUT, site_of

from rlinf_scaffold.sites.meanings import CRASH, MEANINGS, OK, SILENT, UNKNOWN
from rlinf_scaffold.sites.verdicts import meaning_of

LOADER = "rlinf/models/__init__.py"
FSDP = "rlinf/hybrid_engines/fsdp/strategy/fsdp.py"
TEST = "    if model_type in ('alpha', 'beta'):\n        "


@pytest.mark.parametrize(
    ("path", "code", "name", "outcome"),
    [
        (ROLLOUT, f"def f():\n{TEST}one()", "", ""),
        (
            "rlinf/runner.py",
            "assert model_type in ('alpha', 'beta', 'gamma')",
            "",
            "",
        ),
        (LOADER, f"def get_model(cfg):\n{TEST}model = one()", "loader", OK),
        (LOADER, f"def get_model(cfg):\n{TEST}m = get_peft_model(m)", "LoRA", OK),
        (
            "rlinf/models/embodiment/model_utils.py",
            f"def prepare_observations():\n{TEST}return one()",
            "observations",
            OK,
        ),
        (
            ROLLOUT,
            f"def f():\n{TEST}self.model.setup_config_and_processor(cfg)",
            "processor set by the worker",
            OK,
        ),
        (
            ROLLOUT,
            f"def f():\n{TEST}kwargs = {{'mode': mode}}",
            "rollout: mode or sampling parameters",
            OK,
        ),
        (
            ROLLOUT,
            f"def f():\n{TEST}if dagger:\n            kwargs = {{'mode': 'eval'}}",
            "rollout: mode or sampling parameters",
            OK,
        ),
        (ROLLOUT, f"def f():\n{TEST}k['return_obs'] = 1", "rollout: return_obs", OK),
        (
            ACTOR,
            f"def f():\n{TEST}k['temperature'] = 1",
            "training: temperature and top-k",
            OK,
        ),
        (
            ACTOR,
            f"def f():\n{TEST}k['temperature'] = 1\n    self.model('sac_forward')",
            "another forward pass",
            CRASH,
        ),
        (
            ACTOR,
            f"def f():\n{TEST}old = out['prev_logprobs']",
            "training: rollout log-probabilities",
            OK,
        ),
        (ACTOR, f"def f():\n{TEST}k['clip_ratio_c'] = 3", "training: clipping", SILENT),
        (
            ACTIONS,
            f"def prepare_actions_for_x():\n{TEST}a[..., -1] = 2 * a[..., -1] - 1",
            "actions: gripper",
            SILENT,
        ),
        (
            ACTIONS,
            f"def prepare_actions_for_x():\n{TEST}a[..., -1] = np.sign(a[..., -1])",
            "actions: last number",
            SILENT,
        ),
        (
            ACTIONS,
            f"def prepare_actions_for_x():\n{TEST}a = np.concatenate([a, b])",
            "actions: width",
            CRASH,
        ),
        (
            "rlinf/models/embodiment/sglang_adapter.py",
            "def adapter():\n    return {'alpha': one}.get(model_type)",
            "SGLang",
            CRASH,
        ),
        (
            FSDP,
            "def wrap():\n    get_fsdp_wrap_policy(is_vla=model_type == 'alpha')",
            "FSDP: wrapped classes",
            OK,
        ),
        (
            "rlinf/utils/utils.py",
            "def is_vla_model(cfg):\n    return cfg.model_name in {'alpha'}",
            "FSDP: wrapped classes",
            OK,
        ),
        (FSDP, f"def _use_liger():\n{TEST}one()", "fused kernels", OK),
        (
            "rlinf/utils/convertor.py",
            f"def get_model_save_helper():\n{TEST}return one",
            "checkpoint conversion: files beside the weights",
            UNKNOWN,
        ),
    ],
)
def test_knows_a_site_by_its_shape(
    path: str, code: str, name: str, outcome: str
) -> None:
    meaning = meaning_of(site_of(code, path=path))
    assert (meaning.name if meaning else "") == name
    assert (meaning.outcome if meaning else "") == outcome


def test_the_check_of_all_models_is_the_registration() -> None:
    config = 'ARCHS_OF_MODELS = ["alpha", "beta", "gamma"]\n'
    code = f"{config}def check(cfg):\n    assert cfg.model_type in ARCHS_OF_MODELS\n"
    meaning = meaning_of(site_of(code, path="rlinf/config.py"))
    assert meaning is not None
    assert meaning.name == "registration"


def test_each_meaning_is_said_once() -> None:
    assert len({meaning.name for meaning in MEANINGS}) == len(MEANINGS)
