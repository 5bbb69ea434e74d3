# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from omegaconf import DictConfig

from rlinf.config import SupportedModel, get_supported_model, torch_dtype_from_precision
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


def get_model(cfg: DictConfig):
    """Return the model that a recipe describes, or None for one that only reasons."""
    model_type = get_supported_model(cfg.model_type)
    if model_type == SupportedModel.OPENVLA:
        from rlinf.models.embodiment.openvla import get_model
    elif model_type == SupportedModel.OPENVLA_OFT:
        from rlinf.models.embodiment.openvla_oft import get_model
    elif model_type == SupportedModel.OPENPI:
        from rlinf.models.embodiment.openpi import get_model
    elif model_type == SupportedModel.MLP_POLICY:
        from rlinf.models.embodiment.mlp_policy import get_model
    else:
        return None

    torch_dtype = torch_dtype_from_precision(cfg.precision)
    model = get_model(cfg, torch_dtype)

    # Without an accelerator this asks None, as RLinf v0.2 does.
    if Worker.torch_platform.is_available():
        model = model.to(Worker.torch_device_type)

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
            if model_type == SupportedModel.OPENPI:
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

    return model


def tag_vlm_subtree(model, is_vlm: bool):
    """Say of every module whether FSDP may wrap it for its adapters."""
    for module in model.modules():
        module._to_lora = is_vlm
