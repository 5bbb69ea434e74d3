"""Laws that hold for every edit of a source, whatever it adds."""

from __future__ import annotations

import difflib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from ruff.__main__ import find_ruff_bin

from rlinf_scaffold.processes import Finished, run
from rlinf_scaffold.rendering import templates_folder
from rlinf_scaffold.spec import Base
from rlinf_scaffold.syntax import BOM, to_parsable

Transform = Callable[[str], str]
# A short name, and the longest that there is.
NAMES = ("foo", "a_policy_with_a_name_of_32_chars")
STYLES: dict[str, Transform] = {
    "as it is": lambda source: source,
    "carriage returns": lambda source: source.replace("\n", "\r\n"),
    "tabs": lambda source: source.replace("    ", "\t"),
    "no newline at the end": lambda source: source.rstrip("\n"),
    "comments at the end": lambda source: source + "# one\n\n# two",
    "a byte-order mark": lambda source: BOM + source,
    "bytes that are no UTF-8": lambda source: f"# coding: latin-1 \udce9\n{source}",
}
BASE = Base(
    class_name="LlamaForCausalLM",
    module="transformers",
    config_class="LlamaConfig",
    config_module="transformers",
    model_type="llama",
    hidden_size=64,
    vocab_size=320,
    tie_word_embeddings=False,
    layer_classes=("LlamaDecoderLayer",),
    lora_targets=("q_proj", "v_proj"),
    forward_arguments=("input_ids", "attention_mask"),
)


def check_noop(transform: Transform, source: str) -> None:
    assert transform(source) == source


def check_transformed(
    transform: Transform, before: str, after: str, *, rewritten: int = 0
) -> None:
    assert transform(before) == after
    check_laws(transform, before, rewritten=rewritten)


def check_laws(transform: Transform, before: str, *, rewritten: int = 0) -> str:
    """Return the source after the edit, which must parse, last, and only add.

    Args:
        transform: the edit.
        before: the source to edit.
        rewritten: lines that cannot stay, for want of a comma or of room.
    """
    after = transform(before)
    assert after != before
    compile(to_parsable(after), "after.py", "exec")
    assert transform(after) == after
    characters = iter(after)
    assert all(character in characters for character in before), "something went away"
    lines = difflib.ndiff(before.split("\n"), after.split("\n"), charjunk=None)
    assert len([line for line in lines if line.startswith("- ")]) == rewritten
    return after


def check_ruff(folder: Path, before: str, after: str) -> None:
    """Check that ruff, set as in the checkouts, finds nothing in the edit alone."""
    settings = templates_folder() / "checkouts" / "registry" / "pyproject.toml"
    shutil.copy(settings, folder)
    for name, text in (("before.py", before), ("after.py", after)):
        (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    formatted = ruff("format", "--check", folder=folder).output
    linted = ruff("check", "--preview", "--output-format=concise", folder=folder).output
    for output in (formatted, linted):
        assert "before.py" in output or "after.py" not in output, output


def ruff(*arguments: str, folder: Path) -> Finished:
    command = [find_ruff_bin(), *arguments, "--no-cache"]
    return run(command, cwd=folder, timeout=60)


def swap(source: str, *swaps: tuple[str, str]) -> str:
    """Return the source with each first text, which must be there, by the second."""
    for old, new in swaps:
        assert old in source, old
        source = source.replace(old, new, 1)
    return source


def hunks_out(before: str, after: str) -> list[str]:
    """Return the edited source once without each of its added hunks."""
    old, new = before.split("\n"), after.split("\n")
    opcodes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [
        "\n".join([*new[:start], *old[first:last], *new[end:]])
        for tag, first, last, start, end in opcodes
        if tag != "equal"
    ]


def plant(root: Path, files: dict[str, str]) -> None:
    """Write files, byte for byte, with an __init__.py in every folder between."""
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode("utf-8", "surrogateescape"))
        for folder in target.relative_to(root).parents:
            if folder.name:
                (root / folder / "__init__.py").touch()


def python(code: str, folder: Path) -> str:
    """Return what a program prints in a folder that it imports from."""
    finished = run([sys.executable, "-c", code], cwd=folder, timeout=60)
    assert finished.returncode == 0, finished.output
    return finished.output
