"""How a base remembers what it has read, and what it makes of padding on the left."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from rlinf_scaffold.bases.facts import Built
from rlinf_scaffold.bases.library import Class, Module
from rlinf_scaffold.bases.parts import instances
from rlinf_scaffold.bases.provenance import Fact, Places
from rlinf_scaffold.bases.refusals import delegates

_CACHE: Final = "past_key_values"
_RECURRENT: Final = ("cache_params", "state")
_STATES: Final = (*_RECURRENT, "mems")
_STATEFUL: Final = "_is_stateful"
_STATIC: Final = ("_can_compile_fullgraph", "_supports_static_cache")
_KINDS: Final = ("layer_types", "layers_block_type", "block_types")
_RECURS: Final = re.compile(
    r"linear_attention|.*(mamba|recurrent|conv|ssm|lightning).*"
)
_MASKS_STATES: Final = re.compile(
    r"(?<!def )apply_mask\w*\(|\* attention_mask[.\[](?!.*\.eq\()"
)
_COUNTS: Final = re.compile(
    r"attention_mask[\w.()]*\.cumsum|cumsum\(\s*(attention_)?mask|alibi"
    r"|create_position_ids_from_input_ids"
)


def cache_fact(places: Places, built: Built) -> Fact:
    """Return what kind of memory generation keeps: none, dynamic, hybrid, recurrent."""
    arguments, place = built.arguments, places.of_class(_forwarding(built))
    state = next((name for name in _STATES if name in arguments), None)
    if state is not None and _CACHE not in arguments:
        return Fact("cache", f"recurrent state ({state})", place)
    kinds = _kinds(built)
    recurrent = {kind: n for kind, n in kinds.items() if _RECURS.fullmatch(kind)}
    listed = f"layer types, {places.of_class(built.decoder.cls)}"
    if _CACHE not in arguments:
        if delegates(built.interpreter.library, built.cls):
            said = "that of the model inside that its generate calls"
            return Fact("cache", said, places.of_class(built.cls))
        if recurrent:
            return Fact("cache", "recurrent state, which its layers keep", listed)
        return Fact("cache", "none: forward takes no past_key_values", place)
    stateful = _flag(built, _STATEFUL)
    if recurrent and len(recurrent) < len(kinds):
        words = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
        said = f"hybrid: attention and states ({words})"
        return Fact("cache", said, listed)
    if stateful is not None or recurrent:
        where = places.of_class(stateful) if stateful else listed
        return Fact("cache", "hybrid or recurrent state, in past_key_values", where)
    for flag in _STATIC:
        owner = _flag(built, flag)
        if owner is not None:
            said = f"dynamic or static ({flag})"
            return Fact("cache", said, places.of_class(owner))
    return Fact("cache", "dynamic", place)


def padding_fact(places: Places, built: Built) -> Fact:
    """Return whether prompts may be padded on the left, and what makes that harmless."""
    arguments, place = built.arguments, places.of_class(_forwarding(built))
    if "attention_mask" not in arguments:
        return Fact("left_padding", "no: forward takes no attention_mask", place)
    recurs = _flag(built, _STATEFUL) is not None or any(
        name in arguments for name in _RECURRENT
    )
    if recurs or any(map(_RECURS.fullmatch, _kinds(built))):
        found = _written(places, _modules(built), _MASKS_STATES)
        masked = "yes: what padding adds to states is masked"
        said = masked if found else "unproved: padding may go through its states"
        return Fact("left_padding", said, found or place)
    if "position_ids" in arguments:
        return Fact("left_padding", "yes, with position_ids", place)
    found = _written(places, _modules(built), _COUNTS)
    if found:
        return Fact("left_padding", "yes: positions follow from attention_mask", found)
    said = "unproved: no position_ids, and no count of attention_mask, was found"
    return Fact("left_padding", said, place)


def _kinds(built: Built) -> Counter[str]:
    """Return the kinds of layers that the configuration that decodes lists."""
    lists = (built.interpreter.attribute(built.decoder, name) for name in _KINDS)
    kinds = next((it for it in lists if isinstance(it, list | tuple)), ())
    return Counter(kind for kind in kinds if isinstance(kind, str))


def _flag(built: Built, name: str) -> Class | None:
    """Return the class that sets a flag to true, of the model and its parts."""
    for part in instances(built.model):
        for owner in part.owners():
            value = owner.values.get(name)
            if isinstance(value, ast.Constant):
                if value.value is True:
                    return owner
                break
    return None


def _forwarding(built: Built) -> Class:
    """Return the class whose ``forward`` is called."""
    owners = (owner for owner in built.model.owners() if "forward" in owner.methods)
    return next(owners, built.cls)


def _modules(built: Built) -> list[Module]:
    classes = (owner for part in instances(built.model) for owner in part.owners())
    return list(dict.fromkeys(cls.module for cls in classes))


def _written(places: Places, modules: Iterable[Module], words: re.Pattern[str]) -> str:
    """Return the first line with some words; empty where there is none."""
    for module in modules:
        for at, line in enumerate(module.path.read_text("utf-8").splitlines(), 1):
            if words.search(line):
                return places.of(module, at)
    return ""
