from __future__ import annotations

from pathlib import Path

from terminal import FAILING, rlinf_scaffold
from trees import interpreter


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
