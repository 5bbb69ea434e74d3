from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rlinf_scaffold.apply import apply
from rlinf_scaffold.changes import ChangeSet, FileChange
from rlinf_scaffold.checkout import (
    MARKERS,
    Checkout,
    MemoryTree,
    Overlay,
    Tree,
    find_checkout,
    python_files,
    walk_files,
)
from rlinf_scaffold.errors import NotACheckoutError

HERE = PurePosixPath()
TEXT = st.binary(max_size=8).map(lambda data: data.decode("utf-8", "surrogateescape"))
PATH = st.lists(st.sampled_from(["a", "b", "c.py"]), min_size=1, max_size=3).map(
    lambda parts: PurePosixPath(*parts)
)
FILES = st.dictionaries(PATH, TEXT, max_size=5)


def fits(*paths: PurePosixPath) -> bool:
    """Whether no path is a file here and a folder there."""
    return not any({*paths} & {*path.parents} for path in paths)


def plant(root: Path, files: dict[PurePosixPath, str]) -> Checkout:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode("utf-8", "surrogateescape"))
    return Checkout(root)


def look(tree: Tree, folder: PurePosixPath = HERE) -> dict[PurePosixPath, str | None]:
    """Everything that a tree shows; a folder is there with None."""
    seen = {path: tree.read(path) for path in tree.files(folder)}
    for inner in tree.folders(folder):
        if inner.name != ".rlinf-scaffold":
            seen |= {inner: tree.read(inner), **look(tree, inner)}
    return seen


@pytest.fixture(params=["checkout", "memory", "overlay"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Tree:
    files = {"b.py": "b", "a.py": "a", "in/ner/c.py": "c", "in/d.py": "d"}
    trees: dict[str, Tree] = {
        "checkout": plant(tmp_path, {PurePosixPath(p): t for p, t in files.items()}),
        "memory": MemoryTree.of(files),
        "overlay": Overlay(MemoryTree.of(files)),
    }
    return trees[str(request.param)]


@pytest.mark.parametrize("folder", ["none", "a.py", "in/none", "a.py/none"])
def test_nothing_is_in_what_is_no_folder(tree: Tree, folder: str) -> None:
    assert tree.files(PurePosixPath(folder)) == ()
    assert tree.folders(PurePosixPath(folder)) == ()


@pytest.mark.parametrize("path", ["none", "in", "", "in/none", "a.py/none"])
def test_what_is_no_file_reads_as_none(tree: Tree, path: str) -> None:
    assert tree.read(PurePosixPath(path)) is None


def test_a_tree_lists_what_is_directly_in_a_folder(tree: Tree) -> None:
    assert [str(path) for path in tree.files(HERE)] == ["a.py", "b.py"]
    assert [str(path) for path in tree.folders(HERE)] == ["in"]
    assert [str(path) for path in tree.files(PurePosixPath("in"))] == ["in/d.py"]
    assert [str(path) for path in tree.folders(PurePosixPath("in"))] == ["in/ner"]
    assert tree.read(PurePosixPath("in/ner/c.py")) == "c"


@pytest.mark.parametrize(
    "data",
    [b"", b"a", b"a\r\nb\n\r", b"\xef\xbb\xbfa\n", b"caf\xe9\n", b"\x00\xff\xfe"],
)
def test_text_is_exact(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    text = Checkout(tmp_path).read(PurePosixPath("file"))
    assert text is not None
    assert text.encode("utf-8", "surrogateescape") == data


@given(FILES)
@settings(max_examples=50, deadline=None)
def test_disk_and_memory_look_the_same(
    tmp_path_factory: pytest.TempPathFactory, files: dict[PurePosixPath, str]
) -> None:
    assume(fits(*files))
    checkout = plant(tmp_path_factory.mktemp("any"), files)
    assert look(checkout) == look(MemoryTree(files))


def overlay(
    tree: Tree, files: dict[PurePosixPath, str], gone: list[PurePosixPath]
) -> Overlay:
    wanted: dict[PurePosixPath, str | None] = {**dict.fromkeys(gone), **files}
    changes = [
        FileChange(path, tree.read(path), after) for path, after in wanted.items()
    ]
    return Overlay(tree).write(changes)


@given(FILES, FILES, st.data())
@settings(max_examples=60, deadline=None)
def test_an_overlay_looks_as_the_disk_will(
    tmp_path_factory: pytest.TempPathFactory,
    files: dict[PurePosixPath, str],
    added: dict[PurePosixPath, str],
    data: st.DataObject,
) -> None:
    gone = data.draw(st.lists(st.sampled_from(sorted(files)))) if files else []
    assume(fits(*files, *added))
    checkout = plant(tmp_path_factory.mktemp("any"), files)
    seen = overlay(checkout, added, gone)
    promised = look(seen)
    apply(checkout, seen.changes(), "any")
    assert look(checkout) == promised


@given(FILES, FILES)
def test_an_overlay_knows_its_changes(
    files: dict[PurePosixPath, str], added: dict[PurePosixPath, str]
) -> None:
    tree = MemoryTree(files)
    changes = overlay(tree, added, []).changes()
    assert changes == ChangeSet.of(
        FileChange(path, files.get(path), text) for path, text in added.items()
    )
    assert (
        Overlay(tree).write(changes).write(changes.inverse()).changes() == ChangeSet()
    )


def test_writing_leaves_the_overlay_as_it_was() -> None:
    first = Overlay(MemoryTree.of({"a": "1"}))
    second = first.write([FileChange(PurePosixPath("a"), "1", "2")])
    assert first.read(PurePosixPath("a")) == "1"
    assert second.read(PurePosixPath("a")) == "2"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    plant(tmp_path / "checkout", dict.fromkeys(map(PurePosixPath, MARKERS), ""))
    return tmp_path / "checkout"


@pytest.mark.parametrize("start", [".", "rlinf", "rlinf/models", "rlinf/config.py"])
def test_a_checkout_is_found_from_anywhere_in_it(checkout: Path, start: str) -> None:
    assert find_checkout(checkout / start) == Checkout(checkout.resolve())


def test_a_checkout_is_found_from_the_working_folder(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout / "rlinf")
    assert find_checkout(Path()) == Checkout(checkout.resolve())


def test_the_innermost_checkout_is_found(checkout: Path) -> None:
    inner = checkout / "rlinf/inner"
    plant(inner, dict.fromkeys(map(PurePosixPath, MARKERS), ""))
    assert find_checkout(inner / "rlinf").root == inner.resolve()


@pytest.mark.parametrize("missing", MARKERS)
def test_every_marker_counts(checkout: Path, missing: str) -> None:
    (checkout / missing).unlink()
    with pytest.raises(
        NotACheckoutError, match=r"rlinf/models/__init__\.py and rlinf/c"
    ):
        find_checkout(checkout / "rlinf")


def test_walks_over_what_python_compiled() -> None:
    paths = ("a.py", "b/c.py", "b/__pycache__/c.cpython-312.pyc", "d.pyc")
    tree = MemoryTree.of(dict.fromkeys(paths, ""))
    assert [*map(str, walk_files(tree, PurePosixPath()))] == ["a.py", "b/c.py"]


def test_ends_where_a_folder_links_to_one_above_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b.py").touch()
    (tmp_path / "a/notes.md").touch()
    (tmp_path / "a/again").symlink_to(tmp_path / "a")
    found = [*python_files(Checkout(tmp_path), PurePosixPath("a"))]
    assert found[0] == PurePosixPath("a/b.py")
    assert {path.name for path in found} == {"b.py"}
    assert len(found) < 20
