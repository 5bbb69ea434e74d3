"""`new-model`: scaffold a model and prove it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rlinf_scaffold.cli import options as opt
from rlinf_scaffold.cli.output import (
    end,
    ending_on_errors,
    is_terminal,
    print_diff,
    print_json,
    print_report,
    telling_progress,
    write_page,
)
from rlinf_scaffold.errors import InvalidAnswerError, MissingAnswerError

if TYPE_CHECKING:
    from rlinf_scaffold.commands.new_model import Outcome


def new_model(
    name: opt.NameOption = None,
    base: opt.BaseOption = None,
    checkout: opt.CheckoutOption = Path(),
    head: opt.HeadOption = "tokens",
    action_dim: opt.ActionDimOption = 7,
    action_chunks: opt.ActionChunksOption = 1,
    action_bins: opt.ActionBinsOption = 256,
    state: opt.StateOption = opt.State.TEXT,
    state_dim: opt.StateDimOption = 8,
    unnorm_key: opt.UnnormKeyOption = "",
    lora: opt.LoraOption = False,
    value_head: opt.ValueHeadOption = True,
    precision: opt.PrecisionOption = opt.Precision.BF16,
    attn_implementation: opt.AttentionOption = opt.Attention.FLASH,
    trust_remote_code: opt.TrustRemoteCodeOption = False,
    from_recipe: opt.FromRecipeOption = "",
    python: opt.PythonOption = None,
    no_smoke: opt.NoSmokeOption = False,
    report: opt.ReportOption = None,
    diff: opt.DiffOption = False,
    dry_run: opt.DryRunOption = False,
    yes: opt.YesOption = False,
    allow_dirty: opt.AllowDirtyOption = False,
    output: opt.TextFormatOption = opt.TextFormat.TEXT,
) -> None:
    """Scaffold a model and prove it with FSDP smoke tests."""
    from rlinf_scaffold.commands.new_model import Request
    from rlinf_scaffold.commands.new_model import new_model as run
    from rlinf_scaffold.report.documents import outcome_document
    from rlinf_scaffold.report.text import outcome_text, plan_text
    from rlinf_scaffold.spec import ModelSpec

    as_json = output is opt.TextFormat.JSON
    with ending_on_errors(as_json=as_json):
        if report is not None and (no_smoke or dry_run):
            reason = "there is no proof to report on"
            raise InvalidAnswerError("--report", str(report), reason)
        name, base = _ask(name, base)
        request = Request(
            spec=ModelSpec(
                name=name,
                head=head,
                action_dim=action_dim,
                action_chunks=action_chunks,
                action_bins=action_bins,
                state=state.value,
                state_dim=state_dim,
                unnorm_key=unnorm_key,
                lora=lora,
                value_head=value_head,
                precision=precision.value,
                attn_implementation=attn_implementation.value,
                trust_remote_code=trust_remote_code,
                recipe=from_recipe,
            ),
            base=base,
            checkout=checkout,
            python=python,
            smoke=not no_smoke,
            dry_run=dry_run,
            allow_dirty=allow_dirty,
        )

        def show(outcome: Outcome) -> None:
            print_report(plan_text(outcome))
            if diff:
                print_diff(outcome.changes)

        def confirm(outcome: Outcome) -> bool:
            if not as_json:
                show(outcome)
            if yes or as_json or not outcome.changes or not is_terminal():
                return True
            return typer.confirm("Write this?", default=True)

        with telling_progress() as on_event:
            outcome = run(request, confirm=confirm, on_event=on_event)
        if as_json:
            print_json(outcome_document(outcome, diff=diff))
        elif dry_run:
            show(outcome)
        else:
            print_report(outcome_text(outcome))
        if outcome.smoke is not None:
            write_page(report, {name: outcome.smoke}, checkout)
            end(outcome.smoke)


def _ask(name: str | None, base: str | None) -> tuple[str, str]:
    missing = [
        option for option, value in (("--name", name), ("--base", base)) if not value
    ]
    if missing and not is_terminal():
        raise MissingAnswerError(missing)
    return (
        name or typer.prompt("Name of the model (RLinf's model_type)"),
        base
        or typer.prompt("Base (class, model type, module:Class, folder or hub id)"),
    )
