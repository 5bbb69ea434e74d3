"""A Gaussian over a chunk that is decoded in parallel, as OpenVLA-OFT decodes it."""

from __future__ import annotations

from rlinf_scaffold.heads import Head

head = Head(
    name="regression",
    title="a Gaussian over a whole chunk, decoded in parallel (OpenVLA-OFT)",
    settings=("head_hidden_size", "initial_log_std"),
    answers_in_logits=False,
)
