from __future__ import annotations

import re
from pathlib import Path

import pytest
from chains import ENUM, LIST
from tools import NAMES, STYLES, Transform, check_laws, check_noop, check_ruff, swap

from rlinf_scaffold.errors import (
    AnchorNotFoundError,
    NameTakenError,
    WiringChangedError,
)
from rlinf_scaffold.matching import Check
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.supported import ENUM as MEMBERS
from rlinf_scaffold.supported import LIST as ARCHITECTURES
from rlinf_scaffold.supported import Supported
from rlinf_scaffold.syntax import find_class, is_same_code, parse
from rlinf_scaffold.wiring import CONFIG

ONE = '    ONE = ("one", "embodied")\n'
TWO = '    TWO = ("two", "embodied")\n'
CLASS = "class SupportedModel(Enum):"
# What a member may look like in its place, and what the new one then looks like.
FORMS: dict[str, tuple[tuple[tuple[str, str], ...], str]] = {
    "a tuple": ((), 'FOO = ("foo", "embodied")'),
    "a bare tuple": (
        ((TWO, '    TWO = "two", "embodied"\n'),),
        'FOO = ("foo", "embodied")',
    ),
    "single quotes": (
        ((TWO, "    TWO = ('two', 'embodied')\n"),),
        'FOO = ("foo", "embodied")',
    ),
    "the category first": (
        ((TWO, '    TWO = ("embodied", "two")\n'),),
        'FOO = ("embodied", "foo")',
    ),
    "a call": (
        ((TWO, '    TWO = Entry("two", "embodied")\n'),),
        'FOO = Entry("foo", "embodied")',
    ),
    "keywords": (
        ((TWO, '    TWO = Entry(value="two", category="embodied")\n'),),
        'FOO = Entry(value="foo", category="embodied")',
    ),
    "a category of an Enum": (
        ((TWO, '    TWO = ("two", Category.EMBODIED)\n'),),
        'FOO = ("foo", Category.EMBODIED)',
    ),
    "a constant": (
        ((TWO, '    TWO = ("two", EMBODIED)\n'),),
        'FOO = ("foo", EMBODIED)',
    ),
    "a mixin": (
        ((CLASS, "class SupportedModel(str, Enum):"),),
        'FOO = ("foo", "embodied")',
    ),
    "a StrEnum": (
        ((CLASS, "class SupportedModel(enum.StrEnum):"),),
        'FOO = ("foo", "embodied")',
    ),
    "an Enum of its own": (
        (
            (
                CLASS,
                f"class Models(Enum):\n    pass\n\n\n{CLASS.replace('Enum', 'Models')}",
            ),
        ),
        'FOO = ("foo", "embodied")',
    ),
    "a decorator": (((CLASS, f"@unique\n{CLASS}"),), 'FOO = ("foo", "embodied")'),
    "a docstring": (
        ((CLASS, f'{CLASS}\n    """Models."""\n'),),
        'FOO = ("foo", "embodied")',
    ),
    "a comment behind": (
        ((TWO, f"{TWO.rstrip()}  # the second\n"),),
        'FOO = ("foo", "embodied")',
    ),
    "more embodied members below": (
        (("    THINKER_SFT", '    THREE = ("three", "embodied")\n    THINKER_SFT'),),
        'FOO = ("foo", "embodied")',
    ),
}
PLACES = {
    "at the end of its group": ((), f'{TWO}    FOO = ("foo", "embodied")\n\n    # Sft'),
    "above what is commented out": (
        ((TWO, f'{TWO}    # FOO = ("foo", "embodied")\n'),),
        f'{TWO}    FOO = ("foo", "embodied")\n    # FOO',
    ),
    "behind a comment": (
        ((TWO, f"{TWO.rstrip()}  # the second\n"),),
        '  # the second\n    FOO = ("foo", "embodied")\n',
    ),
    "behind the last of its category": (
        (("    THINKER_SFT", '    LAST = ("last", "embodied")\n    THINKER_SFT'),),
        '    LAST = ("last", "embodied")\n    FOO = ("foo", "embodied")\n',
    ),
}
NOT_UNDERSTOOD = {
    "no members": ((ONE, ""), (TWO, "")),
    "no category": ((ONE, '    ONE = "one"\n'), (TWO, '    TWO = "two"\n')),
    "more than a category": (
        (ONE, '    ONE = ("one", "embodied", 1)\n'),
        (TWO, '    TWO = ("two", "embodied", 2)\n'),
    ),
    "no name": ((ONE, "    ONE = (1, EMBODIED)\n"), (TWO, "    TWO = auto()\n")),
    "lists": (
        (ONE, '    ONE = ["one", "embodied"]\n'),
        (TWO, '    TWO = ["two", "embodied"]\n'),
    ),
    "a name that is computed": (
        (ONE, '    ONE = (name("one"), "embodied")\n'),
        (TWO, "    A = B = C\n"),
    ),
    "two members at once": (
        (ONE, '    ONE = UNO = ("one", "embodied", 1)\n'),
        (TWO, "    TWO.x = 1\n"),
    ),
    "no Enum": ((CLASS, "class SupportedModel:"),),
    "a base that is no Enum": (
        (CLASS, "class Models:\n    pass\n\n\nclass SupportedModel(Models):"),
    ),
    "another name": ((CLASS, "class Models(Enum):"),),
}
LISTS: dict[str, tuple[str, int]] = {
    "as it is": (LIST, 0),
    "a tuple": ('SUPPORTED_MODEL_ARCHS = (\n    "one",\n    "two",\n)\n', 0),
    "on one line": ('SUPPORTED_MODEL_ARCHS = ["one", "two"]\n', 1),
    "annotated": (LIST.replace("ARCHS =", "ARCHS: list[str] ="), 0),
    "wrapped": ('SUPPORTED_MODEL_ARCHS = frozenset({"one", "two"})\n', 1),
    "names that are commented out": (
        LIST.replace('"two",\n', '"two",\n    # "foo",\n'),
        0,
    ),
    "the name elsewhere": (f'{LIST}OTHER = ["foo"]\n', 0),
}
CHECKS = {
    "a list": (ARCHITECTURES, LIST, None, True),
    "no list": (ARCHITECTURES, "", None, False),
    "a list that is computed": (ARCHITECTURES, "SUPPORTED_MODEL_ARCHS = x\n", 1, False),
    "an Enum in place of a list": (ARCHITECTURES, ENUM, 6, False),
    "an Enum beside a list": (ARCHITECTURES, f"{LIST}{ENUM}", 12, False),
    "an Enum": (MEMBERS, ENUM, 6, True),
    "no Enum": (MEMBERS, "", None, False),
    "a list in place of an Enum": (MEMBERS, LIST, 3, False),
    "a list beside an Enum": (MEMBERS, f"{LIST}{ENUM}", 3, False),
    "a list that an Enum makes": (
        MEMBERS,
        f"{ENUM}SUPPORTED_MODEL_ARCHS = [m.value for m in SupportedModel]\n",
        6,
        True,
    ),
}


def add(supported: Supported, name: str) -> Transform:
    return lambda source: supported.add(source, ModelSpec(name=name))


def check(supported: Supported, source: str) -> Check:
    return supported.check(parse(source, CONFIG).body)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("before", "rewritten"), LISTS.values(), ids=LISTS)
def test_adds_to_a_list(name: str, before: str, rewritten: int, tmp_path: Path) -> None:
    assert check(ARCHITECTURES, before).holds
    after = check_laws(add(ARCHITECTURES, name), before, rewritten=rewritten)
    check_ruff(tmp_path, before, after)
    assert name in ARCHITECTURES.names(parse(after, CONFIG).body)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("swaps", "member"), FORMS.values(), ids=FORMS)
def test_adds_a_member_in_the_form_of_the_others(
    name: str, swaps: tuple[tuple[str, str], ...], member: str, tmp_path: Path
) -> None:
    before = swap(ENUM, *swaps)
    assert check(MEMBERS, before).holds
    after = check_laws(add(MEMBERS, name), before)
    upper = name.upper()
    expected = member.replace("FOO", upper).replace("foo", name)
    enum = find_class(parse(after, CONFIG).body, "SupportedModel")
    assert enum is not None
    assert any(is_same_code(node, expected) for node in enum.body)
    check_ruff(tmp_path, before, after)
    body = parse(after, CONFIG).body
    assert name in MEMBERS.names(body)
    assert MEMBERS.members(body)[upper] == name


@pytest.mark.parametrize(("swaps", "place"), PLACES.values(), ids=PLACES)
def test_puts_a_member_where_a_maintainer_would(
    swaps: tuple[tuple[str, str], ...], place: str
) -> None:
    assert place in check_laws(add(MEMBERS, "foo"), swap(ENUM, *swaps))


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_keeps_the_style_of_a_file(style: Transform) -> None:
    check_laws(add(MEMBERS, "foo"), style(ENUM))


@pytest.mark.parametrize("swaps", NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD)
def test_refuses_members_that_it_does_not_understand(
    swaps: tuple[tuple[str, str], ...],
) -> None:
    source = swap(ENUM, *swaps)
    assert not check(MEMBERS, source).holds
    text = (
        'rlinf/config.py: found no member NAME = ("name", "embodied") in Enum '
        'SupportedModel. By hand: add FOO = ("foo", "embodied") to it'
    )
    with pytest.raises(AnchorNotFoundError, match=f"^{re.escape(text)}$"):
        add(MEMBERS, "foo")(source)


def test_a_hand_edit_is_the_edit() -> None:
    for row in ('    FOO = ("foo", "embodied")\n', "    FOO = 'foo', 'embodied'\n"):
        check_noop(add(MEMBERS, "foo"), swap(ENUM, (TWO, TWO + row)))


@pytest.mark.parametrize(
    ("supported", "source", "line", "holds"), CHECKS.values(), ids=CHECKS
)
def test_checks_what_is_there(
    supported: Supported, source: str, line: int | None, holds: bool
) -> None:
    found = check(supported, source)
    assert found.holds is holds
    if line is not None:
        assert found.node is not None
        assert found.node.lineno == line


def test_says_what_is_missing() -> None:
    assert str(check(MEMBERS, LIST)) == (
        'Enum SupportedModel with members as NAME = ("name", "embodied"), without a '
        "list SUPPORTED_MODEL_ARCHS beside it "
        "(rlinf/config.py:3 has `SUPPORTED_MODEL_ARCHS = ['one', 'two']`)"
    )
    assert str(check(ARCHITECTURES, ENUM)) == (
        "list SUPPORTED_MODEL_ARCHS without a class SupportedModel beside it "
        "(rlinf/config.py:6 has `class SupportedModel(Enum):`)"
    )


def test_knows_the_names_of_every_category() -> None:
    names = MEMBERS.names(parse(ENUM, CONFIG).body)
    assert names == {"thinker": 8, "one": 11, "two": 12, "thinker_sft": 15}
    assert ARCHITECTURES.names(parse(LIST, CONFIG).body) == {"one": 4, "two": 5}
    assert MEMBERS.names(parse("", CONFIG).body) == {}
    assert ARCHITECTURES.names(parse("", CONFIG).body) == {}


def test_refuses_a_member_that_stands_for_another_model() -> None:
    text = (
        "the name 'two' is already taken: SupportedModel.TWO is ('deux', 'embodied') "
        "at rlinf/config.py:12. Choose another --name, or remove what is there"
    )
    source = swap(ENUM, ('TWO = ("two"', 'TWO = ("deux"'))
    with pytest.raises(NameTakenError, match=f"^{re.escape(text)}$"):
        add(MEMBERS, "two")(source)


CHANGED = {
    "another category": (('"two", "embodied"', '"two", "sft"'), "TWO"),
    "another member": (("TWO =", "ZWEI ="), "ZWEI"),
    "another form": ((TWO, '    TWO = "two"\n'), "TWO"),
}


@pytest.mark.parametrize(("changed", "member"), CHANGED.values(), ids=CHANGED)
def test_refuses_a_member_that_was_edited(
    changed: tuple[str, str], member: str
) -> None:
    text = (
        f"rlinf/config.py:12: SupportedModel.{member} is there, but is not what was "
        'generated; expected TWO = ("two", "embodied")'
    )
    with pytest.raises(WiringChangedError, match=f"^{re.escape(text)}$"):
        add(MEMBERS, "two")(swap(ENUM, changed))
