from __future__ import annotations

from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.wiring import flat_module, package


def test_modules_of_a_model_are_one_file_or_a_package() -> None:
    spec = ModelSpec(name="foo")
    folder = "rlinf/models/embodiment"
    assert {template: str(path) for template, path in flat_module(spec).items()} == {
        "model/tokens/action_model.py.j2": f"{folder}/foo_action_model.py"
    }
    assert {template: str(path) for template, path in package(spec).items()} == {
        "model/package.py.j2": f"{folder}/foo/__init__.py",
        "model/tokens/action_model.py.j2": f"{folder}/foo/foo_action_model.py",
    }
