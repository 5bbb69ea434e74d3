# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from omegaconf import OmegaConf

from rlinf.models import get_model
from rlinf.workers.actor.fsdp_actor_worker import EmbodiedFSDPActor
from rlinf.workers.rollout.hf.huggingface_worker import MultiStepRolloutWorker

MODEL = {
    "model_type": "mlp_policy",
    "model_path": "",
    "precision": "32",
    "obs_dim": 6,
    "action_dim": 3,
    "num_action_chunks": 2,
    "hidden_dim": 16,
    "add_value_head": True,
    "is_lora": False,
}
CFG = {
    "runner": {},
    "algorithm": {
        "adv_type": "gae",
        "loss_type": "actor_critic",
        "logprob_type": "action_level",
        "entropy_bonus": 0.01,
        "clip_ratio_low": 0.2,
        "clip_ratio_high": 0.2,
        "value_clip": 0.2,
        "huber_delta": 10.0,
        "sampling_params": {
            "do_sample": True,
            "top_k": 0,
            "top_p": 1.0,
            "temperature_train": 1.0,
            "temperature_eval": 0.6,
        },
        "length_params": {"max_new_token": 6},
    },
    "rollout": {"model": {"model_path": "", "precision": "32"}},
    "actor": {"model": MODEL, "global_batch_size": 4, "micro_batch_size": 4},
}


@pytest.fixture
def worker():
    torch.manual_seed(0)
    worker = MultiStepRolloutWorker(OmegaConf.create(CFG))
    worker.init_worker()
    return worker


def test_training_scores_actions_as_the_rollout_did(worker):
    actions, result = worker.predict({"states": torch.randn(4, 6)})
    again = worker.hf_model(data=result["forward_inputs"], compute_values=True)
    assert actions.shape == (4, 2, 3)
    torch.testing.assert_close(again["logprobs"], result["prev_logprobs"])
    torch.testing.assert_close(again["values"], result["prev_values"])


def test_the_actor_learns_from_a_rollout(worker):
    _, result = worker.predict({"states": torch.randn(4, 6)})
    actor = EmbodiedFSDPActor(worker.cfg, worker.hf_model.train())
    batch = {
        **result["forward_inputs"],
        "prev_logprobs": result["prev_logprobs"],
        "prev_values": result["prev_values"],
        "advantages": torch.randn(4, 1),
        "returns": torch.randn(4, 1),
    }
    metrics = {}
    actor.train_micro_batch(batch, metrics, is_last=True)
    assert metrics["actor/ratio"] == [pytest.approx(1)]
    assert all(p.grad is not None for p in worker.hf_model.parameters())


def test_a_model_that_only_reasons_is_not_built_here():
    assert get_model(OmegaConf.create({**MODEL, "model_type": "qwen2.5"})) is None


def test_unknown_model_type_is_refused():
    with pytest.raises(NotImplementedError, match="No model type 'nothing'"):
        get_model(OmegaConf.create({**MODEL, "model_type": "nothing"}))
