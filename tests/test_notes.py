from __future__ import annotations

from dataclasses import replace

import pytest
from trees import LLAMA, TREES, job_for

from rlinf_scaffold.notes import notes
from rlinf_scaffold.spec import Base, ModelSpec

TIED = replace(LLAMA, tie_word_embeddings=True)
MERGING = "merging the adapter would change the embeddings too"
KEY = "unnorm_key is null"


@pytest.mark.parametrize(
    ("spec", "base", "said"),
    [
        (ModelSpec(name="foo", unnorm_key="a"), LLAMA, set()),
        (ModelSpec(name="foo", unnorm_key="a"), TIED, set()),
        (ModelSpec(name="foo", unnorm_key="a", lora=True), LLAMA, set()),
        (ModelSpec(name="foo"), LLAMA, {KEY}),
        (ModelSpec(name="foo", lora=True), TIED, {KEY, MERGING}),
    ],
)
def test_says_what_depends_on_the_answers(
    spec: ModelSpec, base: Base, said: set[str]
) -> None:
    text = " ".join(notes(job_for(TREES["registry"], spec, base)))
    assert {sentence for sentence in (KEY, MERGING) if sentence in text} == said


def test_names_the_numbers_and_where_they_stand() -> None:
    base = replace(LLAMA, hidden_size=64, vocab_size=99)
    text = " ".join(notes(job_for(TREES["documented"], ModelSpec(name="foo"), base)))
    assert "hidden_size 64 and vocab_size 99 in examples/embodiment/config" in text
    assert "the defaults of LlamaConfig" in text


def test_numbers_of_a_checkpoint_are_no_defaults() -> None:
    base = replace(LLAMA, checkpoint="models/llama")
    text = " ".join(notes(job_for(TREES["registry"], ModelSpec(name="foo"), base)))
    assert "hidden_size 4096 and vocab_size 32000" in text
    assert "are those of models/llama" in text
    assert "the defaults of" not in text


def test_every_note_is_a_sentence_on_one_line() -> None:
    spec = ModelSpec(name="foo", lora=True)
    said = notes(job_for(TREES["registry"], spec, TIED))
    assert len(said) == len({*said}) == 6
    for sentence in said:
        assert sentence.endswith(".")
        assert "\n" not in sentence
