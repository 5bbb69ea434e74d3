"""The command line as a user meets it: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from trees import TREES, in_every_layout, interpreter, on_disk, settings_of, snapshot
from typer.testing import CliRunner  # noqa: TID251

from rlinf_scaffold import __version__
from rlinf_scaffold.apply import STATE
from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.cli import app
from rlinf_scaffold.commands.golden import update
from rlinf_scaffold.git import commit_all
from rlinf_scaffold.layouts import CONFIG, LOADER
from rlinf_scaffold.processes import run
from rlinf_scaffold.smoke.interpreter import PACKAGES

NAME = ("--name", "foo", "--base", "LlamaForCausalLM")
FAILING = """
def test_good():
    pass

def test_bad(record_property):
    record_property("cause", "the machine")
    assert 0, "it broke"
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document


def rlinf_scaffold(*arguments: str | Path) -> Ended:
    result = CliRunner().invoke(app, [*map(str, arguments)], prog_name="rlinf-scaffold")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(params=["registry"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a committed practice checkout, of one layout if not of every."""
    checkout = on_disk(str(request.param), tmp_path / "rl")
    assert commit_all(checkout.root, "Start")
    return checkout.root


@pytest.fixture
def python(tmp_path: Path) -> Path:
    return interpreter(tmp_path / "env")


@pytest.fixture
def new_model(root: Path, python: Path) -> tuple[str | Path, ...]:
    """Return the words of a run that proves nothing."""
    where = ("--checkout", root, "--python", python)
    return ("new-model", *NAME, *where, "--no-smoke")


@pytest.fixture
def scaffolded(new_model: tuple[str, ...], root: Path) -> Path:
    assert rlinf_scaffold(*new_model).code == 0
    return root


def edit(root: Path) -> Path:
    path = root / settings_of(Checkout(root))
    path.write_text(path.read_text().replace("action_dim: 7", "action_dim: 8"))
    return path


# Without a checkout


def test_version() -> None:
    assert rlinf_scaffold("--version") == Ended(0, f"{__version__}\n", "")


def test_help_names_every_command_in_full() -> None:
    ended = rlinf_scaffold("--help")
    assert ended.code == 0
    assert "..." not in ended.out.replace("[ARGS]...", "")
    for command in (
        *("new-model", "check", "smoke", "inspect", "undo", "golden", "demo"),
    ):
        assert f"\n  {command} " in ended.out
        assert rlinf_scaffold(command, "-h").code == 0


def test_without_a_command_it_says_which_there_are() -> None:
    ended = rlinf_scaffold()
    assert ended.code == 2
    assert (ended.out + ended.err).startswith("Usage: rlinf-scaffold")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ((), "--name, --base"),
        (("--name", "foo"), "--base"),
        (("--base", "LlamaForCausalLM"), "--name"),
    ],
)
def test_missing_answers_are_no_prompt_without_a_terminal(
    given: tuple[str, ...], missing: str
) -> None:
    ended = rlinf_scaffold("new-model", *given)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: missing {missing}: there is no terminal")


@pytest.mark.parametrize(
    "command", [("new-model", *NAME), ("check",), ("undo", "foo"), ("smoke", "foo")]
)
def test_not_a_checkout(command: tuple[str, ...], tmp_path: Path) -> None:
    ended = rlinf_scaffold(*command, "--checkout", tmp_path)
    assert (ended.code, ended.out) == (7, "")
    assert ended.err.startswith(f"error: {tmp_path} is not in an RLinf checkout")


# new-model


@in_every_layout("root")
def test_dry_run_shows_the_plan_and_writes_nothing(
    new_model: tuple[str, ...], root: Path
) -> None:
    before = snapshot(root)
    ended = rlinf_scaffold(*new_model, "--dry-run")
    assert snapshot(root) == before
    assert (ended.code, ended.err) == (0, "")
    head, *files = ended.out.splitlines()
    assert head.startswith("FooForRLActionPrediction on LlamaForCausalLM, layout ")
    assert f"  ~ {CONFIG}" in files
    assert {line[:4] for line in files} == {"  + ", "  ~ "}


def test_dry_run_with_diff_is_a_patch(
    new_model: tuple[str, ...], root: Path, tmp_path: Path
) -> None:
    loader = root / LOADER
    loader.write_bytes(loader.read_bytes() + "# caf\xe9\n".encode("latin-1"))
    assert commit_all(root, "More")
    patch = tmp_path / "it.patch"
    command = [
        sys.executable,
        "-m",
        "rlinf_scaffold",
        *new_model,
        "--dry-run",
        "--diff",
    ]
    finished = run(["sh", "-c", '"$@" > "$0"', patch, *command], cwd=root, timeout=60)
    assert finished.returncode == 0, finished.output
    finished = run(["git", "apply", patch], cwd=root, timeout=60)
    assert finished.returncode == 0, finished.output
    assert rlinf_scaffold("check", "--checkout", root).code == 0
    patched = snapshot(root)
    assert rlinf_scaffold(*new_model).code == 0
    assert snapshot(root) == patched


@in_every_layout("root")
def test_writes_and_says_what_is_left(new_model: tuple[str, ...], root: Path) -> None:
    ended = rlinf_scaffold(*new_model)
    assert ended.code == 0
    assert f"  ~ {CONFIG}\n" in ended.out
    assert "What is yours to know:\n • Set " in ended.out
    assert [*root.glob("examples/embodiment/config/*_foo.yaml")]


def test_nothing_is_folded_or_padded_in_a_pipe(
    new_model: tuple[str, ...], tmp_path: Path
) -> None:
    ended = rlinf_scaffold(*new_model, "--name", "a_policy_with_a_name_of_32_chars")
    lines = ended.out.splitlines()
    assert max(map(len, lines)) > 150
    assert [line for line in lines if line != line.rstrip()] == []


@in_every_layout("root")
def test_again_says_that_all_is_in_place(
    new_model: tuple[str, ...], scaffolded: Path
) -> None:
    before = snapshot(scaffolded)
    ended = rlinf_scaffold(*new_model)
    assert ended.code == 0
    assert ended.out.splitlines()[1:] == ["Everything is in place; nothing to change."]
    assert snapshot(scaffolded) == before


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (("--name", "openvla"), 4, "the name 'openvla' is already taken"),
        (("--name", "Foo"), 2, "--name 'Foo': must be a lower-case identifier"),
        (("--base", "LamaForCausalLM"), 5, "did you mean LlamaForCausalLM"),
        (("--action-dim", "0"), 2, "--action-dim 0: must be at least 1"),
        (("--from-recipe", "no"), 2, "--from-recipe 'no': there is no"),
        (("--python", "/no/python"), 23, "/no/python cannot be started"),
    ],
)
def test_refusals_are_one_line_and_a_code(
    new_model: tuple[str, ...], root: Path, more: tuple[str, ...], code: int, says: str
) -> None:
    before = snapshot(root)
    ended = rlinf_scaffold(*new_model, *more)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith("error: ")
    assert says in ended.err
    assert len(ended.err.splitlines()) == 1
    assert snapshot(root) == before


def test_other_answers_are_refused(
    new_model: tuple[str, ...], scaffolded: Path
) -> None:
    ended = rlinf_scaffold(*new_model, "--lora", "--action-bins", "128")
    assert ended.code == 22
    assert "action_bins was 256, now 128; lora was False, now True" in ended.err


def test_files_in_the_way_are_refused(new_model: tuple[str, ...], root: Path) -> None:
    path = root / "tests/unit_tests/test_foo_fsdp_smoke.py"
    path.write_text("mine = 1\n")
    ended = rlinf_scaffold(*new_model)
    assert ended.code == 12
    assert f"other content: {path.relative_to(root)}" in ended.err
    assert path.read_text() == "mine = 1\n"


def test_dirty_files_are_refused_unless_allowed(
    new_model: tuple[str, ...], root: Path
) -> None:
    with (root / CONFIG).open("a") as file:
        file.write("\nEDITED = True\n")
    ended = rlinf_scaffold(*new_model)
    assert (ended.code, ended.out) == (13, "")
    assert f"uncommitted changes in {CONFIG}" in ended.err
    assert rlinf_scaffold(*new_model, "--allow-dirty").code == 0


@pytest.mark.parametrize("path", [CONFIG, LOADER], ids=str)
def test_a_file_that_does_not_parse_is_named_with_its_line(
    new_model: tuple[str, ...], root: Path, path: Path
) -> None:
    with (root / path).open("a") as file:
        file.write("def broken(:\n")
    line = len((root / path).read_text().splitlines())
    ended = rlinf_scaffold(*new_model, "--allow-dirty")
    assert ended.code == 9
    assert f"error: {path}:{line}: cannot be parsed" in ended.err


def test_an_unknown_layout_says_what_is_missing(
    new_model: tuple[str, ...], root: Path
) -> None:
    (root / LOADER).write_text("x = 1\n")
    ended = rlinf_scaffold(*new_model, "--allow-dirty")
    assert ended.code == 8
    for layout in TREES:
        assert layout in ended.err
    assert "\n  - missing " in ended.err
    assert "\n  - by hand: " in ended.err


@in_every_layout("root")
def test_json_says_all_of_it(new_model: tuple[str, ...], root: Path) -> None:
    ended = rlinf_scaffold(*new_model, "--format", "json")
    assert (ended.code, ended.err) == (0, "")
    document = ended.json
    assert document["applied"] is True
    assert document["checkout"] == str(root)
    assert "diff" not in document
    assert ended.out.isascii()


def test_json_can_hold_the_diff(new_model: tuple[str, ...], root: Path) -> None:
    loader = root / LOADER
    loader.write_bytes(loader.read_bytes() + "# caf\xe9\n".encode("latin-1"))
    words = (*new_model, "--allow-dirty", "--format", "json")
    ended = rlinf_scaffold(*words, "--diff", "--dry-run")
    assert "diff --git" in str(ended.json["diff"])
    assert ended.json["applied"] is False


def test_json_errors_go_both_ways(new_model: tuple[str, ...]) -> None:
    ended = rlinf_scaffold(*new_model, "--name", "openvla", "--format", "json")
    assert ended.code == 4
    error = ended.json["error"]
    assert (error["type"], error["exit_code"]) == ("NameTakenError", 4)
    assert ended.err == f"error: {error['message']}\n"


# The proof


def test_a_proof_is_told_as_it_runs_and_at_the_end(root: Path, python: Path) -> None:
    words = ("new-model", *NAME, "--checkout", root, "--python", python)
    ended = rlinf_scaffold(*words)
    assert ended.code == 0
    assert ended.err == (
        "passed: good\npassed: shards [fsdp[0]]\npassed: shards [fsdp2]\n"
    )
    assert "\nProved: 3 of 3 proofs passed in " in ended.out
    again = rlinf_scaffold("smoke", "foo", "--checkout", root, "--python", python)
    assert again.code == 0
    assert again.out.splitlines()[-1].startswith("Proved: 3 of 3")


def test_a_failed_proof_has_a_code_of_its_own(scaffolded: Path, tmp_path: Path) -> None:
    python = interpreter(tmp_path / "bad", proofs=FAILING)
    where = ("--checkout", scaffolded, "--python", python)
    ended = rlinf_scaffold("smoke", "foo", *where)
    assert ended.code == 20
    assert "✗ bad\n  likely cause: the machine\n" in ended.out
    assert "\nNot proved: 1 of 2 proofs passed; see above. Log: " in ended.out
    document = rlinf_scaffold("smoke", "foo", *where, "--format", "json").json
    assert (document["ok"], document["returncode"]) == (False, 1)


def test_an_interpreter_that_lacks_torch_is_refused_before_anything_is_written(
    root: Path, tmp_path: Path
) -> None:
    before = snapshot(root)
    python = interpreter(tmp_path / "bare", lacks="torch")
    ended = rlinf_scaffold("new-model", *NAME, "--checkout", root, "--python", python)
    assert ended.code == 18
    assert f"{python} -m pip install torch" in ended.err
    assert snapshot(root) == before


def test_a_model_that_was_not_scaffolded_has_no_proof(root: Path) -> None:
    ended = rlinf_scaffold("smoke", "foo", "--checkout", root)
    assert ended.code == 24
    assert "it knows no model" in ended.err


# check


@in_every_layout("root")
def test_inspect_says_what_a_checkout_is(root: Path) -> None:
    ended = rlinf_scaffold("inspect", "--checkout", root)
    assert (ended.code, ended.err) == (0, "")
    assert "\nregistration: " in ended.out
    assert "\nruntime contract: " in ended.out
    assert "\nYAML: " in ended.out
    assert "\nmodel " in ended.out
    assert rlinf_scaffold("inspect", "--checkout", root) == ended


@in_every_layout("root")
def test_inspect_says_how_a_model_fares(root: Path) -> None:
    where = ("inspect", "--checkout", root, "--name", "foo")
    assert "foo is not wired here" in rlinf_scaffold(*where).out
    document = rlinf_scaffold(*where, "--format", "json").json
    assert document["judged"]["model"] == "foo"
    assert document["judged"]["sites"]


@in_every_layout("root")
def test_inspect_shows_what_an_unknown_checkout_has(root: Path) -> None:
    (root / LOADER).write_text("x = 1\n")
    ended = rlinf_scaffold("inspect", "--checkout", root)
    assert (ended.code, ended.err) == (8, "")
    assert "registration: the checkout's registration is not recognised" in ended.out
    assert "\nruntime contract: " in ended.out
    document = rlinf_scaffold("inspect", "--checkout", root, "--format", "json").json
    assert document["axes"][0]["error"]["exit_code"] == 8


def test_inspect_refuses_a_name_that_no_model_can_have(root: Path) -> None:
    ended = rlinf_scaffold("inspect", "--checkout", root, "--name", "Foo")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: --name 'Foo'")


def test_check_of_nothing(root: Path) -> None:
    ended = rlinf_scaffold("check", "--checkout", root)
    assert ended.code == 0
    assert "No model was scaffolded" in ended.out


@in_every_layout("root")
def test_check_of_what_stands(scaffolded: Path) -> None:
    ended = rlinf_scaffold("check", "--checkout", scaffolded)
    assert ended == Ended(0, "✓ foo: every wiring is in place and agrees\n", "")
    ended = rlinf_scaffold("check", "--checkout", scaffolded, "--format", "github")
    assert ended == Ended(0, "", "")


@in_every_layout("root")
def test_check_of_an_edit(scaffolded: Path) -> None:
    path = edit(scaffolded).relative_to(scaffolded)
    where = ("check", "--checkout", scaffolded)
    ended = rlinf_scaffold(*where)
    assert ended.code == 1
    first, *more = ended.out.splitlines()
    surface = "model YAML" if path.stem == "foo" else "recipe"
    assert first.startswith(f"✗ foo: {surface} edited: {path}:")
    assert set(more) <= {
        f"✗ foo: agreement disagrees: {path}: action_token_len is 7, not 8 as "
        "action_dim is"
    }
    ended = rlinf_scaffold(*where, "--format", "github")
    assert ended.code == 1
    assert ended.out.startswith(f"::error file={path},line=")
    ended = rlinf_scaffold(*where, "--format", "json")
    assert (ended.code, ended.json["ok"]) == (1, False)


def test_an_edit_can_be_accepted(scaffolded: Path) -> None:
    path = edit(scaffolded)
    path.write_text(path.read_text().replace("token_len: 7", "token_len: 8"))
    where = ("check", "--checkout", scaffolded)
    assert rlinf_scaffold(*where).code == 1
    assert rlinf_scaffold(*where, "--accept", "foo").code == 0
    assert rlinf_scaffold(*where).code == 0
    assert rlinf_scaffold(*where, "--accept", "bar").code == 24


def test_check_can_prove_too(scaffolded: Path, python: Path, tmp_path: Path) -> None:
    where = ("check", "--checkout", scaffolded, "--smoke")
    ended = rlinf_scaffold(*where, "--python", python)
    assert ended.code == 0
    assert "Proved: 3 of 3" in ended.out
    bad = interpreter(tmp_path / "bad", proofs=FAILING)
    ended = rlinf_scaffold(*where, "--python", bad, "--format", "json")
    assert (ended.code, ended.json["ok"]) == (20, False)
    edit(scaffolded)
    assert rlinf_scaffold(*where, "--python", bad).code == 1


# undo


@in_every_layout("root")
def test_undo(new_model: tuple[str, ...], root: Path) -> None:
    before = snapshot(root)
    rlinf_scaffold(*new_model)
    ended = rlinf_scaffold("undo", "foo", "--checkout", root)
    assert ended.code == 0
    assert "  - rlinf/models/embodiment/foo" in ended.out
    assert snapshot(root) == before
    ended = rlinf_scaffold("undo", "foo", "--checkout", root)
    assert (ended.code, ended.out) == (17, "")


def test_undo_as_json(scaffolded: Path) -> None:
    document = rlinf_scaffold(
        "undo", "foo", "--checkout", scaffolded, "--format", "json"
    ).json
    changes = document["changes"]
    assert {"path": str(CONFIG), "kind": "modify"} in changes
    assert not (scaffolded / STATE).exists()


def test_undo_of_an_edited_file(scaffolded: Path) -> None:
    path = edit(scaffolded).relative_to(scaffolded)
    before = snapshot(scaffolded)
    ended = rlinf_scaffold("undo", "foo", "--checkout", scaffolded)
    assert ended.code == 19
    assert f"edited since it was written: {path}" in ended.err
    assert snapshot(scaffolded) == before


# golden


@pytest.fixture
def golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CI", raising=False)
    update(tmp_path / "golden")
    return tmp_path / "golden"


def test_golden_trees_that_are_right(golden: Path) -> None:
    right = Ended(0, "Golden trees are what is rendered.\n", "")
    assert rlinf_scaffold("golden", golden) == right
    assert rlinf_scaffold("check", "--golden", golden) == right
    assert rlinf_scaffold("golden", golden, "--format", "github") == Ended(0, "", "")


def test_golden_trees_that_are_not(golden: Path) -> None:
    (golden / "extra.txt").write_text("old\n")
    (golden / "registry/text/rlinf/config.py.diff").write_text("")
    (golden / "documented/text/rlinf/config.py.diff").unlink()
    ended = rlinf_scaffold("check", "--golden", golden)
    assert ended.code == 1
    assert ended.out.splitlines()[:4] == [
        "  missing: documented/text/rlinf/config.py.diff",
        "  extra: extra.txt",
        "  changed: registry/text/rlinf/config.py.diff",
        "diff --git a/documented/text/rlinf/config.py.diff "
        "b/documented/text/rlinf/config.py.diff",
    ]
    ended = rlinf_scaffold("golden", golden, "--format", "github")
    assert ended.code == 1
    assert len(ended.out.splitlines()) == 3
    assert f"file={golden}/extra.txt,line=1" in ended.out
    ended = rlinf_scaffold("golden", golden, "--format", "json")
    assert ended.code == 1
    assert ended.json["ok"] is False
    changes = ended.json["changes"]
    assert [change["kind"] for change in changes] == ["create", "delete", "modify"]


def test_golden_trees_are_updated(
    golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (golden / "extra.txt").write_text("old\n")
    monkeypatch.setenv("CI", "1")
    ended = rlinf_scaffold("golden", golden, "--update")
    assert ended.code == 21
    assert "does not write where CI is set" in ended.err
    monkeypatch.delenv("CI")
    assert rlinf_scaffold("golden", golden, "--update") == Ended(
        0, "  - extra.txt\n", ""
    )
    words = ("golden", golden, "--update", "--format", "json")
    assert rlinf_scaffold(*words).json == {"changes": []}


# demo


def test_demo(tmp_path: Path, python: Path) -> None:
    folder = tmp_path / "practice"
    ended = rlinf_scaffold("demo", folder, "--python", python)
    assert ended.code == 0
    assert ended.out.startswith("FooForRLActionPrediction on LlamaForCausalLM")
    assert "Proved: 3 of 3" in ended.out
    assert rlinf_scaffold("check", "--checkout", folder).code == 0


def test_demo_leaves_a_folder_with_something_in_it_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine\n")
    before = snapshot(tmp_path)
    ended = rlinf_scaffold("demo", tmp_path, "--no-smoke")
    assert ended.code == 2
    assert "is there and is not empty" in ended.err
    assert snapshot(tmp_path) == before


# On a terminal


def on_terminal(typed: str, *arguments: str | Path) -> Ended:
    """Run a command on a terminal of its own, where all of this is typed ahead."""
    controller, end = pty.openpty()
    os.write(controller, typed.encode())
    seen: list[bytes] = []

    def read() -> None:
        while not seen or not seen[-1].endswith(b"\0"):
            seen.append(os.read(controller, 1 << 16))

    reader = Thread(target=read, daemon=True)
    reader.start()
    with (
        os.fdopen(os.dup(end), "r") as stdin,
        os.fdopen(end, "w") as stdout,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "stdin", stdin)
        patch.setattr(sys, "stdout", stdout)
        code = code_of(*arguments)
        stdout.write("\0")
        stdout.flush()
        reader.join()
    os.close(controller)
    text = b"".join(seen).decode().replace("\r\n", "\n").removesuffix("\0")
    return Ended(code, text, "")


def code_of(*arguments: str | Path) -> int:
    try:
        app([*map(str, arguments)], prog_name="rlinf-scaffold")
    except SystemExit as ending:
        return int(ending.code or 0)
    return 0


def test_asks_before_it_writes(new_model: tuple[str, ...], root: Path) -> None:
    before = snapshot(root)
    ended = on_terminal("n\n", *new_model)
    assert ended.code == 0
    assert "Write this? [Y/n]: " in ended.out
    assert ended.out.endswith("Nothing was written.\n")
    assert snapshot(root) == before


def test_writes_after_yes(new_model: tuple[str, ...], root: Path) -> None:
    ended = on_terminal("\n", *new_model)
    assert ended.code == 0
    assert "What is yours to know:" in ended.out
    assert rlinf_scaffold("check", "--checkout", root).code == 0


def test_yes_is_not_asked(new_model: tuple[str, ...]) -> None:
    ended = on_terminal("", *new_model, "--yes", "--diff")
    assert ended.code == 0
    assert "Write this?" not in ended.out
    assert "+++ b/.rlinf-scaffold/foo.json" in ended.out


def test_asks_for_what_is_missing(root: Path, python: Path) -> None:
    where = ("--checkout", root, "--python", python, "--no-smoke", "--dry-run")
    ended = on_terminal("foo\nLlamaForCausalLM\n", "new-model", *where)
    assert ended.code == 0
    assert "Name of the model (RLinf's model_type): " in ended.out
    assert "Base (transformers class, package.module:Class or folder): " in ended.out
    assert "FooForRLActionPrediction" in ended.out


def test_interrupted_at_a_prompt(
    new_model: tuple[str, ...], root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(root)
    assert on_terminal("\x04", *new_model).code == 130
    assert "\ninterrupted; the checkout is as it was" in capfd.readouterr().err
    assert snapshot(root) == before


INTERRUPTING = """
import os, signal

def test_it():
    os.kill(int(os.environ["WHOM"]), signal.SIGINT)
    signal.pause()
"""


def test_interrupted_while_proving(root: Path, tmp_path: Path) -> None:
    python = interpreter(tmp_path / "env", proofs=INTERRUPTING)
    words = ("new-model", *NAME, "--checkout", root, "--python", python)
    finished = run(
        [
            "sh",
            "-c",
            'WHOM=$$ exec "$0" -m rlinf_scaffold "$@"',
            sys.executable,
            *words,
        ],
        cwd=tmp_path,
        timeout=60,
    )
    assert finished.returncode == 130, finished.output
    assert "\ninterrupted; the checkout is as it was, or complete" in finished.output
    assert rlinf_scaffold("check", "--checkout", root).code == 0


# All of it, with torch


PROVED = [
    *((layout, "LlamaForCausalLM") for layout in TREES),
    ("registry", "LlavaForConditionalGeneration"),
]


@pytest.mark.smoke
@pytest.mark.parametrize(("layout", "base"), PROVED)
def test_a_new_model_is_proved_from_end_to_end(
    layout: str, base: str, tmp_path: Path
) -> None:
    for package in PACKAGES:
        pytest.importorskip(package)
    root = tmp_path / "rl"
    checkout = on_disk(layout, root)
    assert commit_all(checkout.root, "Start")
    words = ("--name", "foo", "--base", base, "--python", sys.executable)
    ended = rlinf_scaffold("new-model", *words, "--checkout", root, "--format", "json")
    assert ended.code == 0, ended.out
    smoke = ended.json["smoke"]
    passed = [proof for proof in smoke["proofs"] if proof["outcome"] == "passed"]
    assert len(passed) >= 60
    assert rlinf_scaffold("check", "--checkout", root).code == 0
