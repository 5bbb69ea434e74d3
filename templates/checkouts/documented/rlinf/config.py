# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import torch
from omegaconf import DictConfig

SUPPORTED_MODEL_ARCHS = [
    "qwen2.5",
    "qwen2.5_vl",
    "openvla",
    "mlp_policy",
]

_DTYPES = {
    torch.bfloat16: ("bf16", "bf16-mixed"),
    torch.float16: (16, "16", "fp16", "16-mixed"),
    torch.float32: (32, "32", "fp32", "32-true"),
    None: (None, "null"),
}


def torch_dtype_from_precision(precision: int | str | None) -> torch.dtype | None:
    """Return the dtype that a recipe's `precision` means; None leaves it open."""
    for dtype, words in _DTYPES.items():
        if precision in words:
            return dtype
    raise ValueError(f"'{precision}' is no precision that a recipe can ask for.")


def validate_model_type(model_type: str) -> None:
    """Raise NotImplementedError for a model that no one has added."""
    if model_type not in SUPPORTED_MODEL_ARCHS:
        known = ", ".join(SUPPORTED_MODEL_ARCHS)
        raise NotImplementedError(f"No model type '{model_type}' among: {known}.")


def validate_embodied_cfg(cfg: DictConfig) -> DictConfig:
    """Return the recipe as it is, or raise on the first thing that cannot run."""
    model = cfg.actor.model
    validate_model_type(model.model_type)
    if cfg.algorithm.loss_type in ("actor_critic", "decoupled_actor_critic"):
        assert model.get("add_value_head", False), (
            f"'{cfg.algorithm.loss_type}' has a critic: set model.add_value_head."
        )
    if cfg.algorithm.adv_type == "grpo":
        assert cfg.algorithm.group_size > 1, "A group of one has no baseline."
    assert cfg.actor.global_batch_size % cfg.actor.micro_batch_size == 0, (
        "actor.global_batch_size is not a whole number of micro batches."
    )
    for split in ("train", "eval"):
        _validate_env(cfg, split)
    return cfg


def _validate_env(cfg: DictConfig, split: str) -> None:
    env = cfg.env.get(split, None)
    if env is None:
        return
    chunks = cfg.actor.model.get("num_action_chunks", 1)
    assert env.max_steps_per_rollout_epoch % chunks == 0, (
        f"env.{split}.max_steps_per_rollout_epoch is no multiple of {chunks} chunks."
    )
    share = cfg.rollout.pipeline_stage_num * env.get("group_size", 1)
    assert env.total_num_envs % share == 0, (
        f"env.{split}.total_num_envs is no multiple of {share}: stages x group."
    )
