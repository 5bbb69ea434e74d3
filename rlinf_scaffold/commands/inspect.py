"""Say what a checkout is, which models it has, and where it tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rlinf_scaffold.checkout import Checkout, Tree, find_checkout
from rlinf_scaffold.contracts import all_contracts
from rlinf_scaffold.errors import ScaffoldError, SourceSyntaxError, UnknownLayoutError
from rlinf_scaffold.git import Revision, find_revision
from rlinf_scaffold.layouts import all_layouts
from rlinf_scaffold.manifest import read_manifest
from rlinf_scaffold.matching import AnyKind, Check, Kind, match
from rlinf_scaffold.recipes import all_styles, facts
from rlinf_scaffold.roster import Roster, read_roster
from rlinf_scaffold.sft import read_sft
from rlinf_scaffold.sites.scan import Scan, scan
from rlinf_scaffold.sites.verdicts import Verdict, judge
from rlinf_scaffold.sites.vocabulary import Vocabulary, read_vocabulary
from rlinf_scaffold.spec import check_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One thing in which generations of RLinf differ, and what it is here.

    Attributes:
        axis: what differs.
        name: which of the known ones it is; empty where that is not certain.
        title: one line for people.
        reasons: what was found that says so, each with its place; or what each of the
            known ones found and missed.
        error: why it is not certain, if it is not.
    """

    axis: str
    name: str = ""
    title: str = ""
    reasons: tuple[str, ...] = ()
    error: ScaffoldError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How one model fares wherever models are told apart.

    Attributes:
        name: the model's type.
        known: whether the checkout has it.
        generated: whether it is judged as a model that was scaffolded.
        verdicts: one for each site, by file and line.
    """

    name: str
    known: bool
    generated: bool
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """All that can be said of a checkout without running anything."""

    checkout: Checkout
    revision: Revision | None
    axes: tuple[Axis, ...]
    roster: Roster
    judged: Judged | None
    unread: tuple[SourceSyntaxError, ...]

    @property
    def exit_code(self) -> int:
        """How the command ends: as the error that keeps a model from being added."""
        errors = (axis.error for axis in self.axes if axis.error is not None)
        return next((error.exit_code for error in errors), 0)


def inspect(start: Path, name: str | None = None) -> Inspection:
    """Return what the checkout that a folder lies in is, and how a model fares there.

    Nothing is refused for being unknown: what is certain is returned, with the errors.

    Args:
        start: the checkout, or a folder in it.
        name: a model type, known to the checkout or yet to be scaffolded.

    Raises:
        NotACheckoutError: there is no checkout.
        InvalidAnswerError: the name is neither known here, nor free to be given.
    """
    checkout = find_checkout(start)
    vocabulary = read_vocabulary(checkout)
    scanned = scan(checkout, vocabulary)
    return Inspection(
        checkout=checkout,
        revision=find_revision(checkout.root),
        axes=read_axes(checkout),
        roster=read_roster(checkout, vocabulary, scanned.sites),
        judged=_judged(checkout, name, vocabulary, scanned) if name else None,
        unread=scanned.unread,
    )


def _judged(
    checkout: Checkout, name: str, vocabulary: Vocabulary, scanned: Scan
) -> Judged:
    known = name in vocabulary.types
    if not known:
        check_name(name)
    generated = not known or read_manifest(checkout, name) is not None
    verdicts = judge(scanned.sites, name, vocabulary, generated=generated)
    return Judged(name=name, known=known, generated=generated, verdicts=verdicts)


def read_axes(tree: Tree) -> tuple[Axis, ...]:
    """Return what the checkout is on each axis, as far as that is certain."""
    return (
        _axis(tree, "registration", {it: it.detect for it in all_layouts()}),
        _axis(tree, "runtime contract", {it: it.detect for it in all_contracts()}),
        _axis(tree, "YAML", {it: it.detect for it in all_styles()}, facts),
        _demonstrations(tree),
    )


def _demonstrations(tree: Tree) -> Axis:
    """Return how the checkout trains on demonstrations, which no model depends on."""
    try:
        sft = read_sft(tree)
    except SourceSyntaxError as error:
        return Axis(axis="demonstrations", error=error)
    name, title = "none", "no worker that a model can be wired in"
    if sft.worker:
        name, title = "batches", "the SFT worker hands batches over as they are"
    if sft.worker and sft.pairs:
        name, title = "pairs", "the SFT worker takes batches apart"
    reasons = (str(it) if it.holds else f"missing: {it}" for it in sft.checks)
    return Axis(axis="demonstrations", name=name, title=title, reasons=tuple(reasons))


def _axis(
    tree: Tree,
    axis: str,
    kinds: Mapping[AnyKind, Callable[[Tree], Sequence[Check]]],
    details: Callable[[Tree], Mapping[str, str]] = lambda _: MappingProxyType({}),
) -> Axis:
    checks: dict[AnyKind, Sequence[Check]] = {}
    try:
        checks.update((kind, detect(tree)) for kind, detect in kinds.items())
        kind = match(axis, checks)
        found = [f"{what} at {where}" for what, where in details(tree).items()]
    except (SourceSyntaxError, UnknownLayoutError) as error:
        seen = (_seen(kind, needs) for kind, needs in checks.items())
        return Axis(axis=axis, reasons=tuple(seen), error=error)
    reasons = (*map(str, checks[kind]), *found)
    return Axis(axis=axis, name=kind.name, title=kind.title, reasons=reasons)


def _seen(kind: Kind, checks: Sequence[Check]) -> str:
    """Return what one kind finds and misses where none, or several, match."""
    found = "; ".join(str(check) for check in checks if check.holds)
    missing = "; ".join(str(check) for check in checks if not check.holds)
    return f"{kind.name}: found {found or 'nothing'}; missing {missing or 'nothing'}"
