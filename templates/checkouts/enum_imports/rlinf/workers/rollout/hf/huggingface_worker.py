# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import copy
from typing import Any, Literal

import torch
from omegaconf import DictConfig, OmegaConf, open_dict

from rlinf.config import SupportedModel
from rlinf.models import get_model
from rlinf.models.embodiment.base_policy import BasePolicy


class MultiStepRolloutWorker:
    """Acts in the environments with a copy of the actor's model, in this process."""

    def __init__(self, cfg: DictConfig):
        self.cfg = cfg

    def init_worker(self):
        """Build the model from the actor's recipe with the rollout's overrides."""
        rollout_model_config = copy.deepcopy(self.cfg.actor.model)
        with open_dict(rollout_model_config):
            rollout_model_config.precision = self.cfg.rollout.model.precision
            rollout_model_config.model_path = self.cfg.rollout.model.model_path

        self.hf_model: BasePolicy = get_model(rollout_model_config)

        if self.cfg.runner.get("ckpt_path", None):
            self.hf_model.load_state_dict(torch.load(self.cfg.runner.ckpt_path))

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
        hot = sampling["temperature_train"] if sampling["do_sample"] else 1.0
        cool = sampling["temperature_eval"]
        self._train_sampling_params = {
            "do_sample": sampling["do_sample"],
            "temperature": hot,
            **shared,
        }
        self._eval_sampling_params = {
            "do_sample": cool > 0,
            "temperature": cool,
            **shared,
        }

    def predict(
        self, env_obs: dict[str, Any], mode: Literal["train", "eval"] = "train"
    ) -> tuple[torch.Tensor, dict[str, Any]]:
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

        if SupportedModel(self.cfg.actor.model.model_type) in [
            SupportedModel.MLP_POLICY,
        ]:
            kwargs["return_obs"] = not hasattr(self.hf_model, "q_head")

        with torch.no_grad():
            actions, result = self.hf_model.predict_action_batch(
                env_obs=env_obs,
                **kwargs,
            )
        return actions, result
