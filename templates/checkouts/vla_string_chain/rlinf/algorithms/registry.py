# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

"""Advantages and losses, by the names that recipes give them."""

import torch

from rlinf.algorithms.losses import (
    compute_ppo_actor_loss,
    compute_ppo_critic_loss,
    shape_logprobs,
)


def compute_gae(
    rewards, dones, values, gamma: float, gae_lambda: float, **kwargs
) -> dict[str, torch.Tensor]:
    """Return advantages and returns [T, B]; values and dones have a step more."""
    advantages = torch.zeros_like(rewards)
    ahead = torch.zeros_like(rewards[0])
    for step in reversed(range(len(rewards))):
        goes_on = (~dones[step + 1]).float()
        surprise = rewards[step] + gamma * goes_on * values[step + 1] - values[step]
        ahead = surprise + gamma * gae_lambda * goes_on * ahead
        advantages[step] = ahead
    return {
        "advantages": normalize(advantages, kwargs["loss_mask"]),
        "returns": advantages + values[:-1],
    }


def compute_grpo(rewards, dones, group_size: int, **kwargs) -> dict[str, torch.Tensor]:
    """Return how much better than its group each episode did, at each step [T, B]."""
    scores = torch.zeros_like(rewards[0])
    for step in reversed(range(len(rewards))):
        scores = rewards[step] + (~dones[step + 1]).float() * scores
    groups = scores.reshape(-1, group_size)
    better = groups - groups.mean(dim=1, keepdim=True)
    better = better / (groups.std(dim=1, keepdim=True) + 1e-6)
    return {"advantages": better.reshape(1, -1).expand_as(rewards).contiguous()}


ADVANTAGES = {"gae": compute_gae, "grpo": compute_grpo}


def normalize(values, mask=None) -> torch.Tensor:
    """Return values that have mean 0 and deviation 1 where the mask keeps them."""
    kept = values if mask is None else values[mask]
    return (values - kept.mean()) / (kept.std() + 1e-5)


def calculate_adv_and_returns(
    *, task_type: str, adv_type: str, reward_type: str, **kwargs
) -> dict[str, torch.Tensor]:
    """Return advantages [n, B, C], and returns if there is a critic.

    Args:
        task_type: The recipe's.
        adv_type: One of `ADVANTAGES`.
        reward_type: `chunk_level` adds a chunk's rewards up, and C becomes 1.
        kwargs: `rewards` [n, B, C]; `dones` and `values` [n + 1, B, C]; the rest.
    """
    assert task_type == "embodied", task_type
    size = kwargs["rewards"].shape[-1]
    if reward_type == "chunk_level":
        size = 1
        kwargs["rewards"] = kwargs["rewards"].sum(-1, keepdim=True)
        for name in ("dones", "loss_mask"):
            if kwargs[name] is not None:
                kwargs[name] = kwargs[name].any(-1, keepdim=True)
    for name in ("rewards", "dones", "values", "loss_mask"):
        if kwargs.get(name) is not None:
            kwargs[name] = kwargs[name].transpose(1, 2).flatten(0, 1)
    kwargs["dones"] = kwargs["dones"][-len(kwargs["rewards"]) - 1 :]
    if kwargs.get("values") is not None:
        kwargs["values"] = kwargs["values"][: len(kwargs["rewards"]) + 1]
    return {
        name: steps.unflatten(0, (-1, size)).transpose(1, 2)
        for name, steps in ADVANTAGES[adv_type](**kwargs).items()
    }


def policy_loss(
    *, task_type: str, loss_type: str, **kwargs
) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the loss of the actor, or of actor and critic, and what to log of it."""
    assert task_type == "embodied", task_type
    shape = kwargs["single_action_dim"], kwargs["logprob_type"]
    logprobs = shape_logprobs(kwargs["logprobs"], *shape)
    old_logprobs = shape_logprobs(kwargs["old_logprobs"], *shape)
    actor = {**kwargs, "logprobs": logprobs, "old_logprobs": old_logprobs}
    for name in ("advantages", "loss_mask"):
        while actor.get(name) is not None and actor[name].ndim < logprobs.ndim:
            actor[name] = actor[name].unsqueeze(-1)
    loss, numbers = compute_ppo_actor_loss(**actor)
    if loss_type == "actor_critic":
        critic_loss, critic_numbers = compute_ppo_critic_loss(**kwargs)
        loss, numbers = loss + critic_loss, {**numbers, **critic_numbers}
    return loss, {name: number.item() for name, number in numbers.items()}
