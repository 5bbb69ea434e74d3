"""The Hub: its cache, its names, and every way in which it does not answer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlinf_scaffold.bases.hub import (
    Hub,
    expanded,
    is_repository,
    repositories_in,
    the_hub,
)
from rlinf_scaffold.errors import (
    InterpreterError,
    NotFetchedError,
    ScaffoldError,
    UnknownBaseError,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PART = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}[A-Za-z0-9]", fullmatch=True)


def cached(cache: Path, repo: str, files: tuple[str, ...] = ("config.json",)) -> Path:
    folder = cache / f"models--{repo.replace('/', '--')}"
    snapshot = folder / "snapshots" / COMMIT
    for name in files:
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).write_text("{}")
    (folder / "refs").mkdir(parents=True)
    (folder / "refs/main").write_text(COMMIT)
    return snapshot


def python(root: Path, hub: str) -> Path:
    """Return an interpreter with a huggingface_hub of its own; a link, as a venv has."""
    (root / "packages").mkdir()
    (root / "packages/huggingface_hub.py").write_text(hub)
    program = root / "python"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={root}/packages exec {sys.executable} -S "$@"\n'
    )
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    "text",
    ["org/name", "Qwen/Qwen3-VL-2B", "a/b", "meta-llama/Llama-3.1", "x_y/z.v1", "a/b_"],
)
def test_names_of_repositories(text: str) -> None:
    assert is_repository(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "name",
            "/",
            "a/",
            "/b",
            "a/b/c",
            "./a",
            "../a",
            "~/a",
            "a//b",
            "a/b.git",
        ),
        *(
            "a/-b",
            "a/b-",
            "a/b.",
            "a/b..c",
            "a--b/c",
            "a/b--c",
            "a b/c",
            "ä/b",
            "a/b\n",
        ),
        "a/" + "b" * 97,
    ],
)
def test_other_names(text: str) -> None:
    assert not is_repository(text)


@given(organisation=PART, name=PART)
def test_any_name_is_one_or_has_what_the_hub_forbids(
    organisation: str, name: str
) -> None:
    repo = f"{organisation}/{name}"
    forbidden = "--" in repo or ".." in repo or repo.endswith((".git", ".ipynb"))
    assert is_repository(repo) is not forbidden


@given(text=st.text(max_size=20))
def test_no_name_leads_out_of_the_cache(text: str) -> None:
    if is_repository(text):
        assert ".." not in text
        assert text.count("/") == 1


@pytest.mark.parametrize(
    ("text", "repositories"),
    [
        ("", []),
        ("name", []),
        ("a/b/c", []),
        ("/a/b:C", []),
        ("https://example.org/a/b", []),
        ("https://huggingface.co/a", []),
        ("a/b", ["a/b"]),
        (" a/b\n", ["a/b"]),
        ("a/b.git", ["a/b"]),
        ("a/b:main", ["a/b"]),
        ("a/b@v1", ["a/b"]),
        ("huggingface.co/a/b", ["a/b"]),
        ("https://huggingface.co/a/b", ["a/b"]),
        ("https://huggingface.co/a/b/tree/main?x=1", ["a/b"]),
        ("https://hf.co/a/b.git", ["a/b"]),
    ],
)
def test_what_means_a_repository(text: str, repositories: list[str]) -> None:
    assert repositories_in(text) == repositories


def test_the_home_that_nobody_has_is_left_alone() -> None:
    assert expanded("~/a") == Path.home() / "a"
    assert expanded("~no_such_user/a") == Path("~no_such_user/a")


@pytest.mark.parametrize(
    ("environment", "cache"),
    [
        ({"HF_HOME": "~no_such_user"}, "~no_such_user/hub"),
        ({"HF_HUB_CACHE": "/c", "HF_HOME": "/h"}, "/c"),
        ({"HUGGINGFACE_HUB_CACHE": "/old", "HF_HOME": "/h"}, "/old"),
        ({"HF_HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/h/hub"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub"),
        ({}, str(Path.home() / ".cache/huggingface/hub")),
    ],
)
def test_the_cache_is_that_of_huggingface_hub(
    environment: dict[str, str], cache: str
) -> None:
    assert the_hub(environment, None) == Hub(cache=Path(cache))


@pytest.mark.parametrize(
    ("environment", "offline"),
    [
        ({"HF_HUB_OFFLINE": "0"}, ""),
        ({"HF_HUB_OFFLINE": ""}, ""),
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE"),
        ({"HF_HUB_OFFLINE": "true"}, "HF_HUB_OFFLINE"),
        ({"TRANSFORMERS_OFFLINE": "YES"}, "TRANSFORMERS_OFFLINE"),
    ],
)
def test_what_forbids_asking(environment: dict[str, str], offline: str) -> None:
    assert the_hub(environment, None).offline == offline


def test_what_is_cached_is_not_asked_for(tmp_path: Path) -> None:
    snapshot = cached(tmp_path, "org/name", ("config.json", "sub/model.safetensors"))
    found = Hub(cache=tmp_path, python=Path("/no/such/python")).snapshot("org/name")
    assert found.folder == snapshot
    assert {"config.json", "sub/model.safetensors"} <= {*found.files}


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        ("refs/main", r"refs/main in .*models--org--name names no commit, and nobody"),
        (
            f"snapshots/{COMMIT}/config.json",
            r"there is no config\.json of it in the cac",
        ),
    ],
)
def test_half_of_a_cached_repository_is_none(
    tmp_path: Path, breaks: str, words: str
) -> None:
    cached(tmp_path, "org/name")
    cached(tmp_path, "org/nome")
    (tmp_path / "models--org--name" / breaks).unlink()
    with pytest.raises(NotFetchedError, match=words) as caught:
        Hub(cache=tmp_path).snapshot("org/name")
    assert "(it has" not in str(caught.value)


def test_a_reference_out_of_the_cache_is_none(tmp_path: Path) -> None:
    cached(tmp_path, "org/name")
    (tmp_path / "models--org--name/refs/main").write_text("../../..")
    with pytest.raises(NotFetchedError):
        Hub(cache=tmp_path).snapshot("org/name")


def test_offline_names_what_is_there_and_what_to_do(tmp_path: Path) -> None:
    cached(tmp_path, "org/name")
    hub = Hub(cache=tmp_path, python=Path(sys.executable), offline="HF_HUB_OFFLINE")
    with pytest.raises(NotFetchedError) as caught:
        hub.snapshot("org/nane")
    assert str(caught.value) == (
        f"base 'org/nane' was not fetched: it is not in the cache {tmp_path}, and "
        "HF_HUB_OFFLINE is set (it has org/name). Fetch it where there is a network, "
        "with `hf download org/nane`, and give the folder as --base"
    )


ANSWERS = """
from pathlib import Path

class Sibling:
    rfilename = "model.safetensors"

class Info:
    siblings = [Sibling]

class HfApi:
    def model_info(self, repo, timeout):
        return Info

def snapshot_download(repo, allow_patterns, max_workers):
    assert not any("safetensors" in it for it in allow_patterns if it != "*.json")
    return str(Path(__file__).parent)
"""
FAILS = """
class GatedRepoError(OSError): pass
class RepositoryNotFoundError(OSError): pass
class OfflineModeIsEnabled(ConnectionError): pass

class HfApi:
    def model_info(self, repo, timeout):
        raise {}
"""


def test_what_is_small_is_fetched(tmp_path: Path) -> None:
    hub = Hub(cache=tmp_path / "none", python=python(tmp_path, ANSWERS))
    found = hub.snapshot("org/name")
    assert found.folder == tmp_path / "packages"
    assert found.files == ("model.safetensors",)


def test_the_hub_is_asked_which_weights_there_are(tmp_path: Path) -> None:
    cached(tmp_path / "cache", "org/name")
    hub = Hub(cache=tmp_path / "cache", python=python(tmp_path, ANSWERS))
    assert hub.snapshot("org/name").files == ("model.safetensors",)


@pytest.mark.parametrize("hub", [FAILS.format("OSError('gone')"), "raise ImportError"])
def test_where_it_does_not_answer_what_is_cached_is_enough(
    tmp_path: Path, hub: str
) -> None:
    snapshot = cached(tmp_path / "cache", "org/name")
    asked = Hub(cache=tmp_path / "cache", python=python(tmp_path, hub))
    assert asked.snapshot("org/name").folder == snapshot


FAILURES: list[tuple[str, type[ScaffoldError], str]] = [
    (
        "GatedRepoError('403')",
        NotFetchedError,
        "it is gated: its owners give access to who asks for it. Ask on "
        "https://huggingface.co/org/name, log in with `hf auth login`, run again",
    ),
    (
        "RepositoryNotFoundError('401')",
        UnknownBaseError,
        "the Hub, which shows no such repository: it is misspelt, or private",
    ),
    ("OSError('no route') from KeyError('x')", NotFetchedError, "not reached: 'x'. "),
    (
        "OSError('no  route')",
        NotFetchedError,
        "the Hub was not reached: no route. Fetch",
    ),
    ("SystemExit('broken')", NotFetchedError, "the Hub was not reached: broken. "),
]


@pytest.mark.parametrize(("raised", "kind", "words"), FAILURES)
def test_each_failure_has_a_sentence_of_its_own(
    tmp_path: Path, raised: str, kind: type[ScaffoldError], words: str
) -> None:
    hub = Hub(cache=tmp_path, python=python(tmp_path, FAILS.format(raised)))
    with pytest.raises(kind) as caught:
        hub.snapshot("org/name")
    assert words in str(caught.value)


def test_an_absent_repository_has_near_names(tmp_path: Path) -> None:
    cached(tmp_path / "cache", "org/name-7b")
    fails = FAILS.format("RepositoryNotFoundError('404')")
    hub = Hub(cache=tmp_path / "cache", python=python(tmp_path, fails))
    with pytest.raises(UnknownBaseError, match=r"did you mean org/name-7b\?"):
        hub.snapshot("org/name-8b")


def test_an_interpreter_without_huggingface_hub_is_named(tmp_path: Path) -> None:
    program = python(tmp_path, "raise ImportError")
    with pytest.raises(InterpreterError, match="ask the Hub for org/name: no hugg"):
        Hub(cache=tmp_path, python=program).snapshot("org/name")
