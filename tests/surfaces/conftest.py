from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rlinf_scaffold.contracts import Terms, all_contracts
from rlinf_scaffold.engine import Engine
from rlinf_scaffold.heads import find_head
from rlinf_scaffold.layouts import Layout
from rlinf_scaffold.recipes.mounted import style
from rlinf_scaffold.spec import Base, ModelSpec
from rlinf_scaffold.surfaces import Job

BASE = Base(
    class_name="LlamaForCausalLM",
    module="transformers",
    config_class="LlamaConfig",
    config_module="transformers",
    model_type="llama",
    hidden_size=64,
    vocab_size=320,
    tie_word_embeddings=False,
    layer_classes=("LlamaDecoderLayer",),
    lora_targets=("q_proj", "v_proj"),
    forward_arguments=("input_ids", "attention_mask"),
)
LAYOUT = Layout(
    name="plain",
    title="a layout that leaves everything as it is",
    detect=lambda tree: (),
    model_types=lambda tree: {},
    register=lambda source, spec: source,
    load=lambda source, spec, base: source,
    modules=lambda spec: {},
)
CONTRACT = next(each for each in all_contracts() if each.name == "forward_inputs")


@pytest.fixture
def job() -> Callable[..., Job]:
    """Return a function from answers, as ModelSpec names them, to a job."""

    def build(name: str = "my_vla", **answers: Any) -> Job:
        return Job(
            spec=ModelSpec(name=name, **answers),
            base=BASE,
            layout=LAYOUT,
            contract=CONTRACT,
            terms=Terms(),
            recipes=style,
            head=find_head("tokens"),
            engine=Engine(),
        )

    return build
