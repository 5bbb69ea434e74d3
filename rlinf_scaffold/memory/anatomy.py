"""Ask an interpreter that has torch what a base is made of."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from rlinf_scaffold.errors import UnsupportedBaseError
from rlinf_scaffold.memory import probe
from rlinf_scaffold.memory.units import Parameter, Unit, Wrapping
from rlinf_scaffold.processes import Finished, run
from rlinf_scaffold.spec import Base

_NO_DEFAULTS: Final = "; its defaults may lack a size: try a folder with config.json"
_SAID: Final = 500
_RAISED: Final = re.compile(r"(?m)^[\w.]*(?:Error|Exception|Exit)\b.*$")
_TIMEOUT: Final = 300.0
_OFFLINE: Final = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """What a base is made of.

    Attributes:
        blocks: its layers.
        experts: how many of several alike linear layers a token goes through; 0 is all.
        wrappings: its units, by version of FSDP.
    """

    blocks: tuple[Unit, ...]
    experts: int
    wrappings: tuple[Wrapping, ...]


class _Parameter(TypedDict):
    name: str
    shape: list[int]
    is_tied: bool
    count: int


class _Unit(TypedDict):
    name: str
    kind: str
    count: int
    parameters: list[_Parameter]


class _Wrapping(TypedDict):
    layers: list[str]
    missing: list[str]
    units: list[_Unit]


class _Answer(TypedDict):
    experts: int
    blocks: list[_Unit]
    wrappings: dict[str, _Wrapping]


def ask(
    python: Path,
    base: Base,
    wrap: Mapping[str, Sequence[str] | None],
    *,
    timeout: float = _TIMEOUT,
) -> Anatomy:
    """Return what a base is made of; it is built without memory in its own process.

    Args:
        python: an interpreter that has torch and transformers.
        base: the base.
        wrap: the classes to wrap, by version of FSDP; None are those that it names.
        timeout: seconds that it may take.

    Raises:
        UnsupportedBaseError: it cannot be built; with what Python says.
        LaunchError: there is no such interpreter.
    """
    question = {
        "module": base.module,
        "class_name": base.class_name,
        "config_module": base.config_module,
        "config_class": base.config_class,
        "checkpoint": base.checkpoint or "",
        "blocks": base.layer_classes,
        "wrap": wrap,
    }
    command = (python, "-c", inspect.getsource(probe), json.dumps(question))
    env = {**os.environ, **_OFFLINE}
    finished = run(command, cwd=Path.cwd(), env=env, timeout=timeout)
    last = finished.output.rstrip().rpartition("\n")[2]
    if finished.returncode or not last.startswith("{"):
        hint = "" if base.checkpoint else _NO_DEFAULTS
        reason = f"{_why(finished)}{hint}"
        raise UnsupportedBaseError(base.checkpoint or base.class_name, reason)
    return read_answer(last)


def read_answer(text: str) -> Anatomy:
    """Return what the probe printed."""
    answer: _Answer = json.loads(text)
    return Anatomy(
        blocks=tuple(_unit(unit) for unit in answer["blocks"] if unit["name"]),
        experts=answer["experts"],
        wrappings=tuple(
            Wrapping(
                version=version,
                layers=tuple(found["layers"]),
                missing=tuple(found["missing"]),
                units=tuple(map(_unit, found["units"])),
            )
            for version, found in answer["wrappings"].items()
        ),
    )


def _unit(unit: _Unit) -> Unit:
    return Unit(
        name=unit["name"],
        kind=unit["kind"],
        count=unit["count"],
        parameters=tuple(
            Parameter(
                name=it["name"],
                shape=tuple(it["shape"]),
                count=it["count"],
                is_tied=it["is_tied"],
            )
            for it in unit["parameters"]
        ),
    )


def _why(finished: Finished) -> str:
    if finished.timed_out:
        return f"it is not built without weights within {finished.seconds:.0f} s"
    raised = [*_RAISED.finditer(finished.output)]
    begin = raised[-1].start() if raised else 0
    said = " ".join(finished.output[begin:].split())[-_SAID:]
    return f"it cannot be built without weights: {said or 'no reason is given'}"
