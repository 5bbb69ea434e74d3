from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from types import FrameType

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rlinf_scaffold.apply import STATE, apply, publish, receipts, recover, undo
from rlinf_scaffold.changes import ChangeSet, FileChange
from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.errors import (
    ConflictError,
    EditedSinceError,
    LockedError,
    NothingToUndoError,
    UnsafePathError,
    WriteFailedError,
)
from rlinf_scaffold.processes import run
from rlinf_scaffold.receipt import Receipt
from rlinf_scaffold.staging import temporary

Snapshot = dict[str, tuple[int, bytes | str | None]]

TREE = {
    "config.py": b"A = 1\n",
    "crlf.yaml": b"a: 1\r\nb: 2\r\n",
    "deep/er/only.py": b"pass\n",
    "deep/other.py": b"pass\n",
    "run.sh": b"\xef\xbb\xbfecho caf\xe9 without an end",
}
EDITS = {
    "config.py": "A = 1\nB = 2\n",
    "crlf.yaml": "a: 1\r\nb: 2\r\nc: 3",
    "deep/er/only.py": None,
    "models/foo/__init__.py": "",
    "models/foo/model.py": "class Foo: ...\r\n",
    "run.sh": "\ufeffecho caf\udce9 with an end\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return plant(tmp_path / "checkout")


@pytest.fixture
def quick_root() -> Iterator[Path]:
    """The same where syncing costs nothing, for the tests that do little else."""
    memory = Path("/dev/shm")
    where = memory if os.access(memory, os.W_OK) else None
    with TemporaryDirectory(dir=where) as folder:
        yield plant(Path(folder) / "checkout")


def plant(root: Path) -> Path:
    for path, data in TREE.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    (root / "run.sh").chmod(0o755)
    (root / "config.py").chmod(0o640)
    (root / "deep/er").chmod(0o777)
    (root / "deep/er/only.py").chmod(0o600)
    (root / "models").mkdir()
    return root


def changes(root: Path, edits: dict[str, str | None] = EDITS) -> ChangeSet:
    return ChangeSet.of(
        FileChange(path, before=Checkout(root).read(path), after=after)
        for path, after in ((PurePosixPath(p), a) for p, a in edits.items())
    )


def snapshot(root: Path) -> Snapshot:
    """Everything that can be told apart from outside, the writer's state excepted."""
    found: Snapshot = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        mode = stat.S_IMODE(path.lstat().st_mode)
        if path.is_symlink():
            found[name] = mode, str(path.readlink())
        elif STATE not in (at := PurePosixPath(name), *at.parents):
            found[name] = mode, path.read_bytes() if path.is_file() else None
    return found


def bare(found: Snapshot) -> Snapshot:
    return {name: held for name, held in found.items() if name != ".rlinf-scaffold"}


def test_noop_leaves_no_trace(root: Path) -> None:
    before = snapshot(root)
    assert apply(Checkout(root), ChangeSet(), "foo") == Receipt("foo")
    assert not recover(Checkout(root))
    assert receipts(Checkout(root)) == ()
    assert snapshot(root) == before


def test_without_a_name_no_receipt_is_kept(root: Path) -> None:
    plan = changes(root)
    receipt = apply(Checkout(root), plan, None)
    assert len(receipt.files) == len(plan)
    assert changes(root) == ChangeSet()
    assert receipts(Checkout(root)) == ()
    assert not (root / ".rlinf-scaffold").exists()


def test_apply_writes_exactly_the_plan(root: Path) -> None:
    receipt = apply(Checkout(root), changes(root), "foo")
    assert {path: Checkout(root).read(PurePosixPath(path)) for path in EDITS} == EDITS
    assert [str(path) for path in receipt.created] == ["models/foo"]
    assert not (root / "deep/er").exists()
    assert (root / "deep/other.py").exists()
    assert receipts(Checkout(root)) == ("foo",)
    assert changes(root) == ChangeSet()


def test_files_keep_their_modes_and_new_ones_follow_the_umask(root: Path) -> None:
    umask = os.umask(0o027)
    try:
        apply(Checkout(root), changes(root), "foo")
    finally:
        os.umask(umask)
    found = snapshot(root)
    assert found["run.sh"][0] == 0o755
    assert found["config.py"][0] == 0o640
    assert found["models/foo"][0] == 0o750
    assert found["models/foo/model.py"][0] == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_files_keep_their_owner(root: Path) -> None:
    os.chown(root / "config.py", 12345, 12345)
    apply(Checkout(root), changes(root), "foo")
    assert (root / "config.py").stat().st_uid == 12345


def test_undo_restores_every_byte_mode_and_folder(root: Path) -> None:
    before, plan = snapshot(root), changes(root)
    apply(Checkout(root), plan, "foo")
    assert undo(Checkout(root), "foo") == plan.inverse()
    assert snapshot(root) == before
    assert not (root / ".rlinf-scaffold").exists()


def test_undo_keeps_what_git_should_see(root: Path) -> None:
    manifest = ".rlinf-scaffold/foo.json"
    before = snapshot(root)
    apply(Checkout(root), changes(root, {manifest: "{}\n"}), "foo")
    assert (root / STATE / ".gitignore").read_text() == "*\n"
    assert (root / manifest).read_text() == "{}\n"
    undo(Checkout(root), "foo")
    assert snapshot(root) == before


def test_undo_leaves_other_edits_alone(root: Path) -> None:
    apply(Checkout(root), changes(root), "foo")
    (root / "deep/other.py").write_text("edited\n")
    (root / "models/foo/mine.py").write_text("mine\n")
    (root / "run.sh").chmod(0o700)
    undo(Checkout(root), "foo")
    assert (root / "deep/other.py").read_text() == "edited\n"
    assert [path.name for path in (root / "models/foo").iterdir()] == ["mine.py"]
    assert stat.S_IMODE((root / "run.sh").stat().st_mode) == 0o700
    assert (root / "run.sh").read_bytes() == TREE["run.sh"]


def test_undo_takes_compiled_files_along(root: Path) -> None:
    before = snapshot(root)
    apply(Checkout(root), changes(root), "foo")
    cache = root / "models/foo/__pycache__"
    cache.mkdir()
    for stem in ("__init__", "model"):
        (cache / f"{stem}.cpython-311.pyc").write_bytes(b"")
    undo(Checkout(root), "foo")
    assert snapshot(root) == before


def test_undo_spares_compiled_files_of_others(root: Path) -> None:
    apply(Checkout(root), changes(root), "foo")
    cache = root / "models/foo/__pycache__"
    cache.mkdir()
    (cache / "mine.cpython-311.pyc").write_bytes(b"")
    undo(Checkout(root), "foo")
    assert [path.name for path in cache.iterdir()] == ["mine.cpython-311.pyc"]


def test_undo_goes_back_one_application_at_a_time(root: Path) -> None:
    stages = [snapshot(root)]
    for number in range(3):
        plan = changes(root, {"config.py": f"N = {number}\n", f"{number}.py": ""})
        apply(Checkout(root), plan, "foo")
        stages.append(bare(snapshot(root)))
    for stage in reversed(stages[:-1]):
        undo(Checkout(root), "foo")
        assert bare(snapshot(root)) == stage
    assert receipts(Checkout(root)) == ()


def test_undo_accepts_what_was_taken_back_by_hand(root: Path) -> None:
    before = snapshot(root)
    apply(Checkout(root), changes(root), "foo")
    (root / "config.py").write_bytes(TREE["config.py"])
    (root / "models/foo/model.py").unlink()
    (root / "models/foo/__init__.py").unlink()
    undone = undo(Checkout(root), "foo")
    assert [str(it.path) for it in undone] == ["crlf.yaml", "deep/er/only.py", "run.sh"]
    assert snapshot(root) == before


@pytest.mark.parametrize("name", ["bar", "", "foo.1", "../foo", "f*"])
def test_undo_without_receipt(root: Path, name: str) -> None:
    apply(Checkout(root), changes(root), "foo")
    with pytest.raises(NothingToUndoError, match="undo knows foo"):
        undo(Checkout(root), name)


@pytest.mark.parametrize("name", ["foo", "", "a.b", "../up", "späße", "a/b"])
def test_any_name_makes_a_receipt(root: Path, name: str) -> None:
    before = snapshot(root)
    apply(Checkout(root), changes(root), name)
    assert receipts(Checkout(root)) == (name,)
    undo(Checkout(root), name)
    assert snapshot(root) == before


def edit(root: Path) -> None:
    (root / "config.py").write_text("A = 3\n")


def replace_by_folder(root: Path) -> None:
    (root / "config.py").unlink()
    (root / "config.py").mkdir()


def replace_by_pipe(root: Path) -> None:
    (root / "config.py").unlink()
    os.mkfifo(root / "config.py")


def delete(root: Path) -> None:
    (root / "config.py").unlink()


EDITORS = [edit, replace_by_folder, replace_by_pipe, delete]


@pytest.mark.parametrize("meddle", EDITORS)
def test_conflict_touches_nothing(root: Path, meddle: Callable[[Path], None]) -> None:
    plan = changes(root)
    meddle(root)
    with untouched(root), pytest.raises(ConflictError) as raised:
        apply(Checkout(root), plan, "foo")
    assert raised.value.paths == (PurePosixPath("config.py"),)


@pytest.mark.parametrize("meddle", EDITORS)
def test_undo_refuses_edited_files(root: Path, meddle: Callable[[Path], None]) -> None:
    apply(Checkout(root), changes(root), "foo")
    meddle(root)
    with untouched(root), pytest.raises(EditedSinceError) as raised:
        undo(Checkout(root), "foo")
    assert raised.value.paths == (PurePosixPath("config.py"),)
    assert receipts(Checkout(root)) == ("foo",)


@contextmanager
def untouched(root: Path) -> Iterator[None]:
    def known() -> list[tuple[str, int, int, int]]:
        stats = [(str(it), it.lstat()) for it in sorted(root.rglob("*"))]
        return [
            (name, it.st_ino, it.st_mode, it.st_mtime_ns)
            for name, it in stats
            if str(STATE.parent) not in name
        ]

    before = known()
    yield
    assert known() == before


@pytest.mark.parametrize("path", ["config.py/inside.py", "config.py/in/side.py"])
def test_a_file_in_the_place_of_a_folder_is_a_conflict(root: Path, path: str) -> None:
    with untouched(root), pytest.raises(ConflictError, match=r"inside|side\.py"):
        apply(Checkout(root), changes(root, {path: ""}), "foo")


@contextmanager
def untouched_bytes(root: Path) -> Iterator[None]:
    before = snapshot(root)
    yield
    assert snapshot(root) == before


@pytest.mark.parametrize(
    "path",
    ["../out.py", "deep/../../out.py", "deep/../config.py", "/etc/out.py", "", "."],
)
def test_unsafe_paths_are_refused(root: Path, path: str) -> None:
    plan = ChangeSet((FileChange(PurePosixPath(path), before=None, after="x"),))
    with untouched_bytes(root), pytest.raises(UnsafePathError):
        apply(Checkout(root), plan, "foo")


@pytest.mark.parametrize("path", ["link", "link/out.py", "link/new/out.py"])
def test_links_out_of_the_checkout_are_refused(root: Path, path: str) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (root / "link").symlink_to(outside)
    plan = ChangeSet((FileChange(PurePosixPath(path), before=None, after="x"),))
    with untouched_bytes(root.parent), pytest.raises(UnsafePathError, match="outside"):
        apply(Checkout(root), plan, "foo")


def test_link_loops_are_refused(root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    plan = ChangeSet((FileChange(PurePosixPath("a"), before=None, after="x"),))
    with pytest.raises(UnsafePathError):
        apply(Checkout(root), plan, "foo")


def test_state_outside_the_checkout_is_refused(root: Path) -> None:
    (root / ".rlinf-scaffold").symlink_to(root.parent)
    with untouched_bytes(root), pytest.raises(UnsafePathError):
        apply(Checkout(root), changes(root), "foo")


def test_links_inside_are_written_through(root: Path) -> None:
    (root / "alias.py").symlink_to("deep/other.py")
    (root / "later.py").symlink_to("deep/later.py")
    (root / "way").symlink_to("deep/fresh")
    before = snapshot(root)
    edits: dict[str, str | None] = {
        "alias.py": "a\n",
        "later.py": "l\n",
        "way/w.py": "",
    }
    apply(Checkout(root), changes(root, edits), "foo")
    assert (root / "alias.py").is_symlink()
    assert (root / "deep/other.py").read_text() == "a\n"
    assert (root / "deep/later.py").read_text() == "l\n"
    assert (root / "deep/fresh/w.py").read_text() == ""
    undo(Checkout(root), "foo")
    assert snapshot(root) == before


def test_the_checkout_itself_may_be_a_link(root: Path) -> None:
    before = snapshot(root)
    link = root.parent / "link"
    link.symlink_to(root)
    apply(Checkout(link), changes(link), "foo")
    undo(Checkout(root), "foo")
    assert snapshot(root) == before


@pytest.mark.parametrize(
    "edits",
    [
        {"alias.py": "one\n", "config.py": "two\n"},
        {"new": "", "new/er.py": ""},
        {"config.py": None, "config.py/new.py": ""},
    ],
)
def test_two_changes_for_one_place_are_refused(
    root: Path, edits: dict[str, str | None]
) -> None:
    (root / "alias.py").symlink_to("config.py")
    plan = changes(root, edits)
    with untouched_bytes(root), pytest.raises(ValueError, match="for one place"):
        apply(Checkout(root), plan, "foo")


def test_a_second_writer_is_told_who_the_first_is(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, refusals = changes(root), []
    replace = Path.replace

    def meanwhile(self: Path, target: Path) -> Path:
        with pytest.raises(LockedError, match=f"process {os.getpid()};") as raised:
            apply(Checkout(root), plan, "bar")
        refusals.append(raised.value)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", meanwhile)
    apply(Checkout(root), plan, "foo")
    assert len(refusals) > len(EDITS) - 1
    assert receipts(Checkout(root)) == ("foo",)


def test_a_holder_that_has_not_signed_yet(root: Path) -> None:
    (root / STATE).mkdir(parents=True)
    with (root / STATE / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LockedError, match="another process"):
            apply(Checkout(root), changes(root), "foo")
    apply(Checkout(root), changes(root), "foo")


def test_a_lock_that_is_tidied_away_meanwhile_is_taken_anew(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, lock = fcntl.flock, root / STATE / "lock"
    tidyings = ["gone", "another", "none"]

    def flock_after_tidying(file: int, operation: int) -> None:
        flock(file, operation)
        tidying = tidyings.pop(0)
        if tidying == "gone":
            lock.unlink()
        if tidying == "another":
            lock.rename(lock.with_name("old"))
            lock.touch()

    monkeypatch.setattr(fcntl, "flock", flock_after_tidying)
    apply(Checkout(root), changes(root), "foo")
    assert tidyings == []
    assert lock.read_text() == f"{os.getpid()}\n"


def test_foreign_files_in_the_state_folder_stay(root: Path) -> None:
    apply(Checkout(root), changes(root), "foo")
    (root / STATE / "smoke.log").write_text("log\n")
    undo(Checkout(root), "foo")
    assert (root / STATE / "smoke.log").read_text() == "log\n"
    assert (root / STATE / ".gitignore").exists()


# A fault strikes just before any call into the system: kill -9, Ctrl-C, a full disk.

CALLS = {"chmod", "fchmod", "fchown", "flock", "flush", "fsync", "mkdir", "open"}
CALLS |= {"replace", "rmdir", "truncate", "unlink", "write"}


def strike(moment: int, fault: Callable[[], None]) -> Callable[[], bool]:
    seen = 0

    def watch(_frame: FrameType, event: str, call: object) -> None:
        nonlocal seen
        if event == "c_call" and getattr(call, "__name__", "") in CALLS:
            seen += 1
            if seen == moment:
                sys.setprofile(None)
                fault()

    sys.setprofile(watch)
    return lambda: seen >= moment


def outcomes(
    fault: Callable[[], None], work: Callable[[], object]
) -> Iterator[BaseException | None]:
    """Do the work again and again, struck at each of its moments in turn."""
    for moment in itertools.count(1):
        error: BaseException | None = None
        struck = strike(moment, fault)
        try:
            work()
        except (WriteFailedError, KeyboardInterrupt, SystemExit) as raised:
            error = raised
        finally:
            sys.setprofile(None)
        if not struck():
            return
        yield error


def refuse() -> None:
    raise OSError(28, "No space left on device")


def interrupt() -> None:
    raise KeyboardInterrupt


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(params=[refuse, interrupt, terminate])
def fault(request: pytest.FixtureRequest) -> Callable[[], None]:
    chosen: Callable[[], None] = request.param
    return chosen


def before_and_after(root: Path) -> tuple[ChangeSet, Snapshot, Snapshot]:
    before, plan = snapshot(root), changes(root)
    apply(Checkout(root), plan, "foo")
    after = bare(snapshot(root))
    undo(Checkout(root), "foo")
    return plan, before, after


def test_a_fault_leaves_all_of_an_apply_or_nothing(
    quick_root: Path, fault: Callable[[], None]
) -> None:
    plan, before, after = before_and_after(quick_root)
    met = set()
    for error in outcomes(fault, lambda: apply(Checkout(quick_root), plan, "foo")):
        met.add((type(error), receipts(Checkout(quick_root))))
        if receipts(Checkout(quick_root)):
            assert bare(snapshot(quick_root)) == after
            undo(Checkout(quick_root), "foo")
        assert bare(snapshot(quick_root)) == before
        assert not (quick_root / STATE / "journal.json").exists()
    assert (type(None), ()) not in met
    assert any(error is not type(None) and not kept for error, kept in met)


def test_a_fault_leaves_all_or_nothing_without_a_receipt(
    quick_root: Path, fault: Callable[[], None]
) -> None:
    plan, before, after = before_and_after(quick_root)
    for _ in outcomes(fault, lambda: apply(Checkout(quick_root), plan, None)):
        assert not recover(Checkout(quick_root))
        assert bare(snapshot(quick_root)) in (before, after)
        shutil.rmtree(quick_root)
        plant(quick_root)


def test_a_fault_leaves_all_of_an_undo_or_nothing(
    quick_root: Path, fault: Callable[[], None]
) -> None:
    plan, before, after = before_and_after(quick_root)
    apply(Checkout(quick_root), plan, "foo")
    met = set()
    for error in outcomes(fault, lambda: undo(Checkout(quick_root), "foo")):
        met.add((type(error), receipts(Checkout(quick_root))))
        if not receipts(Checkout(quick_root)):
            assert bare(snapshot(quick_root)) == before
            apply(Checkout(quick_root), plan, "foo")
        assert bare(snapshot(quick_root)) == after
    assert (type(None), ("foo",)) not in met
    assert any(error is not type(None) and kept for error, kept in met)


def forked(moment: int, work: Callable[[], object]) -> bool:
    """Do the work in a process that is killed at a moment; whether it was."""
    child = os.fork()
    if child == 0:
        strike(moment, die)
        work()
        os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def kill_everywhere(root: Path, *, undoing: bool) -> None:
    """Kill an apply, or an undo, at each of its moments, and the recovery as well."""
    plan, before, after = before_and_after(root)
    work = undo if undoing else partial(apply, changes=plan)
    met = set()
    for moment in itertools.count(1):
        if undoing and not receipts(Checkout(root)):
            apply(Checkout(root), plan, "foo")
        if not forked(moment, lambda: work(Checkout(root), name="foo")):
            break
        forked(moment % 23 + 1, lambda: recover(Checkout(root)))
        recover(Checkout(root))
        kept = receipts(Checkout(root)) == ("foo",)
        assert bare(snapshot(root)) == (after if kept else before)
        assert not recover(Checkout(root))
        met.add(kept)
        if kept and not undoing:
            undo(Checkout(root), "foo")
    assert met == {True, False}, moment
    print(f"killed {moment - 1} times")


@pytest.mark.parametrize("undoing", [False, True])
def test_a_killed_run_is_repaired_by_the_next(quick_root: Path, undoing: bool) -> None:
    # In a process of its own: forking is for programs that have no threads.
    module, here = Path(__file__).stem, Path(__file__).parent
    script = (
        f"import sys; sys.path.insert(0, {str(here)!r}); from pathlib import Path; "
        f"import {module} as it; it.kill_everywhere(Path(sys.argv[1]), undoing={undoing})"
    )
    finished = run(
        [sys.executable, "-c", script, quick_root], cwd=quick_root, timeout=60
    )
    assert finished.returncode == 0, finished.output
    assert int(finished.output.split()[1]) > 50


def test_recovery_refuses_to_overwrite_edits(root: Path) -> None:
    plan = changes(root)
    receipt = apply(Checkout(root), plan, "foo")
    (root / STATE / "receipts/foo.1.json").rename(root / STATE / "journal.json")
    (root / "config.py").write_text("edited\n")
    with untouched(root), pytest.raises(EditedSinceError, match=r"config\.py"):
        recover(Checkout(root))
    with untouched(root), pytest.raises(EditedSinceError, match=r"config\.py"):
        apply(Checkout(root), changes(root, {"new.py": ""}), "bar")
    (root / "config.py").write_bytes(TREE["config.py"])
    assert recover(Checkout(root))
    assert changes(root) == plan
    assert not (root / receipt.created[0]).exists()


def test_a_write_that_the_system_refuses_is_told(root: Path) -> None:
    (root / ".rlinf-scaffold").write_text("a file, not a folder")
    with pytest.raises(
        WriteFailedError, match=r"\.rlinf-scaffold.*: cannot be written"
    ):
        apply(Checkout(root), changes(root), "foo")


def test_nothing_is_renamed_before_it_is_synced(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    renamed: list[str] = []
    replace = Path.replace

    def sync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)

    def rename(self: Path, target: Path) -> Path:
        assert self.is_dir() or self.stat().st_ino in synced
        renamed.append(target.name)
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", rename)
    apply(Checkout(root), changes(root), "foo")
    files = ["config.py", "crlf.yaml", "__init__.py", "model.py", "run.sh"]
    assert renamed == ["journal.json", "foo", *files, "foo.1.json"]
    assert {(root / "models").stat().st_ino, root.stat().st_ino} <= {*synced}


TEXT = st.binary(max_size=20).map(lambda data: data.decode("utf-8", "surrogateescape"))
NAME = st.sampled_from(["a", "b", "c.py"])
PATH = st.lists(NAME, min_size=1, max_size=3).map("/".join)
FILES = st.dictionaries(PATH, TEXT, max_size=5)


@given(there=FILES, wanted=FILES, mode=st.sampled_from([0o600, 0o644, 0o755]))
@settings(max_examples=60, deadline=None)
def test_apply_then_undo_is_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    there: dict[str, str],
    wanted: dict[str, str],
    mode: int,
) -> None:
    paths = {*there, *wanted}
    assume(not any(a.startswith(f"{b}/") for a in paths for b in paths))
    root = tmp_path_factory.mktemp("any")
    for path, text in there.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode("utf-8", "surrogateescape"))
        (root / path).chmod(mode)
    before = snapshot(root)
    plan = changes(root, {**dict.fromkeys(there), **wanted})
    apply(Checkout(root), plan, "foo")
    files = {name for name, (_, data) in snapshot(root).items() if data is not None}
    assert files == {*wanted}
    if plan:
        assert undo(Checkout(root), "foo") == plan.inverse()
    assert snapshot(root) == before


# A file that no change set owns


def test_publishes_a_file_in_a_new_folder_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "out" / "deep" / "page.html"
    publish(place, "naïve\r\n")
    assert place.read_bytes() == "naïve\r\n".encode()
    assert [it for it in tmp_path.rglob("*") if it.is_file()] == [place]


def test_publishes_over_what_was_there_and_over_what_a_killed_run_left(
    tmp_path: Path,
) -> None:
    place = tmp_path / "page.html"
    place.write_text("old")
    place.chmod(0o640)
    temporary(place).write_text("half")
    publish(place, "new")
    assert place.read_text() == "new"
    assert stat.S_IMODE(place.stat().st_mode) == 0o640
    assert [*tmp_path.iterdir()] == [place]


def test_publishes_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "link.html").symlink_to(tmp_path / "page.html")
    publish(tmp_path / "link.html", "new")
    assert (tmp_path / "page.html").read_text() == "new"
    assert (tmp_path / "link.html").is_symlink()


@pytest.mark.parametrize("there", ["folder", "file/page.html", "pipe"])
def test_does_not_publish_where_no_file_can_be(there: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(WriteFailedError, match="cannot be written"):
        publish(tmp_path / there, "new")
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "mine"
