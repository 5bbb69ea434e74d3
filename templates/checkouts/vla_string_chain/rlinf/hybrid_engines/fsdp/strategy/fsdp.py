# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from omegaconf import DictConfig
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel

from rlinf.hybrid_engines.fsdp.utils import get_fsdp_wrap_policy


def wrap_model(model: nn.Module, cfg: DictConfig) -> FullyShardedDataParallel:
    """Wrap an actor's model; its recipe has no say in what becomes a unit."""
    return FullyShardedDataParallel(
        model,
        auto_wrap_policy=get_fsdp_wrap_policy(
            module=model,
            config=None,
            is_lora=cfg.model.is_lora,
            is_vla_model=cfg.model.model_name in ("openvla", "openvla_oft"),
        ),
        use_orig_params=cfg.fsdp_config.use_orig_params,
    )
