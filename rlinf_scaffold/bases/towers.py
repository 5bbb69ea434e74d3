"""The parts of a base that see, and what leads from them to the part that decodes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rlinf_scaffold.bases.facts import Built
from rlinf_scaffold.bases.parts import parts
from rlinf_scaffold.bases.values import Instance, Made, is_config, options_of

_LINEAR: Final = ("torch.nn.Linear", "transformers.pytorch_utils.Conv1D")
_HEAD: Final = re.compile(r"lm_head|embed_out|.*_head")
_INSIDE: Final = re.compile(
    r".*(merger|projector|connector|aligner|adapter|resampler).*"
)


def towers_of(built: Built) -> dict[str, Instance]:
    """Return the outermost part on each other configuration, by its dotted path."""
    own = built.interpreter.attribute(built.model, "config")
    found: dict[Instance, str] = {}
    placed = dict(_placed(built.model))
    for path, part in placed.items():
        config = part.attributes.get("config")
        if isinstance(config, Instance) and config not in (own, built.config):
            found.setdefault(config, path)
    return {path: placed[path] for path in found.values()}


def decoder_path(built: Built) -> str:
    """Return the path of the part that decodes; empty where that is the model itself."""
    paths = (path for path, tower in towers_of(built).items() if _decodes(built, tower))
    return next(paths, "")


def seeing_paths(built: Built) -> dict[str, Instance]:
    """Return the towers beside the part that decodes, by path."""
    towers = towers_of(built).items()
    decoder = decoder_path(built)
    return {
        path: tower
        for path, tower in towers
        if not _decodes(built, tower)
        and not (decoder and path.startswith(f"{decoder}."))
    }


def projectors(built: Built) -> dict[str, str]:
    """Return what leads from towers to the decoder: classes by path.

    What stands beside a tower and has linear layers, else what a tower names so.
    """
    towers, decoder = seeing_paths(built), decoder_path(built)
    beside = {path.rpartition(".")[0] for path in towers}
    placed = {
        path: part
        for parent in sorted(beside)
        for path, part in _children(parent, _at(built.model, parent))
        if path not in (*towers, decoder) and not _HEAD.fullmatch(_leaf(path))
    }
    found = {path: _kind(part) for path, part in placed.items() if _has_linear(part)}
    return found or {
        path: _kind(part)
        for parent, tower in towers.items()
        for path, part in _children(parent, tower)
        if _INSIDE.fullmatch(_leaf(path)) and _has_linear(part)
    }


def _decodes(built: Built, tower: Instance) -> bool:
    return tower.attributes.get("config") is built.decoder


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


def _at(root: Instance, path: str) -> Instance:
    return dict(_placed(root)).get(path, root) if path else root


def _has_linear(part: Instance | Made) -> bool:
    return any(
        isinstance(inner, Made) and inner.callee.name in _LINEAR
        for _, inner in parts(part)
    )


def _kind(part: Instance | Made) -> str:
    return part.cls.name if isinstance(part, Instance) else part.callee.leaf


def _leaf(path: str) -> str:
    return path.rpartition(".")[2]
