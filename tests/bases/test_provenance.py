"""Where a setting comes from: a file's key, a line of source, or another class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from rlinf_scaffold.bases.facts import Built, Reader
from rlinf_scaffold.bases.library import Library
from rlinf_scaffold.bases.provenance import Places, source_of_setting

TOY = "transformers/models/toy/configuration_toy.py"


def built(
    site: Path, name: str, settings: Mapping[str, object]
) -> tuple[Library, Built]:
    library = Library((site,))
    cls = library.find_class(name)
    assert cls is not None
    return library, Reader(library, name).build(cls, settings)


def source(
    site: Path,
    name: str,
    setting: str,
    settings: Mapping[str, object],
    path: str = "",
) -> str:
    _, made = built(site, name, settings)
    return source_of_setting(Places((site,)), made, settings, path, setting)


@pytest.mark.parametrize(
    ("name", "setting", "settings", "path", "expected"),
    [
        (
            "ToyForCausalLM",
            "hidden_size",
            {"hidden_size": 9},
            "",
            "config.json: hidden_size",
        ),
        (
            "HybridV1LMHeadModel",
            "hidden_size",
            {"n_embd": 9},
            "",
            "config.json: n_embd",
        ),
        (
            "SeeForConditionalGeneration",
            "hidden_size",
            {"text_config": {"hidden_size": 9}},
            "text_config",
            "config.json: text_config.hidden_size",
        ),
        (
            "ToyForCausalLM",
            "hidden_size",
            {"text_config": {"hidden_size": 9}, "hidden_size": 8},
            "",
            "config.json: text_config.hidden_size",
        ),
    ],
)
def test_a_key_of_a_file(
    site: Path,
    name: str,
    setting: str,
    settings: dict[str, object],
    path: str,
    expected: str,
) -> None:
    assert source(site, name, setting, settings, path) == expected


@pytest.mark.parametrize("setting", ["hidden_size", "num_hidden_layers", "head_dim"])
def test_a_default_has_its_line(site: Path, setting: str) -> None:
    found = source(site, "ToyForCausalLM", setting, {"unheard_of": 1})
    place, _, line = found.rpartition(":")
    assert place == f"default of ToyConfig, {TOY}"
    assert setting in (site / TOY).read_text("utf-8").splitlines()[int(line) - 1]


def test_a_default_that_a_larger_configuration_changes(
    old_site: Path, tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/wide.py").write_text(
        "from transformers import PretrainedConfig, ToyForCausalLM\n"
        "class InnerConfig(PretrainedConfig):\n"
        "    def __init__(self, vocab_size=7, **kwargs):\n"
        "        self.vocab_size = vocab_size\n"
        "class OuterConfig(PretrainedConfig):\n"
        "    def __init__(self, **kwargs):\n"
        "        self.text_config = InnerConfig(vocab_size=9)\n"
        "        super().__init__(**kwargs)\n"
        "class Wide(ToyForCausalLM):\n"
        "    config_class = OuterConfig\n"
    )
    library = Library((tmp_path, old_site))
    cls = library.find("own.wide", "Wide")
    assert cls is not None
    made = Reader(library, "Wide").build(cls, {})  # type: ignore[arg-type]
    places = Places((tmp_path, old_site))
    found = source_of_setting(places, made, {}, "text_config", "vocab_size")
    assert found == "computed by OuterConfig, own/wide.py:5"


def test_what_a_configuration_computes_itself(site: Path) -> None:
    found = source(site, "ToyForCausalLM", "head_dim", {"hidden_size": 128})
    assert found.startswith("computed by ToyConfig, ")


def test_places_are_named_from_where_their_package_lies(
    site: Path, tmp_path: Path
) -> None:
    library, made = built(site, "ToyForCausalLM", {})
    module = made.config_class.module
    assert Places((site,)).of(module, 3) == f"{TOY}:3"
    assert Places((site, site / "transformers")).of(module, 3) == (
        "models/toy/configuration_toy.py:3"
    )
    assert Places((tmp_path,)).of(module, 3) == "configuration_toy.py:3"
    assert library.search_path == (site,)
