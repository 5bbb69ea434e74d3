"""Defects of what the policy sees."""

from __future__ import annotations

from mutants.mutant import IMAGES, mutant, policy

_FLAT = "**{key: value.flatten(0, 1) for key, value in images.items()}"

MUTANTS = (
    mutant(
        "image ignored",
        "The base gets black images, whatever cameras see.",
        policy(_FLAT, _FLAT.replace("flatten(0, 1)", "flatten(0, 1) * 0")),
        of=IMAGES,
    ),
    mutant(
        "image ignored in training",
        "Training looks at black images, the rollout does not.",
        policy(
            "inputs = self._flatten_images(prompts)",
            "inputs = self._flatten_images(prompts)\n"
            '        inputs["pixel_values"] = inputs["pixel_values"] * 0',
        ),
        of=IMAGES,
    ),
    mutant(
        "images of other samples",
        "Each sample of a batch gets the image of another one.",
        policy(
            "batch[key] = torch.stack(values)", "batch[key] = torch.stack(values[::-1])"
        ),
        of=IMAGES,
    ),
    mutant(
        "image transposed",
        "Where channels come first, rows are taken for columns.",
        policy("pixels.permute(1, 2, 0)", "pixels.permute(2, 1, 0)"),
        of=IMAGES,
    ),
    mutant(
        "value where the base has none",
        "Training reads the value before the prompt's last token.",
        policy(
            "hidden_states[0][:, first_position]",
            "hidden_states[0][:, first_position - 1]",
        ),
        policy(
            "logits_to_keep=self.num_action_tokens + 1",
            "logits_to_keep=self.num_action_tokens + 2",
        ),
        of=IMAGES,
    ),
    mutant(
        "dropout active in a part",
        "The parts of the base keep their dropout.",
        policy("for part in parts:  # which grows", "for part in [config]:"),
        of=IMAGES,
    ),
)
