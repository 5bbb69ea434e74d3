from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.contracts import all_contracts
from rlinf_scaffold.inserters.yaml import read_value
from rlinf_scaffold.inserters.yaml_document import Value, members
from rlinf_scaffold.recipes import inline, model_yaml_path
from rlinf_scaffold.spec import PRECISIONS
from rlinf_scaffold.surfaces import Job
from rlinf_scaffold.surfaces.model_yaml import surface

JobOf = Callable[..., Job]
PATH = "examples/embodiment/config/model/my_vla.yaml"


def text(job: Job) -> str:
    (change,) = surface.plan(MemoryTree(), job)
    return change.after or ""


def values(job: Job) -> dict[str | int, Value]:
    return members(read_value(text(job), (), path=PATH))


def test_nothing_changes_where_the_file_is_there(job: JobOf) -> None:
    (change,) = surface.plan(MemoryTree.of({PATH: text(job())}), job())
    assert change.is_empty


def test_the_file_is_planned_whole_over_another(job: JobOf) -> None:
    (change,) = surface.plan(MemoryTree.of({PATH: "a: 1\n"}), job())
    assert surface.owns_files
    assert change.path == model_yaml_path("my_vla")
    assert (change.before, change.after) == ("a: 1\n", text(job()))


def test_every_key_has_the_answer(job: JobOf) -> None:
    answers = {
        "action_dim": 8,
        "action_chunks": 4,
        "action_bins": 128,
        "unnorm_key": "bridge_orig",
        "lora": True,
        "value_head": False,
        "precision": "fp16",
        "attn_implementation": "sdpa",
        "trust_remote_code": True,
    }
    assert values(job(**answers)) == {
        "model_type": "my_vla",
        "model_path": "/path/to/model",
        "precision": "fp16",
        "action_dim": 8,
        "num_action_chunks": 4,
        "n_action_bins": 128,
        "unnorm_key": "bridge_orig",
        "policy_setup": "widowx_bridge",
        "use_proprio": True,
        "max_prompt_length": 128,
        "hidden_size": 64,
        "vocab_size": 320,
        "add_value_head": False,
        "is_lora": True,
        "lora_rank": 32,
        "attn_implementation": "sdpa",
        "low_cpu_mem_usage": True,
        "trust_remote_code": True,
    }


def test_keys_of_the_guide_stand_where_it_is_followed(job: JobOf) -> None:
    it = job(action_dim=8, action_chunks=4)
    shown = values(replace(it, layout=replace(it.layout, has_guide_keys=True)))
    assert {key: shown[key] for key in shown.keys() - values(it).keys()} == {
        "action_token_len": 8,
        "action_chunks_len": 4,
        "image_size": [224, 224],
        "micro_batch_size": 1,
        "val_micro_batch_size": 8,
    }


def test_the_layout_names_the_type(job: JobOf) -> None:
    it = job()
    older = replace(it, layout=replace(it.layout, type_key="model_name"))
    assert text(older).startswith('model_name: "my_vla"\n')


@pytest.mark.parametrize(("value_head", "mode"), [(True, "a0"), (False, None)])
def test_the_contract_of_logits_has_a_mode_of_the_value_head(
    value_head: bool, mode: str | None, job: JobOf
) -> None:
    logits = next(each for each in all_contracts() if each.name == "logits")
    shown = values(replace(job(value_head=value_head), contract=logits))
    assert (shown["vh_mode"], "add_value_head" in shown) == (mode, False)


def test_recipes_that_hold_the_settings_mount_none(job: JobOf) -> None:
    assert not [*surface.plan(MemoryTree(), replace(job(), recipes=inline.style))]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_precision_is_a_word_that_every_generation_knows(
    precision: str, job: JobOf
) -> None:
    known = {"fp32": "32"}  # "fp32" came in October 2025
    shown = values(job(precision=precision))["precision"]
    assert shown == known.get(precision, precision)


@pytest.mark.parametrize(
    ("unnorm_key", "expected"), [("", None), ("on", "on"), ("007", "007")]
)
def test_unnorm_key_is_text_or_null(
    unnorm_key: str, expected: str | None, job: JobOf
) -> None:
    assert values(job(unnorm_key=unnorm_key))["unnorm_key"] == expected


def test_the_file_reads_well(job: JobOf) -> None:
    lines = text(job()).splitlines(keepends=True)
    assert lines[0] == 'model_type: "my_vla"\n'
    assert lines[-1].endswith("\n")
    assert not [line for line in lines if line != line.rstrip() + "\n"]
    assert "\n\n\n" not in "".join(lines)
