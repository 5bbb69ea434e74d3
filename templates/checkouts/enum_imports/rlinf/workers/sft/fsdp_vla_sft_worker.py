# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from typing import Any

import torch
from omegaconf import DictConfig
from torch.utils import _pytree

from rlinf.config import SupportedModel
from rlinf.models.embodiment.base_policy import ForwardType


class FSDPVlaSftWorker:
    """Trains a policy, wrapped by FSDP or not, on what others have shown."""

    def __init__(
        self,
        cfg: DictConfig,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        rank: int = 0,
        world_size: int = 1,
    ):
        self.cfg = cfg
        self.model = model
        self.optimizer = optimizer
        self.device = next(model.parameters()).device
        self._rank, self._world_size = rank, world_size
        self.data_loader, self.data_config = self.build_dataloader(
            cfg.data.train_data_paths
        )
        self.data_iter = iter(self.data_loader)

    def build_dataloader(self, data_paths: list[str], eval_dataset: bool = False):
        if SupportedModel(self.cfg.actor.model.model_type) in [SupportedModel.OPENPI]:
            from rlinf.models.embodiment.openpi import build_sft_dataloader

            return build_sft_dataloader(
                self.cfg, self._world_size, self._rank, data_paths
            )
        else:
            raise KeyError(
                f"Nothing loads demonstrations for {self.cfg.actor.model.model_type}."
            )

    def get_train_model_output(self, batch: Any) -> torch.Tensor:
        observation, actions = batch
        observation = _pytree.tree_map(
            lambda leaf: torch.as_tensor(leaf, device=self.device), observation
        )
        actions = actions.to(self.device, torch.float32)
        return self.model(
            forward_type=ForwardType.SFT,
            data={"observation": observation, "actions": actions},
        )

    def run_training(self) -> dict:
        """Update the policy once, and return the loss before."""
        self.model.train()
        batch = next(self.data_iter, None)
        if batch is None:
            self.data_iter = iter(self.data_loader)
            batch = next(self.data_iter)
        loss = self.get_train_model_output(batch).mean()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return {"loss": loss.item()}
