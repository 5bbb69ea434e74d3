# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import torch
from omegaconf import DictConfig, OmegaConf

SUPPORTED_MODEL_ARCHS = ["qwen2.5", "qwen2.5_vl", "openvla", "mlp_policy"]

_DTYPES = {
    torch.bfloat16: ("bf16", "bf16-mixed"),
    torch.float16: (16, "16", "fp16", "16-mixed"),
    torch.float32: (32, "32", "fp32", "32-true"),
    None: (None, "null"),
}

OmegaConf.register_new_resolver("multiply", lambda x, y: x * y, replace=True)


def torch_dtype_from_precision(precision: int | str | None) -> torch.dtype | None:
    """Return the dtype that a recipe's `precision` means; None leaves it open."""
    for dtype, words in _DTYPES.items():
        if precision in words:
            return dtype
    raise ValueError(f"'{precision}' is no precision that a recipe can ask for.")


def validate_embodied_cfg(cfg: DictConfig) -> DictConfig:
    """Return the recipe as it is, or raise on the first thing that cannot run."""
    assert cfg.actor.model.model_name in SUPPORTED_MODEL_ARCHS, (
        f"No model '{cfg.actor.model.model_name}' among: {SUPPORTED_MODEL_ARCHS}."
    )
    if cfg.algorithm.adv_type == "embodied_gae":
        assert cfg.algorithm.require_values, "A critic: set algorithm.require_values."
    if cfg.algorithm.adv_type == "embodied_grpo":
        assert cfg.algorithm.group_size > 1, "A group of one has no baseline."
    assert cfg.actor.global_batch_size % cfg.actor.micro_batch_size == 0, (
        "actor.global_batch_size is not a whole number of micro batches."
    )
    for name, groups in (
        ("algorithm.num_group_envs", cfg.algorithm.num_group_envs),
        ("env.eval.num_envs", cfg.env.eval.num_envs),
    ):
        assert groups % cfg.rollout.pipeline_stage_num == 0, (
            f"{name} does not share out among the stages of the pipeline."
        )
    return cfg
