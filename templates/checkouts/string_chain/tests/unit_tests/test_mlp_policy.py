# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import torch
from omegaconf import OmegaConf

from rlinf.models import get_model
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


def test_training_scores_actions_as_the_rollout_did():
    torch.manual_seed(0)
    worker = MultiStepRolloutWorker(
        OmegaConf.create(
            {"actor": {"model": MODEL}, "rollout": {"model": {}}, "algorithm": {}}
        )
    )
    worker.init_worker()
    actions, result = worker.predict({"states": torch.randn(4, 6)})
    again = worker.hf_model(
        forward_inputs=result["forward_inputs"], compute_values=True
    )
    assert actions.shape == (4, 2, 3)
    torch.testing.assert_close(again["logprobs"], result["prev_logprobs"])
    torch.testing.assert_close(again["values"], result["prev_values"])


def test_unknown_model_type_builds_nothing():
    assert get_model(OmegaConf.create({**MODEL, "model_type": "nothing"})) is None
