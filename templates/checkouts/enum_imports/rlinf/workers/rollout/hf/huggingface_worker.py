# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from typing import Any, Literal

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf

from rlinf.models import get_model, get_model_config_and_processor


class MultiStepRolloutWorker:
    """Acts in the environments with a copy of the actor's model, in this process."""

    def __init__(self, cfg: DictConfig):
        self.cfg = cfg
        self.model_cfg = cfg.actor.model

    def init_worker(self) -> None:
        """Build the model from the actor's recipe with the rollout's overrides."""
        recipe = OmegaConf.create({**self.model_cfg, **self.cfg.rollout.model})
        self.hf_model = get_model(recipe)
        if self.model_cfg.model_type in ["openvla"]:
            model_config, input_processor = get_model_config_and_processor(
                self.cfg.actor
            )
            self.hf_model.setup_config_and_processor(
                model_config, self.cfg, input_processor
            )
        self.hf_model.eval()
        self.setup_sample_params()

    def setup_sample_params(self) -> None:
        """Read how to sample tokens; a recipe without sampling leaves it to the model."""
        sampling = self.cfg.algorithm.get("sampling_params", None)
        if sampling is None:
            self._sampling: dict[str, dict[str, Any]] = {"train": {}, "eval": {}}
            return
        shared = {
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "max_new_tokens": self.cfg.algorithm.length_params.max_new_token,
        }
        hot = sampling.temperature_train if sampling.do_sample else 1.0
        cool = sampling.temperature_eval
        self._sampling = {
            "train": {**shared, "do_sample": sampling.do_sample, "temperature": hot},
            "eval": {**shared, "do_sample": cool > 0, "temperature": cool},
        }

    def predict(
        self, env_obs: dict[str, Any], mode: Literal["train", "eval"] = "train"
    ) -> tuple[torch.Tensor, dict[str, Any]]:
        """Return actions [B, C, D] and what training needs to score them again."""
        kwargs = self._sampling[mode]
        if self.model_cfg.model_type in ["mlp_policy"]:
            kwargs = {"mode": mode}
        with torch.no_grad():
            actions, result = self.hf_model.predict_action_batch(
                env_obs=env_obs,
                **kwargs,
            )
        if isinstance(actions, np.ndarray):
            actions = torch.from_numpy(actions)
        return actions, result
