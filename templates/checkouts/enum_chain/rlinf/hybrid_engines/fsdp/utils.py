# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

import functools

from torch import nn
from torch.distributed.fsdp.wrap import lambda_auto_wrap_policy

from rlinf.hybrid_engines.fsdp import fully_shard
from rlinf.models.embodiment.modules.value_head import ValueHead


def get_fsdp_wrap_policy(module, config=None, is_lora=False, is_openvla_model=False):
    """Return FSDP1's auto-wrap policy for a model, or None to keep it one unit.

    Args:
        module: The model, not wrapped yet.
        config: The recipe's `fsdp_config`.
        is_lora: Whether each trainable leaf becomes a unit of its own, because a
            flat parameter is trainable as a whole.
        is_openvla_model: Whether the vision tower of OpenVLA becomes units too.
    """
    config = config or {}
    if config.get("disable", False):
        return None
    classes = _find_classes(module, _layers_to_wrap(module, config))
    if is_openvla_model:
        from prismatic.extern.hf.modeling_prismatic import PrismaticProjector
        from timm.models.vision_transformer import VisionTransformer

        classes += (VisionTransformer, PrismaticProjector)
    if hasattr(module, "value_head"):
        classes += (ValueHead,)
    if not (classes or is_lora):
        return None

    def is_unit(part: nn.Module) -> bool:
        return isinstance(part, classes) or (is_lora and _is_trainable_leaf(part))

    return functools.partial(lambda_auto_wrap_policy, lambda_fn=is_unit)


def apply_fsdp2_to_model(
    module,
    config,
    device_mesh,
    mp_policy,
    offload_policy,
    reshard_after_forward,
):
    """Shard a model in place with FSDP2, layers and embeddings first, and return it.

    Args:
        module: The model.
        config: The recipe's `fsdp_config`.
        device_mesh: The ranks to shard over.
        mp_policy: Dtypes of parameters and of the reduction.
        offload_policy: Where shards rest.
        reshard_after_forward: Whether a unit lets go of its gathered parameters; the
            root keeps them, since backward needs them first.
    """
    layers = _layers_to_wrap(module, config or {})
    assert layers, f"Nothing says which layers of {type(module).__name__} to shard."
    units = [
        part
        for part in module.modules()
        if type(part).__name__ in layers
        or (
            isinstance(part, nn.Embedding)
            and not getattr(module.config, "tie_word_embeddings", False)
        )
    ]
    shard = functools.partial(
        fully_shard,
        mesh=device_mesh,
        mp_policy=mp_policy,
        offload_policy=offload_policy,
    )
    for unit in units:
        shard(unit, reshard_after_forward=reshard_after_forward)
    return shard(module, reshard_after_forward=False)


def _layers_to_wrap(module, config) -> tuple[str, ...]:
    tower = getattr(module, "language_model", module)
    names = config.get("wrap_policy", {}).get(
        "transformer_layer_cls_to_wrap", getattr(tower, "_no_split_modules", None)
    )
    return (names,) if isinstance(names, str) else tuple(names or ())


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
