from __future__ import annotations

import sys
from pathlib import Path

import pytest
from terminal import NAME, on_terminal, rlinf_scaffold
from trees import TREES, in_every_layout, interpreter, snapshot

from rlinf_scaffold.git import commit_all
from rlinf_scaffold.layouts import CONFIG, LOADER
from rlinf_scaffold.processes import run


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
        (("--head", "diffusion"), 2, "one of flow, regression, tokens"),
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


def test_an_interpreter_that_lacks_torch_is_refused_before_anything_is_written(
    root: Path, tmp_path: Path
) -> None:
    before = snapshot(root)
    python = interpreter(tmp_path / "bare", lacks="torch")
    ended = rlinf_scaffold("new-model", *NAME, "--checkout", root, "--python", python)
    assert ended.code == 18
    assert f"{python} -m pip install torch" in ended.err
    assert snapshot(root) == before


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
    assert "Base (class, model type, module:Class, folder or hub id): " in ended.out
    assert "FooForRLActionPrediction" in ended.out


def test_a_page_about_the_proof_can_be_had(
    root: Path, python: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    where = ("--checkout", root, "--python", python, "--report", page)
    ended = rlinf_scaffold("new-model", *NAME, *where)
    assert ended.code == 0
    assert "<h1>foo</h1>" in page.read_text("utf-8")


@pytest.mark.parametrize("without", ["--no-smoke", "--dry-run"])
def test_there_is_no_page_about_no_proof(
    root: Path, tmp_path: Path, without: str
) -> None:
    before = snapshot(root)
    words = ("--checkout", root, "--report", tmp_path / "page.html", without)
    ended = rlinf_scaffold("new-model", *NAME, *words)
    assert (ended.code, ended.out) == (2, "")
    assert "there is no proof to report on" in ended.err
    assert snapshot(root) == before
