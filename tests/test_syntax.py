from __future__ import annotations

import ast
import re
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.syntax import (
    bound_names,
    children,
    find_assignment,
    find_class,
    find_function,
    find_literal,
    from_parsable,
    headline,
    is_same_code,
    last_name,
    parameter_names,
    parse,
    required_parameters,
    spelled,
    strings,
    takes,
    to_parsable,
    walk,
)

PATH = PurePosixPath("rlinf/config.py")
THIS_FILE = Path(__file__).read_text(encoding="utf-8")
ASSIGNMENTS = {
    "none": ("x = 1", "a", None),
    "of a longer name": ("a_b = 1", "a", None),
    "only declared": ("a: int", "a", None),
    "to a part": ("a[0] = 1", "a", None),
    "added to": ("a += 1", "a", None),
    "in a block": ("if x:\n    a = 1", "a", None),
    "plain": ("a = 1", "a", "1"),
    "annotated": ("a: int = 1", "a", "1"),
    "one of two targets": ("b = a = 1", "a", "1"),
    "dotted": ("a.b = 1\na = 2", "a.b", "1"),
    "the last of several": ("a = 1\na: int = 2", "a", "2"),
}
LITERALS = {
    "a number": ("1", None),
    "a name": ("a", None),
    "a dict": ("{}", None),
    "a call of nothing": ("set()", None),
    "a call of something else": ("sorted([1])", None),
    "a call with a keyword": ("set([1], key=2)", None),
    "a set in a call of something else": ("set(sorted([1]))", None),
    "a sum": ("[1] + [2]", None),
    "a set": ("{1}", ast.Set),
    "a list": ("[1]", ast.List),
    "a tuple": ("(1,)", ast.Tuple),
    "wrapped": ("frozenset({1})", ast.Set),
    "wrapped twice": ("tuple(set([1]))", ast.List),
}
NAMES = {
    "nothing": ("", set()),
    "reads": ("f(a)", set()),
    "an attribute": ("a.b = 1", set()),
    "inside a function": ("def f():\n    a = 1", {"f"}),
    "inside a class": ("class C:\n    a = 1", {"C"}),
    "a coroutine": ("async def f(): pass", {"f"}),
    "assignments": ("a = b = 1\nc: int = 2\nd, (e, *f) = g", set("abcdef")),
    "imports": ("import a.b\nimport c as d\nfrom e import f, g as h", set("adfh")),
    "in blocks": (
        "try:\n    import a\nexcept E:\n    a = None\nif x:\n    def b(): pass",
        {"a", "b"},
    ),
    "loops and contexts": ("for a in x:\n    pass\nwith x as b:\n    pass", {"a", "b"}),
}
SIGNATURES = {
    "": (),
    "a, b": ("a", "b"),
    "a, /, b, *, c": ("a", "b", "c"),
    "a, *args, b, **kwargs": ("a", "b", "*args", "**kwargs"),
}
TAKES = {
    "": False,
    "a": False,
    "b, a, c": False,
    "a, b": False,
    "a, b, c, d": False,
    "a, b, *, c, d": False,
    "a, b, c, /": False,
    "a, *, b, c": False,
    "a, b, **c": False,
    "a, b, c": True,
    "a, b, c=1": True,
    "a, b=1, c=2, d=3": True,
    "a, b, *, c": True,
    "a, b, *, c=1, d=2": True,
    "a, /, b, d=1, *more, c, **rest": True,
}
BROKEN = {
    "an open bracket": ("a = 1\nb = (\n", 2),
    "a bad indentation": ("def f():\n    a\n  b\n", 3),
    "a null byte": ("a = 1\n\x00\n", 1),
}


def function(parameters: str) -> ast.FunctionDef:
    found = find_function(ast.parse(f"def f({parameters}): pass").body, "f")
    assert found is not None
    return found


@given(st.binary(max_size=20).map(lambda b: b.decode("utf-8", "surrogateescape")))
def test_every_text_survives_what_parsers_cannot_take(text: str) -> None:
    parsable = to_parsable(text)
    parsable.encode("utf-8")
    assert from_parsable(parsable, text) == text


def test_parses_past_a_mark_and_bytes_that_are_no_utf_8() -> None:
    module = parse("\ufeffa = 'caf\udce9'  # \udcff\n", PATH)
    assert find_assignment(module.body, "a") is not None


@pytest.mark.parametrize(("source", "line"), BROKEN.values(), ids=BROKEN)
def test_names_the_line_that_does_not_parse(source: str, line: int) -> None:
    text = rf"^rlinf/config\.py:{line}: cannot be parsed: .+\. Mend the file, then run "
    with pytest.raises(SourceSyntaxError, match=text) as caught:
        parse(source, PATH)
    assert caught.value.line == line


def test_the_error_says_what_python_says() -> None:
    text = "rlinf/config.py:1: cannot be parsed: '(' was never closed. Mend the file"
    with pytest.raises(SourceSyntaxError, match=re.escape(text)):
        parse("a = (\n", PATH)


def test_finds_what_python_binds_last() -> None:
    body = ast.parse("def f(): 1\nclass C: a\ndef f(): 2\nclass C: b\n").body
    assert find_function(body, "f") is body[2]
    assert find_class(body, "C") is body[3]


def test_finds_no_definition_of_another_kind_name_or_depth() -> None:
    body = ast.parse(
        "class f: pass\nif x:\n    def f(): pass\n    class C: pass\n"
    ).body
    assert find_function(body, "f") is None
    assert find_class(body, "C") is None


@pytest.mark.parametrize(
    ("source", "target", "value"), ASSIGNMENTS.values(), ids=ASSIGNMENTS
)
def test_finds_an_assignment(source: str, target: str, value: str | None) -> None:
    found = find_assignment(ast.parse(source).body, target)
    assert (ast.unparse(found.value) if found else None) == value


@pytest.mark.parametrize(("source", "kind"), LITERALS.values(), ids=LITERALS)
def test_finds_a_literal(source: str, kind: type[ast.expr] | None) -> None:
    found = find_literal(ast.parse(source, mode="eval").body)
    assert (type(found) if found else None) is kind


@pytest.mark.parametrize(("source", "names"), NAMES.values(), ids=NAMES)
def test_knows_what_statements_bind(source: str, names: set[str]) -> None:
    assert bound_names(ast.parse(source).body) == names


@pytest.mark.parametrize(("signature", "names"), SIGNATURES.items())
def test_names_parameters(signature: str, names: tuple[str, ...]) -> None:
    assert parameter_names(function(signature)) == names


@pytest.mark.parametrize(("signature", "holds"), TAKES.items())
def test_knows_which_call_a_function_takes(signature: str, holds: bool) -> None:
    assert takes(function(signature), ("a", "b"), ("c",)) is holds


@pytest.mark.parametrize(
    ("source", "first"),
    [
        ("a = 1", "a = 1"),
        ("@cache\n@b(c)\ndef f(a, b=1):\n    pass", "def f(a, b=1):"),
        ("class C(Enum):\n    a = 1", "class C(Enum):"),
        ("if a == 'b':\n    c", "if a == 'b':"),
        (f"a = [{'b, ' * 40}]", f"a = [{'b, ' * 20}b, ..."),
    ],
)
def test_a_headline_is_one_short_line(source: str, first: str) -> None:
    assert headline(ast.parse(source).body[0]) == first


def test_the_same_code_may_be_written_otherwise() -> None:
    node = ast.parse("f(  # a\n    'b',\n)").body[0]
    assert is_same_code(node, 'f("b")')
    assert is_same_code(node, "f(c)", "f('b')")
    assert not is_same_code(node, "f(c)")


@pytest.mark.parametrize(
    ("signature", "names"),
    [
        ("", ()),
        ("a, b=1", ("a",)),
        ("a, /, b, *c, **d", ("a", "b")),
        ("a=1, *, b, c=2", ("b",)),
    ],
)
def test_names_parameters_without_a_default(
    signature: str, names: tuple[str, ...]
) -> None:
    assert required_parameters(function(signature)) == names


def test_yields_strings_with_their_lines() -> None:
    value = ast.parse('x = [\n"a",\n1,\nb"c",\n"d"]')
    assert [*strings(ast.walk(value))] == [("a", 2), ("d", 5)]


def _is_context(node: ast.AST) -> bool:
    return isinstance(node, ast.expr_context)


@pytest.mark.parametrize("source", ["", "a", THIS_FILE], ids=["nothing", "one", "all"])
def test_walks_as_python_does_but_for_contexts(source: str) -> None:
    tree = ast.parse(source)
    assert list(walk(tree)) == [it for it in ast.walk(tree) if not _is_context(it)]
    for node in ast.walk(tree):
        below = [it for it in ast.iter_child_nodes(node) if not _is_context(it)]
        assert children(node) == below


@pytest.mark.parametrize(
    ("code", "last"),
    {
        "a": "a",
        "a.b": "b",
        "a.b.c": "c",
        "a().b": "b",
        "a().b.c": "c",
        "a[0].b": "b",
        "(1).real": "real",
        "(a + b).c": "c",
        "(yield).a": "a",
        "a()": "a()",
        "a.b()": "b()",
        "a.b[c.d]": "d]",
        "1": "1",
        "'a.b'": "b'",
        "a + b.c": "c",
    }.items(),
)
def test_spells_as_python_does(code: str, last: str) -> None:
    node = ast.parse(code, mode="eval").body
    assert spelled(node) == ast.unparse(node)
    assert last_name(node) == last == ast.unparse(node).rpartition(".")[2]
