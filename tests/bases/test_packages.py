"""What a model's code asks for, and what the interpreter has of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from reading import snippet

from rlinf_scaffold.bases.library import Library
from rlinf_scaffold.bases.packages import is_there, refuse_packages
from rlinf_scaffold.bases.values import Instance
from rlinf_scaffold.errors import UnsupportedBaseError


def model(root: Path, source: str) -> tuple[Library, Instance]:
    interpreter, module = snippet(root, source)
    made = interpreter.call(interpreter.name(module, "Model"), [], {})
    assert isinstance(made, Instance)
    return interpreter.library, made


HARMLESS = [
    "class Model: pass",
    "import os, torch.nn\nfrom transformers import x\nfrom . import y\nclass Model: pass",
    "import pkg.other\nclass Model: pass",
    "try:\n    import gone\nexcept ImportError:\n    gone = None\nclass Model: pass",
    "if is_gone_available():\n    import gone\nclass Model: pass",
    "import there\nclass Model: pass",
    "class Other:\n    def __init__(self):\n        requires_backends(self, 'gone')\n"
    "class Model: pass",
    "class Model:\n    def f(self):\n        requires_backends(self, 'gone')",
    "@requires(backends=('torch', 'there'))\nclass Model: pass",
]
LACKING = [
    ("import gone.part\nclass Model: pass", "snippet.py:1 needs gone, which", "gone`"),
    ("from gone import x\nclass Model: pass", "snippet.py:1 needs gone", "gone`"),
    ("import gone, cv2\nclass Model: pass", "1 needs cv2", "gone opencv-python`"),
    (
        "class Model:\n    def __init__(self):\n        requires_backends(self, 'gone')",
        "snippet.py:3 needs gone",
        "gone`",
    ),
    (
        "class Part:\n    def __init__(self):\n"
        "        requires_backends(self, ['vision', 'gone>=1'])\n"
        "class Model:\n    def __init__(self):\n        self.part = Part()",
        "snippet.py:3 needs vision; snippet.py:3 needs gone",
        "gone pillow`",
    ),
    ("@requires(backends=('gone',))\nclass Model: pass", "py:1 needs gone", "gone`"),
    ("@tools.requires(('gone',))\nclass Model: pass", "py:1 needs gone", "gone`"),
]


@pytest.mark.parametrize("source", HARMLESS)
def test_nothing_is_lacking(tmp_path: Path, source: str) -> None:
    (tmp_path / "there").mkdir()
    library, made = model(tmp_path, source)
    refuse_packages(library, "given", made)


@pytest.mark.parametrize(("source", "words", "install"), LACKING)
def test_what_lacks_is_named_with_how_to_get_it(
    tmp_path: Path, source: str, words: str, install: str
) -> None:
    library, made = model(tmp_path, source)
    with pytest.raises(UnsupportedBaseError) as caught:
        refuse_packages(library, "given", made)
    assert words in str(caught.value)
    assert f"Install it there: `python -m pip install {install}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("timm", "timm/__init__.py"),
        ("six", "six.py"),
        ("fast", "fast.cpython-311-x86_64-linux-gnu.so"),
        ("vision", "PIL/__init__.py"),
        ("lab", "__editable___lab_1_0_finder.py"),
    ],
)
def test_where_a_package_may_lie(tmp_path: Path, name: str, file: str) -> None:
    assert not is_there([tmp_path], name)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    assert is_there([tmp_path / "empty", tmp_path], name)
