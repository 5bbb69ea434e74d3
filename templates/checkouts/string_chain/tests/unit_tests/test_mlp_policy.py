# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from omegaconf import OmegaConf

from rlinf.models import get_model
from rlinf.workers.actor.fsdp_actor_worker import EmbodiedFSDPActor
from rlinf.workers.rollout.hf.huggingface_worker import MultiStepRolloutWorker

MODEL = {
    "model_name": "mlp_policy",
    "precision": "32",
    "hidden_size": 16,
    "vh_mode": "a0",
    "action_dim": 3,
    "num_action_chunks": 2,
    "is_lora": False,
}
CFG = {
    "runner": {"max_prompt_length": 12},
    "algorithm": {
        "require_values": True,
        "adv_type": "embodied_gae",
        "loss_type": "embodied_ppo",
        "logprob_type": "action_level",
        "entropy_bonus": 0.01,
        "clip_ratio_low": 0.2,
        "clip_ratio_high": 0.2,
        "value_clip": 0.2,
        "huber_delta": 10.0,
        "sampling_params": {
            "top_k": 50,
            "top_p": 1.0,
            "temperature_train": 1.5,
            "temperature_eval": 0.6,
        },
        "length_params": {"max_new_token": 6},
    },
    "env": {"train": {"simulator_type": "maniskill"}},
    "rollout": {"model_dir": ""},
    "actor": {"model": MODEL, "global_batch_size": 2, "micro_batch_size": 2},
}


@pytest.fixture
def worker():
    torch.manual_seed(0)
    worker = MultiStepRolloutWorker(OmegaConf.create(CFG))
    worker.init_worker()
    return worker


def roll_out(worker):
    observations = worker.prepare(
        {
            "task_descriptions": ["Put it on the plate", "Wait"],
            "images": torch.randint(256, (2, 3, 8, 8)),
        }
    )
    actions, tokens, logprobs, values = worker.predict(observations)
    assert actions.shape == tokens.shape == (2, 2, 3)
    assert logprobs.shape == (2, 6)
    return {
        **observations,
        "action_tokens": tokens,
        "prev_logprobs": logprobs,
        "prev_values": values,
    }


def test_the_actor_learns_from_a_rollout(worker):
    batch = {
        **roll_out(worker),
        "advantages": torch.randn(2, 1),
        "returns": torch.randn(2, 1),
    }
    metrics = {}
    actor = EmbodiedFSDPActor(worker.cfg, worker.hf_model.train())
    actor.train_micro_batch(batch, metrics)
    assert metrics["actor/ratio"] == [pytest.approx(1)]
    assert metrics["critic/value_clip_ratio"] == [0]
    assert all(p.grad is not None for p in worker.hf_model.parameters())


def test_evaluation_draws_no_tokens(worker):
    observations = worker.prepare(
        {"task_descriptions": ["Wait"], "images": torch.zeros(1, 3, 8, 8)}
    )
    first, again = (
        worker.predict(observations, do_sample=False, mode="eval") for _ in range(2)
    )
    assert torch.equal(first[1], again[1])


def test_observations_of_an_unknown_model_are_refused(worker):
    worker.cfg.actor.model.model_name = "nothing"
    with pytest.raises(NotImplementedError, match="'nothing'"):
        worker.prepare({})


def test_unknown_model_name_builds_nothing():
    assert get_model("", OmegaConf.create({**MODEL, "model_name": "nothing"})) is None
