"""Make a practice checkout and do the main job on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from rlinf_scaffold.apply import apply
from rlinf_scaffold.changes import ChangeSet, FileChange
from rlinf_scaffold.checkout import Checkout, walk_files
from rlinf_scaffold.commands.new_model import Outcome, Request, new_model
from rlinf_scaffold.errors import InvalidAnswerError
from rlinf_scaffold.git import commit_all
from rlinf_scaffold.rendering import templates_folder
from rlinf_scaffold.smoke.run import Event
from rlinf_scaffold.spec import ModelSpec

DEFAULT_LAYOUT = "registry"


def make_checkout(folder: Path, layout: str = DEFAULT_LAYOUT) -> Checkout:
    """Write a practice checkout into a new or empty folder, as a git repository.

    Raises:
        InvalidAnswerError: the folder has something in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidAnswerError("folder", str(folder), "is there and is not empty")
    folder.mkdir(parents=True, exist_ok=True)
    practice = Checkout(templates_folder() / "checkouts" / layout)
    checkout = Checkout(folder.resolve())
    changes = ChangeSet.of(
        FileChange(path, before=None, after=practice.read(path))
        for path in walk_files(practice, PurePosixPath())
    )
    apply(checkout, changes, None)
    commit_all(checkout.root, "Practice checkout")
    return checkout


def demo(
    folder: Path,
    python: Path | None,
    *,
    layout: str = DEFAULT_LAYOUT,
    smoke: bool = True,
    on_event: Callable[[Event], None],
) -> Outcome:
    """Scaffold ``foo`` on Llama in a fresh practice checkout, and prove it."""
    checkout = make_checkout(folder, layout)
    request = Request(
        spec=ModelSpec(name="foo"),
        base="LlamaForCausalLM",
        checkout=checkout.root,
        python=python,
        smoke=smoke,
    )
    return new_model(request, confirm=lambda _: True, on_event=on_event)
