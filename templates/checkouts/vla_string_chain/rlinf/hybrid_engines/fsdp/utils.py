# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import functools
from dataclasses import dataclass

from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp.wrap import lambda_auto_wrap_policy

from rlinf.config import validate_model_type
from rlinf.hybrid_engines.fsdp import FSDPModule, fully_shard
from rlinf.models.embodiment.modules.value_head import ValueHead
from rlinf.scheduler import Worker


@dataclass(frozen=True)
class WrapTargets:
    """What becomes a unit: classes by name, and modules by their `_fsdp_wrap_name`."""

    layers: tuple[str, ...]
    modules: tuple[str, ...]
    names: tuple[str, ...]


def create_device_mesh(world_size: int) -> DeviceMesh:
    return init_device_mesh(
        Worker.torch_device_type, (world_size,), mesh_dim_names=("fsdp",)
    )


def get_fsdp_wrap_policy(module, config=None, is_lora=False, model_type=None):
    """Return FSDP1's auto-wrap policy for a model, or None to keep it one unit.

    Args:
        module: The model, not wrapped yet.
        config: The recipe's `fsdp_config`.
        is_lora: Whether each trainable leaf becomes a unit of its own, because a
            flat parameter is trainable as a whole.
        model_type: The recipe's model type, checked if given.
    """
    if model_type is not None:
        validate_model_type(model_type)
    config = config or {}
    if config.get("disable", False):
        return None
    targets = _wrap_targets(module, config)
    classes = _find_classes(module, targets.layers + targets.modules)
    if hasattr(module, "value_head"):
        classes += (ValueHead,)
    if not (classes or targets.names or is_lora):
        return None

    def is_unit(part: nn.Module) -> bool:
        return (
            isinstance(part, classes)
            or getattr(part, "_fsdp_wrap_name", None) in targets.names
            or (is_lora and _is_trainable_leaf(part))
        )

    return functools.partial(lambda_auto_wrap_policy, lambda_fn=is_unit)


def apply_fsdp2_to_model(
    module,
    config,
    device_mesh,
    mp_policy,
    offload_policy,
    reshard_after_forward,
) -> FSDPModule:
    """Shard a model in place with FSDP2, innermost units first, and return it.

    Args:
        module: The model.
        config: The recipe's `fsdp_config`.
        device_mesh: The ranks to shard over.
        mp_policy: Dtypes of parameters and of the reduction.
        offload_policy: Where shards rest.
        reshard_after_forward: Whether a unit lets go of its gathered parameters; the
            root keeps them, since backward needs them first.
    """
    config = config or {}
    targets = _wrap_targets(module, config)
    if not (targets.layers or targets.modules or targets.names):
        raise ValueError(
            f"Nothing says which layers of {type(module).__name__} FSDP2 shards: set "
            "fsdp_config.wrap_policy.transformer_layer_cls_to_wrap."
        )
    classes = _find_classes(module, targets.modules)
    if not getattr(getattr(module, "config", None), "tie_word_embeddings", False):
        classes += (nn.Embedding,)
    units = [
        part
        for part in module.modules()
        if type(part).__name__ in targets.layers
        or isinstance(part, classes)
        or getattr(part, "_fsdp_wrap_name", None) in targets.names
    ]
    shard = functools.partial(
        fully_shard,
        mesh=device_mesh,
        mp_policy=mp_policy,
        offload_policy=offload_policy,
    )
    for unit in reversed(units):
        shard(unit, reshard_after_forward=reshard_after_forward)
    return shard(
        module,
        reshard_after_forward=False,
        ignored_params=_ignored_parameters(module, config),
    )


def _wrap_targets(module, config) -> WrapTargets:
    policy = config.get("wrap_policy", None) or {}
    keys = ("transformer_layer_cls_to_wrap", "module_classes_to_wrap", "no_split_names")
    if any(key in policy for key in keys):
        return WrapTargets(*(_as_names(policy.get(key, None)) for key in keys))
    if hasattr(module, "language_model"):
        towers = [module.language_model, getattr(module, "visual", None)]
    else:
        towers = [module]
    layers = [_as_names(getattr(t, "_no_split_modules", None)) for t in towers]
    names = _as_names(getattr(module, "_no_split_names", None))
    return WrapTargets(sum(layers, ()), (), names)


def _as_names(value) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _find_classes(module, names) -> tuple[type[nn.Module], ...]:
    found = {type(part).__name__: type(part) for part in module.modules()}
    missing = sorted(set(names) - found.keys())
    if missing:
        raise ValueError(
            f"{type(module).__name__} has no module of class {', '.join(missing)}, "
            "which FSDP is told to wrap."
        )
    return tuple(found[name] for name in names)


def _is_trainable_leaf(part) -> bool:
    weight = getattr(part, "weight", None)
    return (
        next(part.children(), None) is None
        and weight is not None
        and weight.requires_grad
        and getattr(part, "_to_lora", True)
    )


def _ignored_parameters(module, config) -> set[nn.Parameter]:
    policy = config.get("wrap_policy", None) or {}
    key = "ignored_module_classes"
    names = config.get(key, None) or policy.get(key, None)
    classes = _find_classes(module, _as_names(names))
    towers = [part for part in module.modules() if isinstance(part, classes)]
    return {parameter for tower in towers for parameter in tower.parameters()}
