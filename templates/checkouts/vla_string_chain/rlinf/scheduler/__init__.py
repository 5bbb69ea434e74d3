# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

"""What a worker process computes on; the real thing also places and talks."""

import torch


class Worker:
    """The process this code runs in.

    Attributes:
        torch_platform: Torch's module for the accelerator, None without one.
        torch_device_type: What `torch.device` calls that accelerator, else the CPU.
    """

    torch_platform = torch.cuda if torch.cuda.is_available() else None
    torch_device_type = "cuda" if torch.cuda.is_available() else "cpu"
