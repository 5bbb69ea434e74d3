# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from contextlib import AbstractContextManager, nullcontext

import torch
from omegaconf import DictConfig

from rlinf.algorithms.losses import (
    compute_ppo_actor_loss,
    compute_ppo_critic_loss,
    shape_logprobs,
)
from rlinf.config import SupportedModel
from rlinf.hybrid_engines.fsdp import FSDP, FSDPModule


class EmbodiedFSDPActor:
    """Trains a policy, wrapped by FSDP or not, on what a rollout brought back."""

    def __init__(self, cfg: DictConfig, model: torch.nn.Module):
        self.cfg = cfg
        self.model = model
        self.gradient_accumulation = (
            cfg.actor.global_batch_size // cfg.actor.micro_batch_size
        )

    def before_micro_batch(self, is_last: bool) -> AbstractContextManager:
        """Return the context of a backward pass; ranks exchange gradients last."""
        if isinstance(self.model, FSDPModule):
            self.model.set_requires_gradient_sync(is_last)
        elif isinstance(self.model, FSDP) and not is_last:
            return self.model.no_sync()
        return nullcontext()

    def train_micro_batch(
        self,
        data: dict[str, torch.Tensor],
        metrics: dict[str, list[float]],
        *,
        is_last: bool,
    ) -> None:
        """Add one micro batch to the gradients and its numbers to the metrics."""
        if SupportedModel(self.cfg.actor.model.model_type) in [
            SupportedModel.OPENVLA,
        ]:
            data["temperature"] = self.cfg.algorithm.sampling_params.temperature_train
            data["top_k"] = self.cfg.algorithm.sampling_params.top_k

        compute_values = self.cfg.algorithm.adv_type == "gae"
        with self.before_micro_batch(is_last):
            output_dict = self.model(
                data=data,
                compute_logprobs=True,
                compute_entropy=self.cfg.algorithm.entropy_bonus > 0,
                compute_values=compute_values,
                use_cache=False,
            )
            loss, numbers = self._loss(output_dict, data)
            (loss / self.gradient_accumulation).backward()
        for name, number in numbers.items():
            metrics.setdefault(name, []).append(number.item())

    def _loss(self, output, batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        algorithm = self.cfg.algorithm
        action_dim = self.cfg.actor.model.get("action_dim", 7)
        logprobs, old_logprobs = (
            shape_logprobs(each, action_dim, algorithm.logprob_type)
            for each in (output["logprobs"], batch["prev_logprobs"])
        )
        advantages = batch["advantages"]
        while advantages.ndim < logprobs.ndim:
            advantages = advantages.unsqueeze(-1)
        loss, numbers = compute_ppo_actor_loss(
            logprobs,
            old_logprobs,
            clip_ratio_low=algorithm.clip_ratio_low,
            clip_ratio_high=algorithm.clip_ratio_high,
            advantages=advantages,
            clip_ratio_c=algorithm.get("clip_ratio_c", None),
        )
        if algorithm.loss_type == "actor_critic":
            critic_loss, critic_numbers = compute_ppo_critic_loss(
                output["values"],
                batch["returns"],
                batch["prev_values"],
                value_clip=algorithm.value_clip,
                huber_delta=algorithm.huber_delta,
            )
            loss, numbers = loss + critic_loss, {**numbers, **critic_numbers}
        if algorithm.entropy_bonus > 0:
            loss = loss - algorithm.entropy_bonus * output["entropy"].mean()
        return loss, {**numbers, "actor/total_loss": loss.detach()}
