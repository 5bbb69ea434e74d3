from __future__ import annotations

import ast

import pytest

from rlinf_scaffold.sites import EVERY, Arm
from rlinf_scaffold.sites import features as has


def arm(code: str, does: str = "") -> Arm:
    return Arm(1, (), EVERY, True, does, tuple(ast.parse(code).body))


@pytest.mark.parametrize(
    ("code", "keys"),
    [
        ("", set()),
        ("mode = 1", set()),
        ("kwargs[mode] = 1", set()),
        ("kwargs[0] = 1", set()),
        ("kwargs['mode']", set()),
        ("kwargs['mode'] = 1", {"mode"}),
        ("if a:\n    kwargs['mode'] = kwargs['top_k'] = 1", {"mode", "top_k"}),
    ],
)
def test_keys_set(code: str, keys: set[str]) -> None:
    assert has.keys_set(arm(code)) == keys


def test_keys_read() -> None:
    assert has.keys_read(arm("a = out['values'] + out[0]\nout['x'] = 1")) == {"values"}


@pytest.mark.parametrize(
    ("code", "keys"),
    [
        ("f({'mode': 1})", set()),
        ("kwargs = dict(mode=1)", set()),
        ("kwargs = {'mode': mode, key: 1, **more}", {"mode"}),
    ],
)
def test_keys_replaced(code: str, keys: set[str]) -> None:
    assert has.keys_replaced(arm(code)) == keys


def test_calls_go_by_their_last_names() -> None:
    assert has.calls(arm("a.b.c(d(1))\ne[0](1)")) >= {"c", "d"}


@pytest.mark.parametrize(
    ("code", "sets", "rescales"),
    [
        ("x[..., 0] = 2 * x[..., 0] - 1", False, False),
        ("x[..., -1]", False, False),
        ("x[..., -1] = np.sign(x[..., -1])", True, False),
        ("x[..., -1] = 2 * x[..., -1] - 1", True, True),
        ("x[..., -1] = x[..., -1] * 2.0 - 1", True, True),
    ],
)
def test_knows_a_gripper(code: str, sets: bool, rescales: bool) -> None:
    assert has.sets_last_number(arm(code)) is sets
    assert has.rescales_last_number(arm(code)) is rescales


@pytest.mark.parametrize(
    ("does", "expected"), [("nothing", False), ("raises KeyError", True)]
)
def test_knows_a_refusal(does: str, expected: bool) -> None:
    assert has.refuses(arm("", does)) is expected


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        ("self.model(obs=1)", []),
        ("self.model(forward_type=ForwardType.DEFAULT)", []),
        ("self.model('default_forward')", []),
        ("self.cfg.get('compile_forward')", []),
        ("self.model('text', robot)", []),
        ("self.model(forward_type=kind)", []),
        ("self.model(forward_type=Other.SAC)", []),
        ("self.model(forward_type=ForwardType.SAC)", ["sac"]),
        ("self.model('sac_q_forward', obs=1)", ["sac_q"]),
        ("self.target_model(forward_type='sac_forward')", ["sac"]),
    ],
)
def test_knows_other_forward_passes(code: str, kinds: list[str]) -> None:
    found = list(has.other_passes(ast.parse(f"\n{code}")))
    assert found == [(kind, 2) for kind in kinds]
