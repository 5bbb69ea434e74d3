# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from typing import Callable, Optional

from omegaconf import DictConfig

from rlinf.config import EMBODIED_MODEL, SupportedModel, torch_dtype_from_precision
from rlinf.scheduler import Worker

ModelBuilder = Callable[[DictConfig, Optional[object]], object]
_MODEL_REGISTRY: dict[str, ModelBuilder] = {}

LORA_TARGETS = (
    # vision tower
    *("proj", "qkv", "fc1", "fc2"),
    # projector
    *("q", "kv", "fc3", "out_proj"),
    # language model
    *("q_proj", "k_proj", "v_proj", "o_proj"),
    *("gate_proj", "up_proj", "down_proj", "lm_head"),
)


def register_model(
    model_type: str,
    model_builder: ModelBuilder,
    category: str = "embodied",
    force: bool = False,
):
    """Make `get_model` call this builder for a recipe's `model_type`."""
    if not callable(model_builder):
        raise TypeError(f"The builder of '{model_type}' cannot be called.")
    member = SupportedModel.register(model_type, force=force)
    _MODEL_REGISTRY[model_type] = model_builder
    if category == "embodied":
        EMBODIED_MODEL.add(member)


def _register_builtin_models():
    def _build_openvla(cfg: DictConfig, torch_dtype):
        from rlinf.models.embodiment.openvla import get_model

        return get_model(cfg, torch_dtype)

    def _build_openvla_oft(cfg: DictConfig, torch_dtype):
        from rlinf.models.embodiment.openvla_oft import get_model

        return get_model(cfg, torch_dtype)

    def _build_openpi(cfg: DictConfig, torch_dtype):
        from rlinf.models.embodiment.openpi import get_model

        return get_model(cfg, torch_dtype)

    def _build_mlp_policy(cfg: DictConfig, torch_dtype):
        from rlinf.models.embodiment.mlp_policy import get_model

        return get_model(cfg, torch_dtype)

    register_model(
        SupportedModel.OPENVLA.value,
        _build_openvla,
        category="embodied",
        force=True,
    )
    register_model(
        SupportedModel.OPENVLA_OFT.value,
        _build_openvla_oft,
        category="embodied",
        force=True,
    )
    register_model(
        SupportedModel.OPENPI.value,
        _build_openpi,
        category="embodied",
        force=True,
    )
    register_model(
        SupportedModel.MLP_POLICY.value,
        _build_mlp_policy,
        category="embodied",
        force=True,
    )


_register_builtin_models()


def get_model(cfg: DictConfig):
    """Return the model that a recipe describes, or None for an unknown type."""
    model_builder = _MODEL_REGISTRY.get(str(cfg.model_type))
    if model_builder is None:
        return None
    model = model_builder(cfg, torch_dtype_from_precision(cfg.precision))
    if _has_accelerator() and cfg.get("load_to_device", True):
        model = model.to(Worker.torch_device_type)
    return _add_lora(model, cfg) if cfg.is_lora else model


def _has_accelerator() -> bool:
    return Worker.torch_platform is not None and Worker.torch_platform.is_available()


def _add_lora(model, cfg: DictConfig):
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
