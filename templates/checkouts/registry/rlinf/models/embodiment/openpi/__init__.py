# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from omegaconf import DictConfig


def get_model(cfg: DictConfig, torch_dtype=None):
    raise NotImplementedError("This practice checkout has no OpenPI.")


def build_sft_dataloader(cfg: DictConfig, world_size: int, rank: int, data_paths):
    raise NotImplementedError("This practice checkout has no OpenPI.")
