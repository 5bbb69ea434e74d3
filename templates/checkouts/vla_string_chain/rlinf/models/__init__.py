# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import torch
from omegaconf import DictConfig
from transformers import AutoConfig, AutoImageProcessor, AutoProcessor, AutoTokenizer

from rlinf.config import torch_dtype_from_precision

LORA_TARGETS = (
    # vision tower
    *("proj", "qkv", "fc1", "fc2"),
    # projector
    *("q", "kv", "fc3", "out_proj"),
    # language model
    *("q_proj", "k_proj", "v_proj", "o_proj"),
    *("gate_proj", "up_proj", "down_proj", "lm_head"),
)


def get_vla_model_config_and_processor(cfg: DictConfig):
    """Return the configuration and the input processor of the actor's model."""
    if cfg.model.model_name == "openvla":
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


def get_model(model_path, cfg: DictConfig, override_config_kwargs=None):
    """Return the model that a recipe describes, or None for an unknown name."""
    torch_dtype = torch_dtype_from_precision(cfg.precision)
    if cfg.model_name == "openvla":
        from .embodiment.openvla_action_model import OpenVLAForRLActionPrediction

        model = OpenVLAForRLActionPrediction.from_pretrained(
            model_path,
            torch_dtype=torch_dtype,
            hidden_size=cfg.hidden_size,
            unnorm_key=cfg.unnorm_key,
            add_value_head=cfg.add_value_head,
            action_dim=cfg.action_dim,
            num_action_chunks=cfg.num_action_chunks,
            attn_implementation=cfg.attn_implementation,
            low_cpu_mem_usage=cfg.low_cpu_mem_usage,
            trust_remote_code=cfg.trust_remote_code,
        )

        model.to(torch_dtype)

    elif cfg.model_name == "openpi":
        from .embodiment.openpi_action_model import OpenPi0ForRLActionPrediction

        model = OpenPi0ForRLActionPrediction.from_pretrained(model_path)

    elif cfg.model_name == "mlp_policy":
        from .embodiment.mlp_policy import MLPPolicy

        model = MLPPolicy(
            cfg.obs_dim,
            cfg.action_dim,
            cfg.hidden_dim,
            num_action_chunks=cfg.num_action_chunks,
            add_value_head=cfg.add_value_head,
        )
    else:
        return None
    if torch.cuda.is_available():
        model = model.cuda()

    if cfg.is_lora:
        from peft import LoraConfig, PeftModel, get_peft_model

        if not hasattr(cfg, "lora_path") or cfg.lora_path is None:
            adapters = LoraConfig(
                r=cfg.lora_rank,
                lora_alpha=cfg.lora_rank,
                lora_dropout=0.0,
                target_modules=list(LORA_TARGETS),
                init_lora_weights="gaussian",
            )
            if cfg.model_name == "openpi":
                tower = model.paligemma_with_expert
                tag_vlm_subtree(model, False)
                tower.paligemma = get_peft_model(tower.paligemma, adapters)
                tag_vlm_subtree(tower.paligemma, True)
            else:
                model = get_peft_model(model, adapters)
        else:
            model = PeftModel.from_pretrained(model, cfg.lora_path, is_trainable=True)

        if hasattr(model, "value_head"):
            for parameter in model.value_head.parameters():
                parameter.requires_grad = True

    if hasattr(cfg, "ckpt_path") and cfg.ckpt_path is not None:
        model.load_state_dict(torch.load(cfg.ckpt_path))
    return model


def tag_vlm_subtree(model, is_vlm: bool):
    """Say of every module whether FSDP may wrap it for its adapters."""
    for module in model.modules():
        module._to_lora = is_vlm
