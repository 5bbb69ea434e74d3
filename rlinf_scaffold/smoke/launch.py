"""How a smoke test is started: on how many ranks, and by what."""

from __future__ import annotations

import errno
import inspect
import json
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rlinf_scaffold.errors import InvalidAnswerError, PortInUseError
from rlinf_scaffold.smoke import ray_job
from rlinf_scaffold.smoke.launchers import MOST_TIME, Launcher

# What would steer pytest or the ranks from outside.
_FOREIGN: Final = frozenset(
    {
        *("PYTEST_ADDOPTS", "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"),
        *("SMOKE_RANKS", "SMOKE_FULL", "SMOKE_MODEL_PATH", "RENDEZVOUS"),
    }
)
# Every line of every rank, as it is.
_QUIET_RAY: Final = MappingProxyType(
    {"RAY_DEDUP_LOGS": "0", "RAY_COLOR_PREFIX": "0", "RAY_TRAIN_V2_ENABLED": "1"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How a smoke test is started.

    Attributes:
        ranks: processes; with several nodes, on each of them.
        full: whether the whole matrix is proved, on 1, 2 and 3 ranks too.
        launcher: what starts the ranks; pytest starts its own.
        nodes: machines, or with Ray what may be one.
        node_rank: which of them this is; the first one serves the endpoint.
        endpoint: ``HOST:PORT`` where nodes find each other.
        model: a checkpoint to prove instead of the tiny one.
        timeout: seconds until all is ended.
    """

    ranks: int = 2
    full: bool = False
    launcher: Launcher = Launcher.PYTEST
    nodes: int = 1
    node_rank: int | None = None
    endpoint: str = ""
    model: Path | None = None
    timeout: float = MOST_TIME

    def validate(self) -> None:
        """Refuse what cannot be started.

        Raises:
            InvalidAnswerError: options contradict each other.
            PortInUseError: this node is to serve an endpoint that something else does.
        """
        several = self.launcher is Launcher.TORCHRUN and self.nodes > 1
        if self.nodes > 1 and self.launcher is Launcher.PYTEST:
            reason = "pytest starts ranks on one node; give a --launcher"
            raise InvalidAnswerError("--nnodes", self.nodes, reason)
        if several and not self.endpoint:
            reason = "nodes find each other at --rdzv-endpoint HOST:PORT; give it"
            raise InvalidAnswerError("--nnodes", self.nodes, reason)
        if self.endpoint and self.launcher is not Launcher.TORCHRUN:
            reason = "only --launcher torchrun has an endpoint"
            raise InvalidAnswerError("--rdzv-endpoint", self.endpoint, reason)
        if self.model is not None and not (self.model / "config.json").is_file():
            reason = "no folder with a config.json"
            raise InvalidAnswerError("--model-path", str(self.model), reason)
        if self.endpoint and (self.nodes == 1 or self.node_rank == 0):
            _require_free(self.endpoint)

    @property
    def worlds(self) -> tuple[int, ...]:
        """The numbers of ranks to prove on, the one that proves all else, too, first."""
        if not self.full or self.launcher is not Launcher.PYTEST:
            return (self.ranks,)
        return (self.ranks, *(size for size in (1, 2, 3) if size != self.ranks))

    def command(
        self,
        python: Path,
        root: Path,
        tests: Iterable[str],
        reports: Path,
        logs: Path,
    ) -> Sequence[str | Path]:
        """Return what to run.

        Args:
            python: the interpreter.
            root: the checkout.
            tests: a file or node ids, relative to that.
            reports: folder for the JUnit XML of ranks, ``rank_0.xml`` and on.
            logs: folder, to be made if there is need, for what other ranks print.
        """
        options = ("-v", "-p", "no:cacheprovider", "-o", "addopts=", "--color=no")
        arguments = (*options, *tests)
        if self.launcher is Launcher.RAY:
            job = {
                "ranks": self.ranks * self.nodes,
                "placement": self._placement,
                "root": str(root),
                "folder": str(reports),
                "arguments": arguments,
            }
            source = inspect.getsource(ray_job)
            return (python, "-c", source, json.dumps(job))
        if self.launcher is Launcher.TORCHRUN:
            junit = f"--junitxml={reports}/rank_$RANK.xml"
            return (python, *self._torchrun(logs), "-m", "pytest", *arguments, junit)
        return (python, "-m", "pytest", *arguments, f"--junitxml={reports}/rank_0.xml")

    @property
    def _placement(self) -> str:
        """How Ray spreads ranks over nodes."""
        if self.nodes == 1:
            return "PACK"
        return "STRICT_SPREAD" if self.ranks == 1 else "SPREAD"

    def _torchrun(self, logs: Path) -> Sequence[str]:
        settings = [f"join_timeout={self.timeout:.0f}"]
        if self.node_rank is not None:
            settings.append(f"is_host={self.node_rank == 0}")
        return (
            *("-m", "torch.distributed.run"),
            *("--nnodes", str(self.nodes), "--nproc-per-node", str(self.ranks)),
            *("--rdzv-backend", "c10d", "--rdzv-id", "rlinf-scaffold"),
            *("--rdzv-endpoint", self.endpoint or "localhost:0"),
            *("--rdzv-conf", ",".join(settings)),
            *("--max-restarts", "0", "--log-dir", str(logs)),
            *("--redirects", "3", "--tee", "0:3"),
        )

    def environment(self, root: Path, ranks: int) -> Mapping[str, str]:
        """Return this process's environment, with what steers the ranks alone."""
        inherited = {key: it for key, it in os.environ.items() if key not in _FOREIGN}
        paths = [str(root), *filter(None, [inherited.get("PYTHONPATH")])]
        return {
            **inherited,
            **(_QUIET_RAY if self.launcher is Launcher.RAY else {}),
            **({"SMOKE_FULL": "1"} if self.full else {}),
            **({"SMOKE_MODEL_PATH": str(self.model.resolve())} if self.model else {}),
            "SMOKE_RANKS": str(ranks),
            "HF_HUB_OFFLINE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONUNBUFFERED": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }


def _require_free(endpoint: str) -> None:
    host, _, port = endpoint.rpartition(":")
    if not host or not port.isdecimal():
        raise InvalidAnswerError("--rdzv-endpoint", endpoint, "must be HOST:PORT")
    try:
        family, *_, address = socket.getaddrinfo(host, int(port))[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(endpoint) from error
