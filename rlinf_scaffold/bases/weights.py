"""What a checkpoint's files of weights hold, read from their headers alone."""

from __future__ import annotations

import json
import math
import re
import struct
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from rlinf_scaffold.errors import UnsupportedBaseError

INDEX: Final = "model.safetensors.index.json"
_SINGLE: Final = "model.safetensors"
_LENGTH: Final = 8
_LARGEST_HEADER: Final = 100_000_000  # what the format allows
_PICKLES: Final = re.compile(r"(pytorch_model|model|consolidated).*\.(bin|pth|pt|ckpt)")


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: its dtype in the format's words, e.g. ``BF16``, shape and bytes."""

    dtype: str
    shape: tuple[int, ...]
    size: int

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What safetensors files hold.

    Attributes:
        files: their names.
        tensors: by name.
        missing: files that the index names, and that are not there.
    """

    files: tuple[str, ...]
    tensors: Mapping[str, Tensor]
    missing: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """How many numbers the tensors hold."""
        return sum(tensor.elements for tensor in self.tensors.values())

    @property
    def size(self) -> int:
        """How many bytes they take."""
        return sum(tensor.size for tensor in self.tensors.values())

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes, that of most bytes first."""
        counts: Counter[str] = Counter()
        for tensor in self.tensors.values():
            counts[tensor.dtype] += tensor.size
        return tuple(dtype for dtype, _ in counts.most_common())


def read_weights(given: str, folder: Path) -> Weights | None:
    """Return what a folder's safetensors hold; None where it has none.

    Args:
        given: what the user called the base, for messages.
        folder: where the files lie.

    Raises:
        UnsupportedBaseError: a file is truncated or no safetensors file, or the index
            names files outside the folder or tensors that no file has.
    """
    index = folder / INDEX
    if not index.is_file():
        single = folder / _SINGLE
        if not single.is_file():
            return None
        return Weights(files=(_SINGLE,), tensors=dict(_header(given, single)))
    places = _places(given, index)
    named = sorted({*places.values()})
    there = tuple(name for name in named if (folder / name).is_file())
    pairs = (pair for name in there for pair in _header(given, folder / name))
    tensors = dict(pairs)
    for tensor, name in places.items():
        if name in there and tensor not in tensors:
            _refuse(given, f"{INDEX} says that {name} holds {tensor}, and it does not")
    missing = tuple(name for name in named if name not in there)
    return Weights(files=there, tensors=tensors, missing=missing)


def refuse_pickles(given: str, class_name: str, files: Collection[str]) -> None:
    """Refuse a repository whose weights are pickles, and no safetensors.

    Raises:
        UnsupportedBaseError: with why, and how to convert them.
    """
    pickles = sorted(name for name in files if _PICKLES.fullmatch(name))
    if not pickles or any(name.endswith(".safetensors") for name in files):
        return
    more = f" and {len(pickles) - 1} more" if len(pickles) > 1 else ""
    convert = (
        f"from transformers import {class_name} as M; "
        f"M.from_pretrained({given!r}, weights_only=True).save_pretrained('NEW')"
    )
    reason = (
        f"its weights are pickles ({pickles[0]}{more}) without safetensors, and to "
        "unpickle can run any code; torch.load(weights_only=True) takes nothing but "
        "tensors, safely from torch 2.6 on. Convert them once with such a torch: "
        f'`python -c "{convert}"`, copy the tokenizer\'s files to NEW, and give NEW'
    )
    _refuse(given, reason)


def _places(given: str, index: Path) -> dict[str, str]:
    try:
        parsed: object = json.loads(index.read_bytes())
    except (ValueError, RecursionError) as error:
        _refuse(given, f"{INDEX} is no JSON: {error}", error)
    places = parsed.get("weight_map") if isinstance(parsed, dict) else None
    if not isinstance(places, dict):
        _refuse(given, f"{INDEX} has no weight_map")
    for name in places.values():
        if not isinstance(name, str) or Path(name).name != name:
            _refuse(given, f"{INDEX} names {name!r}, which is no file in the folder")
    return places


def _header(given: str, path: Path) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a file by name; its header ends where its data begins."""
    total = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(_LENGTH)
        if len(start) < _LENGTH:
            _refuse(given, f"{path.name} is truncated: {total} bytes hold no header")
        (length,) = struct.unpack("<Q", start)
        if length > _LARGEST_HEADER:
            _refuse(given, f"{path.name} is no safetensors file: {_lfs(start)}")
        if length > total - _LENGTH:
            said = f"its header has {length:,} bytes, and {total - _LENGTH:,} are there"
            _refuse(given, f"{path.name} is truncated: {said}; download it again")
        raw = file.read(length)
    parsed = _parsed(given, path, raw)
    data = total - _LENGTH - length
    for name, entry in parsed.items():
        if name != "__metadata__":
            tensor, end = _tensor(given, path, name, entry)
            if end > data:
                said = f"{name} ends at byte {end:,} of {data:,}; download it again"
                _refuse(given, f"{path.name} is truncated: {said}")
            yield name, tensor


def _parsed(given: str, path: Path, raw: bytes) -> dict[str, object]:
    try:
        parsed: object = json.loads(raw)
    except (ValueError, RecursionError) as error:
        _refuse(given, f"{path.name} is no safetensors file: {error}", error)
    if not isinstance(parsed, dict):
        _refuse(given, f"{path.name} is no safetensors file: its header is no object")
    return parsed


def _tensor(given: str, path: Path, name: str, entry: object) -> tuple[Tensor, int]:
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [begin, end]}:
            numbers = [*shape, begin, end]
            if all(type(it) is int and it >= 0 for it in numbers) and begin <= end:
                return Tensor(dtype, tuple(shape), end - begin), end
        case _:
            pass
    reason = f"{path.name} says nothing sensible of {name!r}: {entry!r}"
    raise UnsupportedBaseError(given, reason)


def _lfs(start: bytes) -> str:
    if start == b"version ":
        return "it is a pointer of Git LFS, to be fetched with `git lfs pull`"
    return f"it begins with {start!r}, not with the length of a header"


def _refuse(given: str, reason: str, error: Exception | None = None) -> NoReturn:
    raise UnsupportedBaseError(given, reason) from error
