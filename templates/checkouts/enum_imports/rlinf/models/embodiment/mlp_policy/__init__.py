# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from omegaconf import DictConfig


def get_model(cfg: DictConfig, torch_dtype=None):
    from rlinf.models.embodiment.mlp_policy.mlp_policy import MLPPolicy

    model = MLPPolicy(
        obs_dim=cfg.obs_dim,
        action_dim=cfg.action_dim,
        num_action_chunks=cfg.num_action_chunks,
        hidden_dim=cfg.get("hidden_dim", 256),
        add_value_head=cfg.add_value_head,
    )
    return model.to(torch_dtype)
