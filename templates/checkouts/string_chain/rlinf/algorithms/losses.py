# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import torch
import torch.nn.functional as F


def masked_mean(values, mask=None) -> torch.Tensor:
    """Return the mean over what the mask keeps; zero if it keeps nothing."""
    if mask is None:
        return values.mean()
    mask = mask.expand_as(values)
    return (values * mask).sum() / mask.sum().clamp(min=1)


def shape_logprobs(logprobs, action_dim: int, logprob_type: str) -> torch.Tensor:
    """Sum the log-probabilities of what counts as one decision.

    Args:
        logprobs: [B, anything that flattens to chunks x action_dim].
        action_dim: Numbers per action.
        logprob_type: `token_level` keeps [B, C, D], `action_level` gives [B, C] and
            `chunk_level` gives [B, 1].
    """
    logprobs = logprobs.reshape(len(logprobs), -1, action_dim)
    if logprob_type == "token_level":
        return logprobs
    logprobs = logprobs.sum(-1)
    if logprob_type == "action_level":
        return logprobs
    if logprob_type == "chunk_level":
        return logprobs.sum(-1, keepdim=True)
    raise ValueError(f"'{logprob_type}' is no level that log-probabilities have.")


def compute_ppo_actor_loss(
    logprobs,
    old_logprobs,
    clip_ratio_low: float,
    clip_ratio_high: float,
    advantages,
    loss_mask=None,
    clip_ratio_c: float | None = None,
    critic_warmup: bool = False,
    **kwargs,
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return PPO's clipped loss and what to log of it; all inputs are float32."""
    for name, tensor in (("logprobs", logprobs), ("old_logprobs", old_logprobs)):
        assert tensor.dtype == torch.float32, f"{name} lose too much in {tensor.dtype}."
    log_ratio = logprobs - old_logprobs
    ratio = log_ratio.exp()
    clipped_ratio = ratio.clamp(1 - clip_ratio_low, 1 + clip_ratio_high)
    free, clipped = -advantages * ratio, -advantages * clipped_ratio
    losses = torch.maximum(free, clipped)
    if clip_ratio_c is not None:
        # A bad action that became likely again: its loss has no other upper bound.
        bound = torch.where(advantages < 0, -advantages * clip_ratio_c, torch.inf)
        losses = torch.minimum(losses, bound)
    loss = masked_mean(losses, loss_mask) * (not critic_warmup)
    return loss, {
        "actor/policy_loss": loss.detach(),
        "actor/ratio": masked_mean(ratio, loss_mask).detach(),
        "actor/clipped_ratio": masked_mean(clipped_ratio, loss_mask).detach(),
        "actor/approx_kl": -masked_mean(log_ratio, loss_mask).detach(),
        "actor/clip_fraction": masked_mean((free < clipped).float(), loss_mask),
    }


def compute_ppo_critic_loss(
    values,
    returns,
    prev_values,
    value_clip: float,
    huber_delta: float,
    loss_mask=None,
    **kwargs,
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return the Huber loss of values that may move by `value_clip`, and its log."""
    step = values - prev_values
    near = prev_values + step.clamp(-value_clip, value_clip)
    losses = torch.maximum(
        F.huber_loss(values, returns, reduction="none", delta=huber_delta),
        F.huber_loss(near, returns, reduction="none", delta=huber_delta),
    )
    loss = masked_mean(losses, loss_mask)
    clipped = (step.abs() > value_clip).float()
    return loss, {
        "critic/value_loss": loss.detach(),
        "critic/value_clip_ratio": masked_mean(clipped, loss_mask),
    }
