"""The catalogue says what the reader says."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from rlinf_scaffold.bases import catalogue, read_base
from rlinf_scaffold.bases.catalogue import main, render_catalogue
from rlinf_scaffold.bases.library import Library
from rlinf_scaffold.bases.shipped import parse_catalogue

ACCEPTED = [
    "EncLMHeadModel",
    "HybridV1LMHeadModel",
    "LookForCausalLM",
    "OddGenerator",
    "PlainForCausalLM",
    "SeeForConditionalGeneration",
    "SeqForCausalLM",
    "ToyForCausalLM",
]


def test_entries_are_what_the_reader_says(site: Path) -> None:
    bases = parse_catalogue(render_catalogue(Library((site,))))
    assert bases == {name: read_base(name, [site]) for name in ACCEPTED}


def test_facts_of_vision_are_those_of_what_sees(site: Path) -> None:
    text = read_base("ToyForCausalLM", [site]).facts()
    seeing = read_base("SeeForConditionalGeneration", [site]).facts()
    assert "checkpoint" in text
    assert seeing.keys() - text.keys() == {
        "modality",
        "text_config",
        "processor",
        "processor_class",
        "vision_layer_classes",
        "mrope",
        "keeps_offsets",
    }


def test_rows_are_sorted_and_stable(site: Path) -> None:
    text = main([str(site)])
    assert list(parse_catalogue(text)) == ACCEPTED
    assert text == main([str(site)])
    assert len(text.splitlines()) == len(ACCEPTED) + 2


def test_printed(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["catalogue", str(site)])
    runpy.run_path(catalogue.__file__, run_name="__main__")
    assert capsys.readouterr().out == render_catalogue(Library((site,)))


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["no-such-folder"]])
def test_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="usage: catalogue SITE_PACKAGES"):
        main(arguments)
