"""The bases that are shipped, for when no transformers is installed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypedDict

from rlinf_scaffold.spec import Base, Processor

FILE: Final = Path(__file__).with_name("catalogue.json")


class Parts(TypedDict):
    """A processor's parts."""

    parts: list[list[str]]
    tokens: list[list[str]]
    texts: list[str]
    packages: list[str]


class Seeing(TypedDict, total=False):
    """What is added where a base takes images, or has a switch."""

    modality: str
    text_config: str
    processor_class: str
    processor: Parts | None
    vision_layer_classes: list[str]
    mrope: bool
    keeps_offsets: bool
    initializes_orthogonally: bool
    keeps_states: bool
    normalizes_batches: bool
    reads_lone_padding: bool
    unlisted_config: bool
    decoder_switch: bool
    drops_processors: bool
    head_owner: str
    needs_images: bool
    tables: list[str]
    renames_weights: bool


class Entry(Seeing):
    """One base in the JSON, under its class name."""

    module: str
    config_class: str
    config_module: str
    model_type: str
    hidden_size: int
    vocab_size: int
    tie_word_embeddings: bool
    layer_classes: list[str]
    lora_targets: list[str]
    forward_arguments: list[str]


@cache
def shipped_bases() -> Mapping[str, Base]:
    """Return the shipped bases by class name."""
    return MappingProxyType(parse_catalogue(FILE.read_text("utf-8")))


def parse_catalogue(text: str) -> dict[str, Base]:
    """Return the bases of a catalogue's JSON by class name."""
    entries: dict[str, Entry] = json.loads(text)
    return {name: _base(name, entry) for name, entry in entries.items()}


def _base(name: str, entry: Entry) -> Base:
    return Base(
        class_name=name,
        module=entry["module"],
        config_class=entry["config_class"],
        config_module=entry["config_module"],
        model_type=entry["model_type"],
        hidden_size=entry["hidden_size"],
        vocab_size=entry["vocab_size"],
        tie_word_embeddings=entry["tie_word_embeddings"],
        layer_classes=tuple(entry["layer_classes"]),
        lora_targets=tuple(entry["lora_targets"]),
        forward_arguments=tuple(entry["forward_arguments"]),
        modality=entry.get("modality", "text"),
        text_config=entry.get("text_config", ""),
        processor_class=entry.get("processor_class", ""),
        processor=_processor(entry.get("processor")),
        vision_layer_classes=tuple(entry.get("vision_layer_classes", ())),
        mrope=entry.get("mrope", False),
        keeps_offsets=entry.get("keeps_offsets", False),
        initializes_orthogonally=entry.get("initializes_orthogonally", False),
        keeps_states=entry.get("keeps_states", False),
        normalizes_batches=entry.get("normalizes_batches", False),
        reads_lone_padding=entry.get("reads_lone_padding", False),
        unlisted_config=entry.get("unlisted_config", False),
        decoder_switch=entry.get("decoder_switch", False),
        drops_processors=entry.get("drops_processors", False),
        head_owner=entry.get("head_owner", ""),
        needs_images=entry.get("needs_images", False),
        tables=tuple(entry.get("tables", ())),
        renames_weights=entry.get("renames_weights", False),
    )


def _processor(entry: Parts | None) -> Processor | None:
    if entry is None:
        return None
    return Processor(
        parts=tuple((argument, name) for argument, name in entry["parts"]),
        tokens=tuple((name, text) for name, text in entry["tokens"]),
        texts=tuple(entry["texts"]),
        packages=tuple(entry["packages"]),
    )
