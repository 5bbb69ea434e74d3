# Copyright 2026 The RLinf Authors.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     https://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

import torch
from omegaconf import DictConfig


def get_model(cfg: DictConfig, torch_dtype: torch.dtype = torch.bfloat16):
    """Build the policy from a checkpoint.

    Args:
        cfg: Model config, see `examples/embodiment/config/model/foo.yaml`.
        torch_dtype: Dtype of the weights.

    Returns:
        A `FooForRLActionPrediction` on the CPU.
    """
    from rlinf.models.embodiment.foo.foo_action_model import (
        FooForRLActionPrediction,
        load_config_and_processor,
    )

    model_config, input_processor = load_config_and_processor(
        cfg.model_path, cfg.trust_remote_code
    )
    model = FooForRLActionPrediction.from_pretrained(
        cfg.model_path,
        torch_dtype=torch_dtype,
        config=model_config,
        hidden_size=cfg.hidden_size,
        vocab_size=cfg.vocab_size,
        unnorm_key=cfg.unnorm_key,
        action_dim=cfg.action_dim,
        num_action_chunks=cfg.num_action_chunks,
        n_action_bins=cfg.n_action_bins,
        state_dim=cfg.state_dim,
        add_value_head=cfg.add_value_head,
        max_prompt_length=cfg.max_prompt_length,
        use_proprio=cfg.use_proprio,
        attn_implementation=cfg.attn_implementation,
        low_cpu_mem_usage=cfg.low_cpu_mem_usage,
        trust_remote_code=cfg.trust_remote_code,
    )
    model.setup_config_and_processor(model_config, input_processor)
    return model
