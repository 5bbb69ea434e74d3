from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlinf_scaffold.errors import InvalidAnswerError, PortInUseError
from rlinf_scaffold.smoke.launch import Launch
from rlinf_scaffold.smoke.launchers import Launcher

PYTHON, ROOT = Path("/bin/python"), Path("/rl")
REPORTS, LOGS = Path("/reports"), Path("/logs")
TORCHRUN, RAY = Launcher.TORCHRUN, Launcher.RAY


def command(launch: Launch, *tests: str) -> list[str]:
    return [str(word) for word in launch.command(PYTHON, ROOT, tests, REPORTS, LOGS)]


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


@pytest.fixture
def taken() -> Iterator[str]:
    """An endpoint at which something listens."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def free() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def test_pytest_is_the_usual_launcher() -> None:
    Launch().validate()
    words = command(Launch(), "a.py")
    assert words[:3] == ["/bin/python", "-m", "pytest"]
    assert words[-2:] == ["a.py", "--junitxml=/reports/rank_0.xml"]


def test_torchrun_meets_by_c10d_and_never_restarts() -> None:
    words = command(
        Launch(launcher=TORCHRUN, ranks=3, timeout=60), "a.py::b", "a.py::c"
    )
    assert words[:3] == ["/bin/python", "-m", "torch.distributed.run"]
    assert option(words, "--rdzv-backend") == "c10d"
    assert option(words, "--rdzv-endpoint") == "localhost:0"
    assert option(words, "--rdzv-conf") == "join_timeout=60"
    assert (option(words, "--nnodes"), option(words, "--nproc-per-node")) == ("1", "3")
    assert option(words, "--max-restarts") == "0"
    assert option(words, "--log-dir") == "/logs"
    assert words[-3:] == ["a.py::b", "a.py::c", "--junitxml=/reports/rank_$RANK.xml"]


@pytest.mark.parametrize(
    ("node_rank", "conf"),
    [
        (None, "join_timeout=900"),
        (0, "join_timeout=900,is_host=True"),
        (1, "join_timeout=900,is_host=False"),
    ],
)
def test_the_first_node_serves_the_endpoint(node_rank: int | None, conf: str) -> None:
    launch = Launch(launcher=TORCHRUN, nodes=2, node_rank=node_rank, endpoint="h:1")
    words = command(launch)
    assert option(words, "--rdzv-conf") == conf
    assert (option(words, "--rdzv-endpoint"), option(words, "--nnodes")) == ("h:1", "2")


@pytest.mark.parametrize(
    ("ranks", "nodes", "placement"),
    [(2, 1, "PACK"), (1, 2, "STRICT_SPREAD"), (2, 2, "SPREAD")],
)
def test_ray_spreads_ranks_over_nodes(ranks: int, nodes: int, placement: str) -> None:
    words = command(Launch(launcher=RAY, ranks=ranks, nodes=nodes), "a.py")
    assert words[:2] == ["/bin/python", "-c"]
    job = json.loads(words[-1])
    assert (job["ranks"], job["placement"]) == (ranks * nodes, placement)
    assert (job["root"], job["folder"]) == ("/rl", "/reports")
    assert job["arguments"][-1] == "a.py"


@pytest.mark.parametrize(
    ("launch", "worlds"),
    [
        (Launch(), (2,)),
        (Launch(ranks=3), (3,)),
        (Launch(full=True), (2, 1, 3)),
        (Launch(full=True, ranks=4), (4, 1, 2, 3)),
        (Launch(full=True, launcher=TORCHRUN), (2,)),
    ],
)
def test_worlds(launch: Launch, worlds: tuple[int, ...]) -> None:
    assert launch.worlds == worlds


def test_the_environment_steers_ranks_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("RANK", "WORLD_SIZE", "SMOKE_RANKS", "SMOKE_FULL", "PYTEST_ADDOPTS"):
        monkeypatch.setenv(name, "7")
    monkeypatch.setenv("PYTHONPATH", "/mine")
    usual = Launch().environment(ROOT, 2)
    assert usual.keys().isdisjoint(
        {"RANK", "WORLD_SIZE", "SMOKE_FULL", "PYTEST_ADDOPTS"}
    )
    assert (usual["SMOKE_RANKS"], usual["PYTHONPATH"]) == ("2", "/rl:/mine")
    monkeypatch.chdir(tmp_path)
    full = Launch(full=True, model=Path("real")).environment(ROOT, 3)
    assert (full["SMOKE_RANKS"], full["SMOKE_FULL"]) == ("3", "1")
    assert full["SMOKE_MODEL_PATH"] == str(tmp_path / "real")
    assert Launch(launcher=RAY).environment(ROOT, 2)["RAY_DEDUP_LOGS"] == "0"


@pytest.mark.parametrize(
    ("launch", "match"),
    [
        (Launch(nodes=2), "give a --launcher"),
        (Launch(nodes=2, launcher=TORCHRUN), "HOST:PORT; give it"),
        (Launch(endpoint="h:1"), "only --launcher torchrun has an endpoint"),
        (Launch(endpoint="h:1", launcher=RAY), "only --launcher torchrun"),
        (Launch(endpoint="h", launcher=TORCHRUN), "must be HOST:PORT"),
        (Launch(endpoint=":1", launcher=TORCHRUN), "must be HOST:PORT"),
        (Launch(model=Path("/no/such")), "no folder with a config.json"),
    ],
)
def test_contradictions_are_refused(launch: Launch, match: str) -> None:
    with pytest.raises(InvalidAnswerError, match=match):
        launch.validate()


@pytest.mark.parametrize("nodes", [{"nodes": 1}, {"nodes": 2, "node_rank": 0}])
def test_a_port_in_use_is_refused_by_the_node_that_serves_it(
    taken: str, free: str, nodes: dict[str, int]
) -> None:
    Launch(launcher=TORCHRUN, endpoint=free, **nodes).validate()  # type: ignore[arg-type]
    with pytest.raises(PortInUseError, match=f"{taken} is in use"):
        Launch(launcher=TORCHRUN, endpoint=taken, **nodes).validate()  # type: ignore[arg-type]


@pytest.mark.parametrize("node_rank", [None, 1])
def test_noop_where_another_node_may_serve_it(
    taken: str, node_rank: int | None
) -> None:
    Launch(launcher=TORCHRUN, endpoint=taken, nodes=2, node_rank=node_rank).validate()


def test_noop_where_the_host_is_another_one() -> None:
    Launch(launcher=TORCHRUN, endpoint="192.0.2.1:29500").validate()


def test_a_checkpoint_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "config.json").touch()
    Launch(model=tmp_path).validate()
