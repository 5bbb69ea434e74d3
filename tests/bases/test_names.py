"""What --base may be, and how each of its names leads to a class."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkpoints_at import checkpoint
from test_hub import ANSWERS, cached, python

from rlinf_scaffold.bases import read
from rlinf_scaffold.bases.checkpoints import read_checkpoint
from rlinf_scaffold.bases.hub import Hub
from rlinf_scaffold.bases.library import Library
from rlinf_scaffold.bases.names import (
    class_by_type,
    class_of_checkpoint,
    find_checkpoint,
    find_class,
    suggest,
)
from rlinf_scaffold.errors import (
    NotFetchedError,
    UnknownBaseError,
    UnsupportedBaseError,
)

NAMES = {"toy": "ToyForCausalLM", "toy_vl": "ToySees", "gpt2": "GPT2LMHeadModel"}


@pytest.mark.parametrize(
    ("given", "class_name", "how"),
    [
        ("ToyForCausalLM", "ToyForCausalLM", "a class of transformers"),
        ("toy", "ToyForCausalLM", "model type toy: transformers' causal mapping"),
        (
            "see",
            "SeeForConditionalGeneration",
            "model type see: transformers' image-text-to-text mapping",
        ),
        (
            "seq",
            "SeqForConditionalGeneration",
            "model type seq: transformers' image-text-to-text mapping (its causal one: "
            "SeqForCausalLM)",
        ),
        ("own.model:OwnModel", "OwnModel", "a class of own.model"),
        ("own.model:Renamed", "ToyForCausalLM", "a class of own.model"),
    ],
)
def test_names_of_classes(site: Path, given: str, class_name: str, how: str) -> None:
    named = find_class(Library((site,)), given)
    assert (named.cls.name, named.how) == (class_name, how)
    assert (named.checkpoint, dict(named.settings)) == (None, {})


def test_a_model_type_whose_class_is_gone(site: Path) -> None:
    with pytest.raises(
        UnknownBaseError, match=r"'GoneForCausalLM': looked in .*tables"
    ):
        find_class(Library((site,)), "gone")


def test_a_model_type_that_generates_nothing(tmp_path: Path, site: Path) -> None:
    auto = tmp_path / "transformers/models/auto"
    auto.mkdir(parents=True)
    (tmp_path / "transformers/__init__.py").touch()
    (auto / "configuration_auto.py").write_text(
        "CONFIG_MAPPING_NAMES = {}\n"
        "CONFIG_MAPPING_NAMES = OrderedDict([('toy_clip', 'ToyClipConfig')])\n"
    )
    (auto / "modeling_auto.py").write_text(
        "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict([('toy', 'ToyForCausalLM')])\n"
    )
    family = tmp_path / "transformers/models/toy_clip"
    family.mkdir()
    (family / "configuration_toy_clip.py").write_text("class ToyClipConfig: pass\n")
    words = "its model type toy_clip is that of ToyClipConfig, and transformers has no model"
    library = Library((tmp_path,))
    with pytest.raises(UnsupportedBaseError, match=f"'toy_clip' .*: {words}"):
        find_class(library, "toy_clip")
    folder = checkpoint(tmp_path / "c", {"model_type": "toy_clip"})
    with pytest.raises(UnsupportedBaseError, match=f"'{folder}' .*: {words}"):
        class_of_checkpoint(library, read_checkpoint(folder), trust=False)


@pytest.mark.parametrize(
    "name", ["AutoModel", "AutoModelForCausalLM", "AutoConfig", "PreTrainedModel"]
)
def test_classes_that_stand_for_many(site: Path, tmp_path: Path, name: str) -> None:
    library = Library((site,))
    folder = checkpoint(tmp_path, {"architectures": [name], "model_type": "toy"})
    words = (
        f"{name} stands for many models, and a model_type chooses one: give a folder"
    )
    for given in (name, f"transformers:{name}"):
        with pytest.raises(UnsupportedBaseError, match=f"'{given}' .*: {words}"):
            find_class(library, given)
    with pytest.raises(UnsupportedBaseError, match=f"'{folder}' .*: {words}"):
        class_of_checkpoint(library, read_checkpoint(folder), trust=False)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        *((it, "") for it in (":", "own.model:", ":M", "/:M", "a b:M", "own.class:M")),
        *((it, "") for it in ("own.model:Own.Model", "own.model:def", "/own/modal:M")),
        ("own/model:OwnModel", "; did you mean own.model:OwnModel?"),
        (".own.model:OwnModel", "; did you mean own.model:OwnModel?"),
        ("org/name:main", "; did you mean org/name?"),
    ],
)
def test_what_is_no_module(site: Path, given: str, meant: str) -> None:
    with pytest.raises(UnknownBaseError) as caught:
        find_class(Library((site,)), given)
    assert str(caught.value) == (
        f"unknown base {given!r}: looked in the search path: give a dotted module and a "
        f"class, package.module:Class{meant}"
    )


@pytest.mark.parametrize(
    ("given", "suggestions"),
    [
        ("own.model:OwnModl", ("own.model:OwnModel",)),
        ("own.model:Renamd", ("own.model:Renamed",)),
        ("own.model:nn", ()),
        ("own.model:Round", ()),
        ("transformers:Toy", ("transformers:ToyForCausalLM",)),
        (f"{'a' * 300}:M", ()),
        (" toy ", ("toy",)),
        ("bert-base-uncased", ()),
        ("a" * 300, ()),
    ],
)
def test_suggestions_are_classes(
    site: Path, given: str, suggestions: tuple[str, ...]
) -> None:
    with pytest.raises(UnknownBaseError) as caught:
        find_class(Library((site,)), given)
    assert caught.value.suggestions == suggestions


@pytest.mark.parametrize(
    ("name", "suggestions"),
    [
        ("toys", ["toy", "toy_vl"]),
        ("gpt-2", ["gpt2"]),
        ("TOYForCausalLM", ["ToyForCausalLM"]),
        ("Toy", ["ToyForCausalLM", "ToySees"]),
        ("GPT2Model", ["GPT2LMHeadModel"]),
        ("zzz", []),
        ("?", []),
    ],
)
def test_suggestions(name: str, suggestions: list[str]) -> None:
    assert suggest(name, NAMES) == suggestions


@pytest.mark.parametrize("given", ["ToyForCausalLM", "toy", "own.model:Own", "", "x y"])
def test_other_names_are_no_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_checkpoint(given, Hub(cache=tmp_path)) is None


def test_a_folder_named_like_a_class_is_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy").mkdir()
    assert find_checkpoint("toy", None) is None


def test_a_folder_comes_before_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoint(tmp_path / "org/name", {"model_type": "here"})
    found = find_checkpoint("org/name", Hub(cache=tmp_path))
    assert found is not None
    assert (found.folder, found.model_type) == ("org/name", "here")


def test_the_home_folder_is_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    checkpoint(tmp_path / "models", {})
    found = find_checkpoint("~/models", None)
    assert found is not None
    assert (found.folder, found.path) == ("~/models", tmp_path / "models")


def test_a_repository_keeps_its_name(tmp_path: Path, site: Path) -> None:
    snapshot = cached(tmp_path, "org/name")
    (snapshot / "config.json").write_text('{"architectures": ["ToyForCausalLM"]}')
    found = read("org/name", [site], Hub(cache=tmp_path))
    assert found.base.checkpoint == "org/name"
    assert found.checkpoint is not None
    assert found.checkpoint.path == snapshot
    assert found.named is not None
    assert found.named.how == "the first of architectures in config.json of org/name"


def test_a_repository_without_a_configuration(tmp_path: Path) -> None:
    hub = Hub(cache=tmp_path / "none", python=python(tmp_path, ANSWERS))
    words = "'org/name': looked in that repository, which holds no config"
    with pytest.raises(UnknownBaseError, match=words):
        find_checkpoint("org/name", hub)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"architectures": ["ToyForCausalLM"]}, "import ToyForCausalLM as M;"),
        ({"model_type": "see"}, "import SeeForConditionalGeneration as M;"),
        ({"auto_map": {"AutoModel": "m.M"}}, "config.json needs remote code: "),
    ],
)
def test_a_repository_of_pickles_is_refused(
    site: Path, tmp_path: Path, config: dict[str, object], words: str
) -> None:
    snapshot = cached(tmp_path, "org/name", ("config.json", "pytorch_model.bin"))
    checkpoint(snapshot, config)
    with pytest.raises(UnsupportedBaseError) as caught:
        read("org/name", [site], Hub(cache=tmp_path))
    assert words in str(caught.value)


def test_a_repository_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        NotFetchedError, match="'org/name' was not fetched: it is not in"
    ):
        find_checkpoint("org/name", Hub(cache=tmp_path))


def test_paths_that_hold_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter/adapter_config.json").write_text("{}")
    checkpoint(tmp_path / "outer/snapshots/1", {})
    checkpoint(tmp_path / "far/below/it/all", {})
    (tmp_path / "far/config.json").mkdir()
    (tmp_path / "file").touch()
    cases = {
        "gone": f"the folder {tmp_path}/gone, which is not there",
        "far": f"the folder {tmp_path}/far, which holds no config.json",
        "file": f"that file; give its folder; did you mean {tmp_path}?",
        "outer": f"holds no config.json; did you mean {tmp_path}/outer/snapshots/1?",
        "adapter": "an adapter of PEFT, not a model. Give the base that base_model_name",
    }
    for name, words in cases.items():
        with pytest.raises((UnknownBaseError, UnsupportedBaseError)) as caught:
            find_checkpoint(str(tmp_path / name), Hub(cache=tmp_path))
        assert f"{words}|" in f"{caught.value}|" or "base_model" in words


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("~no_such_user", "the folder ~no_such_user, which is not there"),
        ("./org/name", "the folder ./org/name, which is not there"),
        (
            "a/" * 3000,
            f"{'a/' * 3000}, which is not there; on the Hub it would be organ",
        ),
        ("org/na--me", "on the Hub it would be organisation/name, without -- and .."),
        ("a/b/c", "on the Hub it would be organisation/name, without -- and .."),
        ("org/name.git", "without -- and ..; did you mean org/name?"),
        ("https://huggingface.co/a/b", "without -- and ..; did you mean a/b?"),
    ],
)
def test_what_is_not_there(tmp_path: Path, given: str, words: str) -> None:
    with pytest.raises(UnknownBaseError) as caught:
        find_checkpoint(given, Hub(cache=tmp_path))
    assert words in str(caught.value)


def test_the_class_of_a_checkpoint_by_its_model_type(
    site: Path, tmp_path: Path
) -> None:
    folder = checkpoint(tmp_path / "c", {"model_type": "toy"})
    named = class_of_checkpoint(Library((site,)), read_checkpoint(folder), trust=False)
    assert named.cls.name == "ToyForCausalLM"
    assert named.how == (
        f"model_type in config.json of {folder}: transformers' causal mapping"
    )


def test_a_checkpoint_of_an_unknown_class_has_suggestions(
    site: Path, tmp_path: Path
) -> None:
    folder = checkpoint(tmp_path / "c", {"architectures": ["ToyForCausalML"]})
    words = (
        "'ToyForCausalML': looked in .*, for the architecture that config.json of "
        f"{folder} names; did you mean ToyForC"
    )
    with pytest.raises(UnknownBaseError, match=words):
        class_of_checkpoint(Library((site,)), read_checkpoint(folder), trust=False)


def test_a_checkpoint_of_an_unknown_type_has_suggestions(tmp_path: Path) -> None:
    found = read_checkpoint(checkpoint(tmp_path / "c", {"model_type": "toy-vl"}))
    with pytest.raises(UnknownBaseError, match=r"did you mean toy_vl or toy\?"):
        class_by_type(found, NAMES)


def test_a_checkpoint_that_names_nothing(tmp_path: Path) -> None:
    found = read_checkpoint(checkpoint(tmp_path, {}))
    words = r"its config\.json, which has neither architectures nor a model_type"
    with pytest.raises(UnknownBaseError, match=words):
        class_by_type(found, NAMES)
