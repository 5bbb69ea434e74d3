"""Defects where workers compute log-probabilities themselves."""

from __future__ import annotations

from mutants.mutant import LOGITS, logits_policy, mutant

_MASK = "[mask, mask.new_ones(action_tokens.shape)]"

MUTANTS = (
    mutant(
        "other tokens compete",
        "Logits of other tokens reach the worker's top-k.",
        logits_policy(".masked_fill(~is_action, -torch.inf)", ""),
        of=LOGITS,
    ),
    mutant(
        "batch changed in place",
        "A second epoch finds prompts with the answer at their end.",
        logits_policy(
            '        mask = data["attention_mask"]\n        return {',
            '        mask = data["attention_mask"]\n'
            '        data["input_ids"] = torch.cat(\n'
            '            [data["input_ids"][:, : -action_tokens.shape[1]], action_tokens], 1\n'
            "        )\n        return {",
        ),
        of=LOGITS,
    ),
    mutant(
        "actions masked in training",
        "Action tokens do not attend to the ones before.",
        logits_policy(_MASK, _MASK.replace("new_ones", "new_zeros")),
        of=LOGITS,
    ),
    mutant(
        "hidden states of another layer",
        "Workers value what is not the last hidden state.",
        logits_policy("[states[-1][:, -1] for", "[states[-2][:, -1] for"),
        of=LOGITS,
    ),
    mutant(
        "temperature forgotten by the worker's copy",
        "The rollout is sampled at temperature 1.",
        logits_policy('{"temperature": temperature, "top_k"', '{"top_k"'),
        of=LOGITS,
    ),
)
