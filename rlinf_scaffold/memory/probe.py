"""What a model is made of, built without memory. Runs as source: stdlib and torch."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

_INDEX = re.compile(r"\b\d+\b")


def build(names: dict[str, str]) -> Any:
    """Return a model without weights, of its class's defaults or of a folder's config.

    Args:
        names: ``module`` and ``class_name``, ``config_module`` and ``config_class``, and
            ``checkpoint``, a folder, or empty.
    """
    config_class = getattr(import_module(names["config_module"]), names["config_class"])
    model_class = getattr(import_module(names["module"]), names["class_name"])
    folder = names["checkpoint"]
    if folder:
        config = config_class.from_pretrained(folder, local_files_only=True)
    else:
        config = config_class()
    config._attn_implementation = "eager"
    with import_module("torch").device("meta"):
        return model_class(config)


def own_layers(model: Any) -> list[str]:
    """Return the classes that RLinf wraps where it reads none from a recipe."""
    holder = getattr(model, "language_model", model)
    names = [*(getattr(holder, "_no_split_modules", None) or ())]
    if holder is not model and hasattr(model, "visual"):
        names.extend(getattr(model.visual, "_no_split_modules", None) or ())
    return sorted(set(names))


def wrapping(model: Any, version: str, layers: list[str]) -> dict[str, object]:
    """Return the units that a version of FSDP makes of a model, and classes it lacks."""
    present = {type(part).__name__ for part in model.modules()}
    starts = _in_fsdp2 if version == "fsdp2" else _in_fsdp
    return {
        "layers": layers,
        "missing": [name for name in layers if name not in present],
        "units": units(model, starts(model, layers)),
    }


def units(model: Any, starts: Callable[[Any], bool]) -> list[dict[str, object]]:
    """Return the units of a model, alike ones as one: numbers in their names are ``*``.

    A parameter belongs to the innermost module around it that is a unit, else to the
    root, whose name is empty. One that several modules share belongs to the first, and
    is said to be tied in the others.
    """
    owners: dict[str, str] = {}
    kinds: dict[str, str] = {}
    held: dict[str, list[tuple[str, tuple[int, ...], bool]]] = {}
    seen: set[int] = set()
    for name, part in model.named_modules():
        parent = owners.get(name.rpartition(".")[0], "")
        owner = owners[name] = name if name and starts(part) else parent
        if owner == name:
            kinds[name] = type(part).__name__
        for own, parameter in part.named_parameters(recurse=False):
            within = f"{name}.{own}".strip(".")[len(owner) :].strip(".")
            entry = (
                _INDEX.sub("*", within),
                (*parameter.shape,),
                id(parameter) in seen,
            )
            held.setdefault(owner, []).append(entry)
            seen.add(id(parameter))
    alike = Counter(
        (_INDEX.sub("*", owner), kinds[owner], tuple(Counter(entries).items()))
        for owner, entries in held.items()
    )
    return [
        {
            "name": name,
            "kind": kind,
            "count": count,
            "parameters": [
                {"name": own, "shape": shape, "is_tied": is_tied, "count": times}
                for (own, shape, is_tied), times in entries
            ],
        }
        for (name, kind, entries), count in alike.items()
    ]


def describe(question: dict[str, Any]) -> dict[str, object]:
    """Return what a model is made of, as JSON.

    Args:
        question: what ``build`` takes, ``blocks``, the classes of its layers, and
            ``wrap``, classes to wrap by version of FSDP; null are the model's own.
    """
    model = build(question)
    asked: dict[str, list[str] | None] = question["wrap"]
    config = model.config
    config = getattr(config, "get_text_config", lambda: config)()
    return {
        "experts": getattr(config, "num_experts_per_tok", None) or 0,
        "blocks": wrapping(model, "fsdp", question["blocks"])["units"],
        "wrappings": {
            version: wrapping(
                model, version, own_layers(model) if layers is None else layers
            )
            for version, layers in asked.items()
        },
    }


def _in_fsdp(model: Any, layers: Iterable[str]) -> Callable[[Any], bool]:
    """Return what FSDP 1 makes a unit: the classes of these names, and subclasses."""
    named = tuple({type(p) for p in model.modules() if type(p).__name__ in layers})
    return lambda part: isinstance(part, named)


def _in_fsdp2(model: Any, layers: Iterable[str]) -> Callable[[Any], bool]:
    """Return what RLinf makes a unit of FSDP 2: embeddings too, but for tied ones."""
    embedding = import_module("torch").nn.Embedding
    tied = getattr(model.config, "tie_word_embeddings", False)
    return lambda part: (
        type(part).__name__ in layers or (not tied and isinstance(part, embedding))
    )


if __name__ == "__main__":
    print(json.dumps(describe(json.loads(sys.argv[1]))))
