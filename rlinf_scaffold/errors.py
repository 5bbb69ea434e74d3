"""Every error the tool can end with: one root, one exit code each."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar, Final

_SHORT: Final = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100
_SHORT.maxlevel = 2


def printable(text: str) -> str:
    """Return a text that may quote others' files, without what a terminal obeys."""
    spelt = (c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
    return "".join(spelt)


def quoted(value: object) -> str:
    """Return what others' files say, as Python writes it, but not at any length."""
    return _SHORT.repr(value)


class ScaffoldError(Exception):
    """Root of every expected failure; the message says where, what, and what next."""

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class InvalidAnswerError(ScaffoldError):
    """An answer (flag or prompt) that no plan can be made from."""

    exit_code = 2

    def __init__(self, option: str, value: object, reason: str) -> None:
        super().__init__(f"{option} {value!r}: {reason}")
        self.option = option
        self.value = value


class MissingAnswerError(ScaffoldError):
    """A required answer was not given and there is no terminal to ask on."""

    exit_code = 2

    def __init__(self, options: Sequence[str]) -> None:
        super().__init__(
            f"missing {', '.join(options)}: there is no terminal to ask on, so every "
            "answer must be an option"
        )
        self.options = tuple(options)


class NameTakenError(ScaffoldError):
    """The model name already means something in this checkout."""

    exit_code = 4

    def __init__(self, name: str, where: Sequence[str]) -> None:
        super().__init__(
            f"the name {name!r} is already taken: {'; '.join(where)}. "
            "Choose another --name, or remove what is there"
        )
        self.name = name
        self.where = tuple(where)


class AnswersChangedError(ScaffoldError):
    """The model was scaffolded here before, from other answers."""

    exit_code = 22

    def __init__(self, name: str, differences: Sequence[str]) -> None:
        super().__init__(
            f"{name!r} was scaffolded here from other answers: "
            f"{'; '.join(differences)}. Give the same answers, or take it back first "
            f"with `rlinf-scaffold undo {name}`"
        )
        self.name = name
        self.differences = tuple(differences)


class UnknownBaseError(ScaffoldError):
    """--base names nothing that can be read."""

    exit_code = 5

    def __init__(
        self, base: str, looked_in: str, suggestions: Sequence[str] = ()
    ) -> None:
        hint = f"; did you mean {' or '.join(suggestions)}?" if suggestions else ""
        super().__init__(f"unknown base {base!r}: looked in {looked_in}{hint}")
        self.base = base
        self.suggestions = tuple(suggestions)


class UnsupportedBaseError(ScaffoldError):
    """The base exists, but no action model can be generated on it."""

    exit_code = 6

    def __init__(self, base: str, reason: str) -> None:
        super().__init__(f"base {base!r} cannot be scaffolded: {reason}")
        self.base = base
        self.reason = reason


class NotFetchedError(ScaffoldError):
    """The base may be on the Hub, but it was not got from there."""

    exit_code = 31

    def __init__(self, base: str, reason: str, hand_edit: str) -> None:
        super().__init__(f"base {base!r} was not fetched: {reason}. {hand_edit}")
        self.base = base


class NotACheckoutError(ScaffoldError):
    """No RLinf checkout at, or above, a folder."""

    exit_code = 7

    def __init__(self, folder: Path, looked_for: str) -> None:
        super().__init__(
            f"{folder} is not in an RLinf checkout: no {looked_for} there or in any "
            "folder above. Give the checkout's root with --checkout"
        )
        self.folder = folder


class UnknownLayoutError(ScaffoldError):
    """The checkout wires its models in a way that no layout describes, or that two do."""

    exit_code = 8

    def __init__(self, axis: str, findings: Sequence[str]) -> None:
        rows = "\n".join(f"  - {finding}" for finding in findings)
        super().__init__(f"the checkout's {axis} is not recognised:\n{rows}")
        self.axis = axis
        self.findings = tuple(findings)


class SourceSyntaxError(ScaffoldError):
    """A file to read or patch does not parse."""

    exit_code = 9

    def __init__(self, path: PurePosixPath | str, line: int, reason: str) -> None:
        super().__init__(
            f"{path}:{line}: cannot be parsed: {reason}. Mend the file, then run again"
        )
        self.path = path
        self.line = line


class AnchorNotFoundError(ScaffoldError):
    """The place where a line belongs is not in the file."""

    exit_code = 10

    def __init__(self, path: PurePosixPath | str, anchor: str, hand_edit: str) -> None:
        super().__init__(f"{path}: found no {anchor}. By hand: {hand_edit}")
        self.path = path
        self.anchor = anchor


class WiringChangedError(ScaffoldError):
    """What stands at a wiring's place is not what the tool writes there."""

    exit_code = 11

    def __init__(
        self, path: PurePosixPath | str, line: int, what: str, expected: str
    ) -> None:
        super().__init__(
            f"{path}:{line}: {what} is there, but is not what was generated; "
            f"expected {expected}"
        )
        self.path = path
        self.line = line
        self.what = what


class TargetExistsError(ScaffoldError):
    """A file to create is already there with other content."""

    exit_code = 12

    def __init__(self, paths: Sequence[PurePosixPath]) -> None:
        super().__init__(
            f"already there, with other content: {', '.join(map(str, paths))}. "
            "Move it away, or choose another --name"
        )
        self.paths = tuple(paths)


class DirtyFilesError(ScaffoldError):
    """Files to touch have uncommitted changes."""

    exit_code = 13

    def __init__(self, paths: Sequence[PurePosixPath]) -> None:
        super().__init__(
            f"uncommitted changes in {', '.join(map(str, paths))}. Commit or stash "
            "them, or pass --allow-dirty"
        )
        self.paths = tuple(paths)


class ConflictError(ScaffoldError):
    """A file changed between the plan and its application; nothing was touched."""

    exit_code = 14

    def __init__(self, paths: Sequence[PurePosixPath]) -> None:
        super().__init__(
            f"changed since the plan was made: {', '.join(map(str, paths))}. "
            "Nothing was touched; run again"
        )
        self.paths = tuple(paths)


class EditedSinceError(ScaffoldError):
    """A file to take back is no longer what was written; nothing was touched."""

    exit_code = 19

    def __init__(self, paths: Sequence[PurePosixPath]) -> None:
        super().__init__(
            f"edited since it was written: {', '.join(map(str, paths))}. Nothing was "
            "touched; take those edits back, then run again"
        )
        self.paths = tuple(paths)


class UnsafePathError(ScaffoldError):
    """A path leads out of the checkout."""

    exit_code = 15

    def __init__(self, path: PurePosixPath, leads_to: Path | str) -> None:
        super().__init__(
            f"{path} leads out of the checkout, to {leads_to}. Nothing was touched"
        )
        self.path = path


class LockedError(ScaffoldError):
    """Another run is writing to this checkout."""

    exit_code = 16

    def __init__(self, checkout: Path, holder: str) -> None:
        super().__init__(f"{checkout} is being changed by {holder}; wait for it to end")
        self.checkout = checkout


class WriteFailedError(ScaffoldError):
    """The system refused a write; what was written before it is taken back."""

    exit_code = 25

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(
            f"{path}: cannot be written: {reason}. What was begun is taken back, at the "
            "latest by the next run"
        )
        self.path = path


class NothingToUndoError(ScaffoldError):
    """There is no receipt for what is to be undone."""

    exit_code = 17

    def __init__(self, name: str, known: Sequence[str]) -> None:
        hint = f"; undo knows {', '.join(known)}" if known else ""
        super().__init__(f"nothing to undo for {name!r} in this checkout{hint}")
        self.name = name


class NotScaffoldedError(ScaffoldError):
    """No such model was scaffolded in this checkout."""

    exit_code = 24

    def __init__(self, name: str, known: Sequence[str]) -> None:
        there = f"it knows {', '.join(known)}" if known else "it knows no model"
        super().__init__(
            f"{name!r} was not scaffolded in this checkout: {there}. "
            f"Scaffold it with `rlinf-scaffold new-model --name {name}`"
        )
        self.name = name


class LaunchError(ScaffoldError):
    """A program could not be started at all."""

    exit_code = 23

    def __init__(self, program: str, reason: str) -> None:
        super().__init__(
            f"{program} cannot be started: {reason}. Install it, or give its full path"
        )
        self.program = program


class InterpreterError(ScaffoldError):
    """The interpreter chosen for the proof, or for a plan, lacks something."""

    exit_code = 18

    def __init__(
        self,
        python: Path,
        missing: Sequence[str],
        *,
        task: str = "run the smoke test",
        otherwise: str = ", or skip the proof with --no-smoke",
    ) -> None:
        packages = " ".join(missing)
        super().__init__(
            f"{python} cannot {task}: no {', '.join(missing)}. "
            f"Install with `{python} -m pip install {packages}`, choose another "
            f"interpreter with --python{otherwise}"
        )
        self.python = python
        self.missing = tuple(missing)


class SmokeTestFailedError(ScaffoldError):
    """A proof failed; the files stay."""

    exit_code = 20

    def __init__(self, name: str, failed: Sequence[str], log: Path) -> None:
        what = ", ".join(failed) if failed else "it did not finish"
        super().__init__(
            f"the smoke test of {name!r} failed: {what}. The files stay; log: {log}"
        )
        self.failed = tuple(failed)
        self.log = log


class HungRankError(ScaffoldError):
    """A rank did not come to its end, or to the others, in time; all were ended."""

    exit_code = 26

    def __init__(self, who: str, during: str, log: Path) -> None:
        super().__init__(
            f"{who} hung{_in(during)}; all ranks were ended. Where it stood is at the end "
            f"of {log}. If it is only slow, give it time: --timeout for all, "
            "SMOKE_TIMEOUT (seconds) for a rank to wait for another"
        )
        self.log = log


class KilledRankError(ScaffoldError):
    """A signal from outside ended a rank; the others were ended."""

    exit_code = 27

    def __init__(self, who: str, signal: str, during: str, log: Path) -> None:
        reason = (
            "Most likely memory ran out: look for `Killed process` in `dmesg`, or for "
            "oom_kill in the memory.events of its container, and prove with less --nproc"
            if signal == "SIGKILL"
            else "Find out who sends it, then run again"
        )
        super().__init__(
            f"{who} was ended by {signal}{_in(during)}. {reason}. Log: {log}"
        )
        self.signal = signal
        self.log = log


class CrashedRankError(ScaffoldError):
    """A rank ended in the middle of a proof by a fault of its own."""

    exit_code = 28

    def __init__(self, who: str, how: str, during: str, log: Path) -> None:
        super().__init__(
            f"{who} crashed{_in(during)}: it {how}. Where it stood is at the end of "
            f"{log}: look there for the first library that is not Python's own, and try "
            "another version of it"
        )
        self.log = log


class PortInUseError(ScaffoldError):
    """Ranks cannot find each other, as something else listens where they were to."""

    exit_code = 29

    def __init__(self, endpoint: str) -> None:
        super().__init__(
            f"{endpoint} is in use, and ranks were to find each other there. Name a free "
            "port with --rdzv-endpoint HOST:PORT, or end what listens there (`ss -ltnp`)"
        )
        self.endpoint = endpoint


class NoBackendError(ScaffoldError):
    """The torch of the interpreter cannot connect ranks."""

    exit_code = 30

    def __init__(self, python: Path, backend: str) -> None:
        super().__init__(
            f"the torch of {python} was built without {backend}, which connects ranks. "
            "Install a build that has torch.distributed, or choose another interpreter "
            "with --python"
        )
        self.python = python
        self.backend = backend


def _in(during: str) -> str:
    return f" during {during!r}" if during else ""


class GoldenWriteRefusedError(ScaffoldError):
    """Golden trees are never rewritten where CI runs."""

    exit_code = 21

    def __init__(self) -> None:
        super().__init__(
            "golden --update does not write where CI is set: run it on your machine, "
            "read the diff, and commit it"
        )
