# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

"""What a worker process computes on; the real thing also places and talks."""

import importlib
import os

import torch


class Worker:
    """The process this code runs in.

    Attributes:
        torch_platform: Torch's module for the accelerator, None without one.
        torch_device_type: What `torch.device` calls that accelerator, else the CPU.
    """

    torch_platform = torch.cuda if torch.cuda.is_available() else None
    torch_device_type = "cuda" if torch.cuda.is_available() else "cpu"

    def __new__(cls, *args, **kwargs):
        """Load what extends RLinf, in each process that a cluster starts."""
        if "CLUSTER_NODE_RANK" in os.environ:
            load_extension()
        return super().__new__(cls)


def load_extension() -> None:
    """Let the module that RLINF_EXT_MODULE names register what it brings."""
    name = os.environ.get("RLINF_EXT_MODULE")
    if name:
        importlib.import_module(name).register()
