# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from abc import ABC, abstractmethod
from enum import Enum


class ForwardType(Enum):
    """Which of a policy's forward passes a worker asks for."""

    DEFAULT = "default"
    SFT = "sft"
    SAC = "sac"
    SAC_Q = "sac_q"


class BasePolicy(ABC):
    """What the workers call on a policy.

    A policy defines `<type>_forward` for each ForwardType that it can be trained with.
    """

    def forward(self, forward_type=ForwardType.DEFAULT, **kwargs):
        """Run one forward pass; the actor calls nothing else, so FSDP sees it."""
        name = f"{forward_type.value}_forward"
        if not hasattr(self, name):
            raise NotImplementedError(f"{type(self).__name__} has no {name}.")
        return getattr(self, name)(**kwargs)

    @abstractmethod
    def default_forward(self, **kwargs):
        """Return logprobs, and values or entropy if asked, of past actions."""

    @abstractmethod
    def predict_action_batch(self, **kwargs):
        """Return actions for observations, and what training needs of them."""
