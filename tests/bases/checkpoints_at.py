"""Checkpoints to read: folders with a config.json and safetensors, made byte by byte."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

SIZES = {"BF16": 2, "F16": 2, "F32": 4, "I64": 8}


def packed(header: object, data: int = 0) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + bytes(data)


def safetensors(tensors: Mapping[str, tuple[str, Sequence[int]]]) -> bytes:
    """Return a file that holds tensors of dtypes and shapes, all of zeros."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (dtype, shape) in tensors.items():
        begin, end = end, end + math.prod(shape) * SIZES[dtype]
        entry = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
        header[name] = entry
    return packed(header, end)


def checkpoint(
    root: Path, config: object, tensors: Mapping[str, Sequence[int]] | None = None
) -> str:
    """Write a checkpoint whose tensors are all in float32."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "config.json").write_text(json.dumps(config), "utf-8")
    if tensors is not None:
        held = {name: ("F32", shape) for name, shape in tensors.items()}
        (root / "model.safetensors").write_bytes(safetensors(held))
    return str(root)
