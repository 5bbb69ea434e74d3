from __future__ import annotations

import re
from pathlib import Path

import pytest
from tools import (
    NAMES,
    STYLES,
    Transform,
    check_laws,
    check_noop,
    check_ruff,
    hunks_out,
    plant,
    python,
    swap,
)

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.errors import (
    AnchorNotFoundError,
    NameTakenError,
    UnknownLayoutError,
    WiringChangedError,
)
from rlinf_scaffold.layouts import CONFIG, LOADER, detect_layout, match_layout
from rlinf_scaffold.layouts.registry import layout
from rlinf_scaffold.rendering import templates_folder
from rlinf_scaffold.spec import ModelSpec

CHECKOUT = templates_folder() / "checkouts" / "registry"
MODELS = """\
# Copyright 2026 The rlinf-scaffold authors.


class DictConfig(dict):
    __getattr__ = dict.__getitem__


class SupportedModel:
    def __init__(self, value):
        self.value = value

    @classmethod
    def register(cls, value, force=False):
        return cls(value)


SupportedModel.ONE = SupportedModel.register("one", force=True)
SupportedModel.TWO = SupportedModel.register("two", force=True)

EMBODIED_MODEL = set(
    {
        SupportedModel.ONE,
        SupportedModel.TWO,
    }
)
"""
BUILDERS = """\
# Copyright 2026 The rlinf-scaffold authors.

from rlinf.config import DictConfig, SupportedModel

_MODEL_REGISTRY = {}


def register_model(model_type, model_builder, category="embodied", force=False):
    _MODEL_REGISTRY[model_type] = model_builder


def _register_builtin_models():
    def _build_one(cfg: DictConfig, torch_dtype):
        return "one"

    def _build_two(cfg: DictConfig, torch_dtype):
        return "two"

    register_model(
        SupportedModel.ONE.value,
        _build_one,
        category="embodied",
        force=True,
    )
    register_model(
        SupportedModel.TWO.value,
        _build_two,
        category="embodied",
        force=True,
    )


_register_builtin_models()


def get_model(cfg: DictConfig):
    return _MODEL_REGISTRY[cfg.model_type](cfg, None)
"""
ONE = 'SupportedModel.ONE = SupportedModel.register("one", force=True)\n'
TWO = 'SupportedModel.TWO = SupportedModel.register("two", force=True)\n'
SET = MODELS[MODELS.index("EMBODIED_MODEL") :]
BOTH = "SupportedModel.ONE, SupportedModel.TWO"
ROWS = "        SupportedModel.ONE,\n        SupportedModel.TWO,\n"
BUILD_TWO = BUILDERS[BUILDERS.index("    def _build_two") : BUILDERS.index("    reg")]
CALL_ONE, CALL_TWO = re.findall(
    r"    register_model\(\n(?:     .*\n)+    \)\n", BUILDERS
)
Swaps = tuple[tuple[str, str], ...]
CONFIGS: dict[str, tuple[Swaps, int]] = {
    "as in RLinf": ((), 0),
    "a set without set()": (((SET, f"EMBODIED_MODEL = {{\n{ROWS}}}\n"),), 0),
    "a set on one line": (((SET, f"EMBODIED_MODEL = {{{BOTH}}}\n"),), 1),
    "set() on one line": (((SET, f"EMBODIED_MODEL = set({{{BOTH}}})\n"),), 1),
    "set() around a line": (
        ((SET, f"EMBODIED_MODEL = set(\n    {{{BOTH}, SupportedModel.ONE}}\n)\n"),),
        1,
    ),
    "a frozenset": (((SET, f"EMBODIED_MODEL = frozenset({{{BOTH}}})\n"),), 1),
    "a list": (((SET, f"EMBODIED_MODEL = [{BOTH}]\n"),), 1),
    "an annotated set": (
        (("EMBODIED_MODEL =", "EMBODIED_MODEL: set[SupportedModel] ="),),
        0,
    ),
    "no comma at the end": (((f"{ROWS}", f"{ROWS[:-2]}\n"),), 1),
    "a comment behind the last member": (((ROWS, f"{ROWS[:-1]}  # two, last\n"),), 0),
    "a comment and no comma": (((ROWS, f"{ROWS[:-2]}  # two, last\n"),), 1),
    "a comment below the last member": (((ROWS, f"{ROWS}        # 3\n"),), 0),
    "a set of one line and a comment": (
        ((SET, f"EMBODIED_MODEL = {{{BOTH}}}  # all\n"),),
        1,
    ),
    "a set that is bound twice": (
        ((SET, f"EMBODIED_MODEL = {{}}\n\n# now\n{SET}"),),
        0,
    ),
    "a set that grows": (
        ((SET, f"{SET}EMBODIED_MODEL |= {{SupportedModel.ONE}}\n"),),
        0,
    ),
    "registered below the set too": (
        ((TWO, ""), ("        SupportedModel.TWO,\n", ""), (SET[-3:], SET[-3:] + TWO)),
        0,
    ),
    "registered without a name": (((TWO, f'{TWO}SupportedModel.register("x")\n'),), 0),
    "annotated registrations": (
        ((".ONE = ", '.ONE: "SupportedModel" = '), (".TWO = ", ".TWO: object = ")),
        0,
    ),
    "registrations in between": (((TWO, f"limit = 2\n{TWO}assert limit\n"),), 0),
    "registrations with comments": (
        ((ONE, f"# one\n{ONE}"), (TWO, f"{TWO}# SupportedModel.register('x')\n")),
        0,
    ),
    "a registration over lines": (
        (('register("two", force=True)', 'register(\n    "two", force=True\n)'),),
        0,
    ),
    "registrations under a condition": (
        (
            (TWO, f"{TWO}if ONE_MORE:\n    {ONE}"),
            ("class Dict", "ONE_MORE = 1\n\n\nclass Dict"),
        ),
        0,
    ),
    "a decorated class": (
        (("class SupportedModel:", "@(lambda cls: cls)\nclass SupportedModel:"),),
        0,
    ),
    "other names of register's parameters": (
        (
            ("cls, value, force=False", "cls, name, *, force=False"),
            ("cls(value)", "cls(name)"),
        ),
        0,
    ),
    "more functions and sets": (
        ((SET, f"OTHER = {{SupportedModel.ONE}}\n\n{SET}\n\ndef last():\n    pass\n"),),
        0,
    ),
}
LOADERS: dict[str, Swaps] = {
    "as in RLinf": (),
    "a comment that ends the body": (
        (CALL_TWO, f"{CALL_TWO}    # register_model()\n"),
    ),
    "a comment below the builders": ((CALL_ONE, f"    # calls\n{CALL_ONE}"),),
    "a comment in the last builder": (
        ('        return "two"\n', '        return "two"\n        # done\n'),
    ),
    "calls on one line": (
        (CALL_TWO, "    register_model(SupportedModel.TWO.value, _build_two)\n"),
    ),
    "calls by keyword": (
        ("SupportedModel.TWO.value,", "model_type=SupportedModel.TWO.value,"),
        ("_build_two,", "model_builder=_build_two,"),
    ),
    "calls with strings": (("SupportedModel.TWO.value,", '"two",'),),
    "calls between builders": (
        (CALL_ONE, ""),
        (BUILD_TWO, f"{CALL_ONE}\n{BUILD_TWO}"),
    ),
    "a function below the calls": (
        (
            CALL_TWO,
            f"{CALL_TWO}\n    def _check():\n        return None\n\n    _check()\n",
        ),
    ),
    "a function that registers": (
        (
            BUILD_TWO,
            f"    def _again():\n    {CALL_ONE.replace(chr(10), chr(10) + '    ').rstrip()}\n\n{BUILD_TWO}",
        ),
    ),
    "other statements between": (
        (
            CALL_TWO,
            f"    wanted = True\n    if wanted:\n        print\n{CALL_TWO}    del wanted\n",
        ),
    ),
    "a docstring and a return": (
        ("builtin_models():\n", 'builtin_models():\n    """Register."""\n'),
        (CALL_TWO, f"{CALL_TWO}    return\n"),
    ),
    "decorated functions": (
        ("def _register_b", "@(lambda f: f)\ndef _register_b"),
        ("    def _build_two", "    @(lambda f: f)\n    def _build_two"),
    ),
    "more of the signature": (("force=False):\n", "force=False, **rest):\n"),),
    "other imports": (
        (
            "from rlinf.config import DictConfig, SupportedModel",
            "import rlinf.config as c\nfrom rlinf.config import SupportedModel\n\n"
            "DictConfig = c.DictConfig",
        ),
    ),
}
REFUSED: dict[str, tuple[str, str, str, str]] = {
    "an emptied loader": ("loader", BUILDERS, "", "missing register_model("),
    "an emptied config": ("config", MODELS, "", "missing class SupportedModel with"),
    "an Enum": (
        "config",
        MODELS[MODELS.index("class SupportedModel") :],
        'from enum import Enum\n\n\nclass SupportedModel(Enum):\n    ONE = "one"\n',
        "class SupportedModel with a classmethod register(value, force) "
        "(rlinf/config.py:11 has `class SupportedModel(Enum):`)",
    ),
    "register is no classmethod": (
        "config",
        "    @classmethod\n",
        "",
        "(rlinf/config.py:12 has `def register(cls, value, force=False):`)",
    ),
    "register has no force": (
        "config",
        ", force=False",
        "",
        "(rlinf/config.py:13 has `def register(cls, value):`)",
    ),
    "register wants more": (
        "config",
        "value, force=False",
        "value, kind, force=False",
        "(rlinf/config.py:13 has `def register(cls, value, kind, force=False):`)",
    ),
    "no set": ("config", SET, "", "set literal EMBODIED_MODEL in rlinf/config.py;"),
    "an empty set": (
        "config",
        SET,
        "EMBODIED_MODEL = set()\n",
        "set literal EMBODIED_MODEL (rlinf/config.py:20 has `EMBODIED_MODEL = set()`)",
    ),
    "a set that is computed": (
        "config",
        SET,
        "EMBODIED_MODEL = {m for m in vars(SupportedModel)}\n",
        "(rlinf/config.py:20 has `EMBODIED_MODEL = {m for m in vars(SupportedModel)}`)",
    ),
    "no registration": (
        "config",
        ONE + TWO,
        "",
        "SupportedModel registration above EMBODIED_MODEL in rlinf/config.py;",
    ),
    "no registration above the set": (
        "config",
        f"{ONE}{TWO}\n{SET}",
        f"EMBODIED_MODEL = {{1}}\n{ONE}",
        "SupportedModel registration above EMBODIED_MODEL (rlinf/config.py:18 "
        "has `SupportedModel.ONE = SupportedModel.register('one', force=True)`)",
    ),
    "only registrations of another form": (
        "config",
        ONE + TWO,
        'A = SupportedModel.ONE = SupportedModel.register("one", force=True)\n'
        'MODELS.TWO = SupportedModel.register("two")\nSupportedModel.LIMIT = 2\n',
        "missing SupportedModel registration above EMBODIED_MODEL",
    ),
    "register_model is renamed": (
        "loader",
        "def register_model",
        "def add_model",
        "register_model(model_type, model_builder, category, force) in "
        "rlinf/models/__init__.py;",
    ),
    "register_model has another order": (
        "loader",
        "model_type, model_builder,",
        "model_builder, model_type,",
        "(rlinf/models/__init__.py:8 has `def register_model(model_builder, model_type, "
        "category='embodied', ...`)",
    ),
    "register_model wants more": (
        "loader",
        "model_builder, category",
        "model_builder, owner, category",
        "(rlinf/models/__init__.py:8 has `def register_model(model_type, model_builder, owner,",
    ),
    "register_model has no category": (
        "loader",
        ' category="embodied",',
        "",
        "(rlinf/models/__init__.py:8 has `def register_model(model_type, model_builder, force=False):`)",
    ),
    "the registrar is renamed": (
        "loader",
        "def _register_builtin_models",
        "def _register_models",
        "_register_builtin_models() with nested builders and register_model() calls "
        "in rlinf/models/__init__.py;",
    ),
    "the registrar has no builders": (
        "loader",
        BUILDERS[BUILDERS.index("    def _build_one") : BUILDERS.index(CALL_ONE)],
        "",
        "(rlinf/models/__init__.py:12 has `def _register_builtin_models():`)",
    ),
    "the registrar calls nothing": (
        "loader",
        CALL_ONE + CALL_TWO,
        "    for build in _build_one, _build_two:\n        register_model(1, build)\n",
        "(rlinf/models/__init__.py:12 has `def _register_builtin_models():`)",
    ),
    "get_model is renamed": (
        "loader",
        "def get_model",
        "def load_model",
        "get_model(cfg) in rlinf/models/__init__.py;",
    ),
    "get_model takes more": (
        "loader",
        "get_model(cfg: DictConfig)",
        "get_model(cfg: DictConfig, **more)",
        "get_model(cfg) "
        "(rlinf/models/__init__.py:36 has `def get_model(cfg: DictConfig, **more):`)",
    ),
    "SupportedModel is not imported": (
        "loader",
        "from rlinf.config import DictConfig, SupportedModel",
        "import rlinf.config\nfrom rlinf.config import DictConfig",
        "missing import of SupportedModel in rlinf/models/__init__.py",
    ),
}


def register(name: str) -> Transform:
    return lambda source: layout.register(source, ModelSpec(name=name))


def load(name: str) -> Transform:
    return lambda source: layout.load(source, ModelSpec(name=name), {})


def tree(config: str = MODELS, loader: str = BUILDERS) -> MemoryTree:
    return MemoryTree.of({str(CONFIG): config, str(LOADER): loader})


def check_works(folder: Path, name: str, config: str, loader: str) -> None:
    """Check that Python finds the new model, and still the others."""
    model = f"def get_model(cfg, torch_dtype):\n    return '{name} is loaded'\n"
    plant(
        folder,
        {
            str(CONFIG): config,
            str(LOADER): loader,
            f"rlinf/models/embodiment/{name}/__init__.py": model,
        },
    )
    code = (
        "from rlinf.config import EMBODIED_MODEL, DictConfig\n"
        "from rlinf.models import get_model\n"
        f"for name in ('one', 'two', '{name}'):\n"
        "    print(get_model(DictConfig(model_type=name)))\n"
        f"print('{name}' in {{member.value for member in EMBODIED_MODEL}})\n"
    )
    assert python(code, folder).split("\n")[:-1] == [
        "one",
        "two",
        f"{name} is loaded",
        "True",
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("swaps", "rewritten"), CONFIGS.values(), ids=CONFIGS)
def test_registers(name: str, swaps: Swaps, rewritten: int, tmp_path: Path) -> None:
    before = swap(MODELS, *swaps)
    assert match_layout(tree(config=before), [layout]) is layout
    after = check_laws(register(name), before, rewritten=rewritten)
    check_ruff(tmp_path, before, after)
    check_works(tmp_path, name, after, load(name)(BUILDERS))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("swaps", LOADERS.values(), ids=LOADERS)
def test_loads(name: str, swaps: Swaps, tmp_path: Path) -> None:
    before = swap(BUILDERS, *swaps)
    assert match_layout(tree(loader=before), [layout]) is layout
    after = check_laws(load(name), before)
    check_ruff(tmp_path, before, after)
    check_works(tmp_path, name, register(name)(MODELS), after)


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_keeps_the_style_of_a_file(style: Transform, tmp_path: Path) -> None:
    config, loader = style(MODELS), style(BUILDERS)
    assert detect_layout(tree(config, loader)) is layout
    registered = check_laws(register("foo"), config)
    loaded = check_laws(load("foo"), loader)
    check_works(tmp_path, "foo", registered, loaded)
    for before, after in ((config, registered), (loader, loaded)):
        assert ("\r\n" in after) is ("\r\n" in before)
        assert after.count("\r") == after.count("\r\n")
        assert not re.search("\t +| +\t", after)
        assert after.endswith("\n") is before.endswith("\n")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_wires_the_practice_checkout(
    name: str, style: Transform, tmp_path: Path
) -> None:
    config, loader = (style((CHECKOUT / p).read_text()) for p in (CONFIG, LOADER))
    assert detect_layout(tree(config, loader)) is layout
    for transform, before in ((register(name), config), (load(name), loader)):
        after = check_laws(transform, before)
        check_ruff(tmp_path, before, after)


@pytest.mark.parametrize(
    ("file", "old", "new", "finding"), REFUSED.values(), ids=REFUSED
)
def test_refuses_what_it_does_not_know(
    file: str, old: str, new: str, finding: str
) -> None:
    sources = {"config": MODELS, "loader": BUILDERS}
    sources[file] = swap(sources[file], (old, new))
    with pytest.raises(UnknownLayoutError) as caught:
        detect_layout(tree(**sources))
    assert finding in str(caught.value).replace("\n", ";"), caught.value


def test_says_what_it_found_and_what_to_do() -> None:
    text = """\
the checkout's registration is not recognised:
  - nearest to registry (registered builders, RLinf v0.3 and main): 7 of 8 are there
  - missing get_model(cfg) (rlinf/models/__init__.py:36 has `def get_model(cfg, device):`)
  - by hand: write get_model(cfg) in place of rlinf/models/__init__.py:36; then run again"""
    loader = swap(BUILDERS, ("get_model(cfg: DictConfig)", "get_model(cfg, device)"))
    with pytest.raises(UnknownLayoutError, match=f"^{re.escape(text)}$"):
        match_layout(tree(loader=loader), [layout])


def test_knows_every_model_that_is_wired() -> None:
    config = swap(MODELS, (SET, f'SupportedModel.register(value="three")\n{SET}'))
    loader = swap(
        BUILDERS,
        (CALL_TWO, f"{CALL_TWO}    register_model('four', _build_two)\n"),
        ("def get_model", "register_model(model_type='five', **{})\n\n\ndef get_model"),
    )
    assert layout.model_types(tree(config, loader)) == {
        "one": "rlinf/config.py:17",
        "two": "rlinf/config.py:18",
        "three": "rlinf/config.py:20",
        "four": "rlinf/models/__init__.py:31",
        "five": "rlinf/models/__init__.py:37",
    }
    assert layout.model_types(MemoryTree()) == {}


@pytest.mark.parametrize("name", NAMES)
def test_puts_back_what_was_taken_away(name: str) -> None:
    for transform, path in ((register(name), CONFIG), (load(name), LOADER)):
        before = (CHECKOUT / path).read_text()
        after = transform(before)
        assert len(hunks_out(before, after)) == 2
        for damaged in (before, *hunks_out(before, after)):
            assert transform(damaged) == after


def test_a_moved_builder_or_call_stays_where_it_is(tmp_path: Path) -> None:
    before = swap(BUILDERS, (CALL_ONE, ""), (BUILD_TWO, f"{CALL_ONE}\n{BUILD_TWO}"))
    call = CALL_ONE.replace("ONE", "FOO").replace("one", "foo")
    after = swap(load("foo")(before), (call, ""), (CALL_ONE, call + CALL_ONE))
    builder = after[after.index("    def _build_foo") : after.index(CALL_TWO)]
    moved = swap(after, (builder, ""), (call, f"{builder.rstrip()}\n\n{call}"))
    check_noop(load("foo"), moved)
    restored = load("foo")(swap(moved, (f"{builder.rstrip()}\n\n", "")))
    check_works(tmp_path, "foo", register("foo")(MODELS), restored)


@pytest.mark.parametrize("registered_last", ["one", "two"])
def test_a_builder_stands_behind_that_of_the_last_call(registered_last: str) -> None:
    calls = {"one": (CALL_TWO, CALL_ONE), "two": (CALL_ONE, CALL_TWO)}
    before = swap(BUILDERS, (CALL_ONE + CALL_TWO, "".join(calls[registered_last])))
    order = re.findall(r"def _build_(\w+)", load("foo")(before))
    assert order.index("foo") == order.index(registered_last) + 1


def test_a_call_stands_below_a_builder_that_was_moved_down(tmp_path: Path) -> None:
    call = CALL_ONE.replace("ONE", "FOO").replace("one", "foo")
    after = load("foo")(BUILDERS)
    builder = after[after.index("    def _build_foo") : after.index(CALL_ONE)]
    moved = swap(after, (builder, ""), (call, f"\n{builder}"))
    check_works(tmp_path, "foo", register("foo")(MODELS), load("foo")(moved))


CHANGED = {
    "another builder": (
        "loader",
        "embodiment.foo import",
        "embodiment.bar import",
        "rlinf/models/__init__.py:19: _build_foo() is there, but is not what was "
        "generated; expected \ndef _build_foo(cfg: DictConfig, torch_dtype):\n    from",
    ),
    "another call": (
        "loader",
        "_build_foo,\n        category=",
        "_build_one,\n        category=",
        "rlinf/models/__init__.py:36: register_model(SupportedModel.FOO.value, ...) is "
        "there, but is not what was generated; expected \nregister_model(\n    Supp",
    ),
    "a call by keyword": (
        "loader",
        "SupportedModel.FOO.value,\n        _build_foo,",
        "model_type=SupportedModel.FOO.value,\n        model_builder=_build_foo,",
        "rlinf/models/__init__.py:36: register_model(",
    ),
    "a call by string": (
        "loader",
        "SupportedModel.FOO.value,",
        "'foo',",
        "rlinf/models/__init__.py:36: register_model(",
    ),
    "a call under a condition": (
        "loader",
        "    register_model(\n        SupportedModel.FOO.value,\n        _build_foo,\n"
        '        category="embodied",\n        force=True,\n    )\n',
        "    if True:\n        register_model(SupportedModel.FOO.value, _build_foo)\n",
        "rlinf/models/__init__.py:36: register_model(",
    ),
    "another registration": (
        "config",
        'register("foo", force=True)',
        'register("foo")',
        "rlinf/config.py:19: SupportedModel.FOO is there, but is not what was "
        "generated; expected SupportedModel.FOO = SupportedModel.register("
        '"foo", force=True)',
    ),
    "a registration of another kind": (
        "config",
        'SupportedModel.register("foo", force=True)',
        "SupportedModel.ONE",
        "rlinf/config.py:19: SupportedModel.FOO is there,",
    ),
    "a registration below the set": (
        "config",
        f'SupportedModel.FOO = SupportedModel.register("foo", force=True)\n\n{SET}',
        f'\n{SET}\n\nSupportedModel.FOO = SupportedModel.register("foo", force=True)\n',
        "rlinf/config.py:28: SupportedModel.FOO is there, but is not what was "
        "generated; expected it above EMBODIED_MODEL at line 20",
    ),
}


@pytest.mark.parametrize(("file", "old", "new", "text"), CHANGED.values(), ids=CHANGED)
def test_refuses_wiring_that_was_edited(
    file: str, old: str, new: str, text: str
) -> None:
    if file == "config":
        row = "        SupportedModel.FOO,\n"
        wired = swap(register("foo")(MODELS), (row, ""))
        transform = register("foo")
    else:
        transform = load("foo")
        wired = transform(BUILDERS)
    edited = swap(wired, (old, new))
    with pytest.raises(WiringChangedError, match=f"^{re.escape(text)}"):
        transform(edited)


def test_refuses_a_member_that_stands_for_another_model() -> None:
    config = swap(
        MODELS,
        (
            '.TWO = SupportedModel.register("two"',
            '.BAR = SupportedModel.register("two"',
        ),
    )
    text = (
        "the name 'bar' is already taken: SupportedModel.BAR is 'two' at "
        "rlinf/config.py:18. Choose another --name, or remove what is there"
    )
    with pytest.raises(NameTakenError, match=f"^{re.escape(text)}$"):
        register("bar")(config)


def test_a_hand_edit_is_the_edit() -> None:
    config = swap(MODELS, (SET, f"EMBODIED_MODEL = {BOTH}\n"))
    text = (
        "rlinf/config.py: found no set, list or tuple literal assigned to "
        "EMBODIED_MODEL. By hand: add SupportedModel.FOO to EMBODIED_MODEL"
    )
    with pytest.raises(AnchorNotFoundError, match=f"^{re.escape(text)}$"):
        register("foo")(config)
    by_hand = swap(config, (BOTH, f"{BOTH}, SupportedModel.FOO"))
    assert register("foo")(by_hand) == swap(
        by_hand, (TWO, TWO + TWO.replace("TWO", "FOO").replace("two", "foo"))
    )


def test_refuses_a_loader_without_builders_above_its_calls() -> None:
    calls_first = (CALL_ONE, ""), (CALL_TWO, ""), ("():\n", f"():\n{CALL_ONE}")
    for source in ("", swap(BUILDERS, *calls_first)):
        with pytest.raises(AnchorNotFoundError, match="found no nested builder above"):
            load("foo")(source)


def test_modules_are_a_package() -> None:
    assert {str(path) for path in layout.modules(ModelSpec(name="foo")).values()} == {
        "rlinf/models/embodiment/foo/__init__.py",
        "rlinf/models/embodiment/foo/foo_action_model.py",
    }
