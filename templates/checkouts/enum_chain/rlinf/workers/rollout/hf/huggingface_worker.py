# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import copy

import torch
from omegaconf import DictConfig, OmegaConf, open_dict

from rlinf.config import SupportedModel
from rlinf.models import get_model, get_vla_model_config_and_processor


class MultiStepRolloutWorker:
    """Acts in the environments with a copy of the actor's model, in this process."""

    def __init__(self, cfg: DictConfig):
        self.cfg = cfg

    def init_worker(self):
        """Build the model from the actor's recipe with the rollout's overrides."""
        rollout_model_config = copy.deepcopy(self.cfg.actor.model)
        with open_dict(rollout_model_config):
            rollout_model_config.precision = self.cfg.rollout.model.precision
            # RLinf v0.1 says `path` too, and its get_model reads `model_path`.
            rollout_model_config.path = self.cfg.rollout.model.model_path

        self.hf_model = get_model(rollout_model_config)

        if SupportedModel(self.cfg.actor.model.model_type) in [
            SupportedModel.OPENVLA,
        ]:
            model_config, input_processor = get_vla_model_config_and_processor(
                self.cfg.actor
            )
            self.hf_model.setup_config_and_processor(
                model_config, self.cfg, input_processor
            )

        self.hf_model.eval()
        self.setup_sample_params()

    def setup_sample_params(self):
        """Read how to sample tokens."""
        length = OmegaConf.to_container(self.cfg.algorithm.length_params)
        sampling = OmegaConf.to_container(self.cfg.algorithm.sampling_params)
        shared = {
            "do_sample": sampling["do_sample"],
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

    def predict(self, env_obs, mode="train"):
        """Return actions [B, C, D] and what training needs to score them again."""
        kwargs = (
            self._train_sampling_params
            if mode == "train"
            else self._eval_sampling_params
        )

        if SupportedModel(self.cfg.actor.model.model_type) in [
            SupportedModel.OPENPI,
            SupportedModel.MLP_POLICY,
        ]:
            kwargs = {"mode": mode}

        with torch.no_grad():
            actions, result = self.hf_model.predict_action_batch(
                env_obs=env_obs,
                **kwargs,
            )
        return actions, result
