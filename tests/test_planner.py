"""What a plan must be, over every layout, archetype and kind of base."""

from __future__ import annotations

import ast
import difflib
import json
import os
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from tools import ruff
from trees import (
    BASES,
    LLAMA,
    LONG_NAME,
    TREES,
    job_for,
    on_disk,
    plan_for,
    planned,
    snapshot,
)

from rlinf_scaffold.apply import apply, undo
from rlinf_scaffold.audit import audit
from rlinf_scaffold.changes import FileChange, Kind
from rlinf_scaffold.checkout import MemoryTree, Overlay, Tree
from rlinf_scaffold.commands.golden import ARCHETYPES, Archetype, archetypes, render_all
from rlinf_scaffold.contracts import MODEL_FUNCTIONS, VALUE_HEAD, detect_contract
from rlinf_scaffold.errors import (
    AnswersChangedError,
    InvalidAnswerError,
    NameTakenError,
    SourceSyntaxError,
    TargetExistsError,
    UnknownLayoutError,
    UnsupportedBaseError,
)
from rlinf_scaffold.layouts import CONFIG, LOADER, POLICIES
from rlinf_scaffold.manifest import manifest_path, read_manifest
from rlinf_scaffold.planner import plan, resolve
from rlinf_scaffold.processes import run
from rlinf_scaffold.recipes import model_yaml_path
from rlinf_scaffold.sft import Sft, read_sft
from rlinf_scaffold.spec import Base, ModelSpec
from rlinf_scaffold.surfaces import all_surfaces
from rlinf_scaffold.surfaces.smoke_test import smoke_test_path

FOO = ModelSpec(name="foo")
LONG = ModelSpec(name=LONG_NAME)
ANYWHERE = [
    it for it in ARCHETYPES if (it.spec.head, it.spec.state) == (FOO.head, FOO.state)
]
SPECS = {
    **{it.name: it.spec for it in ANYWHERE},
    "critic of chunks": ModelSpec(name="ab1", action_chunks=5, lora=True),
    "no critic": ModelSpec(name="xyz", value_head=False, precision="fp32"),
    "all else": ModelSpec(
        name=LONG_NAME,
        unnorm_key="a.dataset-with_a+name",
        trust_remote_code=True,
        attn_implementation="sdpa",
        action_bins=1024,
    ),
}


def is_free(name: str) -> bool:
    """Whether a name may be given to a model in every practice checkout."""
    try:
        ModelSpec(name=name)
    except InvalidAnswerError:
        return False
    paths = [str(path) for tree in TREES.values() for path in tree.contents]
    return not any(name in path for path in paths)


NAMES = st.from_regex(r"[a-z][a-z0-9]{2,9}(_[a-z0-9]{1,8}){0,2}", fullmatch=True)
DRAWN = st.builds(
    ModelSpec,
    name=NAMES.filter(is_free),
    action_dim=st.integers(1, 32),
    action_chunks=st.integers(1, 16),
    action_bins=st.sampled_from([2, 256, 2048]),
    unnorm_key=st.sampled_from(["", "bridge_orig", "x.y+z-1"]),
    lora=st.booleans(),
    value_head=st.booleans(),
    precision=st.sampled_from(["bf16", "fp16", "fp32"]),
    attn_implementation=st.sampled_from(["flash_attention_2", "sdpa", "eager"]),
    trust_remote_code=st.booleans(),
)
VISION = next(it.base for it in ARCHETYPES if it.base.modality == "vision")
SEEING = {
    layout
    for layout, tree in TREES.items()
    if any(it.base is VISION for it in archetypes(tree))
}
layouts = pytest.mark.parametrize("layout", TREES)
specs = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
drawn = settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def check_laws(tree: Tree, spec: ModelSpec, base: Base = LLAMA) -> None:
    """Check what holds for every plan and takes no disk."""
    job = job_for(tree, spec, base)
    changes = plan(tree, job)
    after = Overlay(tree).write(changes)
    assert not plan(after, job), "planning on the applied tree changes something"
    assert not plan_for(after, spec, base), "the recipe is chosen anew"
    for change in changes:
        check_parses(change)
        if change.kind is Kind.MODIFY:
            check_mentions(change, spec)
        else:
            assert change.kind is Kind.CREATE
            assert spec.name in str(change.path)


def check_parses(change: FileChange) -> None:
    text = change.after or ""
    parsers = {
        ".py": lambda: ast.parse(text, feature_version=(3, 10)),
        ".json": lambda: json.loads(text),
        ".yaml": lambda: YAML(typ="safe", pure=True).load(text),
    }
    assert parsers[change.path.suffix]()


def check_mentions(change: FileChange, spec: ModelSpec) -> None:
    """Check that every block of lines that is new in a file is about the model."""
    before, after = (
        (change.before or "").splitlines(),
        (change.after or "").splitlines(),
    )
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, first, last, start, end in matcher.get_opcodes():
        if tag == "equal":
            continue
        block = "\n".join(after[start:end])
        assert spec.name in block or spec.member in block, block
        kept = re.findall(r"\w+", "\n".join(before[first:last]))
        assert {*kept} <= {*re.findall(r"\w+", block)}, "a word went away"


@layouts
@specs
def test_laws(layout: str, spec: ModelSpec) -> None:
    check_laws(TREES[layout], spec)


@pytest.mark.parametrize(
    ("layout", "archetype"),
    [
        pytest.param(layout, it, id=f"{layout}-{it.name}")
        for layout, tree in TREES.items()
        for it in archetypes(tree)
        if it not in ANYWHERE
    ],
)
def test_laws_for_other_heads(layout: str, archetype: Archetype) -> None:
    check_laws(TREES[layout], archetype.spec, archetype.base)


@pytest.mark.parametrize("head", ["flow", "regression"])
@pytest.mark.parametrize("layout", sorted(TREES.keys() - SEEING))
def test_refuses_heads_that_workers_cannot_score(layout: str, head: str) -> None:
    with pytest.raises(InvalidAnswerError) as refused:
        resolve(TREES[layout], replace(FOO, head=head), LLAMA)
    assert str(refused.value) == (
        f"--head {head!r}: workers of this RLinf compute log-probabilities themselves, "
        "from logits of action tokens: choose tokens"
    )


LACKING: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"head": "flow", "action_bins": 64},
        {},
        "--action-bins 64: flow has no bins: leave it out, or choose --head tokens",
    ),
    (
        {"action_bins": 32000},
        {"vocab_size": 32000},
        "--action-bins 32000: each is a token, and LlamaForCausalLM has 32000, which "
        "prompts need, too",
    ),
    (
        {"lora": True},
        {"lora_targets": ()},
        "--lora True: LlamaForCausalLM has no linear layers that LoRA could adapt",
    ),
]


@pytest.mark.parametrize(("answers", "facts", "message"), LACKING)
def test_refuses_answers_that_a_base_has_nothing_for(
    answers: dict[str, Any], facts: dict[str, Any], message: str
) -> None:
    tree = TREES["registry"]
    base = replace(LLAMA, **facts)
    resolve(tree, FOO, replace(LLAMA, vocab_size=257))
    with pytest.raises(InvalidAnswerError) as refused:
        resolve(tree, replace(FOO, **answers), base)
    assert str(refused.value) == message


@pytest.mark.parametrize("layout", sorted(TREES.keys() - SEEING))
def test_refuses_states_that_workers_do_not_hand_over(layout: str) -> None:
    with pytest.raises(InvalidAnswerError) as refused:
        resolve(TREES[layout], replace(FOO, state="token"), LLAMA)
    assert str(refused.value) == (
        "--state 'token': workers of this RLinf hand over text alone: choose text"
    )


@layouts
@drawn
@given(spec=DRAWN)
def test_laws_for_any_answers(layout: str, spec: ModelSpec) -> None:
    check_laws(TREES[layout], spec)


@layouts
@pytest.mark.parametrize("seed", range(3))
def test_order_of_the_surfaces_does_not_matter(layout: str, seed: int) -> None:
    tree = TREES[layout]
    job = job_for(tree, FOO)
    surfaces = list(all_surfaces())
    random.Random(seed).shuffle(surfaces)
    overlay = Overlay(tree)
    for surface in surfaces:
        overlay = overlay.write(surface.plan(overlay, job))
    expected = [c for c in plan(tree, job) if c.path != manifest_path("foo")]
    assert list(overlay.changes()) == expected


def unusual(root: Path) -> None:
    """Make existing files what no editor in its right mind leaves behind."""
    config, loader = root / CONFIG, root / LOADER
    text = config.read_bytes().replace(b"\n", b"\r\n")
    config.write_bytes(b"\xef\xbb\xbf" + text.removesuffix(b"\r\n"))
    config.chmod(0o755)
    loader.write_bytes(loader.read_bytes() + "# caf\xe9\n".encode("latin-1"))
    loader.chmod(0o600)


@layouts
@pytest.mark.parametrize(
    ("archetype", "is_unusual"),
    [*((each, False) for each in ANYWHERE), (ARCHETYPES[0], True)],
    ids=[*(each.name for each in ANYWHERE), "unusual"],
)
def test_undo_restores_every_byte_mode_and_folder(
    layout: str, archetype: Archetype, is_unusual: bool, tmp_path: Path
) -> None:
    checkout = on_disk(layout, tmp_path / "rl")
    spec = archetype.spec
    if is_unusual:
        unusual(checkout.root)
    before = snapshot(checkout.root)
    changes = plan_for(checkout, spec)
    apply(checkout, changes, spec.name)
    assert snapshot(checkout.root) != before
    assert not plan_for(checkout, spec)
    assert undo(checkout, spec.name) == changes.inverse()
    assert snapshot(checkout.root) == before


def test_same_bytes_in_every_process(tmp_path: Path) -> None:
    script = (
        "from hashlib import sha256\n"
        "from rlinf_scaffold.commands.golden import render_all\n"
        "print(sha256(repr([*render_all()]).encode()).hexdigest())\n"
    )
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    there = {"PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    other = run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, **there},
        timeout=60,
    )
    here = sha256(repr([*render_all()]).encode()).hexdigest()
    assert other.output == f"{here}\n"


FAMILIES = (
    *("chameleon", "inkling2", "kosmos-2", "molmo2"),
    *("paligemma", "qianfan_ocr", "qwen3_vl"),
)


def sees(model_type: str) -> Base:
    return replace(
        VISION,
        model_type=model_type,
        mrope=model_type.startswith("qwen"),
        forward_arguments=(
            *VISION.forward_arguments,
            *("token_type_ids", "cross_attention_mask", "image_patches_indices"),
        ),
    )


def all_answers(layout: str) -> Iterator[tuple[str, ModelSpec, Base]]:
    """Yield all answers that differ in what is generated, each with a name."""
    for name, spec in SPECS.items():
        yield name, spec, LLAMA
    for name, base in BASES.items():
        yield f"on {name}", LONG, base
    for model_type in FAMILIES if layout in SEEING else ():
        yield f"on {model_type}", LONG, sees(model_type)
    cached = replace(BASES["long"], forward_arguments=("input_ids", "attention_mask"))
    yield "on a long name that decides", LONG, cached


@layouts
def test_ruff_finds_nothing(layout: str, tmp_path: Path) -> None:
    settings = PurePosixPath("pyproject.toml")
    for name, spec, base in all_answers(layout):
        sources = {
            change.path: change.after or ""
            for change in planned(layout, spec, base)
            if change.path.suffix == ".py"
        }
        sources[settings] = TREES[layout].contents[settings]
        for path, text in sources.items():
            target = tmp_path / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    for command in (("check", "--preview"), ("format", "--check")):
        finished = ruff(*command, folder=tmp_path)
        assert finished.returncode == 0, finished.output


@pytest.mark.parametrize("model_type", FAMILIES)
@pytest.mark.parametrize("layout", ["registry", "vla_string_chain"])
def test_planning_again_changes_nothing_for_a_policy_that_sees(
    layout: str, model_type: str
) -> None:
    base = sees(model_type)
    after = Overlay(TREES[layout]).write(planned(layout, LONG, base))
    assert not plan_for(after, LONG, base)


@pytest.mark.parametrize("layout", sorted(TREES.keys() - SEEING))
def test_refuses_to_see_where_workers_hand_over_little(layout: str) -> None:
    with pytest.raises(UnsupportedBaseError, match="workers of this RLinf take one"):
        resolve(TREES[layout], FOO, VISION)


def with_file(
    tree: MemoryTree, path: PurePosixPath | str, text: str = "x = 1\n"
) -> Tree:
    return MemoryTree({**tree.contents, PurePosixPath(path): text})


def applied(layout: str, spec: ModelSpec = FOO) -> Overlay:
    return Overlay(TREES[layout]).write(planned(layout, spec))


@layouts
@pytest.mark.parametrize(
    ("path", "where"),
    [
        (POLICIES / "foo/modeling.py", "the package rlinf/models/embodiment/foo"),
        (POLICIES / "foo/deep/er.py", "the package rlinf/models/embodiment/foo"),
        (POLICIES / "foo.py", "the file rlinf/models/embodiment/foo.py"),
        (
            POLICIES / "foo_action_model.py",
            "the file rlinf/models/embodiment/foo_action_model.py",
        ),
        (model_yaml_path("foo"), "the file examples/embodiment/config/model/foo.yaml"),
    ],
)
def test_refuses_a_name_that_files_have(
    layout: str, path: PurePosixPath, where: str
) -> None:
    with pytest.raises(NameTakenError) as caught:
        plan_for(with_file(TREES[layout], path), FOO)
    assert caught.value.where == (where,)


@layouts
def test_says_everything_that_has_the_name(layout: str) -> None:
    with pytest.raises(NameTakenError) as caught:
        plan_for(TREES[layout], ModelSpec(name="openvla"))
    registered, *files = caught.value.where
    assert registered.startswith("a registered model at rlinf/")
    assert registered.rpartition(":")[2].isdecimal()
    file = model_yaml_path("openvla")
    assert files
    assert (f"the file {file}" in files) is (TREES[layout].read(file) is not None)


@layouts
def test_refuses_a_registered_name_in_another_case(layout: str) -> None:
    tree = TREES[layout]
    names = {path: (tree.read(path) or "") for path in (CONFIG, LOADER)}
    renamed = {
        path: text.replace('"openvla"', '"Quux"') for path, text in names.items()
    }
    assert renamed != names
    with pytest.raises(NameTakenError, match=r"a registered model at rlinf/\S+:\d+"):
        plan_for(MemoryTree({**tree.contents, **renamed}), ModelSpec(name="quux"))


@layouts
def test_a_name_within_another_is_free(layout: str) -> None:
    assert plan_for(TREES[layout], ModelSpec(name="openvl"))
    assert plan_for(with_file(TREES[layout], POLICIES / "foo_bar.py"), FOO)


@layouts
def test_refuses_to_overwrite_files(layout: str) -> None:
    paths = [
        PurePosixPath("examples/embodiment/config/maniskill_ppo_foo.yaml"),
        smoke_test_path("foo"),
    ]
    tree = with_file(TREES[layout], paths[0], "a: 1\n")
    assert isinstance(tree, MemoryTree)
    with pytest.raises(TargetExistsError) as caught:
        plan_for(with_file(tree, paths[1]), FOO)
    assert caught.value.paths == tuple(paths)


@layouts
def test_refuses_to_overwrite_a_file_with_nothing_in_it(layout: str) -> None:
    with pytest.raises(TargetExistsError):
        plan_for(with_file(TREES[layout], smoke_test_path("foo"), ""), FOO)


@layouts
def test_takes_what_it_would_write_itself_for_its_own(layout: str) -> None:
    texts = {change.path: change.after or "" for change in planned(layout, FOO)}
    path = smoke_test_path("foo")
    again = plan_for(with_file(TREES[layout], path, texts[path]), FOO)
    written = {change.path for change in again}
    assert written == {*texts} - {path}


CHANGED = {
    "action_dim": 8,
    "action_chunks": 2,
    "action_bins": 128,
    "unnorm_key": "bridge",
    "lora": True,
    "precision": "fp32",
    "attn_implementation": "eager",
    "trust_remote_code": True,
}


@layouts
@pytest.mark.parametrize(("key", "value"), CHANGED.items())
def test_refuses_other_answers(layout: str, key: str, value: object) -> None:
    after = applied(layout)
    with pytest.raises(AnswersChangedError) as caught:
        plan_for(after, replace(FOO, **{key: value}))
    was = getattr(FOO, key)
    assert caught.value.differences == (f"{key} was {was!r}, now {value!r}",)


@layouts
def test_names_every_answer_that_differs(layout: str) -> None:
    after = applied(layout)
    other = replace(
        LLAMA, class_name="OtherForCausalLM", hidden_size=64, vocab_size=999
    )
    with pytest.raises(AnswersChangedError) as caught:
        plan_for(after, replace(FOO, value_head=False), other)
    recipe = "examples/embodiment/config/maniskill_{}_openvla.yaml"
    assert caught.value.differences == (
        "value_head was True, now False",
        f"recipe was {recipe.format('ppo')!r}, now {recipe.format('grpo')!r}",
        "base was 'LlamaForCausalLM', now 'OtherForCausalLM'",
        "hidden_size was 4096, now 64",
        "vocab_size was 32000, now 999",
    )


@layouts
def test_what_else_is_known_of_a_base_by_now_changes_nothing(layout: str) -> None:
    after = applied(layout)
    newer = replace(LLAMA, forward_arguments=("input_ids",), lora_targets=("q_proj",))
    assert not plan_for(after, FOO, newer)


@layouts
def test_mends_what_is_missing_and_nothing_else(layout: str) -> None:
    tree = TREES[layout]
    changes = plan_for(tree, FOO)
    for lost in changes:
        if lost.path == manifest_path("foo"):
            continue
        broken = Overlay(tree).write(c for c in changes if c is not lost)
        assert list(plan_for(broken, FOO)) == [lost]


@layouts
def test_a_model_beside_another_leaves_that_alone(layout: str) -> None:
    first = applied(layout)
    second = plan_for(first, ModelSpec(name="bar"))
    modified = {change.path for change in second if change.kind is Kind.MODIFY}
    worker = read_sft(TREES[layout]).worker
    workers = {worker} if worker else {MODEL_FUNCTIONS}
    assert {CONFIG, LOADER} <= modified <= {CONFIG, LOADER, *workers}
    both = first.write(second)
    assert not plan_for(both, FOO)
    assert not plan_for(both, ModelSpec(name="bar"))


@pytest.mark.parametrize("layout", ["enum_imports", "registry"])
def test_a_model_made_without_demonstrations_stays_without(layout: str) -> None:
    tree = TREES[layout]
    job = job_for(tree, FOO)
    before = Overlay(tree).write(plan(tree, replace(job, sft=Sft(forward=True))))
    assert not plan_for(before, FOO)
    manifest = read_manifest(before, "foo")
    assert manifest is not None
    assert not audit(before, manifest)


@layouts
def test_the_manifest_tells_how_to_plan_it_again(layout: str) -> None:
    after = applied(layout, replace(FOO, lora=True))
    manifest = read_manifest(after, "foo")
    assert manifest is not None
    assert manifest.layout == layout
    assert manifest.contract == detect_contract(TREES[layout]).name
    assert {*manifest.files} == {
        change.path
        for change in after.changes()
        if change.kind is Kind.CREATE and change.path != manifest.path
    }
    assert not plan(after, resolve(after, manifest.spec, manifest.base))


@layouts
@pytest.mark.parametrize("path", [CONFIG, LOADER], ids=str)
def test_says_where_a_file_to_patch_does_not_parse(
    layout: str, path: PurePosixPath
) -> None:
    tree = TREES[layout]
    broken = with_file(tree, path, f"{tree.read(path)}\ndef broken(:\n")
    line = len((broken.read(path) or "").splitlines())
    with pytest.raises(SourceSyntaxError) as caught:
        plan_for(broken, FOO)
    assert (caught.value.path, caught.value.line) == (path, line)


@layouts
def test_refuses_a_checkout_of_no_known_layout(layout: str) -> None:
    with pytest.raises(UnknownLayoutError, match="registration is not recognised"):
        plan_for(with_file(TREES[layout], LOADER), FOO)


@layouts
def test_refuses_a_checkout_of_no_known_contract(layout: str) -> None:
    tree = TREES[layout]
    contents = {
        path: text for path, text in tree.contents.items() if path != VALUE_HEAD
    }
    with pytest.raises(UnknownLayoutError, match="runtime contract is not recognised"):
        plan_for(MemoryTree(MappingProxyType(contents)), FOO)
