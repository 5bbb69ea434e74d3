"""What lines in a base's sources say of how it behaves, which no structure tells."""

from __future__ import annotations

from typing import TypedDict

from rlinf_scaffold.bases.parts import sources
from rlinf_scaffold.bases.values import Instance


class Signs(TypedDict):
    """Facts of ``Base``, each true where a line of the sources says so."""

    initializes_orthogonally: bool
    keeps_states: bool
    reads_lone_padding: bool


def read_signs(model: Instance) -> Signs:
    """Return what the sources of a model's parts say."""
    texts = sources(model)

    def is_said(sign: str) -> bool:
        return any(sign in text for text in texts)

    return Signs(
        # A part of nn.init.orthogonal_ and of what transformers 5 has in its place.
        initializes_orthogonally=is_said("init.orthogonal_("),
        # Layers keep states themselves, and not in a cache.
        keeps_states=is_said("self.recurrent_states = None"),
        # What transformers 4 asks before it masks states of state space models.
        reads_lone_padding=is_said("attention_mask.shape[0] > 1"),
    )
