"""The floor under a smoke test: two ranks that wrap one tiny Llama with FSDP and train.

Run it with an interpreter that has torch and transformers:

    torchrun --nproc-per-node 2 benchmarks/bare_ranks.py
"""

from __future__ import annotations

from functools import partial

import torch  # noqa: TID251
from torch.distributed import (  # noqa: TID251
    barrier,
    destroy_process_group,
    init_process_group,
)
from torch.distributed.fsdp import FullyShardedDataParallel  # noqa: TID251
from torch.distributed.fsdp.wrap import transformer_auto_wrap_policy  # noqa: TID251
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaDecoderLayer


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    init_process_group("gloo")
    config = LlamaConfig(
        vocab_size=391,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    model = FullyShardedDataParallel(
        LlamaForCausalLM(config),
        auto_wrap_policy=partial(
            transformer_auto_wrap_policy, transformer_layer_cls={LlamaDecoderLayer}
        ),
        device_id=torch.device("cpu"),
    )
    tokens = torch.arange(64).reshape(2, 32)
    model(input_ids=tokens, labels=tokens).loss.backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    # Without it a rank may end while the other still talks to it, and gloo aborts.
    barrier()
    destroy_process_group()


if __name__ == "__main__":
    main()
