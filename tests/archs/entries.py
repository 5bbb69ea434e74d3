"""What transformers lists as models that generate text, from text or from images too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlinf_scaffold.bases.library import Library, literal

MODELS = "transformers.models.auto.modeling_auto"
LISTS = {
    "causal-lm": "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
    "image-text-to-text": "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One class of a list, under the model type that leads to it."""

    list: str
    model_type: str
    class_name: str

    @property
    def name(self) -> str:
        """What tells it from every other entry."""
        return f"{self.list}/{self.model_type}/{self.class_name}"


def read_entries(search_path: Sequence[Path]) -> Iterator[Entry]:
    """Yield every entry of both lists, as the installed transformers has them."""
    module = Library(tuple(search_path)).module(MODELS)
    for kind, table in LISTS.items():
        pairs = module and literal(module, table)
        for model_type, named in pairs if isinstance(pairs, list) else ():
            names = named if isinstance(named, tuple | list) else [named]
            for class_name in names:
                yield Entry(kind, str(model_type), str(class_name))
