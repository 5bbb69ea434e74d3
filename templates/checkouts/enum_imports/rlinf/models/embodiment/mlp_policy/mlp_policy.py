# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import torch
from torch import nn
from torch.distributions import Normal

from rlinf.models.embodiment.base_policy import BasePolicy, ForwardType
from rlinf.models.embodiment.modules.value_head import ValueHead


class MLPPolicy(nn.Module, BasePolicy):
    """A Gaussian policy over state vectors [B, obs_dim]."""

    def __init__(
        self,
        obs_dim: int,
        action_dim: int,
        num_action_chunks: int = 1,
        hidden_dim: int = 256,
        add_value_head: bool = True,
    ):
        super().__init__()
        self.action_shape = (num_action_chunks, action_dim)
        self.backbone = nn.Sequential(
            nn.Linear(obs_dim, hidden_dim),
            nn.Tanh(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.Tanh(),
        )
        self.actor_mean = nn.Linear(hidden_dim, num_action_chunks * action_dim)
        self.actor_logstd = nn.Parameter(torch.full(self.action_shape, -0.5))
        if add_value_head:
            self.value_head = ValueHead(hidden_dim, (hidden_dim,), activation="tanh")

    def forward(self, forward_type=ForwardType.DEFAULT, **kwargs):
        return BasePolicy.forward(self, forward_type=forward_type, **kwargs)

    def default_forward(
        self,
        forward_inputs,
        compute_logprobs=True,
        compute_entropy=False,
        compute_values=False,
        **kwargs,
    ):
        """Score stored actions again: logprobs and entropy [B, C, D], values [B, 1]."""
        features = self.backbone(forward_inputs["states"])
        policy = self._policy(features)
        output = {}
        if compute_logprobs:
            output["logprobs"] = policy.log_prob(forward_inputs["action"]).float()
        if compute_entropy:
            output["entropy"] = policy.entropy().float()
        if compute_values:
            output["values"] = self._values(features)
        return output

    @torch.no_grad()
    def predict_action_batch(self, env_obs, mode="train", return_obs=True, **kwargs):
        """Return actions [B, C, D]: drawn to train on, the mean to evaluate."""
        states = torch.as_tensor(env_obs["states"]).to(self.actor_logstd)
        features = self.backbone(states)
        policy = self._policy(features)
        actions = policy.sample() if mode == "train" else policy.mean
        forward_inputs = {"action": actions}
        if return_obs:
            forward_inputs["states"] = states
        return actions.cpu().numpy(), {
            "prev_logprobs": policy.log_prob(actions).float(),
            "prev_values": self._values(features),
            "forward_inputs": forward_inputs,
        }

    def _policy(self, features) -> Normal:
        mean = self.actor_mean(features).unflatten(-1, self.action_shape)
        return Normal(mean, self.actor_logstd.exp().expand_as(mean))

    def _values(self, features) -> torch.Tensor:
        if hasattr(self, "value_head"):
            return self.value_head(features).float()
        return torch.zeros(len(features), 1, device=features.device)
