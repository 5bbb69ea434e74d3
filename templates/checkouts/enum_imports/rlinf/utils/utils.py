# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from typing import Literal

import torch
import torch.nn.functional as F


def compute_logprobs_from_logits(
    logits: torch.Tensor,
    target: torch.Tensor,
    op_type: Literal["torch"] = "torch",
) -> torch.Tensor:
    """Return float32 [B, T]: how likely logits [B, T, V] make the tokens [B, T]."""
    if op_type != "torch":
        raise ValueError(f"This checkout has no '{op_type}' kernel, only 'torch'.")
    logprobs = F.log_softmax(logits, dim=-1)
    return logprobs.gather(-1, target.unsqueeze(-1)).squeeze(-1).float()


def compute_entropy_from_logits(logits: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Return the entropy over `dim`; a logit of minus infinity adds nothing."""
    logprobs = F.log_softmax(logits, dim=dim)
    return -(logprobs.exp() * logprobs.masked_fill(logprobs.isneginf(), 0)).sum(dim)
