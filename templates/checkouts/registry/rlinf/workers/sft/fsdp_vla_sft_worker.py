# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from typing import Any

import torch
from omegaconf import DictConfig
from torchdata.stateful_dataloader import StatefulDataLoader

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
        self._rank, self._world_size = rank, world_size
        self.gradient_accumulation = cfg.actor.global_batch_size // (
            cfg.actor.micro_batch_size * world_size
        )
        self.data_loader, self.data_config = self.build_dataloader(
            cfg.data.train_data_paths
        )
        self.data_iter = iter(self.data_loader)

    def build_dataloader(self, data_paths: Any, eval_dataset: bool = False):
        model_type = SupportedModel(self.cfg.actor.model.model_type)
        if model_type == SupportedModel.OPENPI:
            from rlinf.models.embodiment.openpi import build_sft_dataloader

            return build_sft_dataloader(
                self.cfg, self._world_size, self._rank, data_paths
            )
        else:
            raise KeyError(f"Nothing loads demonstrations for {model_type.value}.")

    def get_train_model_output(self, batch: Any) -> tuple[torch.Tensor, dict]:
        output = self.model(forward_type=ForwardType.SFT, data=batch)
        loss = output if isinstance(output, torch.Tensor) else output["loss"]
        return loss, {"loss": loss.detach().item()}

    def run_training(self) -> dict:
        """Update the policy once, and return the loss before."""
        self.model.train()
        metrics = []
        for _ in range(self.gradient_accumulation):
            batch = next(self.data_iter, None)
            if batch is None:
                self.data_iter = iter(self.data_loader)
                batch = next(self.data_iter)
            loss, step_metrics = self.get_train_model_output(batch)
            metrics.append(step_metrics["loss"])
            (loss / self.gradient_accumulation).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return {"loss": sum(metrics) / len(metrics)}

    def state_dict(self) -> dict:
        """Return where in the data this rank stands, if the loader knows."""
        if isinstance(self.data_loader, StatefulDataLoader):
            return self.data_loader.state_dict()
        return {}
