# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical
from transformers import BatchFeature, TopKLogitsWarper
from transformers.modeling_outputs import CausalLMOutput

from .modules.value_head import ValueHead


@dataclass(frozen=True)
class MLPConfig:
    """Every byte is a token of the prompt and a bin of the action."""

    vocab_size: int = 256
    n_action_bins: int = 256


class MLPProcessor:
    """Bytes for words, padded on the left, and images as they are."""

    def __call__(self, text, images, max_length: int) -> BatchFeature:
        rows = [list(line.encode()[-max_length:]) for line in text]
        return BatchFeature(
            {
                "input_ids": [[0] * (max_length - len(row)) + row for row in rows],
                "attention_mask": [
                    [0] * (max_length - len(row)) + [1] * len(row) for row in rows
                ],
                "pixel_values": images,
            },
            tensor_type="pt",
        )


class MLPPolicy(nn.Module):
    """Action tokens from the mean of the tokens so far and the images' mean colour."""

    def __init__(
        self, config: MLPConfig, hidden_size, vh_mode, action_dim, num_action_chunks
    ):
        super().__init__()
        self.config = config
        self.vh_mode = vh_mode
        self.action_dim = action_dim
        self.num_action_chunks = num_action_chunks
        self.embed = nn.Embedding(config.vocab_size, hidden_size)
        self.colour = nn.Linear(3, hidden_size)
        self.mlp = nn.Sequential(nn.Linear(hidden_size, hidden_size), nn.Tanh())
        self.logits = nn.Linear(hidden_size, config.vocab_size)
        self.value_head = ValueHead(hidden_size)

    def setup_params(self, model_config, cfg) -> None:
        """Take what the rollout and the training need from the whole recipe."""
        self.vocab_size = model_config.vocab_size
        self.max_prompt_length = cfg.runner.max_prompt_length

    def forward(
        self, input_ids, attention_mask, pixel_values, output_hidden_states=False
    ) -> CausalLMOutput:
        """Return logits [B, L, V], each from the tokens up to there."""
        mask = attention_mask.unsqueeze(-1).to(self.embed.weight)
        words = (self.embed(input_ids) * mask).cumsum(1)
        colour = self.colour(pixel_values.mean((1, 3, 4)) / 255).unsqueeze(1)
        hidden = self.mlp(words / mask.cumsum(1).clamp(min=1) + colour)
        states = (hidden,) if output_hidden_states else None
        return CausalLMOutput(logits=self.logits(hidden), hidden_states=states)

    @torch.no_grad()
    def predict_action_batch(
        self,
        input_ids=None,
        attention_mask=None,
        pixel_values=None,
        do_sample=True,
        temperature=1.0,
        top_k=0,
        **kwargs,
    ):
        """Return actions, their tokens [B, T], the logits and states of each [B, T, .]."""
        data = {"input_ids": input_ids, "attention_mask": attention_mask}
        tokens, scores, states = [], [], []
        for _ in range(self.action_dim * self.num_action_chunks):
            output = self(**data, pixel_values=pixel_values, output_hidden_states=True)
            logits = output.logits[:, -1] / temperature
            if top_k > 0:
                logits = TopKLogitsWarper(top_k)(None, logits)
            policy = Categorical(logits=logits)
            tokens.append(policy.sample() if do_sample else logits.argmax(-1))
            scores.append(logits)
            states.append(output.hidden_states[-1][:, -1])
            data = _append(data, tokens[-1].unsqueeze(-1))
        action_tokens = torch.stack(tokens, 1)
        bins = np.linspace(-1, 1, self.config.n_action_bins)
        actions = torch.from_numpy(bins[action_tokens.cpu().numpy()])
        return actions, action_tokens, torch.stack(scores, 1), torch.stack(states, 1)

    def preprocess_for_train(self, data):
        """Put the tokens of the action behind the prompt."""
        data["action_tokens"] = data["action_tokens"].flatten(1)
        return {**data, **_append(data, data["action_tokens"])}


def _append(data, tokens) -> dict[str, torch.Tensor]:
    mask = data["attention_mask"]
    return {
        "input_ids": torch.cat([data["input_ids"], tokens], -1),
        "attention_mask": torch.cat([mask, torch.ones_like(tokens).to(mask)], -1),
    }
