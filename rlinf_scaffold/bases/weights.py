"""What a checkpoint's files of weights hold, read from their headers alone."""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from rlinf_scaffold.bases.checkpoints import parse_json
from rlinf_scaffold.bases.library import is_file
from rlinf_scaffold.errors import UnsupportedBaseError, quoted

INDEX: Final = "model.safetensors.index.json"
_SINGLE: Final = "model.safetensors"
_LENGTH: Final = 8
_LARGEST_HEADER: Final = 100_000_000  # what the format allows
_LARGEST: Final = 2**64  # what its numbers stay below
_SHARD: Final = re.compile(r"\w[\w .+-]{,200}\.safetensors", re.ASCII)
_PICKLES: Final = re.compile(r"(pytorch_model|model|consolidated).*\.(bin|pth|pt|ckpt)")
# The dtypes of the format, by how many bits they take.
_DTYPES: Final = {
    4: ("F4",),
    6: ("F6_E2M3", "F6_E3M2"),
    8: (
        *("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"),
        *("F8_E4M3FNUZ", "F8_E5M2FNUZ"),
    ),
    16: ("I16", "U16", "F16", "BF16"),
    32: ("I32", "U32", "F32"),
    64: ("I64", "U64", "F64", "C64"),
}
_BITS: Final = {name: bits for bits, names in _DTYPES.items() for name in names}


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
    if not is_file(folder / INDEX):
        single = folder / _SINGLE
        if is_file(single):
            return Weights(files=(_SINGLE,), tensors=_tensors(given, single))
        gone = Weights(files=(), tensors={}, missing=(_SINGLE,))
        return gone if single.is_symlink() else None
    places = _places(given, folder / INDEX)
    named = sorted({*places.values()})
    there = tuple(name for name in named if is_file(folder / name))
    tensors = {
        key: tensor
        for name in there
        for key, tensor in _tensors(given, folder / name).items()
    }
    for tensor, name in places.items():
        if name in there and tensor not in tensors:
            said = f"{INDEX} says that {name} holds {quoted(tensor)}, and it does not"
            _refuse(given, said)
    missing = tuple(name for name in named if name not in there)
    return Weights(files=there, tensors=tensors, missing=missing)


def refuse_pickles(given: str, class_name: str, files: Collection[str]) -> None:
    """Refuse a repository whose weights are pickles, and no safetensors.

    Raises:
        UnsupportedBaseError: with why, and how to convert them.
    """
    pickles = sorted(name for name in files if _PICKLES.fullmatch(name))
    if not pickles or not {_SINGLE, INDEX}.isdisjoint(files):
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


def refuse_quantized(given: str, settings: Mapping[str, object]) -> None:
    """Refuse weights that are quantized, which no proof trains.

    Raises:
        UnsupportedBaseError: with how, and what to give.
    """
    config = settings.get("quantization_config")
    if config:
        method = config.get("quant_method") if isinstance(config, dict) else config
        reason = (
            f"its weights are quantized (quantization_config in config.json: "
            f"{quoted(method)}), and nothing proves that FSDP trains such weights. Give "
            "the base that they were made of, or save them dequantized"
        )
        _refuse(given, reason)


def _places(given: str, index: Path) -> dict[str, str]:
    parsed = _parsed(given, f"{INDEX} is no JSON", _content(given, index))
    places = parsed.get("weight_map") if isinstance(parsed, dict) else None
    if not isinstance(places, dict) or not places:
        _refuse(given, f"{INDEX} has no weight_map that lists tensors")
    for name in places.values():
        if not isinstance(name, str) or not _SHARD.fullmatch(name):
            said = f"{quoted(name)}, which is no name of a safetensors file beside it"
            _refuse(given, f"{INDEX} names {said}")
    return places


def _tensors(given: str, path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file; its header ends where its data begins."""
    header, data = _header(given, path)
    metadata = header.pop("__metadata__", {})
    texts = metadata.values() if isinstance(metadata, dict) else [metadata]
    if not all(isinstance(text, str) for text in texts):
        said = f"its __metadata__ is no object of texts: {quoted(metadata)}"
        _refuse(given, f"{path.name} is no safetensors file: {said}")
    if not header:
        _refuse(given, f"{path.name} holds no tensors")
    places = {name: _tensor(given, path, name, it) for name, it in header.items()}
    _refuse_gaps(given, path, data, {name: it[1:] for name, it in places.items()})
    return {name: tensor for name, (tensor, _, _) in places.items()}


def _header(given: str, path: Path) -> tuple[dict[str, object], int]:
    """Return a file's header, and how many bytes of data are behind it."""
    try:
        total = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(_LENGTH)
            length = _length(given, path.name, start, total)
            raw = file.read(length)
    except OSError as error:
        _refuse(given, f"{path.name} cannot be read: {error.strerror}", error)
    parsed = _parsed(given, f"{path.name} is no safetensors file", raw)
    if not isinstance(parsed, dict):
        _refuse(given, f"{path.name} is no safetensors file: its header is no object")
    return parsed, total - _LENGTH - length


def _length(given: str, name: str, start: bytes, total: int) -> int:
    """Return how long a header is, as a file's first bytes say it."""
    if len(start) < _LENGTH:
        _refuse(given, f"{name} is truncated: {total} bytes hold no header")
    (length,) = struct.unpack("<Q", start)
    if length > _LARGEST_HEADER:
        _refuse(given, f"{name} is no safetensors file: {_lfs(start)}")
    if length > total - _LENGTH:
        said = f"its header has {length:,} bytes, and {total - _LENGTH:,} are there"
        _refuse(given, f"{name} is truncated: {said}; download it again")
    return int(length)


def _content(given: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        _refuse(given, f"{path.name} cannot be read: {error.strerror}", error)


def _parsed(given: str, otherwise: str, raw: bytes) -> object:
    try:
        return parse_json(raw)
    except ValueError as error:
        _refuse(given, f"{otherwise}: {error}", error)


def _tensor(
    given: str, path: Path, name: str, entry: object
) -> tuple[Tensor, int, int]:
    """Return what a header says of a tensor, and where that begins and ends."""
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [begin, end]}:
            numbers = [*shape, begin, end]
            if all(type(it) is int and 0 <= it < _LARGEST for it in numbers):
                bits = math.prod(shape) * _BITS.get(dtype, 0)
                if dtype in _BITS and 8 * (end - begin) == bits:
                    return Tensor(dtype, tuple(shape), end - begin), begin, end
        case _:
            pass
    reason = f"{path.name} says nothing sensible of {quoted(name)}: {quoted(entry)}"
    raise UnsupportedBaseError(given, reason)


def _refuse_gaps(
    given: str, path: Path, data: int, places: Mapping[str, tuple[int, int]]
) -> None:
    """Refuse tensors that are not one behind the other, from the first byte to the last."""
    at = 0
    for name, (begin, end) in sorted(places.items(), key=lambda row: row[1]):
        if end > data:
            said = f"{quoted(name)} ends at byte {end:,} of {data:,}; download it again"
            _refuse(given, f"{path.name} is truncated: {said}")
        if begin != at:
            said = f"{quoted(name)} begins at byte {begin:,}, and not at {at:,}"
            _refuse(given, f"{path.name} is no safetensors file: {said}")
        at = end
    if at < data:
        said = f"its last {data - at:,} bytes are no tensor's"
        _refuse(given, f"{path.name} is no safetensors file: {said}")


def _lfs(start: bytes) -> str:
    if start == b"version ":
        return "it is a pointer of Git LFS, to be fetched with `git lfs pull`"
    return f"it begins with {start!r}, not with the length of a header"


def _refuse(given: str, reason: str, error: Exception | None = None) -> NoReturn:
    raise UnsupportedBaseError(given, reason) from error
