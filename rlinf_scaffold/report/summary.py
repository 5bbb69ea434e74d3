"""What a run of a smoke test comes to, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from rlinf_scaffold.report.quantities import (
    byte_words,
    count_words,
    number_words,
    second_words,
)

if TYPE_CHECKING:
    from rlinf_scaffold.report.evidence import (
        Curve,
        Parity,
        RankMemory,
        Unit,
        World,
    )
    from rlinf_scaffold.smoke.run import Proof, SmokeReport

_SLOWEST: Final = 3


def tally(report: SmokeReport) -> str:
    """Return how many proofs passed, of how many, and how many do not apply."""
    outcomes = [proof.outcome for proof in report.proofs]
    passed, skipped = outcomes.count("passed"), outcomes.count("skipped")
    words = f"{passed} of {len(outcomes) - skipped} proofs passed"
    verb = "does" if skipped == 1 else "do"
    return f"{words}, {skipped} {verb} not apply" if skipped else words


def by_section(proofs: Iterable[Proof]) -> Mapping[str, Sequence[Proof]]:
    """Return the proofs of each section, in the order in which they first ran."""
    sections: dict[str, list[Proof]] = {}
    for proof in proofs:
        sections.setdefault(proof.section, []).append(proof)
    return sections


def reasons(report: SmokeReport) -> Sequence[str]:
    """Return why proofs do not apply, each reason once."""
    skipped = (proof for proof in report.proofs if proof.outcome == "skipped")
    return sorted({proof.message or proof.name for proof in skipped})


def own_words(proof: Proof) -> str:
    """Return what a proof says beyond what was measured, and why."""
    repeats = proof.cause is not None and proof.message.endswith(proof.cause)
    return "" if repeats else proof.message


def slowest_words(report: SmokeReport) -> str:
    """Return which proofs took longest, or nothing where there is little to choose."""
    proofs = sorted(report.proofs, key=lambda proof: proof.seconds, reverse=True)
    if len(proofs) <= _SLOWEST:
        return ""
    slow = (f"{it.name} ({second_words(it.seconds)})" for it in proofs[:_SLOWEST])
    return f"slowest: {', '.join(slow)}"


def memory_words(memory: Sequence[RankMemory]) -> str:
    """Return the peak of every rank."""
    peaks = (f"rank {it.rank} {byte_words(it.peak_bytes)}" for it in memory)
    devices = dict.fromkeys(it.device for it in memory)
    return f"peak memory on {', '.join(devices)}: {', '.join(peaks)}"


def world_words(world: World) -> str:
    """Return what a proof ran on."""
    ranks = "rank" if world.size == 1 else "ranks"
    return f"{world.size} {ranks}, {world.backend} on {world.device}"


def version_words(world: World) -> str:
    """Return the packages that a proof ran on."""
    return ", ".join(f"{name} {version}" for name, version in world.versions.items())


def parity_words(parities: Sequence[Parity]) -> str:
    """Return how far training's log-probabilities are from the rollout's."""
    pairs = [pair for it in parities for pair in it.pairs]
    lost = sum(it.lost for it in parities)
    said = f"{lost} of {len(pairs) + lost} pairs are no numbers" if lost else ""
    if not pairs:
        return said
    rollout, training = max(pairs, key=lambda pair: abs(pair[0] - pair[1]))
    distance = number_words(abs(rollout - training))
    place = f"{number_words(training)} in training, {number_words(rollout)} in rollout"
    farthest = (
        f"of {len(pairs)} log-probabilities, the two that are farthest apart "
        f"differ by {distance} ({place})"
    )
    return f"{farthest}; {said}" if said else farthest


def curve_words(curve: Curve) -> str:
    """Return what a policy learned."""
    bound, random = number_words(curve.bound), number_words(curve.random)
    known = [reward for reward in curve.rewards if reward is not None]
    last = number_words(known[-1]) if known else "no reward"
    updates = max(0, len(curve.rewards) - 1)
    return (
        f"under {curve.algorithm} the mean reward is {last} after {updates} updates; "
        f"{bound} is to be reached, random actions get {random}"
    )


def unit_words(root: Unit) -> str:
    """Return how many units there are, and what the largest holds."""
    units = list(root.walk())
    if len(units) == 1:
        return (
            f"all {count_words(root.total)} parameters are in one unit: every rank "
            "gathers the whole model at once, as if nothing were sharded"
        )
    largest = max(units, key=lambda unit: unit.own)
    share = 100 * largest.own / (root.total or 1)
    name = f"{largest.name} ({largest.kind})" if largest.name else largest.kind
    return (
        f"{count_words(root.total)} parameters in {len(units)} units: "
        f"{', '.join(_kinds(units))}; the largest, {name}, holds {share:.0f} % of all"
    )


def _kinds(units: Iterable[Unit]) -> Iterator[str]:
    for kind, count in Counter(unit.kind for unit in units).items():
        yield f"{count} {kind}"
