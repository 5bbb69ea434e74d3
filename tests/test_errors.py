from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath

import pytest

from rlinf_scaffold import errors
from rlinf_scaffold.errors import ScaffoldError

ONE = PurePosixPath("rlinf/config.py")
TWO = PurePosixPath("rlinf/models/__init__.py")
ROOT = Path("/checkout")

# Every error with its exit code and its full text.
TABLE: list[tuple[ScaffoldError, int, str]] = [
    (
        errors.InvalidAnswerError("--name", "a/b", "must be a name"),
        2,
        "--name 'a/b': must be a name",
    ),
    (
        errors.MissingAnswerError(["--name", "--base"]),
        2,
        "missing --name, --base: there is no terminal to ask on, so every answer must "
        "be an option",
    ),
    (
        errors.NameTakenError("foo", ["rlinf/config.py:7", "a template"]),
        4,
        "the name 'foo' is already taken: rlinf/config.py:7; a template. Choose another "
        "--name, or remove what is there",
    ),
    (
        errors.AnswersChangedError(
            "foo", ["base: was A, is B", "lora: was on, is off"]
        ),
        22,
        "'foo' was scaffolded here from other answers: base: was A, is B; lora: was on, "
        "is off. Give the same answers, or take it back first with `rlinf-scaffold undo "
        "foo`",
    ),
    (
        errors.UnknownBaseError("LamaForCausalLM", "transformers 4.57"),
        5,
        "unknown base 'LamaForCausalLM': looked in transformers 4.57",
    ),
    (
        errors.UnknownBaseError("Lama", "transformers", ["Llama", "Lamda"]),
        5,
        "unknown base 'Lama': looked in transformers; did you mean Llama or Lamda?",
    ),
    (
        errors.UnsupportedBaseError("BertModel", "it has no language head"),
        6,
        "base 'BertModel' cannot be scaffolded: it has no language head",
    ),
    (
        errors.NotFetchedError("org/name", "it is gated", "Ask for it"),
        31,
        "base 'org/name' was not fetched: it is gated. Ask for it",
    ),
    (
        errors.NotACheckoutError(ROOT, "rlinf/config.py"),
        7,
        "/checkout is not in an RLinf checkout: no rlinf/config.py there or in any "
        "folder above. Give the checkout's root with --checkout",
    ),
    (
        errors.UnknownLayoutError("registration", ["one: found x", "two: found y"]),
        8,
        "the checkout's registration is not recognised:\n  - one: found x\n"
        "  - two: found y",
    ),
    (
        errors.SourceSyntaxError(ONE, 3, "unexpected indent"),
        9,
        "rlinf/config.py:3: cannot be parsed: unexpected indent. Mend the file, then "
        "run again",
    ),
    (
        errors.AnchorNotFoundError(ONE, "class SupportedModel", "add the member FOO"),
        10,
        "rlinf/config.py: found no class SupportedModel. By hand: add the member FOO",
    ),
    (
        errors.WiringChangedError(ONE, 5, "FOO", 'FOO = "foo"'),
        11,
        "rlinf/config.py:5: FOO is there, but is not what was generated; expected "
        'FOO = "foo"',
    ),
    (
        errors.TargetExistsError([ONE, TWO]),
        12,
        "already there, with other content: rlinf/config.py, rlinf/models/__init__.py. "
        "Move it away, or choose another --name",
    ),
    (
        errors.DirtyFilesError([ONE, TWO]),
        13,
        "uncommitted changes in rlinf/config.py, rlinf/models/__init__.py. Commit or "
        "stash them, or pass --allow-dirty",
    ),
    (
        errors.ConflictError([ONE, TWO]),
        14,
        "changed since the plan was made: rlinf/config.py, rlinf/models/__init__.py. "
        "Nothing was touched; run again",
    ),
    (
        errors.UnsafePathError(ONE, Path("/elsewhere")),
        15,
        "rlinf/config.py leads out of the checkout, to /elsewhere. Nothing was touched",
    ),
    (
        errors.LockedError(ROOT, "process 12"),
        16,
        "/checkout is being changed by process 12; wait for it to end",
    ),
    (
        errors.NothingToUndoError("foo", []),
        17,
        "nothing to undo for 'foo' in this checkout",
    ),
    (
        errors.NothingToUndoError("foo", ["bar", "baz"]),
        17,
        "nothing to undo for 'foo' in this checkout; undo knows bar, baz",
    ),
    (
        errors.NotScaffoldedError("foo", []),
        24,
        "'foo' was not scaffolded in this checkout: it knows no model. Scaffold it with "
        "`rlinf-scaffold new-model --name foo`",
    ),
    (
        errors.NotScaffoldedError("foo", ["bar", "baz"]),
        24,
        "'foo' was not scaffolded in this checkout: it knows bar, baz. Scaffold it with "
        "`rlinf-scaffold new-model --name foo`",
    ),
    (
        errors.InterpreterError(Path("/bin/python"), ["torch", "peft"]),
        18,
        "/bin/python cannot run the smoke test: no torch, peft. Install with "
        "`/bin/python -m pip install torch peft`, choose another interpreter with "
        "--python, or skip the proof with --no-smoke",
    ),
    (
        errors.InterpreterError(
            Path("/bin/python"), ["torch"], task="plan memory", otherwise=""
        ),
        18,
        "/bin/python cannot plan memory: no torch. Install with `/bin/python -m pip "
        "install torch`, choose another interpreter with --python",
    ),
    (
        errors.EditedSinceError([ONE, TWO]),
        19,
        "edited since it was written: rlinf/config.py, rlinf/models/__init__.py. "
        "Nothing was touched; take those edits back, then run again",
    ),
    (
        errors.SmokeTestFailedError("foo", ["forward", "step"], Path("smoke.log")),
        20,
        "the smoke test of 'foo' failed: forward, step. The files stay; log: smoke.log",
    ),
    (
        errors.SmokeTestFailedError("foo", [], Path("smoke.log")),
        20,
        "the smoke test of 'foo' failed: it did not finish. The files stay; log: "
        "smoke.log",
    ),
    (
        errors.GoldenWriteRefusedError(),
        21,
        "golden --update does not write where CI is set: run it on your machine, read "
        "the diff, and commit it",
    ),
    (
        errors.WriteFailedError(ROOT / "a.py", "No space left on device"),
        25,
        "/checkout/a.py: cannot be written: No space left on device. What was begun is "
        "taken back, at the latest by the next run",
    ),
    (
        errors.LaunchError("git", "No such file or directory"),
        23,
        "git cannot be started: No such file or directory. Install it, or give its "
        "full path",
    ),
    (
        errors.HungRankError("rank 1", "a b", Path("/foo.log")),
        26,
        "rank 1 hung during 'a b'; all ranks were ended. Where it stood is at the end of "
        "/foo.log. If it is only slow, give it time: --timeout for all, SMOKE_TIMEOUT "
        "(seconds) for a rank to wait for another",
    ),
    (
        errors.KilledRankError("rank 1", "SIGKILL", "a b", Path("/foo.log")),
        27,
        "rank 1 was ended by SIGKILL during 'a b'. Most likely memory ran out: look for "
        "`Killed process` in `dmesg`, or for oom_kill in the memory.events of its "
        "container, and prove with less --nproc. Log: /foo.log",
    ),
    (
        errors.KilledRankError("rank 1", "SIGTERM", "", Path("/foo.log")),
        27,
        "rank 1 was ended by SIGTERM. Find out who sends it, then run again. Log: "
        "/foo.log",
    ),
    (
        errors.CrashedRankError("rank 1", "was ended by SIGSEGV", "", Path("/foo.log")),
        28,
        "rank 1 crashed: it was ended by SIGSEGV. Where it stood is at the end of "
        "/foo.log: look there for the first library that is not Python's own, and try "
        "another version of it",
    ),
    (
        errors.PortInUseError("localhost:29500"),
        29,
        "localhost:29500 is in use, and ranks were to find each other there. Name a free "
        "port with --rdzv-endpoint HOST:PORT, or end what listens there (`ss -ltnp`)",
    ),
    (
        errors.NoBackendError(Path("/bin/python"), "gloo"),
        30,
        "the torch of /bin/python was built without gloo, which connects ranks. Install "
        "a build that has torch.distributed, or choose another interpreter with "
        "--python",
    ),
]
KINDS = [type(error) for error, _, _ in TABLE]


def subclasses(kind: type[ScaffoldError]) -> set[type[ScaffoldError]]:
    direct = set(kind.__subclasses__())
    return direct.union(*map(subclasses, direct))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("one\n  two: é", "one\n  two: é"),
        ("\x1b[31m\r\t", r"\x1b[31m\r\t"),
        ("\ud800\x00", r"\ud800\x00"),
        ("\\", "\\"),
    ],
)
def test_messages_hold_nothing_that_a_terminal_obeys(text: str, expected: str) -> None:
    assert errors.printable(text) == expected
    assert str(ScaffoldError(text)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "None"), ("a\n", r"'a\n'"), ("b" * 999, f"'{'b' * 47}...{'b' * 48}'")],
)
def test_quotations_are_short(value: object, expected: str) -> None:
    assert errors.quoted(value) == expected
    assert len(errors.quoted([[[value] * 99] * 99] * 99)) < 1_000
    assert len(errors.quoted({it: [value] * 99 for it in range(99)})) < 3_000


@pytest.mark.parametrize(("error", "code", "text"), TABLE)
def test_text_and_exit_code(error: ScaffoldError, code: int, text: str) -> None:
    assert str(error) == text
    assert error.exit_code == code


def test_every_error_is_in_the_table() -> None:
    ours = {it for it in subclasses(ScaffoldError) if it.__module__ == errors.__name__}
    assert ours == {*KINDS}


def test_errors_are_defined_in_one_place() -> None:
    places = {it.__module__ for it in subclasses(ScaffoldError)}
    assert places == {errors.__name__}


def test_only_answers_share_an_exit_code() -> None:
    codes = Counter(kind.exit_code for kind in {*KINDS})
    assert {code for code, count in codes.items() if count > 1} == {2}


def test_no_error_looks_like_success_drift_or_the_root() -> None:
    assert {0, 1, ScaffoldError.exit_code}.isdisjoint(it.exit_code for it in KINDS)


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (errors.ConflictError([ONE]), {"paths": (ONE,)}),
        (errors.EditedSinceError([ONE]), {"paths": (ONE,)}),
        (errors.DirtyFilesError([ONE]), {"paths": (ONE,)}),
        (errors.TargetExistsError([ONE]), {"paths": (ONE,)}),
        (errors.MissingAnswerError(["--a"]), {"options": ("--a",)}),
        (errors.NameTakenError("a", ["b"]), {"name": "a", "where": ("b",)}),
        (errors.UnsupportedBaseError("a", "b"), {"base": "a", "reason": "b"}),
        (errors.UnknownLayoutError("x", ["b"]), {"axis": "x", "findings": ("b",)}),
        (
            errors.SmokeTestFailedError("a", ["b"], ROOT),
            {"failed": ("b",), "log": ROOT},
        ),
    ],
)
def test_what_went_wrong_can_be_read_without_parsing(
    error: ScaffoldError, fields: dict[str, object]
) -> None:
    assert {name: getattr(error, name) for name in fields} == fields
