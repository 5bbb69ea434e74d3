"""`check`: do scaffolded models stand as generated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rlinf_scaffold.cli import options as opt
from rlinf_scaffold.cli.golden import compare
from rlinf_scaffold.cli.output import (
    end,
    ending_on_errors,
    print_json,
    print_report,
    telling_progress,
    write_page,
)
from rlinf_scaffold.errors import InvalidAnswerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rlinf_scaffold.smoke.run import SmokeReport


def check(
    checkout: opt.CheckoutOption = Path(),
    smoke: opt.SmokeOption = False,
    accept: opt.AcceptOption = None,
    golden: opt.GoldenOption = None,
    python: opt.PythonOption = None,
    report: opt.ReportOption = None,
    output: opt.FormatOption = opt.Format.TEXT,
) -> None:
    """Check that scaffolded models stand as generated."""
    from rlinf_scaffold.commands.check import check as run
    from rlinf_scaffold.commands.prove import prove
    from rlinf_scaffold.report.documents import audits_document
    from rlinf_scaffold.report.github import finding_annotations
    from rlinf_scaffold.report.text import audits_text

    if golden is not None:
        compare(golden, output)
        return
    with ending_on_errors(as_json=output is opt.Format.JSON):
        if report is not None and not smoke:
            raise InvalidAnswerError("--report", str(report), "is about --smoke")
        audits = run(checkout, accept or ())
        reports: Mapping[str, SmokeReport] = {}
        if smoke:
            with telling_progress() as on_event:
                names = [audit.manifest.spec.name for audit in audits]
                reports = {
                    name: prove(name, checkout, python, on_event=on_event)
                    for name in names
                }
        if output is opt.Format.JSON:
            print_json(audits_document(audits, reports))
        elif output is opt.Format.GITHUB:
            for audit in audits:
                for line in finding_annotations(audit.findings):
                    typer.echo(line)
        else:
            print_report(audits_text(audits, reports))
        write_page(report, reports, checkout)
    if any(audit.findings for audit in audits):
        raise typer.Exit(1)
    for ended in reports.values():
        end(ended)
