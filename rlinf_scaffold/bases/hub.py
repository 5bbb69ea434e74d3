"""Bases on the Hub: found in its cache, else what is small of them is asked for."""

from __future__ import annotations

import difflib
import inspect
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from rlinf_scaffold.bases import hub_probe
from rlinf_scaffold.errors import InterpreterError, NotFetchedError, UnknownBaseError
from rlinf_scaffold.processes import run

CONFIG: Final = "config.json"
_PART: Final = r"(?!.*(?:--|\.\.))[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9_])?"
_ID: Final = re.compile(rf"{_PART}/{_PART}", re.ASCII)
# A page's address, a clone's, or a name with a revision; and the name in it.
_ADDRESS: Final = re.compile(
    r"(?:https?://)?(?:huggingface\.co|hf\.co)/(?P<page>[^/\s]+/[^/\s?#]+)(?:[/?#].*)?"
    r"|(?P<name>[^/:\s]+/[^/:@\s]+)(?:[:@].*)?"
)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_WEIGHTS: Final = re.compile(r".*\.(safetensors(\.index\.json)?|bin|pth|pt)")
_TRUE: Final = ("1", "ON", "YES", "TRUE")
_OFFLINE: Final = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_TIMEOUT: Final = 60.0
_SAID: Final = 300
_SUGGESTIONS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A repository as it was at one commit, as far as it was downloaded.

    Attributes:
        folder: where that lies.
        files: the names of all files that the repository is known to hold.
    """

    folder: Path
    files: tuple[str, ...]

    @property
    def has_weights(self) -> bool:
        """Whether files of weights are among them: else there may be more of them."""
        return any(_WEIGHTS.fullmatch(name) for name in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """Where repositories come from.

    Attributes:
        cache: the folder that huggingface_hub keeps them in.
        python: an interpreter that may have huggingface_hub; None asks nobody.
        offline: what forbids asking; empty where it is allowed.
    """

    cache: Path
    python: Path | None = None
    offline: str = ""

    def snapshot(self, repo: str) -> Snapshot:
        """Return a repository: as it is in the cache, else what is small of it.

        Where the cache has nothing of its weights, the Hub is asked which there are.

        Raises:
            UnknownBaseError: there is no such repository.
            NotFetchedError: it may be there, but was not got; with the reason.
            InterpreterError: the interpreter has no huggingface_hub.
        """
        found = self._cached(repo)
        if found is not None and (found.has_weights or self.offline or not self.python):
            return found
        if self.offline or self.python is None:
            why = f"{self.offline} is set" if self.offline else "nobody is asked"
            reason = f"{self._lacking(repo)}, and {why}"
            raise NotFetchedError(
                repo, f"{reason}{self._similar(repo)}", _by_hand(repo)
            )
        try:
            return self._fetched(repo, self.python)
        except (NotFetchedError, InterpreterError):
            if found is None:
                raise
            return found

    def _cached(self, repo: str) -> Snapshot | None:
        folder = self._folder(repo)
        commit = _commit(folder)
        snapshot = folder / "snapshots" / commit
        if not commit or not (snapshot / CONFIG).is_file():
            return None
        names = (path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*"))
        return Snapshot(folder=snapshot, files=tuple(sorted(names)))

    def _folder(self, repo: str) -> Path:
        return self.cache / f"models--{repo.replace('/', '--')}"

    def _lacking(self, repo: str) -> str:
        """Say what of a repository the cache has not."""
        folder = self._folder(repo)
        if not folder.is_dir():
            return f"it is not in the cache {self.cache}"
        if not _commit(folder):
            return f"refs/main in {folder} names no commit"
        return f"there is no {CONFIG} of it in the cache {self.cache}"

    def _fetched(self, repo: str, python: Path) -> Snapshot:
        answer = _ask(python, repo)
        folder = answer.get("folder")
        if folder is not None:
            files = answer.get("files", [])
            return Snapshot(folder=Path(folder), files=tuple(sorted(files)))
        failed, said = answer.get("failed"), " ".join(answer.get("said", "").split())
        if failed == "no package":
            task, otherwise = f"ask the Hub for {repo}", ", or give a local snapshot"
            package = ["huggingface_hub"]
            raise InterpreterError(python, package, task=task, otherwise=otherwise)
        if failed == "absent":
            looked_in = (
                "the Hub, which shows no such repository: it is misspelt, or private "
                "and this machine's token does not open it (`hf auth login`)"
            )
            raise UnknownBaseError(repo, looked_in, self._near(repo))
        if failed == "gated":
            reason = "it is gated: its owners give access to who asks for it"
            page = f"https://huggingface.co/{repo}"
            raise NotFetchedError(
                repo, reason, f"Ask on {page}, log in with `hf auth login`, run again"
            )
        reason = f"the Hub was not reached: {said[:_SAID] or 'no reason is given'}"
        raise NotFetchedError(repo, reason, _by_hand(repo))

    def _near(self, repo: str) -> list[str]:
        folders = self.cache.glob("models--*--*")
        names = (folder.name.removeprefix("models--") for folder in folders)
        known = {name.replace("--", "/", 1) for name in names} - {repo}
        return difflib.get_close_matches(repo, sorted(known), _SUGGESTIONS)

    def _similar(self, repo: str) -> str:
        near = [] if self._folder(repo).is_dir() else self._near(repo)
        return f" (it has {' and '.join(near)})" if near else ""


class _Answer(TypedDict, total=False):
    folder: str
    files: list[str]
    failed: str
    said: str


def is_repository(text: str) -> bool:
    """Whether a text may name a repository on the Hub: ``organisation/name``."""
    return _ID.fullmatch(text) is not None and not text.endswith((".git", ".ipynb"))


def repositories_in(text: str) -> list[str]:
    """Return the repository that an address, or a name with a revision, means, if any."""
    found = _ADDRESS.fullmatch(text.strip())
    named = (found["page"] or found["name"]).removesuffix(".git") if found else ""
    return [named] if is_repository(named) else []


def expanded(path: str) -> Path:
    """Return a path from the home that it begins with; as it is where nobody has that."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def the_hub(environment: Mapping[str, str], python: Path | None) -> Hub:
    """Return the Hub as an environment sets it up; the cache is huggingface_hub's."""
    caches = environment.get("XDG_CACHE_HOME") or "~/.cache"
    home = environment.get("HF_HOME") or f"{caches}/huggingface"
    named = (environment.get(key) for key in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"))
    cache = next(filter(None, named), None) or f"{home}/hub"
    offline = (key for key in _OFFLINE if _is_true(environment.get(key, "")))
    return Hub(
        cache=expanded(os.path.expandvars(cache)),
        python=python,
        offline=next(offline, ""),
    )


def _commit(folder: Path) -> str:
    """Return the commit that a cached repository's main branch is at; or none."""
    try:
        commit = (folder / "refs/main").read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
    return commit if _COMMIT.fullmatch(commit) else ""


def _ask(python: Path, repo: str) -> _Answer:
    command: Sequence[str | Path] = [
        *(python, "-c", inspect.getsource(hub_probe), repo)
    ]
    finished = run(command, cwd=Path.cwd(), timeout=_TIMEOUT)
    last = finished.output.rstrip().rpartition("\n")[2]
    if finished.timed_out or not last.startswith("{"):
        slow = f"no answer within {finished.seconds:.0f} s"
        return {"failed": "unreachable", "said": slow if finished.timed_out else last}
    answer: _Answer = json.loads(last)
    return answer


def _is_true(value: str) -> bool:
    return value.upper() in _TRUE


def _by_hand(repo: str) -> str:
    return (
        f"Fetch it where there is a network, with `hf download {repo}`, and give the "
        "folder as --base"
    )
