# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from typing import Any

import torch
from transformers import TopKLogitsWarper

from rlinf.utils.utils import compute_entropy_from_logits, compute_logprobs_from_logits


def default_logits_processor(logits, action_tokens, vocab_size, n_action_bins):
    """Return logprobs and entropy [B, T] of tokens [B, T] among the action's bins.

    Args:
        logits: [B, T, V], after temperature and top-k.
        action_tokens: [B, T].
        vocab_size: Where the vocabulary ends, without what pads it.
        n_action_bins: How many of its last tokens are bins.
    """
    tokens = torch.arange(logits.size(-1), device=logits.device)
    bins = (tokens >= vocab_size - n_action_bins) & (tokens < vocab_size)
    logits = logits.masked_fill(~bins, -torch.inf).permute(0, 2, 1)
    return {
        "logprobs": compute_logprobs_from_logits(logits=logits, target=action_tokens),
        "entropy": compute_entropy_from_logits(logits),
    }


def custom_forward(
    model,
    input_ids,
    attention_mask,
    pixel_values,
    output_hidden_states=True,
    action_token_len=None,
    value_model=False,
    value_head_mode: str = "a",
    logits_processor=default_logits_processor,
    temperature: float = 1.0,
    top_k: int = -1,
    logits_processor_args: dict | None = None,
):
    """Score the action tokens that end the inputs, and value what precedes them."""
    output = model(
        input_ids=input_ids,
        attention_mask=attention_mask,
        pixel_values=pixel_values,
        output_hidden_states=output_hidden_states,
    )
    first = -action_token_len - 1
    logits = output.logits[:, first:-1] / temperature
    top_k = min(top_k, logits.size(-1))
    if top_k > 0:
        logits = TopKLogitsWarper(top_k)(None, logits)
    output_dict = logits_processor(logits, **logits_processor_args)
    if value_model:
        if value_head_mode != "a0":
            raise ValueError(f"'{value_head_mode}' is no way to value a state.")
        output_dict["values"] = model.value_head(output.hidden_states[-1][:, first])
    return output_dict


def prepare_observations_for_vla(
    simulator_type: str,
    model_name: str,
    raw_obs: dict,
    use_proprio: bool,
    max_length: int,
    processor: Any,
    precision: torch.dtype,
    device: torch.device = torch.device("cuda:0"),
):
    """Return a processor's batch of prompts [B, L] and images [B, N, C, H, W]."""
    task_descriptions = [
        f"In: What action should the robot take to {task.lower()}?\nOut: "
        for task in raw_obs["task_descriptions"]
    ]

    if simulator_type == "maniskill":
        image_tensor = raw_obs["images"].to(device=device, dtype=precision)
    else:
        raise NotImplementedError(f"No images from '{simulator_type}' in practice.")
    if image_tensor.ndim == 4:
        image_tensor = image_tensor.unsqueeze(1)

    if model_name == "openvla":
        processed_obs = processor(
            text=task_descriptions,
            images=image_tensor,
            padding="max_length",
            max_length=max_length,
        )
    elif model_name == "mlp_policy":
        processed_obs = processor(
            text=task_descriptions, images=image_tensor, max_length=max_length
        )

    processed_obs = processed_obs.to(device=device, dtype=precision)
    for key, value in processed_obs.items():
        processed_obs[key] = value.contiguous()
    return processed_obs


def prepare_observations(
    simulator_type: str,
    model_name: str,
    raw_obs: dict,
    use_proprio: bool,
    max_length: int,
    processor: Any,
    precision: torch.dtype,
    device: torch.device = torch.device("cuda:0"),
):
    """Return what the rollout hands to a model's `predict_action_batch`."""
    if model_name == "openvla" or model_name == "mlp_policy":
        return prepare_observations_for_vla(
            simulator_type=simulator_type,
            model_name=model_name,
            raw_obs=raw_obs,
            use_proprio=use_proprio,
            max_length=max_length,
            processor=processor,
            precision=precision,
            device=device,
        )
    else:
        raise NotImplementedError(f"Nothing prepares observations of '{model_name}'.")
