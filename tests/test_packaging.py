"""What is shipped: the wheel as pip would unpack it, and what starting it costs."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

import rlinf_scaffold
from rlinf_scaffold.processes import Finished, run

ROOT = Path(rlinf_scaffold.__file__).parents[1]
SECONDS = 120.0
HEAVY = ("jinja2", "libcst", "pygments", "rich", "ruamel", "torch", "transformers")
LIST_HEAVY = f"""
import sys
from rlinf_scaffold.__main__ import main
try:
    main()
finally:
    print("heavy:", *sorted(set({HEAVY!r}) & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel, without a network and without touching the source tree."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    built = run([*command, "--outdir", folder, ROOT], cwd=folder, timeout=SECONDS)
    assert built.returncode == 0, built.output
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel installs."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def in_wheel(unpacked: Path, *arguments: str) -> Finished:
    """Run this interpreter with the unpacked wheel before everything else."""
    environment = {
        "PYTHONPATH": str(unpacked),
        "PATH": "/usr/bin:/bin",
        "COLUMNS": "80",
    }
    command = [sys.executable, *arguments]
    return run(command, cwd=unpacked, env=environment, timeout=SECONDS)


def sources(folder: Path) -> set[str]:
    """Every file below a folder, as a path relative to it, but for compiled ones."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_nothing_but_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
        compiled = [name for name in archive.namelist() if name.endswith(".pyc")]
    version = rlinf_scaffold.__version__
    assert tops == {"rlinf_scaffold", f"rlinf_scaffold-{version}.dist-info"}
    assert compiled == []


def test_the_wheel_holds_every_source_and_every_template(unpacked: Path) -> None:
    shipped = sources(unpacked / "rlinf_scaffold")
    templates = {f"_templates/{path}" for path in sources(ROOT / "templates")}
    assert shipped == sources(ROOT / "rlinf_scaffold") | templates
    assert any(path.startswith("_templates/checkouts/") for path in shipped)


def test_the_wheel_carries_its_licence_and_its_command(unpacked: Path) -> None:
    (info,) = unpacked.glob("*.dist-info")
    assert (info / "licenses" / "LICENSE").read_bytes() == (
        ROOT / "LICENSE"
    ).read_bytes()
    scripts = (info / "entry_points.txt").read_text()
    assert "rlinf-scaffold = rlinf_scaffold.__main__:main" in scripts


def test_an_editable_install_finds_the_templates_beside_the_package() -> None:
    from rlinf_scaffold.rendering import templates_folder

    assert templates_folder() == ROOT / "templates"


def test_an_installed_wheel_finds_the_templates_inside_it(unpacked: Path) -> None:
    code = "from rlinf_scaffold import rendering; print(rendering.templates_folder())"
    found = in_wheel(unpacked, "-c", code).output.strip()
    assert Path(found) == (unpacked / "rlinf_scaffold" / "_templates").resolve()


def test_an_installed_wheel_makes_a_practice_checkout(
    unpacked: Path, tmp_path: Path
) -> None:
    arguments = ("-m", "rlinf_scaffold", "demo", "--no-smoke", str(tmp_path / "demo"))
    made = in_wheel(unpacked, *arguments)
    assert made.returncode == 0, made.output
    assert (tmp_path / "demo" / "rlinf" / "config.py").is_file()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--version",), rlinf_scaffold.__version__),
        (("--help",), "Usage: rlinf-scaffold [OPTIONS] COMMAND [ARGS]..."),
        (("new-model", "--help"), "Usage: rlinf-scaffold new-model [OPTIONS]"),
    ],
)
def test_the_module_is_the_command(
    unpacked: Path, arguments: tuple[str, ...], expected: str
) -> None:
    finished = in_wheel(unpacked, "-m", "rlinf_scaffold", *arguments)
    assert finished.returncode == 0, finished.output
    assert finished.output.strip().partition("\n")[0].rstrip() == expected


@pytest.mark.parametrize(
    "arguments", [("--version",), ("--help",), ("new-model", "--help")]
)
def test_help_imports_nothing_heavy(unpacked: Path, arguments: tuple[str, ...]) -> None:
    finished = in_wheel(unpacked, "-c", LIST_HEAVY, *arguments)
    assert finished.output.rstrip().rpartition("\n")[2] == "heavy:"
