# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from omegaconf import DictConfig
from transformers import AutoConfig, AutoImageProcessor, AutoProcessor, AutoTokenizer

from rlinf.config import torch_dtype_from_precision
from rlinf.scheduler import Worker

LORA_TARGETS = (
    # vision tower
    *("proj", "qkv", "fc1", "fc2"),
    # projector
    *("q", "kv", "fc3", "out_proj"),
    # language model
    *("q_proj", "k_proj", "v_proj", "o_proj"),
    *("gate_proj", "up_proj", "down_proj", "lm_head"),
)


def get_model_config_and_processor(cfg: DictConfig):
    """Return the configuration and the input processor of the actor's model."""
    if cfg.model.model_type == "openvla":
        from prismatic.extern.hf.configuration_prismatic import OpenVLAConfig
        from prismatic.extern.hf.processing_prismatic import (
            PrismaticImageProcessor,
            PrismaticProcessor,
        )

        AutoConfig.register("openvla", OpenVLAConfig)
        AutoImageProcessor.register(OpenVLAConfig, PrismaticImageProcessor)
        AutoProcessor.register(OpenVLAConfig, PrismaticProcessor)

        model_config = AutoConfig.from_pretrained(cfg.tokenizer.tokenizer_model)
        image_processor = PrismaticImageProcessor.from_pretrained(
            cfg.tokenizer.tokenizer_model
        )
        tokenizer = AutoTokenizer.from_pretrained(
            cfg.tokenizer.tokenizer_model, padding_side="left"
        )
        input_processor = PrismaticProcessor.from_pretrained(
            cfg.tokenizer.tokenizer_model,
            tokenizer=tokenizer,
            image_processor=image_processor,
        )

    return model_config, input_processor


def get_model(cfg: DictConfig, override_config_kwargs=None):
    """Return the model that a recipe describes, or None for an unknown type."""
    torch_dtype = torch_dtype_from_precision(cfg.precision)
    model_path = cfg.model_path
    if cfg.model_type == "openvla":
        from .embodiment.openvla_action_model import OpenVLAForRLActionPrediction

        model = OpenVLAForRLActionPrediction.from_pretrained(
            model_path,
            torch_dtype=torch_dtype,
            hidden_size=cfg.hidden_size,
            unnorm_key=cfg.unnorm_key,
            action_dim=cfg.action_token_len,
            attn_implementation=cfg.attn_implementation,
            low_cpu_mem_usage=cfg.low_cpu_mem_usage,
            trust_remote_code=cfg.trust_remote_code,
        )
    elif cfg.model_type == "mlp_policy":
        from .embodiment.mlp_policy import MLPPolicy

        model = MLPPolicy(
            obs_dim=cfg.obs_dim,
            action_dim=cfg.action_dim,
            num_action_chunks=cfg.num_action_chunks,
            hidden_dim=cfg.get("hidden_dim", 256),
            add_value_head=cfg.add_value_head,
        ).to(torch_dtype)
    else:
        return None

    if Worker.torch_platform is not None and Worker.torch_platform.is_available():
        model = model.to(Worker.torch_device_type)

    if cfg.is_lora:
        from peft import LoraConfig, PeftModel, get_peft_model

        if cfg.get("lora_path", None) is not None:
            model = PeftModel.from_pretrained(model, cfg.lora_path, is_trainable=True)
        else:
            adapters = LoraConfig(
                r=cfg.lora_rank,
                lora_alpha=cfg.lora_rank,
                lora_dropout=0.0,
                target_modules=list(LORA_TARGETS),
                init_lora_weights="gaussian",
            )
            model = get_peft_model(model, adapters)
        if hasattr(model, "value_head"):
            model.value_head.requires_grad_(True)

    return model
