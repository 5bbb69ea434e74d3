from __future__ import annotations

import ast
import importlib.util
import shutil
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateNotFound, UndefinedError
from tools import ruff

import rlinf_scaffold
from rlinf_scaffold import rendering
from rlinf_scaffold.rendering import fit, from_imports, render, templates_folder
from rlinf_scaffold.spec import ModelSpec

PACKAGE = Path(rlinf_scaffold.__file__).parent
CLASS = st.from_regex(r"[A-Z][A-Za-z0-9]{0,5}", fullmatch=True)
FITTED = {
    "nothing to give": (("f", []), {}, "f()"),
    "short": (("f", ["a", "b=1"]), {}, "f(a, b=1)"),
    "with a tail": (("f", ["a"], " + 1"), {}, "f(a) + 1"),
    "just fits": (("f", ["a" * 85]), {}, f"f({'a' * 85})"),
    "one too long": (("f", ["a" * 84, "b"]), {}, f"f(\n    {'a' * 81}aaa,\n    b,\n)"),
    "its tail does not fit": (
        ("f", ["a" * 80], ".bcde()"),
        {},
        f"f(\n    {'a' * 80}\n).bcde()",
    ),
    "indented": (
        ("f", ["a" * 40, "b" * 40]),
        {"indent": 4},
        f"f(\n        {'a' * 40},\n        {'b' * 40},\n    )",
    ),
    "indented on one line": (
        ("function", ["a" * 40, "b" * 30]),
        {"indent": 12},
        f"function(\n                {'a' * 40}, {'b' * 30}\n            )",
    ),
}

IMPORTS = {
    "none": ([], ""),
    "one": ([("a", "B")], "from a import B"),
    "twice": ([("a", "B"), ("a", "B")], "from a import B"),
    "letters by no case, numbers by value": (
        [("t", name) for name in ("PreA", "Gpt10a", "Gpt2a", "Prea2", "GPTa")],
        "from t import Gpt2a, Gpt10a, GPTa, PreA, Prea2",
    ),
    "constants, classes, others": (
        [("t", name) for name in ("xLSTM", "b", "A2", "X", "Bc", "BCD", "B")],
        "from t import A2, BCD, B, Bc, X, b, xLSTM",
    ),
    "RLinf's own below": (
        [("rlinf.a", "B"), ("torch", "C"), ("rlinf", "A"), ("rlinfx", "D")],
        "from rlinfx import D\nfrom torch import C\n\n"
        "from rlinf import A\nfrom rlinf.a import B",
    ),
    "just fits": ([("a", "B" * 74)], f"from a import {'B' * 74}"),
    "too long": ([("a", "B" * 75)], f"from a import (\n    {'B' * 75},\n)"),
}


@pytest.mark.parametrize(("given", "indent", "text"), FITTED.values(), ids=FITTED)
def test_breaks_a_call(
    given: tuple[str, list[str]], indent: dict[str, int], text: str
) -> None:
    assert fit(*given, **indent) == text


def test_leaves_room_for_a_call_that_is_moved() -> None:
    line = f"call({'a' * 70}, b)"
    assert fit("call", ["a" * 70, "b"], shift=9) == line
    assert fit("call", ["a" * 70, "b"], shift=10) == f"call(\n    {'a' * 70}, b\n)"


def test_breaks_calls_as_ruff_does(tmp_path: Path) -> None:
    lengths = [(1, 1), (40, 1), (40, 42), (40, 43), (60, 30), (80, 1), (80, 2), (84, 9)]
    lines = [
        fit(f"name_{a}_{b} = call", ["a" * a, "b" * b, f"c={a}"], tail)
        for a, b in lengths
        for tail in ("", "[0]")
    ]
    (tmp_path / "calls.py").write_text("".join(f"{line}\n" for line in lines))
    assert ruff("format", "--diff", "calls.py", folder=tmp_path).returncode == 0


def test_sorts_and_breaks_imports_as_ruff_does(tmp_path: Path) -> None:
    catalogue = (PACKAGE / "bases" / "catalogue.json").read_text()
    names = {word for word in catalogue.split('"') if word.endswith("LM")}
    assert "xLSTMForCausalLM" in names
    imports = [("transformers", name) for name in (*names, "AutoConfig", "AutoModel")]
    imports += [("transformers.generation", "LogitsProcessor"), ("torch", "Tensor")]
    imports += [("rlinf.utils.utils", "a"), ("rlinf.models.base_policy", "BasePolicy")]
    imports += [("transformers", name) for name in ("MAX", "A1", "T", "helper")]
    imports += [("prismatic10.x", "B"), ("prismatic2.x", "A"), ("Prismatic.x", "C")]
    shutil.copy(
        templates_folder() / "checkouts" / "registry" / "pyproject.toml", tmp_path
    )
    (tmp_path / "names.py").write_text(f"{from_imports(imports)}\n")
    formatted = ruff("format", "--diff", "names.py", folder=tmp_path)
    assert formatted.returncode == 0, formatted.output
    checked = ruff("check", "--select=I", "names.py", folder=tmp_path)
    assert checked.returncode == 0, checked.output


@pytest.mark.parametrize(("imports", "text"), IMPORTS.values(), ids=IMPORTS)
def test_writes_imports(imports: list[tuple[str, str]], text: str) -> None:
    assert from_imports(imports) == text


@given(st.lists(st.tuples(st.sampled_from(["a", "rlinf.b"]), CLASS)), st.randoms())
def test_the_order_of_imports_does_not_depend_on_the_order_before(
    imports: list[tuple[str, str]], random: Random
) -> None:
    shuffled = random.sample(imports, len(imports))
    tree = ast.parse(from_imports(imports))
    assert ast.dump(ast.parse(from_imports(shuffled))) == ast.dump(tree)
    assert {
        (node.module, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    } == {*imports}


def test_an_unknown_name_in_a_template_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("model/import_branch.j2", {})


def test_an_unknown_template_is_an_error() -> None:
    with pytest.raises(TemplateNotFound):
        render("model/no_such_template.j2", {})


def test_renders_without_blank_lines_for_statements() -> None:
    values = {"spec": ModelSpec(name="foo"), "package": ".embodiment"}
    names = {"get_model": "get_model"}
    text = render("model/import_branch.j2", {**values, "test": "x", "names": names})
    assert text == "if x:\n    from .embodiment.foo import get_model\n"


INDENTED = {
    "what fits": (
        ("a.b", 4, 0),
        "from a.b import one, two",
    ),
    "what does not": (
        (f"a.{'b' * 62}", 4, 0),
        f"from a.{'b' * 62} import (\n        one,\n        two,\n    )",
    ),
    "what will not when it is in place": (
        (f"a.{'b' * 57}", 4, 8),
        f"from a.{'b' * 57} import (\n        one,\n        two,\n    )",
    ),
    "what still will": (
        (f"a.{'b' * 57}", 4, 4),
        f"from a.{'b' * 57} import one, two",
    ),
}


@pytest.mark.parametrize(("given", "text"), INDENTED.values(), ids=INDENTED)
def test_breaks_imports_where_they_stand(
    given: tuple[str, int, int], text: str
) -> None:
    module, indent, shift = given
    imports = [(module, "two"), (module, "one")]
    assert from_imports(imports, indent=indent, shift=shift) == text


@pytest.mark.parametrize("folder", ["package/_templates", "templates"])
def test_finds_templates_in_a_wheel_and_in_a_checkout(
    folder: str, tmp_path: Path
) -> None:
    module = tmp_path / "package" / "rendering.py"
    (tmp_path / folder).mkdir(parents=True)
    module.parent.mkdir(exist_ok=True)
    shutil.copy(rendering.__file__, module)
    (tmp_path / folder / "hello.j2").write_text("hello {{ name }}\n")
    spec = importlib.util.spec_from_file_location("copied_rendering", module)
    assert spec is not None
    assert spec.loader is not None
    copied = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copied)
    assert copied.templates_folder() == (tmp_path / folder).resolve()
    assert copied.render("hello.j2", {"name": "foo"}) == "hello foo\n"


def test_every_template_is_found() -> None:
    assert list(templates_folder().rglob("*.j2"))
