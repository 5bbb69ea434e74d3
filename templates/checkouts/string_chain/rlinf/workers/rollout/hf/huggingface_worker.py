# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import torch
from omegaconf import DictConfig, OmegaConf

from rlinf.config import torch_dtype_from_precision
from rlinf.models import get_model, get_model_config_and_processor
from rlinf.models.embodiment.model_utils import (
    default_logits_processor,
    prepare_observations,
)


class MultiStepRolloutWorker:
    """Acts in the environments with a copy of the actor's model, in this process."""

    def __init__(self, cfg: DictConfig):
        self.cfg = cfg
        self.model_config, self.input_processor = get_model_config_and_processor(
            cfg.actor
        )
        self.precision = torch_dtype_from_precision(cfg.actor.model.precision)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.use_proprio = self.cfg.actor.model.get("use_proprio", False)

    def init_worker(self):
        """Build the model from the actor's recipe and the rollout's own folder."""
        self.hf_model = get_model(self.cfg.rollout.model_dir, self.cfg.actor.model)
        self.hf_model.setup_params(self.model_config, self.cfg)
        self.hf_model.to(self.precision)
        self.hf_model.eval()
        self.setup_sample_params()

    def setup_sample_params(self):
        """Read how to sample tokens."""
        length = OmegaConf.to_container(self.cfg.algorithm.length_params)
        sampling = OmegaConf.to_container(self.cfg.algorithm.sampling_params)
        shared = {
            "top_k": sampling["top_k"],
            "top_p": sampling["top_p"],
            "max_new_tokens": length["max_new_token"],
        }
        self._train_sampling_params = {
            "temperature": sampling["temperature_train"],
            **shared,
            "use_cache": True,
        }
        self._eval_sampling_params = {
            "temperature": sampling["temperature_eval"],
            **shared,
        }

    def prepare(self, raw_obs, split="train"):
        """Return what `predict` takes, from what the environments saw."""
        return prepare_observations(
            simulator_type=self.cfg.env[split].simulator_type,
            model_name=self.cfg.actor.model.model_name,
            raw_obs=raw_obs,
            use_proprio=self.use_proprio,
            max_length=self.hf_model.max_prompt_length,
            processor=self.input_processor,
            precision=self.precision,
            device=self.device,
        )

    def predict(self, processed_obs, do_sample=True, mode="train"):
        """Return actions, tokens and log-probabilities, and values [B, 1]."""
        chunks = (-1, self.hf_model.num_action_chunks, self.hf_model.action_dim)
        action_token_len = self.hf_model.action_dim * self.hf_model.num_action_chunks
        sample_kwargs = (
            self._train_sampling_params
            if mode == "train"
            else self._eval_sampling_params
        )
        with torch.no_grad():
            actions, action_tokens, action_logits, last_hidden_state = (
                self.hf_model.predict_action_batch(
                    input_ids=processed_obs["input_ids"],
                    attention_mask=processed_obs["attention_mask"],
                    pixel_values=processed_obs["pixel_values"],
                    do_sample=do_sample,
                    **sample_kwargs,
                )
            )

        chunk_logprobs = default_logits_processor(
            action_logits,
            action_tokens,
            self.hf_model.vocab_size,
            self.hf_model.config.n_action_bins,
        )["logprobs"]

        chunk_values = torch.zeros_like(chunk_logprobs[..., :1])
        if self.cfg.algorithm.require_values and self.cfg.actor.model.vh_mode == "a0":
            with torch.no_grad():
                chunk_values = self.hf_model.value_head(
                    last_hidden_state[:, -action_token_len]
                )

        chunk_actions = actions.reshape(chunks)
        chunk_action_tokens = action_tokens.reshape(chunks)
        return chunk_actions, chunk_action_tokens, chunk_logprobs, chunk_values
