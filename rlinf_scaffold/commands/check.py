"""Check every scaffolded model of a checkout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rlinf_scaffold.apply import apply, recover
from rlinf_scaffold.audit import Finding, accept, audit
from rlinf_scaffold.checkout import Checkout, find_checkout
from rlinf_scaffold.errors import NotScaffoldedError
from rlinf_scaffold.manifest import Manifest, read_manifest, read_manifests


@dataclass(frozen=True, slots=True)
class Audit:
    """One scaffolded model, and what is wrong with it."""

    manifest: Manifest
    findings: tuple[Finding, ...]


def check(start: Path, accepted: Sequence[str] = ()) -> tuple[Audit, ...]:
    """Audit every model scaffolded in the checkout that a folder lies in.

    Args:
        start: the checkout, or a folder in it.
        accepted: models whose own files are recorded as they are before the audit.

    Raises:
        NotScaffoldedError: a model to accept was not scaffolded here.
    """
    checkout = find_checkout(start)
    recover(checkout)
    for name in accepted:
        _accept(checkout, name)
    return tuple(
        Audit(manifest, audit(checkout, manifest))
        for manifest in read_manifests(checkout)
    )


def _accept(checkout: Checkout, name: str) -> None:
    manifest = read_manifest(checkout, name)
    if manifest is None:
        known = [manifest.spec.name for manifest in read_manifests(checkout)]
        raise NotScaffoldedError(name, known)
    apply(checkout, accept(checkout, manifest), name)
