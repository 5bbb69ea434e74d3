"""What each rank really holds of a small Llama: a program for torch.distributed.run."""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from rlinf.hybrid_engines.fsdp import utils
from rlinf.models.embodiment.modules.value_head import ValueHead
from torch import distributed
from torch.distributed import fsdp
from torch.distributed.device_mesh import init_device_mesh
from transformers import LlamaConfig, LlamaForCausalLM

WAYS = [(version, lora) for version in ("fsdp", "fsdp2") for lora in (False, True)]


class Policy(LlamaForCausalLM):
    def __init__(self, config: LlamaConfig) -> None:
        super().__init__(config)
        self.value_head = ValueHead(config.hidden_size, activation="relu")

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        out = super().forward(input_ids=tokens, output_hidden_states=True)
        return out.logits.mean() + self.value_head(out.hidden_states[-1]).mean()


def shard(folder: str, version: str, targets: list[str] | None) -> Any:
    policy: Any = Policy(LlamaConfig.from_pretrained(folder))
    if targets:
        policy = get_peft_model(policy, LoraConfig(r=32, target_modules=targets))
        policy.value_head.requires_grad_(True)
    config = {"wrap_policy": {"transformer_layer_cls_to_wrap": ["LlamaDecoderLayer"]}}
    mesh = init_device_mesh("cpu", (distributed.get_world_size(),))
    if version == "fsdp2":
        return utils.apply_fsdp2_to_model(
            module=policy,
            config=config,
            device_mesh=mesh,
            mp_policy=fsdp.MixedPrecisionPolicy(),
            offload_policy=fsdp.OffloadPolicy(),
            reshard_after_forward=True,
        )
    return fsdp.FullyShardedDataParallel(
        policy,
        auto_wrap_policy=utils.get_fsdp_wrap_policy(
            policy, config, is_lora=targets is not None
        ),
        device_id=torch.device("cpu"),
        device_mesh=mesh,
    )


def held(tensors: list[Any]) -> int:
    local = [getattr(it, "_local_tensor", it) for it in tensors]
    return sum(it.numel() * it.element_size() for it in local)


def measure(model: Any) -> list[int]:
    """Return the bytes of weights, of gradients and of Adam's means."""
    trained = [it for it in model.parameters() if it.requires_grad]
    optimizer = torch.optim.AdamW(trained)
    model(torch.ones(2, 5, dtype=torch.int64)).backward()
    gradients = [it.grad for it in trained if it.grad is not None]
    sizes = [held([*model.parameters()]), held(gradients)]
    optimizer.step()
    states = [
        value
        for state in optimizer.state.values()
        for key, value in state.items()
        if key != "step"
    ]
    return [*sizes, held(states)]


if __name__ == "__main__":
    distributed.init_process_group("gloo")
    folder, *targets = sys.argv[1:]
    found = [
        measure(shard(folder, version, targets if lora else None))
        for version, lora in WAYS
    ]
    of_all: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(of_all, found)
    if distributed.get_rank() == 0:
        print(json.dumps(of_all))
    distributed.destroy_process_group()
