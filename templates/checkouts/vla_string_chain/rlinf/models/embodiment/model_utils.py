# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import torch
import torch.nn.functional as F


def compute_logprobs_from_logits(logits, target) -> torch.Tensor:
    """Return [B, T]: how likely logits [B, V, T] make the tokens [B, T]."""
    return -F.cross_entropy(logits, target, reduction="none")


def compute_entropy_from_logits(logits, epsilon=1e-10) -> torch.Tensor:
    """Return the entropy [B, T] of logits [B, V, T]."""
    probabilities = logits.softmax(dim=1)
    return -(probabilities * (probabilities + epsilon).log()).sum(dim=1)
