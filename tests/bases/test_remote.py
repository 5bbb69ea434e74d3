"""Code that a checkpoint brings: named, or read; and never run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlinf_scaffold.bases import find_base, read
from rlinf_scaffold.errors import UnknownBaseError, UnsupportedBaseError

RUNS = "raise SystemExit('this was run')\n"


def brought(
    site: Path,
    root: Path,
    target: str = "modeling_own.OwnModel",
    **settings: object,
) -> str:
    """Write a checkpoint with the code of ``own``, which would end whoever runs it."""
    model, parts = (site / "own" / name for name in ("model.py", "parts.py"))
    code = model.read_text("utf-8").replace("from .parts", "from .parts_own")
    (root / "modeling_own.py").write_text(code + RUNS, "utf-8")
    (root / "parts_own.py").write_text(parts.read_text("utf-8") + RUNS, "utf-8")
    auto_map = {"AutoConfig": "modeling_own.OwnConfig", "AutoModelForCausalLM": target}
    config = {"auto_map": auto_map, "model_type": "own", "hidden_size": 24, **settings}
    (root / "config.json").write_text(json.dumps(config), "utf-8")
    return str(root)


def test_untrusted_code_is_named_and_not_read(site: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedBaseError) as caught:
        find_base(brought(site, tmp_path), [site])
    assert str(caught.value).endswith(
        "config.json needs remote code: loading it executes modeling_own.OwnConfig, "
        "modeling_own.OwnModel (it holds modeling_own.py, parts_own.py), and "
        "transformers has no such class itself. Read that code. `inspect` reads it for "
        "what it is with --trust-remote-code, without running it; a base must be imported "
        "by name: put the modules into a package on the interpreter's path, and give "
        "package.module:Class"
    )


def test_what_is_no_name_of_code_is_quoted(site: Path, tmp_path: Path) -> None:
    target = "\x1b[31mx.y\n[/red]"
    with pytest.raises(UnsupportedBaseError) as caught:
        find_base(brought(site, tmp_path, target), [site])
    assert r"executes '\x1b[31mx.y\n[/red]', modeling_own.OwnC" in str(caught.value)


def test_code_that_the_catalogue_does_not_know(site: Path, tmp_path: Path) -> None:
    words = "remote code: .* and the shipped catalogue has no such class itself"
    for trust in (False, True):
        with pytest.raises(UnsupportedBaseError, match=words):
            find_base(brought(site, tmp_path), [], trust=trust)
    brought(site, tmp_path, architectures=["LlamaForCausalLM"], model_type="llama")
    assert find_base(str(tmp_path), []).class_name == "LlamaForCausalLM"


def test_a_class_that_transformers_has_needs_no_trust(
    site: Path, tmp_path: Path
) -> None:
    folder = brought(site, tmp_path, architectures=["ToyForCausalLM"], model_type="toy")
    found = find_base(folder, [site])
    assert (found.module, found.hidden_size) == ("transformers", 24)


def test_trusted_code_is_read(site: Path, tmp_path: Path) -> None:
    found = read(brought(site, tmp_path), [site], trust=True)
    assert found.base.class_name == "OwnModel"
    assert found.base.layer_classes == ("OwnBlock",)
    assert found.base.hidden_size == 24
    assert found.named is not None
    assert found.named.how == f"code of {tmp_path} that its config.json names"


def test_trusted_code_is_no_base_of_what_is_generated(
    site: Path, tmp_path: Path
) -> None:
    words = "OwnModel stands in modeling_own.py of the checkpoint, .*package.module:Own"
    with pytest.raises(UnsupportedBaseError, match=words):
        find_base(brought(site, tmp_path), [site], trust=True)


def test_trust_changes_nothing_where_transformers_has_the_class(
    site: Path, tmp_path: Path
) -> None:
    folder = brought(site, tmp_path, architectures=["ToyForCausalLM"], model_type="toy")
    assert read(folder, [site], trust=True).base.class_name == "OwnModel"
    assert find_base(folder, [site], trust=True) == find_base(folder, [site])


def test_code_of_a_tokenizer_alone_is_not_the_models(
    site: Path, tmp_path: Path
) -> None:
    config = {"auto_map": {"AutoTokenizer": ["t.Tok", None]}, "model_type": "toy"}
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    assert find_base(str(tmp_path), [site], trust=True).class_name == "ToyForCausalLM"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nothing", "names the code 'nothing', which is no module.Class"),
        ("../up.Model", "names the code '../up.Model', which is no module.Class"),
        (
            "org/other--modeling_own.OwnModel",
            "another repository, org/other: give a folder that holds modeling_own.py",
        ),
        (
            "modeling_gone.Model",
            "names modeling_gone.Model, and there is no modeling_go",
        ),
    ],
)
def test_code_that_cannot_be_read(
    site: Path, tmp_path: Path, target: str, words: str
) -> None:
    with pytest.raises(UnsupportedBaseError) as caught:
        read(brought(site, tmp_path, target), [site], trust=True)
    assert words in str(caught.value)


def test_a_class_that_the_code_has_not(site: Path, tmp_path: Path) -> None:
    words = "'modeling_own.Gone': looked in .*modeling_own.py, which has no such class"
    with pytest.raises(UnknownBaseError, match=words):
        read(brought(site, tmp_path, "modeling_own.Gone"), [site], trust=True)
