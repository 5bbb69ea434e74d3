# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import torch
import torch.nn.functional as F


def compute_logprobs_from_logits(logits, target, task_type="embodied") -> torch.Tensor:
    """Return [B, T]: how likely logits [B, V, T] make the tokens [B, T].

    Any task that is not embodied has its logits as [B, T, V].
    """
    if task_type != "embodied":
        logits = logits.transpose(1, 2)
    return -F.cross_entropy(logits, target, reduction="none")


def compute_entropy_from_logits(
    logits, epsilon=1e-10, task_type="embodied"
) -> torch.Tensor:
    """Return the entropy [B, T] of logits [B, V, T], or [B, T, V] of another task."""
    if task_type != "embodied":
        logits = logits.transpose(1, 2)
    probabilities = logits.softmax(dim=1)
    return -(probabilities * (probabilities + epsilon).log()).sum(dim=1)
