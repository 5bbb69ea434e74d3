# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import torch
from omegaconf import DictConfig

from rlinf.algorithms.losses import (
    compute_ppo_actor_loss,
    compute_ppo_critic_loss,
    shape_logprobs,
)
from rlinf.models.embodiment.model_utils import custom_forward


class EmbodiedFSDPActor:
    """Trains a policy, wrapped by FSDP or not, on what a rollout brought back."""

    def __init__(self, cfg: DictConfig, model: torch.nn.Module):
        self.cfg = cfg
        self.model = model
        self.gradient_accumulation = (
            cfg.actor.global_batch_size // cfg.actor.micro_batch_size
        )

    def train_micro_batch(
        self, data: dict[str, torch.Tensor], metrics: dict[str, list[float]]
    ) -> None:
        """Add one micro batch to the gradients and its numbers to the metrics."""
        data = self.model.preprocess_for_train(data)
        input_ids = data["input_ids"]
        action_tokens = data["action_tokens"]
        attention_mask = data["attention_mask"]
        pixel_values = data["pixel_values"]

        action_token_len = self.model.action_dim * self.model.num_action_chunks

        logits_processor_args = {
            "action_tokens": action_tokens,
            "vocab_size": self.model.vocab_size,
            "n_action_bins": self.model.config.n_action_bins,
        }

        output_dict = custom_forward(
            self.model,
            input_ids=input_ids,
            attention_mask=attention_mask,
            pixel_values=pixel_values,
            action_token_len=action_token_len,
            value_model=self.cfg.algorithm.adv_type == "embodied_gae",
            value_head_mode=self.cfg.actor.model.get("vh_mode", None),
            temperature=self.cfg.algorithm.sampling_params.temperature_train,
            top_k=self.cfg.algorithm.sampling_params.top_k,
            logits_processor_args=logits_processor_args,
        )
        loss, numbers = self._loss(output_dict, data)
        (loss / self.gradient_accumulation).backward()
        for name, number in numbers.items():
            metrics.setdefault(name, []).append(number.item())

    def _loss(self, output, batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        algorithm = self.cfg.algorithm
        action_dim = self.model.action_dim
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
        if algorithm.loss_type == "embodied_ppo":
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
