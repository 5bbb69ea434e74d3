"""`demo`: the main job on a practice checkout."""

from __future__ import annotations

from pathlib import Path

from rlinf_scaffold.cli import options as opt
from rlinf_scaffold.cli.output import (
    end,
    ending_on_errors,
    print_report,
    telling_progress,
)


def demo(
    folder: opt.PracticeArgument = Path("rlinf-practice"),
    python: opt.PythonOption = None,
    no_smoke: opt.NoSmokeOption = False,
) -> None:
    """Make a small practice checkout and do the main job on it."""
    from rlinf_scaffold.commands.demo import demo as run
    from rlinf_scaffold.report.text import outcome_text, plan_text

    with ending_on_errors(as_json=False):
        with telling_progress() as on_event:
            outcome = run(folder, python, smoke=not no_smoke, on_event=on_event)
        print_report(plan_text(outcome))
        print_report(outcome_text(outcome))
        end(outcome.smoke)
