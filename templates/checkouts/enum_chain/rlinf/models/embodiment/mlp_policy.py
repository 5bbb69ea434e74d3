# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import torch
from torch import nn
from torch.distributions import Normal

from .modules.value_head import ValueHead


class MLPPolicy(nn.Module):
    """A Gaussian policy over state vectors [B, obs_dim]."""

    def __init__(
        self, obs_dim, action_dim, hidden_dim, num_action_chunks, add_value_head
    ):
        super().__init__()
        self.action_dim = action_dim
        self.num_action_chunks = num_action_chunks
        numbers = num_action_chunks * action_dim
        self.actor_mean = nn.Sequential(
            nn.Linear(obs_dim, hidden_dim),
            nn.Tanh(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.Tanh(),
            nn.Linear(hidden_dim, numbers),
        )
        self.actor_logstd = nn.Parameter(torch.full((1, numbers), -0.5))
        if add_value_head:
            self.value_head = ValueHead(obs_dim, (hidden_dim,), activation="tanh")

    def forward(
        self,
        data,
        compute_logprobs=True,
        compute_entropy=True,
        compute_values=True,
        **kwargs,
    ):
        """Score stored actions again: logprobs and entropy [B, C x D], values [B, 1]."""
        policy = self._policy(data["obs"])
        output = {}
        if compute_logprobs:
            output["logprobs"] = policy.log_prob(data["action"])
        if compute_entropy:
            output["entropy"] = policy.entropy()
        if compute_values:
            output["values"] = self.value_head(data["obs"])
        return output

    def predict_action_batch(
        self, env_obs, calulate_logprobs=True, calulate_values=True, **kwargs
    ):
        """Return actions [B, C, D], drawn in every mode, and what training needs."""
        obs = torch.as_tensor(env_obs["states"]).to(self.actor_logstd)
        policy = self._policy(obs)
        action = policy.sample()
        logprobs = policy.log_prob(action)
        if hasattr(self, "value_head") and calulate_values:
            values = self.value_head(obs)
        else:
            values = torch.zeros_like(logprobs[..., :1])
        chunks = action.reshape(-1, self.num_action_chunks, self.action_dim)
        return chunks.cpu().numpy(), {
            "prev_logprobs": logprobs,
            "prev_values": values,
            "forward_inputs": {"obs": obs, "action": action},
        }

    def _policy(self, obs) -> Normal:
        mean = self.actor_mean(obs)
        return Normal(mean, self.actor_logstd.exp().expand_as(mean))
