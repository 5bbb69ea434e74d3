"""A smoke test as a job of Ray Train. Runs as source in another interpreter: plain stdlib."""

from __future__ import annotations

import json
import os
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

# What workers on other machines must be told.
_TOLD = ("PYTHON", "SMOKE_", "HF_", "PYTEST_", "TOKENIZERS_", "OMP_", "RLINF_")

_SIGNS_OF_DEATH = ("worker process has died", "ActorDiedError", "OutOfMemoryError")


def part() -> None:
    """Leave the group that Ray Train has formed, once ranks know where to meet again.

    They make checkpoints first, which transformers lets rank 0 of a group write alone.
    """
    distributed = import_module("torch.distributed")
    with socket.socket() as listener:
        listener.bind(("", 0))
        port = [str(listener.getsockname()[1])]
        distributed.broadcast_object_list(port)
    distributed.destroy_process_group()
    os.environ["MASTER_PORT"] = port[0]


def train(job: dict[str, Any]) -> None:
    """Run the tests as one rank of the group that Ray Train has formed."""
    import tempfile

    import pytest
    import ray
    from ray.train import get_context

    part()
    rank = get_context().get_world_rank()
    os.chdir(job["root"])
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "junit.xml")
        status = pytest.main([*job["arguments"], f"--junitxml={report}"])
        text = report.read_text("utf-8") if report.is_file() else ""
    ray.get(job["mailbox"].put.remote(rank, int(status), text))
    if status:  # has Ray end the other ranks, one of which may hang
        reason = f"the proofs of rank {rank} did not hold"
        raise RuntimeError(reason)


class Mailbox:
    """Takes what each rank has to say at its end."""

    def __init__(self) -> None:
        self.letters: dict[int, tuple[int, str]] = {}

    def put(self, rank: int, status: int, report: str) -> None:
        """Take the exit status of a rank's pytest, and its JUnit XML."""
        self.letters[rank] = (status, report)

    def read(self) -> dict[int, tuple[int, str]]:
        """Return all of them."""
        return self.letters


def run(job: dict[str, Any]) -> int:
    """Run a job on the cluster of RAY_ADDRESS, or on one that is started for it."""
    import ray
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    told = {key: it for key, it in os.environ.items() if key.startswith(_TOLD)}
    address = os.environ.get("RAY_ADDRESS")
    own: dict[str, Any] = {"num_cpus": job["ranks"], "include_dashboard": False}
    ray.init(
        address=address or "local",
        runtime_env={"env_vars": told},
        **({} if address else own),
    )
    mailbox = ray.remote(num_cpus=0)(Mailbox).remote()
    gpus = ray.cluster_resources().get("GPU", 0)
    trainer = TorchTrainer(
        train,
        train_loop_config={**job, "mailbox": mailbox},
        torch_config=TorchConfig(
            backend="nccl" if gpus >= job["ranks"] else "gloo",
            timeout_s=int(float(os.environ.get("SMOKE_TIMEOUT", "60"))),
        ),
        scaling_config=ScalingConfig(
            num_workers=job["ranks"],
            use_gpu=gpus >= job["ranks"],
            placement_strategy=job["placement"],
        ),
        run_config=RunConfig(
            name="rlinf-scaffold",
            storage_path=f"{job['folder']}/ray",
            failure_config=FailureConfig(max_failures=0),
        ),
    )
    failure = _fit(trainer)
    letters: dict[int, tuple[int, str]] = ray.get(mailbox.read.remote())
    for rank, (_, report) in letters.items():
        if report:
            Path(job["folder"], f"rank_{rank}.xml").write_text(report, "utf-8")
    statuses = [status for status, _ in letters.values()]
    return max(*statuses, int(failure), 0)


def _fit(trainer: Any) -> bool:
    """Run a trainer; say of each rank that did not live to its end what became of it."""
    import ray

    try:
        trainer.fit()
    except ray.train.TrainingFailedError as error:
        for rank, failure in sorted(getattr(error, "worker_failures", {}).items()):
            died = any(sign in str(failure) for sign in _SIGNS_OF_DEATH)
            print(f"rank {rank} {'died' if died else 'failed'}: {failure}")
        print(error)
        return True
    return False


if __name__ == "__main__":
    sys.exit(run(json.loads(sys.argv[1])))
