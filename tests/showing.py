"""Reports of smoke tests, with evidence as real runs hand it over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from rlinf_scaffold.smoke.junit import Evidence, Outcome, Proof
from rlinf_scaffold.smoke.run import SmokeReport

GOAL = 0.75


def unit(name: str, kind: str, own: int, *children: dict[str, object]) -> dict:
    total = own + sum(int(str(child["total"])) for child in children)
    return {
        "name": name,
        "kind": kind,
        "own": own,
        "total": total,
        "children": list(children),
    }


def layers(prefix: str, kind: str, count: int, own: int) -> list[dict[str, object]]:
    return [unit(f"{prefix}.{number}", kind, own) for number in range(count)]


TINY = unit(
    "",
    "FooForRLActionPrediction",
    75_329,
    *layers("model.layers", "LlamaDecoderLayer", 2, 30_848),
)
LARGE = unit(
    "",
    "FooForRLActionPrediction",
    311_000_000,
    unit(
        "model.visual",
        "Qwen2_5_VisionTransformer",
        4_000_000,
        *layers("model.visual.blocks", "Qwen2_5_VLVisionBlock", 12, 19_000_000),
    ),
    *layers("model.language_model.layers", "Qwen2_5_VLDecoderLayer", 18, 98_000_000),
    unit("value_head", "ValueHead", 2_100_000),
)
WHOLE = unit("", "FooForRLActionPrediction", 137_025)
WORLD = {
    "backend": "gloo",
    "size": 2,
    "device": "cpu",
    "versions": {"torch": "2.13.0", "transformers": "4.57.6", "peft": "0.21.2"},
}


def parity(sampling: str, off: float = 4e-7) -> Evidence:
    rollout = [-5.9 + 5 * math.sin(number * 1.7) ** 2 for number in range(56)]
    training = [it + off * math.cos(3 * it) for it in rollout]
    data = {"sampling": sampling, "rollout": rollout, "training": training}
    return Evidence("parity", data)


def curve(algorithm: str, *, speed: float = 0.35) -> Evidence:
    rewards = [0.82 - 0.46 * math.exp(-speed * step) for step in range(14)]
    data = {"algorithm": algorithm, "rewards": rewards}
    return Evidence("curve", {**data, "bound": GOAL, "random": 0.375})


def units(strategy: str, tree: Mapping[str, object]) -> Evidence:
    return Evidence("units", {"strategy": strategy, "tree": tree})


def memory(*mib: float) -> Evidence:
    ranks = [
        {"rank": rank, "device": "cpu", "peak_bytes": round(it * 2**20)}
        for rank, it in enumerate(mib)
    ]
    return Evidence("memory", {"ranks": ranks})


def proof(
    name: str,
    section: str,
    *evidence: Evidence,
    outcome: Outcome = "passed",
    seconds: float = 0.04,
    measured: str | None = "3.6e-07",
    bound: str | None = "<= 1e-05",
    cause: str | None = "one side ignores the temperature",
    message: str = "",
) -> Proof:
    return Proof(
        name=name,
        section=section,
        outcome=outcome,
        seconds=seconds,
        measured=measured,
        bound=bound,
        cause=cause,
        message=message,
        evidence=evidence,
    )


LOADING, AGREEING, SHARDING, LEARNING = (
    *("Registration and loading", "Rollout and training agree", "FSDP", "It learns"),
)
SAMPLINGS = ("as it is", "temperature 0.7", "top-k 5", "top-p 0.8", "greedy")
SHIMS = ("FSDP1 gets no device id: RLinf's own takes the index of a GPU",)
PROVED = (
    proof(
        "rlinf is this checkout",
        LOADING,
        Evidence("world", WORLD),
        Evidence("shims", {"shims": list(SHIMS)}),
        seconds=6.4,
        measured=".",
        bound=".",
        cause="PYTHONPATH holds another checkout",
    ),
    proof(
        "loads its processor",
        LOADING,
        measured="LlamaTokenizer",
        bound="LlamaTokenizer",
    ),
    *(
        proof(f"training computes what the rollout had [{it}]", AGREEING, parity(it))
        for it in SAMPLINGS
    ),
    proof(
        "needs flash attention",
        AGREEING,
        outcome="skipped",
        measured=None,
        bound=None,
        cause=None,
        message="there is no GPU for each rank",
    ),
    *(
        proof(
            f"every layer is a unit of its own [{it}]",
            SHARDING,
            units(it, TINY),
            measured="3",
            bound="3",
            seconds=1.7,
            cause="a layer class that the wrap policy does not find",
        )
        for it in ("fsdp", "fsdp2")
    ),
    proof(
        "vision blocks are units, too [fsdp2-large]",
        SHARDING,
        units("fsdp2-large", LARGE),
        memory(412.4, 398.1),
        measured="33",
        bound="33",
    ),
    *(
        proof(
            f"learns to do as it is told [{name}]",
            LEARNING,
            curve(name, speed=speed),
            seconds=7.9,
            measured="0.815",
            bound=">= 0.75",
            cause="log-probabilities are detached or have the wrong sign",
        )
        for name, speed in (("ppo", 0.35), ("grpo", 0.22))
    ),
)
FAILING = (
    *PROVED[:5],
    proof(
        "training computes what the rollout had [top-k 5, <min>]",
        AGREEING,
        parity("top-k 5, <min>", 0.9),
        outcome="failed",
        measured="0.871",
        message="training computes what the rollout had: measured 0.871, expected "
        "<= 1e-05. Likely cause: one side ignores the temperature",
    ),
    proof(
        "the model is cut",
        SHARDING,
        units("fsdp", WHOLE),
        outcome="error",
        measured=None,
        bound=None,
        cause=None,
        message="RuntimeError: a rank went away",
    ),
    *PROVED[8:],
)


def report_on(*proofs: Proof, trouble: tuple[str, ...] = ()) -> SmokeReport:
    return SmokeReport(
        proofs=proofs,
        seconds=61.2,
        returncode=0
        if all(it.outcome in ("passed", "skipped") for it in proofs)
        else 1,
        timed_out=bool(trouble),
        log=Path("/tmp/rlinf-scaffold/foo.log"),
        python=Path("/home/ada/RLinf/.venv/bin/python"),
        trouble=trouble,
    )
