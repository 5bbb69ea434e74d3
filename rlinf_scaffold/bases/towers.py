"""The parts of a base that see, and what leads from them to the part that decodes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from rlinf_scaffold.bases.facts import Built
from rlinf_scaffold.bases.parts import parts
from rlinf_scaffold.bases.values import Instance, Made, is_config, options_of

_LINEAR: Final = ("torch.nn.Linear", "transformers.pytorch_utils.Conv1D")
_HEAD: Final = re.compile(r"lm_head|embed_out|.*_head")
_INSIDE: Final = re.compile(r".*(merger|proj|connector|aligner|adapter|resampler).*")


def decoder_path(built: Built) -> str:
    """Return the path of the part that decodes; empty where that is the model itself."""
    if built.decoder is built.config:
        return ""
    placed = _placed(built.model)
    return next((path for path, part in placed if _config(part) is built.decoder), "")


def towers(built: Built) -> dict[str, str]:
    """Return what reads images and other inputs: classes by path, the outermost.

    That is each part on a configuration of its own, but for what leads to the decoder.
    """
    ours = (built.interpreter.attribute(built.model, "config"), built.config)
    decoder = decoder_path(built)
    found: dict[str, str] = {}
    for path, part in _placed(built.model):
        config = _config(part)
        if config is None or config in (*ours, built.decoder):
            continue
        if _INSIDE.fullmatch(_leaf(path)) or _is_in(path, [*found, decoder]):
            continue
        found[path] = part.cls.name
    return found


def projectors(built: Built) -> dict[str, str]:
    """Return what leads from towers to the decoder: classes by path.

    What stands beside a tower and has linear layers, else what a tower names so. Where
    the model itself decodes, what stands beside a tower counts by its name alone.
    """
    seeing, decoder = towers(built), decoder_path(built)
    placed = {"": built.model, **dict(_placed(built.model))}
    beside = {
        path: part
        for parent in sorted({path.rpartition(".")[0] for path in seeing})
        for path, part in _children(parent, placed[parent])
        if path not in (*seeing, decoder) and not _HEAD.fullmatch(_leaf(path))
    }
    found = {
        path: _kind(part)
        for path, part in beside.items()
        if _INSIDE.fullmatch(_leaf(path)) or (decoder and _has_linear(part))
    }
    return found or {
        path: _kind(part)
        for parent in seeing
        for path, part in _children(parent, placed[parent])
        if _INSIDE.fullmatch(_leaf(path)) and _has_linear(part)
    }


def _config(part: Instance) -> Instance | None:
    config = part.attributes.get("config")
    return config if isinstance(config, Instance) else None


def _is_in(path: str, outer: Iterable[str]) -> bool:
    return any(path.startswith(f"{it}.") or path == it for it in outer if it)


def _placed(root: Instance) -> Iterator[tuple[str, Instance]]:
    """Yield the parts of a model with their dotted paths, outermost first."""
    level = [("", root)]
    seen = {id(root)}
    while level:
        below = []
        for path, part in level:
            for name, child in _children(path, part):
                if isinstance(child, Instance) and id(child) not in seen:
                    seen.add(id(child))
                    yield name, child
                    below.append((name, child))
        level = below


def _children(path: str, part: Instance) -> Iterator[tuple[str, Instance | Made]]:
    for name, value in part.attributes.items():
        for option in options_of(value):
            is_part = isinstance(option, Made) or (
                isinstance(option, Instance) and not is_config(option)
            )
            if name and is_part and isinstance(option, Instance | Made):
                yield f"{path}.{name}".strip("."), option


def _has_linear(part: Instance | Made) -> bool:
    return any(
        isinstance(inner, Made) and inner.callee.name in _LINEAR
        for _, inner in parts(part)
    )


def _kind(part: Instance | Made) -> str:
    return part.cls.name if isinstance(part, Instance) else part.callee.leaf


def _leaf(path: str) -> str:
    return path.rpartition(".")[2]
