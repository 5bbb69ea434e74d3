from __future__ import annotations

import re
from pathlib import Path

import pytest
from chains import GENERATIONS
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
    UnknownLayoutError,
    WiringChangedError,
)
from rlinf_scaffold.layouts import CONFIG, LOADER, detect_layout, match_layout
from rlinf_scaffold.layouts.documented import layout
from rlinf_scaffold.rendering import templates_folder
from rlinf_scaffold.spec import ModelSpec

CHECKOUT = templates_folder() / "checkouts" / "documented"
MODELS = """\
# Copyright 2026 The rlinf-scaffold authors.

SUPPORTED_MODEL_ARCHS = [
    "one",
    "two",
]
"""
CHAINS = """\
# Copyright 2026 The rlinf-scaffold authors.


def get_model_config_and_processor(cfg):
    if cfg.model.model_type == "one":
        model_config, input_processor = "one", None
    elif cfg.model.model_type == "two":
        model_config = "two"
        input_processor = None

    return model_config, input_processor


def get_model(cfg, override_config_kwargs=None):
    torch_dtype = cfg.precision
    model_path = cfg.model_path
    if cfg.model_type == "one":
        model = "one"
    elif cfg.model_type == "two":
        model = "two"
    else:
        return None

    return model
"""
LIST = MODELS[MODELS.index("SUPPORTED") :]
PROCESSORS = CHAINS[
    CHAINS.index("def get_model_config") : CHAINS.index("def get_model(")
]
CHAIN = CHAINS[
    CHAINS.index("    if cfg.model_type") : CHAINS.index("\n    return model\n")
]
GIVEN = "    torch_dtype = cfg.precision\n    model_path = cfg.model_path\n"
ELSE = "    else:\n        return None\n"
FIRST = '    if cfg.model_type == "one":\n        model = "one"\n'
SECOND = '    elif cfg.model_type == "two":\n        model = "two"\n'
Swaps = tuple[tuple[str, str], ...]
CONFIGS: dict[str, tuple[Swaps, int]] = {
    "as documented": ((), 0),
    "a tuple": (((LIST, 'SUPPORTED_MODEL_ARCHS = (\n    "one",\n    "two",\n)\n'),), 0),
    "on one line": (((LIST, 'SUPPORTED_MODEL_ARCHS = ["one", "two"]\n'),), 1),
    "a tuple on one line": (((LIST, 'SUPPORTED_MODEL_ARCHS = ("one", "two")\n'),), 1),
    "a line that gets too long": (
        ((LIST, f'SUPPORTED_MODEL_ARCHS = ["one", "two", "{"x" * 42}"]\n'),),
        1,
    ),
    "annotated": ((("ARCHS =", "ARCHS: list[str] ="),), 0),
    "wrapped": (((LIST, 'SUPPORTED_MODEL_ARCHS = frozenset({"one", "two"})\n'),), 1),
    "a comment behind the last name": ((('"two",\n', '"two",  # last\n'),), 0),
    "names that are commented out": ((('"two",\n', '"two",\n    # "foo",\n'),), 0),
    "the name elsewhere": (((LIST, f'{LIST}\nOTHER = ["foo"]\n'),), 0),
}
LOADERS: dict[str, Swaps] = {
    "as documented": (),
    "no else": ((ELSE, ""),),
    "an else that raises": (
        (ELSE, '    else:\n        raise ValueError("unknown")\n'),
    ),
    "an else with an if": (
        (ELSE, "    else:\n        if cfg.lax:\n            return None\n"),
    ),
    "one branch": ((SECOND, ""),),
    "among several": (
        ('cfg.model_type == "two"', 'cfg.model_type in ("two", "three")'),
        ('cfg.model.model_type == "two"', 'cfg.model.model_type in ["two", "three"]'),
    ),
    "reversed": (
        ('cfg.model_type == "one"', '"one" == cfg.model_type'),
        ('cfg.model.model_type == "one"', '"one" == cfg.model.model_type'),
    ),
    "with more conditions": (
        ('cfg.model_type == "two"', '(cfg.model_type == "two" and not cfg.old)'),
        ('cfg.model_type == "one"', 'cfg.model_type == "one" or cfg.model_type == "1"'),
    ),
    "a branch on something else": (
        (SECOND, f"    elif cfg.custom:\n        model = cfg.custom\n{SECOND}"),
    ),
    "an if above that binds no model": (
        (
            GIVEN,
            f'{GIVEN}    if cfg.model_type == "two":\n        model_path = "two"\n',
        ),
    ),
    "an if below that binds the model": (
        (ELSE, f'{ELSE}    if cfg.model_type == "one":\n        model = str(model)\n'),
    ),
    "an if above that returns": (
        (
            GIVEN,
            f'{GIVEN}    if cfg.model_type == "zero":\n        model = 0\n'
            "        return model\n",
        ),
    ),
    "an if for each": (
        (ELSE, ""),
        ("    elif cfg.model_type", "    if cfg.model_type"),
    ),
    "an if below on something else": (
        (ELSE, f"{ELSE}    if cfg.is_lora:\n        model = str(model)\n"),
    ),
    "branches that are commented out": (
        (ELSE, f'    # elif cfg.model_type == "foo":\n    #     model = None\n{ELSE}'),
    ),
    "relative imports": (
        ('        model = "two"', "        from .embodiment import two as model"),
    ),
    "absolute imports": (
        (
            '        model = "two"',
            "        from rlinf.models.embodiment import two as model",
        ),
    ),
    "given by the module": (
        ("    torch_dtype = cfg.precision\n", ""),
        ("\n\ndef get_model_c", "\ntorch_dtype = None\n\n\ndef get_model_c"),
    ),
    "given together": (
        (GIVEN, "    torch_dtype, model_path = cfg.precision, cfg.model_path\n"),
    ),
    "given under other names": (
        ("torch_dtype =", "dtype ="),
        ("model_path =", "folder ="),
    ),
    "given with types": (("torch_dtype =", "torch_dtype: object ="),),
    "a decorated function": (("def get_model(", "@(lambda f: f)\ndef get_model("),),
    "a function that is replaced": (
        (PROCESSORS, f"def get_model():\n    return None\n\n\n{PROCESSORS}"),
    ),
    "a function inside": (
        (
            GIVEN,
            f"{GIVEN}\n    def build():\n        if cfg.model_type == 'x':\n            model = 1\n\n",
        ),
    ),
    "a model that is wrapped": (
        ("\n    return model\n", "\n    return (lambda m: m)(model)\n"),
    ),
    "statements between": (
        (GIVEN, f"    assert cfg\n{GIVEN}    unused = 1\n    del unused\n"),
    ),
}
REFUSED: dict[str, tuple[str, str, str, str]] = {
    "an emptied loader": ("loader", CHAINS, "", "missing get_model_config_and_proc"),
    "an emptied config": (
        "config",
        MODELS,
        "",
        "missing list SUPPORTED_MODEL_ARCHS without a class SupportedModel beside it in ",
    ),
    "an Enum": (
        "config",
        LIST,
        'class SupportedModel(Enum):\n    ONE = "one"\n',
        "missing list SUPPORTED_MODEL_ARCHS without a class SupportedModel beside it "
        "(rlinf/config.py:3 has `class SupportedModel(Enum):`)",
    ),
    "a list that is computed": (
        "config",
        LIST,
        "SUPPORTED_MODEL_ARCHS = list(ARCHS)\n",
        "(rlinf/config.py:3 has `SUPPORTED_MODEL_ARCHS = list(ARCHS)`)",
    ),
    "get_model takes more": (
        "loader",
        "get_model(cfg, override_config_kwargs=None)",
        "get_model(cfg, device, override_config_kwargs=None)",
        "get_model(cfg) (rlinf/models/__init__.py:14 "
        "has `def get_model(cfg, device, override_config_kwargs=None):`)",
    ),
    "get_model is renamed": (
        "loader",
        "def get_model(",
        "def load_model(",
        "get_model(cfg) in rlinf/models/__init__.py;",
    ),
    "the other function is renamed": (
        "loader",
        "def get_model_config_and_processor",
        "def get_vla_model_config_and_processor",
        "get_model_config_and_processor(cfg) in rlinf/models/__init__.py;",
    ),
    "a chain on a variable": (
        "loader",
        CHAIN,
        CHAIN.replace("cfg.model_type", "model_type"),
        "get_model() with an if/elif chain that compares cfg.model_type with strings "
        "and binds model (rlinf/models/__init__.py:14 has `def get_model(cfg, "
        "override_config_kwargs=None):`)",
    ),
    "a chain on members": (
        "loader",
        CHAIN,
        re.sub(r'"(\w+)":', r"SupportedModel.\1:", CHAIN),
        "get_model() with an if/elif chain",
    ),
    "a match statement": (
        "loader",
        CHAIN,
        '    match cfg.model_type:\n        case "one":\n            model = "one"\n',
        "get_model() with an if/elif chain",
    ),
    "a chain in a block": (
        "loader",
        CHAIN,
        "    with cfg:\n" + CHAIN.replace("    ", "        "),
        "get_model() with an if/elif chain",
    ),
    "a chain that binds another name": (
        "loader",
        CHAIN,
        CHAIN.replace("model = ", "policy = "),
        "get_model() with an if/elif chain",
    ),
    "branches that return": (
        "loader",
        CHAIN,
        CHAIN.replace("model = ", "return "),
        "get_model() with an if/elif chain",
    ),
    "a branch for every name but one": (
        "loader",
        'cfg.model_type == "two"',
        'cfg.model_type != "two"',
        "conditions in get_model() that each spell out their models (rlinf/models/"
        "__init__.py:19 has `if ",
    ),
    "a branch for names that start so": (
        "loader",
        'cfg.model_type == "two"',
        'cfg.model_type.startswith("a")',
        "conditions in get_model() that each spell out their models (rlinf/models/"
        "__init__.py:19 has `if ",
    ),
    "a branch for names of a list elsewhere": (
        "loader",
        'cfg.model_type == "two"',
        "cfg.model_type in SUPPORTED_MODEL_ARCHS",
        "conditions in get_model() that each spell out their models (rlinf/models/"
        "__init__.py:19 has `if ",
    ),
    "a branch for parts of a name": (
        "loader",
        'cfg.model_type == "two"',
        'cfg.model_type in "two"',
        "conditions in get_model() that each spell out their models (rlinf/models/"
        "__init__.py:19 has `if ",
    ),
    "a branch that takes others too": (
        "loader",
        'cfg.model_type == "two"',
        'cfg.model_type == "two" or cfg.lax',
        "conditions in get_model() that each spell out their models (rlinf/models/"
        "__init__.py:19 has `if ",
    ),
    "a branch that compares twice": (
        "loader",
        'cfg.model_type == "two"',
        'cfg.model_type == "two" == cfg.kind',
        "conditions in get_model() that each spell out their models (rlinf/models/"
        "__init__.py:19 has `if ",
    ),
    "no model_path": (
        "loader",
        "    model_path = cfg.model_path\n",
        "",
        "get_model() that binds model_path above that chain "
        "(rlinf/models/__init__.py:14 has `def get_model(",
    ),
    "model_path below the chain": (
        "loader",
        f"    model_path = cfg.model_path\n{CHAIN}",
        f"{CHAIN}    model_path = cfg.model_path\n",
        "get_model() that binds model_path above that chain",
    ),
    "something else is returned": (
        "loader",
        "\n    return model\n",
        "\n    return Policy()\n",
        "get_model() with an if/elif chain",
    ),
    "nothing is returned": (
        "loader",
        "\n    return model\n",
        "\n    print(model)\n",
        "get_model() that ends in a return (rlinf/models/__init__.py:24 "
        "has `print(model)`)",
    ),
    "one of two is returned": (
        "loader",
        "return model_config, input_processor",
        "return model_config",
        "get_model_config_and_processor() with an if/elif chain",
    ),
}


def register(name: str) -> Transform:
    return lambda source: layout.register(source, ModelSpec(name=name))


def load(name: str) -> Transform:
    return GENERATIONS["documented"].load(name)


def tree(config: str = MODELS, loader: str = CHAINS) -> MemoryTree:
    return MemoryTree.of({str(CONFIG): config, str(LOADER): loader})


def check_works(folder: Path, name: str, config: str, loader: str) -> None:
    """Check that Python finds the new model, and still the others."""
    kind = ModelSpec(name=name).class_name
    model = (
        f"class {kind}:\n"
        "    def __init__(self, path, **settings):\n"
        "        self.path = path\n\n"
        "    @classmethod\n"
        "    def from_pretrained(cls, path, **settings):\n"
        "        return cls(path)\n\n"
        "    def setup_config_and_processor(self, config, processor):\n"
        "        self.processor = processor\n\n"
        "    def __str__(self):\n"
        f"        return f'{name} of {{self.path}} with {{self.processor}}'\n\n\n"
        "def load_config_and_processor(path, trust_remote_code):\n"
        "    return 'a config', 'a processor'\n"
    )
    plant(
        folder,
        {
            str(CONFIG): config,
            str(LOADER): loader,
            "rlinf/models/embodiment/two.py": "",
            f"rlinf/models/embodiment/{name}_action_model.py": model,
        },
    )
    code = (
        "from rlinf.config import SUPPORTED_MODEL_ARCHS\n"
        "from rlinf.models import get_model, get_model_config_and_processor\n"
        "class Config(dict):\n"
        "    def __getattr__(self, key):\n"
        "        return self.get(key)\n"
        f"for name in ('one', '{name}'):\n"
        "    cfg = Config(model_type=name, model_path='here')\n"
        "    cfg.update(model=cfg, tokenizer=cfg)\n"
        "    print(get_model(cfg), get_model_config_and_processor(cfg))\n"
        f"print('{name}' in SUPPORTED_MODEL_ARCHS)\n"
    )
    assert python(code, folder).split("\n")[:-1] == [
        "one ('one', None)",
        f"{name} of here with a processor ('a config', 'a processor')",
        "True",
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("swaps", "rewritten"), CONFIGS.values(), ids=CONFIGS)
def test_registers(name: str, swaps: Swaps, rewritten: int, tmp_path: Path) -> None:
    before = swap(MODELS, *swaps)
    assert match_layout(tree(config=before), [layout]) is layout
    after = check_laws(register(name), before, rewritten=rewritten)
    check_ruff(tmp_path, before, after)
    check_works(tmp_path, name, after, load(name)(CHAINS))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("swaps", LOADERS.values(), ids=LOADERS)
def test_loads(name: str, swaps: Swaps, tmp_path: Path) -> None:
    before = swap(CHAINS, *swaps)
    assert match_layout(tree(loader=before), [layout]) is layout
    after = check_laws(load(name), before)
    check_ruff(tmp_path, before, after)
    check_works(tmp_path, name, register(name)(MODELS), after)


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_keeps_the_style_of_a_file(style: Transform, tmp_path: Path) -> None:
    config, loader = style(MODELS), style(CHAINS)
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
    sources = {"config": MODELS, "loader": CHAINS}
    sources[file] = swap(sources[file], (old, new))
    with pytest.raises(UnknownLayoutError) as caught:
        detect_layout(tree(**sources))
    assert finding in str(caught.value).replace("\n", ";"), caught.value


def test_knows_every_model_that_is_wired() -> None:
    loader = swap(CHAINS, ('cfg.model_type == "two"', '"three" == cfg.model_type'))
    config = swap(MODELS, ('    "one",\n', '    "four",\n'))
    assert layout.model_types(tree(config, loader)) == {
        "one": "rlinf/models/__init__.py:17",
        "two": "rlinf/config.py:5",
        "three": "rlinf/models/__init__.py:19",
        "four": "rlinf/config.py:4",
    }
    assert layout.model_types(MemoryTree()) == {}


@pytest.mark.parametrize("name", NAMES)
def test_puts_back_what_was_taken_away(name: str) -> None:
    for transform, path, hunks in (
        (register(name), CONFIG, 1),
        (load(name), LOADER, 2),
    ):
        before = (CHECKOUT / path).read_text()
        after = transform(before)
        assert len(hunks_out(before, after)) == hunks
        for damaged in (before, *hunks_out(before, after)):
            assert transform(damaged) == after


def test_a_moved_branch_stays_where_it_is() -> None:
    after = load("foo")(CHAINS)
    branch = after[after.index('    elif cfg.model_type == "foo"') : after.index(ELSE)]
    check_noop(load("foo"), swap(after, (branch, ""), (SECOND, branch + SECOND)))


def test_imports_as_the_loader_does() -> None:
    relative = load("foo")(swap(CHAINS, *LOADERS["relative imports"]))
    assert "from .embodiment.foo_action_model import (" in relative
    absolute = load("foo")(CHAINS)
    assert "from rlinf.models.embodiment.foo_action_model import (" in absolute


def test_a_branch_stays_when_the_other_imports_change() -> None:
    after = load("foo")(CHAINS)
    check_noop(load("foo"), f"{after}\n\nfrom .embodiment import two\n")


CHANGED = {
    "another body": (
        "        model = FooForRLActionPrediction.from_pretrained(",
        "        model = FooForRLActionPrediction.load(",
        "rlinf/models/__init__.py:27: the branch of 'foo' is there, but is not what "
        'was generated; expected \nif cfg.model_type == "foo":\n    from rlinf.models',
    ),
    "another condition": (
        'cfg.model_type == "foo"',
        'cfg.model_type in ("foo", "bar")',
        "rlinf/models/__init__.py:27: the branch of 'foo' is there, but",
    ),
    "more conditions": (
        'cfg.model_type == "foo"',
        'cfg.model_type == "foo" and cfg.new',
        "rlinf/models/__init__.py:27: the branch of 'foo' is there, but",
    ),
    "another processor": (
        "cfg.tokenizer.tokenizer_model, cfg.model.trust_remote_code",
        "cfg.tokenizer.tokenizer_model, True",
        "rlinf/models/__init__.py:10: the branch of 'foo' is there, but",
    ),
}


@pytest.mark.parametrize(("old", "new", "text"), CHANGED.values(), ids=CHANGED)
def test_refuses_wiring_that_was_edited(old: str, new: str, text: str) -> None:
    edited = swap(load("foo")(CHAINS), (old, new))
    with pytest.raises(WiringChangedError, match=f"^{re.escape(text)}"):
        load("foo")(edited)


def test_a_hand_edit_of_the_list_is_the_edit() -> None:
    config = 'SUPPORTED_MODEL_ARCHS = "one", "two"\n'
    text = (
        "rlinf/config.py: found no set, list or tuple literal assigned to "
        'SUPPORTED_MODEL_ARCHS. By hand: add "foo" to SUPPORTED_MODEL_ARCHS'
    )
    with pytest.raises(AnchorNotFoundError, match=f"^{re.escape(text)}$"):
        register("foo")(config)
    check_noop(register("foo"), config.replace('"two"', '"two", "foo"'))


def test_a_hand_edit_of_the_loader_is_the_edit() -> None:
    with pytest.raises(AnchorNotFoundError) as caught:
        load("foo")(swap(CHAINS, (CHAIN, "    model = None\n")))
    head, _, branch = str(caught.value).partition("():\n")
    assert head == (
        "rlinf/models/__init__.py: found no if/elif chain on cfg.model_type in "
        "get_model(). By hand: add this branch to get_model"
    )
    by_hand = "".join(f"    {line}\n" if line else "\n" for line in branch.splitlines())
    assert by_hand.replace("    if", "    elif", 1) in load("foo")(CHAINS)


def test_modules_are_one_file() -> None:
    assert {str(path) for path in layout.modules(ModelSpec(name="foo")).values()} == {
        "rlinf/models/embodiment/foo_action_model.py"
    }
