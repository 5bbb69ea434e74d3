"""Flow matching by an action expert, with noise that has log-probabilities, as pi0."""

from __future__ import annotations

from rlinf_scaffold.heads import Head

head = Head(
    name="flow",
    title="flow matching, with a chain of denoising steps that is replayed (pi0)",
    settings=(
        *("expert_hidden_size", "expert_layers", "expert_heads"),
        *("num_steps", "noise_level", "joint_logprob"),
    ),
    answers_in_logits=False,
)
