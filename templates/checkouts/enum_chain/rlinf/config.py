# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from enum import Enum

import torch
from omegaconf import DictConfig


class SupportedModel(Enum):
    # Reasoning models
    QWEN2_5 = ("qwen2.5", "reasoning")
    QWEN2_5_VL = ("qwen2.5_vl", "reasoning")

    # Embodied models
    OPENVLA = ("openvla", "embodied")
    OPENPI = ("openpi", "embodied")
    MLP_POLICY = ("mlp_policy", "embodied")

    def __new__(cls, value, category):
        member = object.__new__(cls)
        member._value_ = value
        member.category = category
        return member


def get_supported_model(model_type: str) -> SupportedModel:
    """Return the member of this name, or raise NotImplementedError."""
    try:
        return SupportedModel(model_type)
    except ValueError as unknown:
        known = ", ".join(member.value for member in SupportedModel)
        raise NotImplementedError(
            f"No model type '{model_type}' among: {known}."
        ) from unknown


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


def validate_embodied_cfg(cfg: DictConfig) -> DictConfig:
    """Return the recipe as it is, or raise on the first thing that cannot run."""
    model = cfg.actor.model
    assert get_supported_model(model.model_type).category == "embodied", (
        f"'{model.model_type}' does not act in an environment."
    )
    if cfg.algorithm.loss_type == "actor_critic":
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
