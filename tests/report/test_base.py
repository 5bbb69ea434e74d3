from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from trees import LLAMA
from units import llama

from rlinf_scaffold.bases.provenance import Fact
from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.commands.inspect_base import BaseInspection
from rlinf_scaffold.memory.anatomy import Anatomy
from rlinf_scaffold.memory.plan import Cluster, Plan, plan_memory
from rlinf_scaffold.memory.shares import Batch
from rlinf_scaffold.report.base import base_document, base_text

SCHEMA = Path(__file__).parents[2] / "docs/inspect-base.schema.json"
BASE = replace(LLAMA, class_name="[Llama]ForCausalLM", hidden_size=4096)


def plan_for(ranks: int) -> Plan:
    wrappings = tuple(
        llama(4096, 14336, 32, 1024, 128256, version=it) for it in ("fsdp", "fsdp2")
    )
    anatomy = Anatomy(blocks=(wrappings[0].others[0],), experts=0, wrappings=wrappings)
    batch = Batch(samples=32, tokens=135, logits=8, vocab_size=128256)
    return plan_memory(BASE, anatomy, Cluster(ranks=ranks), batch)


PLAN = plan_for(64)
FACTS = (
    Fact("class", "transformers.Llama", "a class of transformers; llama.py:7"),
    Fact("hidden_size", 4096, "config.json: hidden_size"),
    Fact("tie_word_embeddings", False, "default of LlamaConfig, llama.py:9"),
    Fact("tokenizer", None, "nothing says it"),
    Fact("special_tokens", {"bos_token_id": 1, "[pad]": 2}, "config.json"),
    Fact("towers", {"": "Llama"}, "llama.py:8"),
    Fact("lora_targets", ("q_proj", "v_proj"), "PEFT's mapping for llama"),
)
HEAD = """\
[Llama]ForCausalLM (llama), the defaults of LlamaConfig
  class                transformers.Llama  (a class of transformers; llama.py:7)
  hidden size          4,096  (config.json: hidden_size)
  tie word embeddings  no  (default of LlamaConfig, llama.py:9)
  tokenizer            -  (nothing says it)
  special tokens       bos_token_id: 1, [pad]: 2  (config.json)
  towers               (root): Llama  (llama.py:8)
  lora targets         q_proj, v_proj  (PEFT's mapping for llama)
"""
MEMORY = """
Units of fsdp: 8,032,424,704 elements, 8,030,261,248 of them the base's; with LoRA 90,284,800 train
unit            class              units  elements  of all    LoRA
(root)          LlamaForCausalLM       1    1.05 B   13.1%  4.24 M
model.layers.*  LlamaDecoderLayer     32     218 M   86.9%  2.62 M
value_head      ValueHead              1    2.16 M    0.0%  2.16 M

Units of fsdp2: 8,032,424,704 elements, 8,030,261,248 of them the base's; with LoRA 90,284,800 train
unit                class              units  elements  of all    LoRA
model.embed_tokens  Embedding              1     525 M    6.5%       0
model.layers.*      LlamaDecoderLayer     32     218 M   86.9%  2.62 M
(root)              LlamaForCausalLM       1     528 M    6.6%   6.4 M
"""
TABLE = """
Memory of each rank, 64 in all, 8 on each node

bf16: weights, gradients and Adam's means in bf16, as new-model writes it
                                                                          check-
sharding      trains   weights     grads      Adam  gathered    in all   pointed
full_shard    all      239 MiB   239 MiB   479 MiB  5.13 GiB  35.7 GiB  8.17 GiB
hybrid_shard  all     1.87 GiB  1.87 GiB  3.74 GiB  5.13 GiB  42.3 GiB  14.7 GiB
no_shard      all       15 GiB    15 GiB  29.9 GiB   0 bytes  89.5 GiB  61.9 GiB
fsdp2         all      239 MiB   239 MiB   479 MiB  4.33 GiB  34.9 GiB  7.36 GiB
full_shard    LoRA     242 MiB  2.69 MiB  5.38 MiB  2.78 GiB  32.7 GiB  5.12 GiB
"""


def shown(inspection: BaseInspection, width: int = 400) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(base_text(inspection))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def inspection_of(memory: Plan | None = None) -> BaseInspection:
    return BaseInspection(base=BASE, checkout=None, memory=memory, facts=FACTS)


def test_says_what_a_base_is() -> None:
    assert shown(inspection_of()) == HEAD


def test_says_which_folder_it_was_read_from_and_what_is_odd() -> None:
    base = replace(BASE, checkpoint="/models/llama", tie_word_embeddings=True)
    odd = ("It has no [weights].",)
    lines = shown(replace(inspection_of(), base=base, findings=odd)).splitlines()
    assert lines[0] == "[Llama]ForCausalLM (llama), /models/llama"
    assert lines[-1] == "! It has no [weights]."


@pytest.mark.parametrize(
    ("quoted", "shown_as"),
    [("\x1b[31m", r"\x1b[31m"), ("\ud800", r"\ud800"), ("a\tb", r"a\tb"), ("é", "é")],
)
def test_what_others_wrote_moves_no_terminal(quoted: str, shown_as: str) -> None:
    facts = (Fact("tokenizer", quoted, f"from {quoted}"),)
    base = replace(BASE, checkpoint=quoted)
    inspection = replace(inspection_of(), base=base, facts=facts, findings=(quoted,))
    assert shown(inspection).splitlines() == [
        f"[Llama]ForCausalLM (llama), {shown_as}",
        f"  tokenizer  {shown_as}  (from {shown_as})",
        f"! {shown_as}",
    ]


def test_says_why_new_model_refuses_it() -> None:
    inspection = replace(inspection_of(), refused="it is [odd].")
    assert shown(inspection) == f"{HEAD}! new-model refuses it: it is [odd].\n"
    assert base_document(inspection)["refused"] == "it is [odd]."


def test_shows_the_units_and_what_each_rank_holds() -> None:
    text = shown(inspection_of(PLAN))
    assert text.startswith(HEAD + MEMORY)
    assert TABLE in text
    assert (
        "  - in all: a micro batch of 32 samples of 135 tokens leaves 29.5 GiB in the "
        "layers, or 1.98 GiB if checkpointed, and its logits are 125 MiB: 8 positions of "
        "each sample, in fp32\n"
    ) in text


def test_on_one_rank_there_are_no_nodes() -> None:
    assert "Memory of each rank, 1 in all\n" in shown(inspection_of(plan_for(1)))


@pytest.mark.parametrize("findings", [(), ("One [unit].", "Large root.")])
def test_findings_stand_before_the_numbers(findings: tuple[str, ...]) -> None:
    text = shown(inspection_of(replace(PLAN, findings=findings)))
    expected = "".join(f"! {it}\n" for it in findings)
    said = text.partition("\n! ")[2].partition("\nMemory of each rank")[0]
    assert f"! {said}" == expected if findings else not said


def test_the_tables_fit_a_terminal() -> None:
    narrow = shown(inspection_of(PLAN), width=80)
    for line in TABLE.splitlines():
        assert line in narrow


def test_the_document_has_bytes_and_elements() -> None:
    inspection = replace(inspection_of(PLAN), checkout=Checkout(Path("/rl")))
    document = json.loads(json.dumps(base_document(inspection)))
    schema = json.loads(SCHEMA.read_text("utf-8"))
    assert [*document] == schema["oneOf"][0]["required"]
    assert document["refused"] is None
    assert list(document["facts"]) == [fact.name for fact in FACTS]
    assert document["facts"]["lora_targets"] == {
        "value": ["q_proj", "v_proj"],
        "from": "PEFT's mapping for llama",
    }
    assert document["checkout"] == "/rl"
    assert document["base"]["layer_classes"] == ["LlamaDecoderLayer"]
    memory = document["memory"]
    assert memory.keys() == {
        *("ranks", "gpus_per_node", "batch", "elements", "findings", "wrappings"),
        *("activation_bytes", "plans"),
    }
    assert (memory["ranks"], memory["elements"]) == (64, 8_030_261_248)
    wrapping, _ = memory["wrappings"]
    assert wrapping.keys() == {
        *("version", "layers", "elements", "lora_elements", "units"),
    }
    assert wrapping["units"][1] == {
        "name": "model.layers.*",
        "class": "LlamaDecoderLayer",
        "count": 32,
        "elements": 218112000,
        "lora_elements": 2621440,
    }
    assert memory["activation_bytes"].keys() == {"kept", "checkpointed", "logits"}
    hybrid = memory["plans"][1]
    assert hybrid == {
        "precision": "bf16",
        "version": "fsdp",
        "strategy": "hybrid_shard",
        "shards": 8,
        "lora": False,
        "bytes": {
            **{"parameters": 2008106176, "gradients": 2008106176},
            **{"optimizer": 4016212352, "gathered": 2973802496},
            **{"unreduced": 2537578496, "total": 13543805696},
        },
    }


def test_the_document_of_a_base_alone_plans_nothing() -> None:
    document = base_document(inspection_of())
    assert (document["checkout"], document["memory"]) == (None, None)
