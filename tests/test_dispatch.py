from __future__ import annotations

import re
from pathlib import Path

import pytest
from chains import GENERATIONS, Generation
from tools import NAMES, STYLES, Transform, check_laws, check_noop, check_ruff, swap

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.contracts import Terms
from rlinf_scaffold.errors import (
    AnchorNotFoundError,
    UnknownLayoutError,
    WiringChangedError,
)
from rlinf_scaffold.layouts import LOADER, detect_layout
from rlinf_scaffold.rendering import templates_folder
from rlinf_scaffold.spec import ModelSpec

generations = pytest.mark.parametrize(
    "generation", GENERATIONS.values(), ids=GENERATIONS
)
ELSE = "    else:\n        return None\n"
# What may be written otherwise in the last chain of a loader: (old, new), with {kind}
# for the model type, {one} to {three} for models, and {value} for what is bound.
LOADERS: dict[str, tuple[str, str]] = {
    "an else that raises": (ELSE, '    else:\n        raise ValueError("unknown")\n'),
    "among several": ("{kind} == {two}:", "{kind} in ({two}, {one}):"),
    "among several of a list": ("{kind} == {two}:", "{kind} in [{two}]:"),
    "reversed": ("{kind} == {two}:", "{two} == {kind}:"),
    "more conditions": ("{kind} == {two}:", "{kind} == {two} and not cfg.old:"),
    "more conditions, first": ("{kind} == {two}:", "not cfg.old and {kind} == {two}:"),
    "either": ("{kind} == {two}:", "{kind} == {two} or {kind} == {one}:"),
    "a branch on something else": (
        ELSE,
        "    elif cfg.custom:\n        return cfg.custom\n" + ELSE,
    ),
    "a branch that raises": (
        ELSE,
        "    elif {kind} == {one}:\n        raise ValueError\n" + ELSE,
    ),
    "branches that are commented out": (
        ELSE,
        "    # elif {kind} == {foo}:\n    #     {value} = None\n" + ELSE,
    ),
    "an if above on the type": (
        "    if {kind} == {one}:",
        "    if {kind} == {two}:\n        cfg = cfg\n    if {kind} == {one}:",
    ),
    "an if above that keeps unknown models out": (
        "    if {kind} == {one}:",
        "    from rlinf.config import {registered}\n\n"
        "    if {kind} not in {registered}:\n        return None\n"
        "    if {kind} == {one}:",
    ),
    "an if above on no type": (
        "    if {kind} == {one}:",
        "    if not {kind}:\n        return None\n    if {kind} == {one}:",
    ),
    "an if above on None": (
        "    if {kind} == {one}:",
        "    if {kind} is None:\n        return None\n    if {kind} == {one}:",
    ),
    "an if above on a key": (
        "    if {kind} == {one}:",
        '    if not hasattr(cfg, "{key}"):\n        return None\n'
        "    if {kind} == {one}:",
    ),
    "a local of another name": (
        "    if {kind} == {one}:",
        "    kind = {kind}\n    if kind == {one}:",
    ),
    "the settings under another name": ("cfg", "settings"),
}
# As above, for chains that turn no unknown model away: RLinf's guide has such a one.
OPEN: dict[str, tuple[str, str]] = {
    "no else": (ELSE, ""),
    "an else with an if": (
        ELSE,
        "    else:\n        if cfg.lax:\n            return None\n",
    ),
}
# As above, for what no branch can be added to.
REFUSED: dict[str, tuple[str, str, str]] = {
    "a branch for all but one": (
        "{kind} == {two}:",
        "{kind} != {two}:",
        "conditions in get_model() that each spell out their models",
    ),
    "a branch for all": (
        "{kind} == {two}:",
        "True:",
        "conditions in get_model() that each spell out their models",
    ),
    "a branch for every type": (
        "{kind} == {two}:",
        "{kind} is not None:",
        "conditions in get_model() that each spell out their models",
    ),
    "a branch for those of a name": (
        "{kind} == {two}:",
        "{kind} in KNOWN:",
        "conditions in get_model() that each spell out their models",
    ),
    "a branch for more": (
        "{kind} == {two}:",
        "{kind} == {two} or cfg.lax:",
        "conditions in get_model() that each spell out their models",
    ),
    "a branch on the key": (
        "{kind} == {two}:",
        'hasattr(cfg, "{key}"):',
        "conditions in get_model() that each spell out their models",
    ),
    "an if above that takes all but one": (
        "    if {kind} == {one}:",
        "    if {kind} != {one}:\n        return None\n    if {kind} == {one}:",
        "conditions in get_model() that each spell out their models",
    ),
    "an if above that keeps others than the registered out": (
        "    if {kind} == {one}:",
        "    if {kind} not in KNOWN:\n        return None\n    if {kind} == {one}:",
        "conditions in get_model() that each spell out their models",
    ),
    "a chain on something else": (
        "{kind} == {one}:\n",
        "cfg.kind == {one}:\n",
        "",
    ),
}


def rewritten(generation: Generation, old: str, new: str) -> str:
    """Return the loader with its last function, get_model, written otherwise."""
    start = generation.loader.index("def get_model(")
    head, last = generation.loader[:start], generation.loader[start:]
    old, new = generation.words(old), generation.words(new)
    last = last.replace(old, new) if old == "cfg" else swap(last, (old, new))
    return head + last


@generations
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("worker_sets_up", [False, True])
def test_wires(
    generation: Generation, name: str, worker_sets_up: bool, tmp_path: Path
) -> None:
    load = generation.load(name, Terms(worker_sets_up=worker_sets_up))
    assert detect_layout(generation.tree()) is generation.layout
    loaded = check_laws(load, generation.loader)
    registered = check_laws(generation.register(name), generation.config)
    check_ruff(tmp_path, generation.loader, loaded)
    check_ruff(tmp_path, generation.config, registered)
    generation.check_works(tmp_path, name, registered, loaded)
    wired = generation.tree(registered, loaded)
    assert detect_layout(wired) is generation.layout
    assert generation.layout.model_types(wired)[name].startswith("rlinf/config.py:")


@generations
@pytest.mark.parametrize(("old", "new"), LOADERS.values(), ids=LOADERS)
def test_loads(generation: Generation, old: str, new: str, tmp_path: Path) -> None:
    before = rewritten(generation, old, new)
    assert detect_layout(generation.tree(loader=before)) is generation.layout
    after = check_laws(generation.load("foo"), before)
    registered = generation.register("foo")(generation.config)
    check_ruff(tmp_path, before, after)
    generation.check_works(tmp_path, "foo", registered, after)


@pytest.mark.parametrize(("old", "new"), OPEN.values(), ids=OPEN)
def test_loads_as_in_the_guide_without_else(old: str, new: str) -> None:
    generation = GENERATIONS["documented"]
    before = rewritten(generation, old, new)
    assert detect_layout(generation.tree(loader=before)) is generation.layout
    check_laws(generation.load("foo"), before)


@pytest.mark.parametrize("name", sorted({*GENERATIONS} - {"documented"}))
@pytest.mark.parametrize(("old", "new"), OPEN.values(), ids=OPEN)
def test_refuses_a_chain_without_else(name: str, old: str, new: str) -> None:
    generation = GENERATIONS[name]
    loader = rewritten(generation, old, new)
    with pytest.raises(UnknownLayoutError) as caught:
        detect_layout(generation.tree(loader=loader))
    nearest, first, *_, last = caught.value.findings
    assert nearest.startswith(f"nearest to {name} (")
    assert first.startswith(
        "missing get_model() with an else that turns unknown models away below that "
        f"chain ({LOADER}:"
    )
    assert "write `else: return None` below the chain that ends at" in last


@generations
@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_keeps_the_style_of_a_file(
    generation: Generation, style: Transform, tmp_path: Path
) -> None:
    config, loader = style(generation.config), style(generation.loader)
    assert detect_layout(generation.tree(config, loader)) is generation.layout
    registered = check_laws(generation.register("foo"), config)
    loaded = check_laws(generation.load("foo"), loader)
    generation.check_works(tmp_path, "foo", registered, loaded)
    for before, after in ((config, registered), (loader, loaded)):
        assert ("\r\n" in after) is ("\r\n" in before)
        assert after.count("\r") == after.count("\r\n")
        assert not re.search("\t +| +\t", after)


@generations
@pytest.mark.parametrize(("old", "new", "missing"), REFUSED.values(), ids=REFUSED)
def test_refuses_what_may_take_the_model_first(
    generation: Generation, old: str, new: str, missing: str
) -> None:
    loader = rewritten(generation, old, new)
    if not missing:
        loader = rewritten(generation, generation.words("{kind} == {two}:"), "cfg.x:")
        loader = loader.replace(generation.words(old), generation.words(new))
    with pytest.raises(UnknownLayoutError) as caught:
        detect_layout(generation.tree(loader=loader))
    nearest, first, *_ = caught.value.findings
    assert nearest.startswith(f"nearest to {generation.layout.name} (")
    assert first.startswith(f"missing {missing or 'get_model() with an if/elif chain'}")
    with pytest.raises(AnchorNotFoundError):
        generation.load("foo")(loader)


def test_says_which_condition_and_what_to_do() -> None:
    generation = GENERATIONS["string_chain"]
    loader = rewritten(generation, "{kind} == {two}:", "{kind} != {two}:")
    line = loader[: loader.index("!=")].count("\n") + 1
    with pytest.raises(UnknownLayoutError) as caught:
        detect_layout(generation.tree(loader=loader))
    assert caught.value.findings[1] == (
        "missing conditions in get_model() that each spell out their models "
        f"({LOADER}:{line} has `if cfg.model_name != 'two':`)"
    )
    assert caught.value.findings[-1] == (
        f"by hand: spell out at {LOADER}:{line} the models that the condition is for; "
        "then run again"
    )


WORDINGS = {
    "a member's value": (
        "model_type = get_supported_model(cfg.model_type)",
        "model_type = cfg.model_type",
        lambda text: re.sub(r"(SupportedModel\.[A-Z]+)", r"\1.value", text),
        "    elif model_type == SupportedModel.FOO.value:\n",
    ),
    "the value of the type": (
        "model_type == S",
        "model_type.value == S",
        lambda text: re.sub(r"(SupportedModel\.[A-Z]+)", r"\1.value", text).replace(
            "if model_type ==", "if model_type.value =="
        ),
        "    elif model_type.value == SupportedModel.FOO.value:\n",
    ),
    "identity": (
        "model_type == S",
        "model_type is S",
        lambda text: text.replace("model_type == S", "model_type is S"),
        "    elif model_type is SupportedModel.FOO:\n",
    ),
    "another local": (
        "model_type = ",
        "kind = ",
        lambda text: re.sub(r"(?<![._])\bmodel_type\b", "kind", text),
        "    elif kind == SupportedModel.FOO:\n",
    ),
    "the Enum itself": (
        "get_supported_model(",
        "SupportedModel(",
        lambda text: text.replace("= get_supported_model(", "= SupportedModel("),
        "    elif model_type == SupportedModel.FOO:\n",
    ),
    "a string among members": (
        "",
        "",
        lambda text: text.replace(
            "elif model_type == SupportedModel.TWO", 'elif cfg.model_type == "two"'
        ),
        "    elif model_type == SupportedModel.FOO:\n",
    ),
    "without a local": (
        "",
        "",
        lambda text: text.replace(
            "if model_type ==", "if get_supported_model(cfg.model_type) =="
        ),
        "    elif get_supported_model(cfg.model_type) == SupportedModel.FOO:\n",
    ),
    "in a block of its own": (
        "",
        "",
        lambda text: text.replace(
            "    model_type = get_supported_model(cfg.model_type)\n",
            "    try:\n        model_type = get_supported_model(cfg.model_type)\n"
            "    except ValueError:\n        return None\n",
        ),
        "    elif model_type == SupportedModel.FOO:\n",
    ),
}


@pytest.mark.parametrize("name", ["enum_chain", "enum_imports"])
@pytest.mark.parametrize(
    ("old", "new", "rewrite", "branch"), WORDINGS.values(), ids=WORDINGS
)
def test_writes_in_the_words_of_the_chain(
    name: str, old: str, new: str, rewrite: Transform, branch: str, tmp_path: Path
) -> None:
    generation = GENERATIONS[name]
    start = generation.loader.index("def get_model(")
    before = generation.loader[:start] + rewrite(generation.loader[start:])
    if new == "model_type = cfg.model_type":
        before = before[:start] + before[start:].replace(old, new)
    assert before != generation.loader
    assert detect_layout(generation.tree(loader=before)) is generation.layout
    after = check_laws(generation.load("foo"), before)
    assert branch in after
    registered = generation.register("foo")(generation.config)
    generation.check_works(tmp_path, "foo", registered, after)


STRINGS = {
    "a local": ("cfg.model_name", "name", "    name = cfg.model_name\n"),
    "a key": ("cfg.model_name", 'cfg["model_name"]', ""),
    "a key with a default": ("cfg.model_name", 'cfg.get("model_name", "")', ""),
    "lower case": ("cfg.model_name", "cfg.model_name.lower()", ""),
    "a conversion": ("cfg.model_name", "str(cfg.model_name)", ""),
    "an attribute": ("cfg.model_name", 'getattr(cfg, "model_name", None)', ""),
}


@pytest.mark.parametrize(("old", "new", "above"), STRINGS.values(), ids=STRINGS)
def test_finds_the_type_however_it_is_read(
    old: str, new: str, above: str, tmp_path: Path
) -> None:
    generation = GENERATIONS["string_chain"]
    before = generation.loader.replace(old, new).replace(
        f"    if {new} ==", f"{above}    if {new} =="
    )
    assert detect_layout(generation.tree(loader=before)) is generation.layout
    after = check_laws(generation.load("foo"), before)
    assert f'    elif {new} == "foo":\n' in after
    registered = generation.register("foo")(generation.config)
    check_ruff(tmp_path, before, after)
    generation.check_works(tmp_path, "foo", registered, after)


RENAMED = {
    "what is bound": (r"\bmodel\b(?= =|$)", "policy", "        policy = Foo"),
    "the dtype": (r"\btorch_dtype\b", "dtype", "            torch_dtype=dtype,\n"),
    "the folder": (r"(?<!\.)\bmodel_path\b", "folder", "            folder,\n"),
}


@pytest.mark.parametrize("name", ["documented", "string_chain", "enum_chain"])
@pytest.mark.parametrize(("old", "new", "line"), RENAMED.values(), ids=RENAMED)
def test_goes_by_the_names_that_are_bound(
    name: str, old: str, new: str, line: str, tmp_path: Path
) -> None:
    generation = GENERATIONS[name]
    start = generation.loader.index("def get_model(")
    last = re.sub(old, new, generation.loader[start:], flags=re.MULTILINE)
    before = generation.loader[:start] + last
    assert detect_layout(generation.tree(loader=before)) is generation.layout
    after = check_laws(generation.load("foo"), before)
    assert line in after
    registered = generation.register("foo")(generation.config)
    generation.check_works(tmp_path, "foo", registered, after)


def test_imports_under_the_name_that_the_chain_calls(tmp_path: Path) -> None:
    generation = GENERATIONS["enum_imports"]
    before = generation.loader.replace("import get_model", "import get_model as build")
    before = before.replace("= get_model(cfg", "= build(cfg")
    after = check_laws(generation.load("foo"), before)
    assert (
        "        from rlinf.models.embodiment.foo import get_model as build\n" in after
    )
    registered = generation.register("foo")(generation.config)
    generation.check_works(tmp_path, "foo", registered, after)


def test_tells_builders_that_are_imported_from_models() -> None:
    old, new = (GENERATIONS[name] for name in ("enum_chain", "enum_imports"))
    given = "    model_path = cfg.model_path\n    torch_dtype = cfg.precision\n"
    start = old.loader.index("def get_vla_model")
    left_over = old.loader[start : old.loader.index("def get_model(")]
    loader = swap(
        new.loader,
        ("def get_model(cfg):\n", f"{left_over}def get_model(cfg):\n{given}"),
    )
    assert detect_layout(new.tree(loader=loader)) is new.layout


@generations
def test_imports_as_the_loader_does(generation: Generation) -> None:
    absolute = generation.load("foo")(generation.loader)
    assert "from rlinf.models.embodiment.foo" in absolute
    before = rewritten(
        generation,
        "    if {kind} == {one}:\n",
        "    if {kind} == {one}:\n        from .embodiment import base_policy\n",
    )
    relative = generation.load("foo")(before)
    branch = relative[relative.index(generation.words("elif {kind} == {foo}:")) :]
    assert "from .embodiment.foo" in branch
    check_noop(generation.load("foo"), f"{absolute}\n\nfrom .embodiment import two\n")


@generations
def test_a_moved_branch_stays_where_it_is(generation: Generation) -> None:
    after = generation.load("foo")(generation.loader)
    start = after.rindex(generation.words("    elif {kind} == {foo}:"))
    branch = after[start : after.index(ELSE, start)]
    second = generation.words("    elif {kind} == {two}:")
    at = after.rindex(second)
    moved = after[:at] + branch + after[at:start] + after[start + len(branch) :]
    assert moved != after
    check_noop(generation.load("foo"), moved)


@generations
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{kind} == {foo}:", "{kind} in ({foo}, {one}):"),
        ("{kind} == {foo}:", "{kind} == {foo} and cfg.new:"),
        ("{kind} == {foo}:\n", "{kind} == {foo}:\n        print(cfg)\n"),
    ],
    ids=["another condition", "more conditions", "another body"],
)
def test_refuses_a_branch_that_was_edited(
    generation: Generation, old: str, new: str
) -> None:
    wired = generation.load("foo")(generation.loader)
    at = wired.rindex(generation.words(old))
    edited = wired[:at] + swap(
        wired[at:], (generation.words(old), generation.words(new))
    )
    line = wired[:at].count("\n") + 1
    text = (
        f"rlinf/models/__init__.py:{line}: the branch of 'foo' is there, but is not "
        f"what was generated; expected \nif {generation.words('{kind} == {foo}')}:\n"
    )
    with pytest.raises(WiringChangedError, match=f"^{re.escape(text)}"):
        generation.load("foo")(edited)


def test_accepts_a_branch_in_another_of_the_chain_s_wordings() -> None:
    generation = GENERATIONS["enum_chain"]
    after = generation.load("foo")(generation.loader)
    at = after.rindex("model_type == SupportedModel.FOO")
    other = after[:at] + swap(
        after[at:], ("model_type == SupportedModel.FOO", 'cfg.model_type == "foo"')
    )
    check_noop(generation.load("foo"), other)


@generations
def test_knows_every_model_that_is_wired(generation: Generation) -> None:
    loader = rewritten(generation, "{kind} == {two}:", "{kind} in ({two}, {three}):")
    line = loader[: loader.rindex("elif")].count("\n") + 1
    types = generation.layout.model_types(generation.tree(loader=loader))
    models = {"thinker", "thinker_sft"} if generation.has_members else set()
    assert types.keys() == {"one", "two", "three"} | models
    assert types["three"] == f"rlinf/models/__init__.py:{line}"
    assert generation.layout.model_types(MemoryTree()) == {}


def test_knows_a_member_by_the_name_of_its_model() -> None:
    generation = GENERATIONS["enum_imports"]
    config = swap(generation.config, ('TWO = ("two"', 'TWO = ("deux"'))
    assert generation.layout.model_types(generation.tree(config)).keys() == {
        *("one", "deux", "thinker", "thinker_sft")
    }


@generations
def test_a_hand_edit_of_the_loader_is_the_edit(generation: Generation) -> None:
    start = generation.loader.index("def get_model(")
    emptied = generation.loader[:start]
    emptied += re.sub(r"(?s)    if .*return None\n", "", generation.loader[start:])
    with pytest.raises(AnchorNotFoundError) as caught:
        generation.load("foo")(emptied)
    head, _, branch = str(caught.value).partition("():\n")
    key = generation.layout.type_key
    assert head == (
        f"rlinf/models/__init__.py: found no if/elif chain on cfg.{key} in "
        "get_model(). By hand: add this branch to get_model"
    )
    body = branch.partition(":\n")[2].splitlines()
    by_hand = "".join(f"    {line}\n" if line else "\n" for line in body)
    assert by_hand in generation.load("foo")(generation.loader)


@generations
def test_refuses_a_loader_without_the_function(generation: Generation) -> None:
    for loader in ("", "def get_model():\n    return None\n"):
        with pytest.raises(AnchorNotFoundError, match="found no if/elif chain on cfg"):
            generation.load("foo")(loader)


def test_refuses_a_branch_without_what_it_goes_by() -> None:
    generation = GENERATIONS["string_chain"]
    loader = generation.loader.replace("torch_dtype = cfg.precision", "pass")
    with pytest.raises(UnknownLayoutError) as caught:
        detect_layout(generation.tree(loader=loader))
    assert caught.value.findings[1] == (
        "missing get_model() that binds torch_dtype above that chain "
        f"({LOADER}:14 has `def get_model(model_path, cfg, "
        "override_config_kwargs=None):`)"
    )
    with pytest.raises(AnchorNotFoundError):
        generation.load("foo")(loader)


@generations
@pytest.mark.parametrize(
    ("name", "style"),
    [(NAMES[-1], "as it is"), *((NAMES[0], style) for style in STYLES)],
)
def test_wires_the_practice_checkout(
    generation: Generation, name: str, style: str, tmp_path: Path
) -> None:
    checkout = templates_folder() / "checkouts" / generation.layout.name
    config, loader = (
        STYLES[style]((checkout / path).read_text())
        for path in ("rlinf/config.py", "rlinf/models/__init__.py")
    )
    assert detect_layout(generation.tree(config, loader)) is generation.layout
    for transform, before in (
        (generation.register(name), config),
        (generation.load(name), loader),
    ):
        is_one_line = re.search(r"(?m)^SUPPORTED_MODEL_ARCHS = \[.*\]", before)
        after = check_laws(transform, before, rewritten=1 if is_one_line else 0)
        check_ruff(tmp_path, before, after)


@generations
def test_modules_are_what_the_branch_imports(generation: Generation) -> None:
    modules = generation.layout.modules(ModelSpec(name="foo")).values()
    folder = "rlinf/models/embodiment"
    expected = {f"{folder}/foo_action_model.py"}
    if not generation.is_flat:
        expected = {f"{folder}/foo/__init__.py", f"{folder}/foo/foo_action_model.py"}
    assert {str(path) for path in modules} == expected


def test_names_the_function_that_was_renamed() -> None:
    generation = GENERATIONS["enum_imports"]
    loader = generation.loader.replace("def get_model(", "def build_model(")
    line = loader[: loader.index("def build_model(")].count("\n") + 1
    with pytest.raises(UnknownLayoutError) as caught:
        detect_layout(generation.tree(loader=loader))
    assert caught.value.findings[1] == (
        f"missing get_model(cfg) ({LOADER}:{line} has `def build_model(cfg):`)"
    )
    assert caught.value.findings[-1] == (
        f"by hand: make {LOADER}:{line} `def get_model(cfg)` again; then run again"
    )


@pytest.mark.parametrize("loader", ["", "# nothing\n"])
def test_says_how_to_take_an_emptied_file_back(loader: str) -> None:
    with pytest.raises(UnknownLayoutError) as caught:
        detect_layout(GENERATIONS["enum_imports"].tree(loader=loader))
    assert f"git checkout -- {LOADER}" in caught.value.findings[-1]
