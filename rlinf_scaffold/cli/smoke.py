"""`smoke`: prove a scaffolded model."""

from __future__ import annotations

from pathlib import Path

from rlinf_scaffold.cli import options as opt
from rlinf_scaffold.cli.output import (
    end,
    ending_on_errors,
    print_json,
    print_report,
    telling_progress,
    write_page,
)
from rlinf_scaffold.smoke.launchers import MOST_TIME, Launcher


def smoke(
    name: opt.ModelArgument,
    checkout: opt.CheckoutOption = Path(),
    python: opt.PythonOption = None,
    nproc: opt.NprocOption = 2,
    full: opt.FullOption = False,
    model_path: opt.ModelPathOption = None,
    launcher: opt.LauncherOption = Launcher.PYTEST,
    nnodes: opt.NnodesOption = 1,
    node_rank: opt.NodeRankOption = None,
    rdzv_endpoint: opt.EndpointOption = "",
    timeout: opt.TimeoutOption = MOST_TIME,
    report: opt.ReportOption = None,
    output: opt.TextFormatOption = opt.TextFormat.TEXT,
) -> None:
    """Run the smoke tests of a scaffolded model."""
    from rlinf_scaffold.commands.prove import prove
    from rlinf_scaffold.report.documents import smoke_document
    from rlinf_scaffold.report.text import smoke_text
    from rlinf_scaffold.smoke.launch import Launch

    as_json = output is opt.TextFormat.JSON
    with ending_on_errors(as_json=as_json):
        launch = Launch(
            ranks=nproc,
            full=full,
            launcher=launcher,
            nodes=nnodes,
            node_rank=node_rank,
            endpoint=rdzv_endpoint,
            model=model_path,
            timeout=timeout,
        )
        with telling_progress() as on_event:
            ended = prove(name, checkout, python, launch, on_event=on_event)
        if as_json:
            print_json(smoke_document(ended))
        else:
            print_report(smoke_text(ended))
        write_page(report, {name: ended}, checkout)
        end(ended)
