"""Discrete action tokens at the end of the vocabulary, as OpenVLA has them."""

from __future__ import annotations

from rlinf_scaffold.heads import Head

head = Head(
    name="tokens",
    title="discrete action tokens, one per number (OpenVLA)",
    settings=("n_action_bins",),
)
