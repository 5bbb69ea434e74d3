# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import dataclasses
from typing import ClassVar

import torch
from omegaconf import DictConfig


@dataclasses.dataclass(frozen=True)
class SupportedModel:
    """A model type that this checkout knows; one object per name."""

    value: str

    models: ClassVar[dict[str, "SupportedModel"]] = {}

    def __new__(cls, value: str) -> "SupportedModel":
        return cls.get(value)

    @classmethod
    def register(cls, value: str, force: bool = False) -> "SupportedModel":
        """Return the member of this name, new unless `force` allows a known one."""
        if not value:
            raise ValueError("A model type needs a name.")
        if value in cls.models and not force:
            raise ValueError(f"'{value}' is registered; force=True keeps it.")
        if value not in cls.models:
            member = object.__new__(cls)
            object.__setattr__(member, "value", value)
            cls.models[value] = member
        return cls.models[value]

    @classmethod
    def get(cls, value: str) -> "SupportedModel":
        """Return the member of this name, or raise NotImplementedError."""
        if value not in cls.models:
            known = ", ".join(sorted(cls.models))
            raise NotImplementedError(f"No model type '{value}' among: {known}.")
        return cls.models[value]


# Reasoning models
SupportedModel.QWEN2_5 = SupportedModel.register("qwen2.5", force=True)
SupportedModel.QWEN2_5_VL = SupportedModel.register("qwen2.5_vl", force=True)
# Embodied models
SupportedModel.OPENVLA = SupportedModel.register("openvla", force=True)
SupportedModel.OPENVLA_OFT = SupportedModel.register("openvla_oft", force=True)
SupportedModel.OPENPI = SupportedModel.register("openpi", force=True)
SupportedModel.MLP_POLICY = SupportedModel.register("mlp_policy", force=True)

EMBODIED_MODEL = set(
    {
        SupportedModel.OPENVLA,
        SupportedModel.OPENVLA_OFT,
        SupportedModel.OPENPI,
        SupportedModel.MLP_POLICY,
    }
)

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
    assert SupportedModel(model.model_type) in EMBODIED_MODEL, (
        f"'{model.model_type}' is no embodied model."
    )
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
