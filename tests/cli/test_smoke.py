from __future__ import annotations

from pathlib import Path

import pytest
from terminal import FAILING, rlinf_scaffold
from trees import interpreter

SHOWING = """
import json

# Rollout


def test_good(record_property):
    data = {"sampling": "top-k", "rollout": [-1.0, -2.0], "training": [-1.0, -2.5]}
    record_property("evidence", json.dumps({"kind": "parity", **data}))
    record_property("evidence", "no JSON")
"""


def test_a_failed_proof_has_a_code_of_its_own(scaffolded: Path, tmp_path: Path) -> None:
    python = interpreter(tmp_path / "bad", proofs=FAILING)
    where = ("--checkout", scaffolded, "--python", python)
    ended = rlinf_scaffold("smoke", "foo", *where)
    assert ended.code == 20
    assert "✗ bad\n  likely cause: the machine\n" in ended.out
    assert "\nNot proved: 1 of 2 proofs passed; see above. Log: " in ended.out
    document = rlinf_scaffold("smoke", "foo", *where, "--format", "json").json
    assert (document["ok"], document["returncode"]) == (False, 1)


def test_a_model_that_was_not_scaffolded_has_no_proof(root: Path) -> None:
    ended = rlinf_scaffold("smoke", "foo", "--checkout", root)
    assert ended.code == 24
    assert "it knows no model" in ended.err


def test_ranks_that_were_ended_have_a_code_of_their_own(
    scaffolded: Path, tmp_path: Path
) -> None:
    killed = "def test_it():\n    import os\n    os.kill(os.getpid(), 9)\n"
    python = interpreter(tmp_path / "killed", proofs=killed)
    page = tmp_path / "foo.html"
    where = ("--checkout", scaffolded, "--python", python, "--report", page)
    ended = rlinf_scaffold("smoke", "foo", *where)
    assert ended.code > 20
    assert "What ended it" in page.read_text("utf-8")
    document = rlinf_scaffold("smoke", "foo", *where, "--format", "json").json
    assert document["fault"]["exit_code"] == ended.code
    assert "\nerror: " in ended.err


@pytest.fixture
def showing(scaffolded: Path, tmp_path: Path) -> tuple[str | Path, ...]:
    """Return the words that prove a model with something to show."""
    python = interpreter(tmp_path / "showing", proofs=SHOWING)
    return ("smoke", "foo", "--checkout", scaffolded, "--python", python)


def test_a_page_is_written_where_it_is_wanted(
    showing: tuple[str | Path, ...], tmp_path: Path
) -> None:
    page = tmp_path / "new folder" / "foo.html"
    ended = rlinf_scaffold(*showing, "--report", page)
    assert ended.code == 0
    assert f"report: {page}\n" in ended.err
    written = page.read_text("utf-8")
    assert "differ by 0.5 (-2.5 in training, -2 in rollout)" in written
    assert "differ by 0.5 (-2.5 in training, -2 in rollout)" in ended.out
    assert [*page.parent.iterdir()] == [page]


def test_json_has_what_the_page_has(
    showing: tuple[str | Path, ...], tmp_path: Path
) -> None:
    page = tmp_path / "foo.html"
    ended = rlinf_scaffold(*showing, "--report", page, "--format", "json")
    (proof,) = ended.json["proofs"]
    assert [it["kind"] for it in proof["evidence"]] == ["parity"]
    assert proof["evidence"][0]["data"]["training"] == [-1.0, -2.5]
    assert page.is_file()


def test_a_failed_proof_has_a_page_too(scaffolded: Path, tmp_path: Path) -> None:
    python = interpreter(tmp_path / "bad", proofs=FAILING)
    page = tmp_path / "foo.html"
    where = ("--checkout", scaffolded, "--python", python, "--report", page)
    assert rlinf_scaffold("smoke", "foo", *where).code == 20
    assert "What does not hold" in page.read_text("utf-8")


def test_a_page_that_cannot_be_written_is_an_error_behind_the_outcome(
    showing: tuple[str | Path, ...], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    page = tmp_path / "file" / "foo.html"
    ended = rlinf_scaffold(*showing, "--report", page, "--format", "json")
    assert (ended.code, ended.json["ok"]) == (25, True)
    assert f"error: {page}: cannot be written" in ended.err


def test_a_page_does_not_take_the_place_of_a_folder(tmp_path: Path) -> None:
    ended = rlinf_scaffold("smoke", "foo", "--report", tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert "is a directory" in ended.err


STEERED = """
def test_steered(record_property):
    import os
    names = ("SMOKE_RANKS", "SMOKE_FULL", "SMOKE_MODEL_PATH")
    record_property("measured", " ".join(os.environ.get(it, "-") for it in names))
"""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "2 - -"),
        (("--nproc", "3"), "3 - -"),
        (("--full",), "2 1 -"),
        (("--model-path", "real"), "2 - {}/real"),
    ],
)
def test_options_reach_the_ranks(
    scaffolded: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    told: str,
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/config.json").touch()
    monkeypatch.chdir(tmp_path)
    python = interpreter(tmp_path / "steered", proofs=STEERED)
    where = ("--checkout", scaffolded, "--python", python, "--format", "json")
    document = rlinf_scaffold("smoke", "foo", *where, *words).json
    assert document["proofs"][0]["measured"] == told.format(tmp_path.resolve())
    assert document["log"] is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--nnodes", "2"), "--nnodes 2: pytest starts ranks on one node"),
        (("--rdzv-endpoint", "h:1"), "only --launcher torchrun has an endpoint"),
        (("--model-path", "none"), "no folder with a config.json"),
    ],
)
def test_options_that_contradict_each_other(
    scaffolded: Path, words: tuple[str, ...], told: str
) -> None:
    ended = rlinf_scaffold("smoke", "foo", "--checkout", scaffolded, *words)
    assert ended.code == 2
    assert told in ended.err


def test_time_that_is_over_has_a_code_of_its_own(
    scaffolded: Path, tmp_path: Path
) -> None:
    slow = "def test_it():\n    import time\n    time.sleep(60)\n"
    python = interpreter(tmp_path / "slow", proofs=slow)
    where = ("--checkout", scaffolded, "--python", python)
    ended = rlinf_scaffold("smoke", "foo", *where, "--timeout", "3")
    assert ended.code == 26
    assert "the smoke test hung during 'it'" in ended.err
