"""`inspect`: what a checkout is, where its models are wired, or what a base is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rlinf_scaffold.cli import options as opt
from rlinf_scaffold.cli.output import ending_on_errors, print_json, print_report
from rlinf_scaffold.errors import InvalidAnswerError

if TYPE_CHECKING:
    from rlinf_scaffold.commands.inspect_base import Training


def inspect(
    checkout: opt.CheckoutOption = Path(),
    name: opt.JudgedOption = None,
    base: opt.InspectedBaseOption = None,
    ranks: opt.RanksOption = None,
    gpus_per_node: opt.NodeOption = 8,
    micro_batch: opt.MicroBatchOption = 32,
    tokens: opt.TokensOption = None,
    wrap: opt.WrapOption = None,
    trust_remote_code: opt.ReadRemoteCodeOption = False,
    python: opt.PythonOption = None,
    output: opt.TextFormatOption = opt.TextFormat.TEXT,
) -> None:
    """Say what a checkout or a base is, and where models are wired."""
    as_json = output is opt.TextFormat.JSON
    with ending_on_errors(as_json=as_json):
        if base is not None:
            training = _training(ranks, gpus_per_node, micro_batch, tokens, wrap or ())
            _inspect_base(
                base,
                checkout,
                python,
                training,
                trust=trust_remote_code,
                as_json=as_json,
            )
            return
        if ranks is not None:
            reason = "memory is planned for a base: give it with --base"
            raise InvalidAnswerError("--ranks", ranks, reason)
        exit_code = _inspect_checkout(checkout, name, as_json=as_json)
    if exit_code:
        raise typer.Exit(exit_code)


def _inspect_checkout(checkout: Path, name: str | None, *, as_json: bool) -> int:
    from rlinf_scaffold.commands.inspect import inspect as run
    from rlinf_scaffold.report.documents import inspection_document
    from rlinf_scaffold.report.inspection import inspection_text

    inspection = run(checkout, name)
    if as_json:
        print_json(inspection_document(inspection))
    else:
        print_report(inspection_text(inspection))
    return inspection.exit_code


def _inspect_base(
    base: str,
    checkout: Path,
    python: Path | None,
    training: Training | None,
    *,
    trust: bool,
    as_json: bool,
) -> None:
    from rlinf_scaffold.commands.inspect_base import inspect_base as run
    from rlinf_scaffold.report.base import base_document, base_text

    start = None if checkout == Path() else checkout
    inspection = run(base, start, python, training, trust=trust)
    if as_json:
        print_json(base_document(inspection))
    else:
        print_report(base_text(inspection))


def _training(
    ranks: int | None,
    gpus_per_node: int,
    micro_batch: int,
    tokens: int | None,
    wrap: tuple[str, ...] | list[str],
) -> Training | None:
    from rlinf_scaffold.commands.inspect_base import Training
    from rlinf_scaffold.memory.plan import Cluster

    if ranks is None:
        return None
    return Training(
        cluster=Cluster(ranks=ranks, gpus_per_node=gpus_per_node),
        micro_batch=micro_batch,
        tokens=tokens,
        wrap=tuple(wrap),
    )
