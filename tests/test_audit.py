"""What `check` says after every hand edit of what was generated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from trees import TREES, plan_for

from rlinf_scaffold.audit import Finding, accept, audit
from rlinf_scaffold.changes import Kind
from rlinf_scaffold.checkout import MemoryTree, Overlay, Tree
from rlinf_scaffold.layouts import CONFIG, LOADER
from rlinf_scaffold.manifest import Manifest, manifest_path, read_manifest
from rlinf_scaffold.recipes import model_yaml_path
from rlinf_scaffold.spec import ModelSpec

FOO = ModelSpec(name="foo", action_chunks=4)
MODEL = model_yaml_path("foo")
RECIPES = PurePosixPath("examples/embodiment/config")
RECIPE = RECIPES / "maniskill_ppo_foo.yaml"
CHANGES = {name: plan_for(tree, FOO) for name, tree in TREES.items()}
APPLIED = {
    name: MemoryTree(
        {
            **tree.contents,
            **{change.path: change.after or "" for change in CHANGES[name]},
        }
    )
    for name, tree in TREES.items()
}
layouts = pytest.mark.parametrize("layout", TREES)
# Where the settings of a model lie, and which of two numbers is said twice.
SETTINGS = {
    name: MODEL if MODEL in tree.contents else RECIPE for name, tree in APPLIED.items()
}
DOUBLED = [
    name
    for name, tree in APPLIED.items()
    if "_token_len" in tree.contents[SETTINGS[name]]
]


def manifest_of(tree: Tree) -> Manifest:
    manifest = read_manifest(tree, "foo")
    assert manifest is not None
    return manifest


def edited(tree: MemoryTree, path: PurePosixPath, text: str | None) -> MemoryTree:
    contents = {it: text for it, text in tree.contents.items() if it != path}
    return MemoryTree(contents if text is None else {**contents, path: text})


def findings(tree: Tree) -> tuple[Finding, ...]:
    return audit(tree, manifest_of(tree))


def accepted(tree: Tree) -> Tree:
    return Overlay(tree).write(accept(tree, manifest_of(tree)))


def added_blocks(layout: str) -> Iterator[tuple[str, PurePosixPath, str]]:
    """Yield every line of the wiring that is the model's, and the text without it."""
    for change in CHANGES[layout]:
        if change.kind is Kind.MODIFY:
            before = (change.before or "").splitlines(keepends=True)
            after = (change.after or "").splitlines(keepends=True)
            for row, line in enumerate(after):
                is_new = line not in before and ("foo" in line or "FOO" in line)
                if is_new:
                    text = "".join([*after[:row], *after[row + 1 :]])
                    yield f"{change.path}:{row + 1}", change.path, text


WIRINGS = [
    pytest.param(layout, path, text, id=f"{layout}-{where}")
    for layout in TREES
    for where, path, text in added_blocks(layout)
]
OWN = [
    pytest.param(layout, path, id=f"{layout}-{path.name}")
    for layout, changes in CHANGES.items()
    for path in manifest_of(APPLIED[layout]).files
]
NUMBERS = [
    pytest.param(path, row, id=f"{path.name}:{row + 1}")
    for path in (MODEL, RECIPE)
    for row, line in enumerate(APPLIED["registry"].contents[path].splitlines())
    if line.split("#")[0].rstrip()[-1:].isdecimal()
]


@layouts
def test_what_was_just_scaffolded_stands(layout: str) -> None:
    assert findings(APPLIED[layout]) == ()
    assert findings(accepted(APPLIED[layout])) == ()


@layouts
def test_edits_that_are_not_the_models_are_none_of_its_business(layout: str) -> None:
    tree = APPLIED[layout]
    for path in (CONFIG, LOADER):
        tree = edited(tree, path, f"{tree.contents[path]}\n\nOTHER = 1  # other\n")
    for path in (
        RECIPES / "maniskill_ppo_openvla.yaml",
        RECIPES / "model/openvla.yaml",
    ):
        tree = edited(tree, path, None)
    assert findings(tree) == ()


@pytest.mark.parametrize(("layout", "path", "text"), WIRINGS)
def test_names_every_wiring_that_lacks_a_line(
    layout: str, path: PurePosixPath, text: str
) -> None:
    found = findings(edited(APPLIED[layout], path, text))
    assert found
    assert {it.model for it in found} == {"foo"}
    assert {it.problem for it in found} <= {"missing", "edited"}
    for finding in found:
        assert str(path) in finding.message
        if finding.surface != "layout":  # then the line is not the model's alone
            assert finding.path == path
            assert 1 <= finding.line <= len(text.splitlines()) + 1


@pytest.mark.parametrize(("layout", "path"), OWN)
def test_names_every_file_that_is_edited(layout: str, path: PurePosixPath) -> None:
    text = APPLIED[layout].contents[path]
    lines = [*text.splitlines(), "# by hand"]
    tree = edited(APPLIED[layout], path, "\n".join([*lines, ""]))
    (finding,) = findings(tree)
    assert (finding.path, finding.line, finding.problem) == (path, len(lines), "edited")
    assert finding.message == (
        f"{path}:{len(lines)}: edited since it was generated; if that is meant, record "
        "it with `rlinf-scaffold check --accept foo`"
    )
    assert findings(accepted(tree)) == ()


@pytest.mark.parametrize(("layout", "path"), OWN)
def test_names_every_file_that_is_gone_even_if_accepted(
    layout: str, path: PurePosixPath
) -> None:
    tree = edited(APPLIED[layout], path, None)
    for seen in (tree, accepted(tree)):
        (finding,) = findings(seen)
        assert (finding.path, finding.line, finding.problem) == (path, 1, "missing")
        assert finding.message == (
            f"{path} is missing; `new-model` with the same answers adds it"
        )


@pytest.mark.parametrize(("path", "row"), NUMBERS)
def test_names_every_number_that_is_edited(path: PurePosixPath, row: int) -> None:
    tree = APPLIED["registry"]
    lines = tree.contents[path].splitlines(keepends=True)
    value, _, comment = lines[row].partition("#")
    number = value.rstrip()
    lines[row] = f"{number}1{value[len(number) :]}{'#' if comment else ''}{comment}"
    found = findings(edited(tree, path, "".join(lines)))
    assert (path, row + 1, "edited") in {(it.path, it.line, it.problem) for it in found}


@pytest.mark.parametrize("layout", DOUBLED)
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "action_token_len: 7",
            "action_token_len: 8",
            f"{MODEL}: action_token_len is 8, not 7 as action_dim is",
        ),
        (
            "num_action_chunks: 4",
            "num_action_chunks: 5",
            f"{MODEL}: action_chunks_len is 4, not 5 as num_action_chunks is",
        ),
        (
            "action_dim: 7\n",
            "",
            f"{MODEL}: found no action_dim. By hand: write action_dim there",
        ),
    ],
)
def test_accepted_edits_must_still_agree(
    layout: str, old: str, new: str, message: str
) -> None:
    text = APPLIED[layout].contents[MODEL]
    assert old in text
    tree = accepted(edited(APPLIED[layout], MODEL, text.replace(old, new, 1)))
    (finding,) = findings(tree)
    assert finding == Finding("foo", "agreement", MODEL, 1, "disagrees", message)


@layouts
def test_accepted_settings_must_name_the_model(layout: str) -> None:
    for path in {SETTINGS[layout], RECIPE}:
        text = APPLIED[layout].contents[path]
        old = re.search(r'(model_(?:name|type)): "foo"', text)
        assert old is not None
        changed = text.replace(old[0], f'{old[1]}: "bar"')
        (finding,) = findings(accepted(edited(APPLIED[layout], path, changed)))
        key = old[1] if path == MODEL else f"actor.model.{old[1]}"
        message = f"{path}: {key} is 'bar', not 'foo'"
        assert finding == Finding("foo", "agreement", path, 1, "disagrees", message)


def action_model(layout: str) -> PurePosixPath:
    return next(
        path
        for path in manifest_of(APPLIED[layout]).files
        if path.name == "foo_action_model.py"
    )


@layouts
def test_an_accepted_module_must_define_the_class(layout: str) -> None:
    path = action_model(layout)
    text = APPLIED[layout].contents[path].replace("class Foo", "class Bar")
    (finding,) = findings(accepted(edited(APPLIED[layout], path, text)))
    assert (finding.surface, finding.problem) == ("agreement", "disagrees")
    assert finding.message == (
        f"{path}: defines no class FooForRLActionPrediction, which is loaded"
    )


@layouts
def test_an_accepted_module_must_parse(layout: str) -> None:
    path = action_model(layout)
    (finding,) = findings(accepted(edited(APPLIED[layout], path, "x = 1\ndef f(:\n")))
    assert (finding.path, finding.line, finding.problem) == (path, 2, "disagrees")


@layouts
@pytest.mark.parametrize("path", [CONFIG, LOADER], ids=str)
def test_says_where_a_patched_file_does_not_parse(
    layout: str, path: PurePosixPath
) -> None:
    text = f"{APPLIED[layout].contents[path]}def f(:\n"
    (finding,) = findings(edited(APPLIED[layout], path, text))
    line = len(text.splitlines())
    assert (finding.surface, finding.path, finding.line) == ("layout", path, line)
    assert finding.message.startswith(f"{path}:{line}: cannot be parsed")


@layouts
def test_says_that_the_layout_is_not_known_any_more(layout: str) -> None:
    (finding,) = findings(edited(APPLIED[layout], LOADER, "x = 1\n"))
    assert (finding.surface, finding.path) == ("layout", manifest_path("foo"))
    assert "registration is not recognised" in finding.message


def test_says_that_the_name_means_another_model_by_now() -> None:
    tree = APPLIED["registry"]
    text = tree.contents[CONFIG].replace('register("foo"', 'register("bar"')
    assert text != tree.contents[CONFIG]
    (finding,) = findings(edited(tree, CONFIG, text))
    assert (finding.surface, finding.path) == ("config", manifest_path("foo"))
    assert "the name 'foo' is already taken: SupportedModel.FOO is 'bar'" in (
        finding.message
    )


@layouts
def test_says_what_an_edited_file_cannot_be_compared_with(layout: str) -> None:
    tree = edited(APPLIED[layout], RECIPE, "a: 1\n")
    source = RECIPES / "maniskill_ppo_openvla.yaml"
    found = findings(edited(tree, source, None))
    recipe = next(it for it in found if it.surface == "recipe")
    assert f"there is no {source}" in recipe.message


@layouts
def test_says_where_an_anchor_is_missing(layout: str) -> None:
    tree = edited(APPLIED[layout], RECIPE, "a: 1\n")
    source = RECIPES / "maniskill_ppo_openvla.yaml"
    text = tree.contents[source].replace("@actor.model", "@critic.model")
    anchor = "model/<x>@actor.model among its defaults"
    if SETTINGS[layout] == RECIPE:
        text = text.replace("model_name", "model_type")
        anchor = "actor.model.model_name"
    recipe = next(
        it for it in findings(edited(tree, source, text)) if it.surface == "recipe"
    )
    assert (recipe.path, recipe.problem) == (source, "missing")
    assert f"found no {anchor}" in recipe.message


@layouts
def test_names_a_file_with_other_line_endings(layout: str) -> None:
    path = SETTINGS[layout]
    text = APPLIED[layout].contents[path].replace("\n", "\r\n")
    (finding,) = findings(edited(APPLIED[layout], path, text))
    assert (finding.path, finding.line, finding.problem) == (path, 1, "edited")


@layouts
def test_a_wiring_that_is_gone_says_the_line(layout: str) -> None:
    tree = APPLIED[layout]
    (finding,) = findings(edited(tree, CONFIG, TREES[layout].contents[CONFIG]))
    assert (finding.surface, finding.problem) == ("config", "missing")
    assert finding.message.startswith(f"{CONFIG}:{finding.line}: the wiring lacks '")
    assert "foo" in finding.message.lower()


@layouts
def test_findings_come_in_a_stable_order(layout: str) -> None:
    tree = APPLIED[layout]
    for path in (CONFIG, SETTINGS[layout]):
        tree = edited(tree, path, tree.contents[path].replace("foo", "bar"))
    found = findings(tree)
    assert len(found) >= 2
    assert found == findings(tree)


@layouts
def test_accepting_changes_the_manifest_alone(layout: str) -> None:
    tree = APPLIED[layout]
    assert not accept(tree, manifest_of(tree))
    path = action_model(layout)
    tree = edited(tree, path, f"{tree.contents[path]}# mine\n")
    (change,) = accept(tree, manifest_of(tree))
    assert change.path == manifest_path("foo")
    manifest = manifest_of(Overlay(tree).write([change]))
    assert manifest == replace(manifest_of(tree), files=manifest.files)
    assert not plan_for(Overlay(tree).write([change]), FOO)


def test_a_recipe_need_not_say_again_what_it_mounts() -> None:
    recipe = RECIPES / "maniskill_ppo_openvla.yaml"
    text = re.sub(r"(?m)^    model_type:.*\n", "", TREES["registry"].contents[recipe])
    tree = edited(TREES["registry"], recipe, text)
    changes = plan_for(tree, FOO)
    written = {change.path: change.after or "" for change in changes}
    assert "model_type" not in written[RECIPE]
    assert findings(MemoryTree({**tree.contents, **written})) == ()
