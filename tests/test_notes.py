from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from trees import LLAMA, TREES, job_for

from rlinf_scaffold.checkout import MemoryTree, Overlay
from rlinf_scaffold.commands.golden import ARCHETYPES
from rlinf_scaffold.notes import notes
from rlinf_scaffold.spec import Base, ModelSpec

VISION = next(it.base for it in ARCHETYPES if it.base.modality == "vision")
TIED = replace(LLAMA, tie_word_embeddings=True)
MERGING = "merging the adapter would change the embeddings too"
KEY = "unnorm_key is null"
DTYPES = "FSDP refuses units of mixed dtypes"
FROZEN = "RLinf freezes the action head of flow and trains adapters"
FLOW = ModelSpec(name="foo", unnorm_key="a", head="flow", precision="fp32")


def said_of(layout: str, spec: ModelSpec, base: Base) -> tuple[str, ...]:
    return notes(TREES[layout], job_for(TREES[layout], spec, base))


@pytest.mark.parametrize(
    ("spec", "base", "said"),
    [
        (ModelSpec(name="foo", unnorm_key="a"), LLAMA, set()),
        (ModelSpec(name="foo", unnorm_key="a"), TIED, set()),
        (ModelSpec(name="foo", unnorm_key="a", lora=True), LLAMA, {DTYPES}),
        (
            ModelSpec(name="foo", unnorm_key="a", lora=True, precision="fp32"),
            LLAMA,
            set(),
        ),
        (FLOW, LLAMA, set()),
        (replace(FLOW, lora=True), LLAMA, {FROZEN}),
        (ModelSpec(name="foo"), LLAMA, {KEY}),
        (ModelSpec(name="foo", lora=True), TIED, {KEY, MERGING, DTYPES}),
    ],
)
def test_says_what_depends_on_the_answers(
    spec: ModelSpec, base: Base, said: set[str]
) -> None:
    text = " ".join(said_of("registry", spec, base))
    sentences = (KEY, MERGING, DTYPES, FROZEN)
    assert {sentence for sentence in sentences if sentence in text} == said


def test_names_the_numbers_and_where_they_stand() -> None:
    base = replace(LLAMA, hidden_size=64, vocab_size=999)
    text = " ".join(said_of("documented", ModelSpec(name="foo"), base))
    assert "hidden_size 64 and vocab_size 999 in examples/embodiment/config" in text
    assert "the defaults of LlamaConfig" in text


@pytest.mark.parametrize(
    ("base", "said"),
    [
        (
            LLAMA,
            "LlamaForCausalLM is a language model: the policy reads the instruction",
        ),
        (VISION, "the images of all cameras, each resized to image_size"),
    ],
)
def test_says_what_the_policy_reads(base: Base, said: str) -> None:
    text = " ".join(said_of("registry", ModelSpec(name="foo"), base))
    assert said in text
    assert ("no images" in text) is (base is LLAMA)


def test_numbers_of_a_checkpoint_are_no_defaults() -> None:
    base = replace(LLAMA, checkpoint="models/llama")
    text = " ".join(said_of("registry", ModelSpec(name="foo"), base))
    assert "hidden_size 4096 and vocab_size 32000" in text
    assert "are those of models/llama" in text
    assert "the defaults of" not in text


def test_says_what_the_checkout_does_to_the_model() -> None:
    tree = TREES["registry"]
    job = job_for(tree, ModelSpec(name="foo"))
    path = "rlinf/envs/action_utils.py"
    code = "def prepare_actions_for_one(a):\n    return a.cuda()\n"
    before = notes(tree, job)
    said = notes(Overlay(tree, {PurePosixPath(path): code}), job)
    assert [it for it in said if it not in before] == [
        f"one needs CUDA: {path}:2 moves its actions there."
    ]


def test_points_to_what_tells_models_apart() -> None:
    tree = TREES["registry"]
    job = job_for(tree, ModelSpec(name="foo"))
    path = PurePosixPath("rlinf/workers/one.py")
    code = "def act(model_type):\n    if model_type == 'openvla':\n        one()\n"
    assert notes(Overlay(tree, {path: code}), job)[-1] == (
        "`rlinf-scaffold inspect --name foo` shows every place that tells models apart."
    )


def test_nothing_is_pointed_to_where_models_are_all_alike() -> None:
    job = job_for(TREES["registry"], ModelSpec(name="foo"))
    assert not any("inspect" in sentence for sentence in notes(MemoryTree(), job))


@pytest.mark.parametrize(
    ("layout", "folders"),
    [
        ("registry", "model_path"),
        ("string_chain", "actor.checkpoint_load_path and rollout.model_dir"),
    ],
)
def test_names_the_settings_that_hold_the_checkpoint(layout: str, folders: str) -> None:
    said = said_of(layout, ModelSpec(name="foo"), LLAMA)
    assert said[0].startswith(f"Set {folders} in the recipe to a checkpoint of Llama")


def test_names_the_file_that_holds_the_numbers() -> None:
    for tree in TREES.values():
        job = job_for(tree, ModelSpec(name="foo"))
        settings = job.recipes.settings(job.spec).path
        assert any(f" in {settings} are " in sentence for sentence in notes(tree, job))


def test_every_note_is_a_sentence_on_one_line() -> None:
    spec = ModelSpec(name="foo", lora=True)
    said = said_of("registry", spec, TIED)
    assert len(said) == len({*said}) >= 5
    for sentence in said:
        assert sentence.endswith(".")
        assert "\n" not in sentence


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (("q_proj", "v_proj"), None),
        (("c_attn", "c_fc"), "none of the linear layers of LlamaForCausalLM would"),
        (("q_proj", "in_proj"), "not all of the linear layers of LlamaForCausalLM"),
    ],
)
@pytest.mark.parametrize("written", ["where they are used", "above"])
def test_names_the_layers_that_lora_would_miss(
    written: str, targets: tuple[str, ...], said: str | None
) -> None:
    names = "('q_proj', 'v_proj')"
    loader = {
        "where they are used": f"LoraConfig(target_modules=list({names}))\n",
        "above": f"TARGETS = {names}\nLoraConfig(target_modules=list(TARGETS))\n",
    }[written]
    base = replace(LLAMA, lora_targets=targets)
    job = job_for(TREES["registry"], ModelSpec(name="foo"), base)
    tree = MemoryTree.of({"rlinf/models/__init__.py": loader})
    text = " ".join(notes(tree, job))
    assert ("With is_lora" in text) == (said is not None)
    if said is not None:
        assert said in text
        assert (
            f"does not list {targets[-1] if said[:3] == 'not' else targets[0]}" in text
        )
