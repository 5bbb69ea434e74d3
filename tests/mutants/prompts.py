"""Defects of prompts, and of what says where they begin."""

from __future__ import annotations

from mutants.mutant import POSITIONS, mutant, policy

_TRAINING_POSITIONS = (
    '            "position_ids": (attention_mask.cumsum(dim=-1) - 1).clamp(min=0),\n'
)
_TRAINING_MASK = '"attention_mask": attention_mask,\n            "position_ids"'

MUTANTS = (
    mutant(
        "instruction ignored",
        "Every task has the same prompt.",
        policy("take to {task.lower()}?", "take to go on?"),
    ),
    mutant(
        "state ignored",
        "The prompt says nothing of the robot's state.",
        policy(
            'states = env_obs.get("states") if self.use_proprio else None',
            "states = None",
        ),
    ),
    mutant(
        "prompts padded on the right",
        "The tokenizer pads behind the prompt, where the answer begins.",
        policy('padding_side="left"', 'padding_side="right"'),
    ),
    mutant(
        "prompts filled up on the right",
        "Prompts get to their common length by padding behind them.",
        policy(
            'F.pad(encoded["input_ids"], (padding, 0),',
            'F.pad(encoded["input_ids"], (0, padding),',
        ),
        policy(
            'F.pad(encoded["attention_mask"], (padding, 0),',
            'F.pad(encoded["attention_mask"], (0, padding),',
        ),
    ),
    mutant(
        "padding attended to",
        "The mask says that padding is part of the prompt.",
        policy(
            "(padding, 0), value=0)",
            "(padding, 0), value=1)",
        ),
    ),
    mutant(
        "prompts of ragged width",
        "Prompts are as wide as the longest of their batch.",
        policy(
            "        pad_token_id = self.input_processor.pad_token_id\n",
            "        padding = 0\n        pad_token_id = self.input_processor.pad_token_id\n",
        ),
    ),
    mutant(
        "long prompts cut",
        "A prompt that is too long loses its beginning without a word.",
        policy(
            "        if padding < 0:\n            raise",
            "        if False:\n            raise",
        ),
    ),
    mutant(
        "padding attended to in training",
        "Training attends to padding, the rollout does not.",
        policy(
            _TRAINING_MASK,
            _TRAINING_MASK.replace(
                ": attention_mask", ": torch.ones_like(attention_mask)"
            ),
        ),
    ),
    mutant(
        "attention mask dropped in the rollout",
        "The rollout attends to padding, training does not.",
        policy(
            "                **inputs,\n                logits",
            '                inputs["input_ids"],\n'
            '                attention_mask=torch.ones_like(inputs["input_ids"]),\n'
            "                logits",
        ),
    ),
    mutant(
        "position ids dropped in training",
        "Padding shifts the positions of the prompt in training.",
        policy(_TRAINING_POSITIONS, ""),
        of=POSITIONS,
    ),
    mutant(
        "position ids hidden from transformers",
        "generate() numbers padding too, as forward names no position_ids.",
        policy("        position_ids: Optional[torch.LongTensor] = None,\n", ""),
        policy(
            "            position_ids=position_ids,\n            past_key",
            "            past_key",
        ),
        of=POSITIONS,
    ),
    mutant(
        "inputs_embeds dropped",
        "Embeddings in place of tokens do not reach the base.",
        policy("            inputs_embeds=inputs_embeds,\n", ""),
    ),
    mutant(
        "cache dropped",
        "Generation starts anew at each token.",
        policy("            past_key_values=past_key_values,\n", ""),
    ),
)
