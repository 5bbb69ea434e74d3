# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

"""What a worker process computes on; the real thing also places and talks."""

import torch


class Worker:
    """The process this code runs in.

    Attributes:
        torch_platform: Torch's module for the accelerator, there or not.
    """

    torch_platform = torch.cuda
