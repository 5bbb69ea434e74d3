"""The command line: parse, call one command, print one report, map errors to codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rlinf_scaffold import __version__
from rlinf_scaffold.errors import MissingAnswerError, ScaffoldError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from rlinf_scaffold.changes import ChangeSet
    from rlinf_scaffold.commands.new_model import Outcome
    from rlinf_scaffold.smoke.run import Event, SmokeReport

app = typer.Typer(
    name="rlinf-scaffold",
    help="Scaffold a HuggingFace model into an RLinf checkout, and prove that it trains.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(str, Enum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


class TextFormat(str, Enum):
    """How a report without annotations is written."""

    TEXT = "text"
    JSON = "json"


class Precision(str, Enum):
    """Weights' dtype."""

    BF16 = "bf16"
    FP16 = "fp16"
    FP32 = "fp32"


class Attention(str, Enum):
    """Attention kernel."""

    FLASH = "flash_attention_2"
    SDPA = "sdpa"
    EAGER = "eager"


# Columns of what is not a terminal: wide enough that no path is folded.
_UNFOLDED = 10_000

CheckoutOption = Annotated[
    Path,
    typer.Option(
        "--checkout",
        help="RLinf checkout. [default: found upwards from here]",
        show_default=False,
    ),
]
PythonOption = Annotated[
    Path | None,
    typer.Option(
        "--python",
        help="Interpreter that has torch. [default: the checkout's .venv, else this one]",
    ),
]


@app.command("new-model")
def new_model(
    name: Annotated[
        str | None, typer.Option(help="RLinf's model_type, a lower-case identifier.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            help="transformers class, package.module:Class, or a folder with config.json."
        ),
    ] = None,
    checkout: CheckoutOption = Path(),
    action_dim: Annotated[int, typer.Option(help="Numbers per action.")] = 7,
    action_chunks: Annotated[int, typer.Option(help="Actions predicted at once.")] = 1,
    action_bins: Annotated[int, typer.Option(help="Tokens per number.")] = 256,
    unnorm_key: Annotated[
        str,
        typer.Option(
            help="Dataset whose statistics un-normalize actions. [default: the only one]"
        ),
    ] = "",
    lora: Annotated[
        bool, typer.Option("--lora/--no-lora", help="Train adapters only.")
    ] = False,
    value_head: Annotated[
        bool, typer.Option("--value-head/--no-value-head", help="PPO, else GRPO.")
    ] = True,
    precision: Annotated[
        Precision, typer.Option(help="Dtype of the weights.")
    ] = Precision.BF16,
    attn_implementation: Annotated[
        Attention, typer.Option(help="Attention kernel.")
    ] = Attention.FLASH,
    trust_remote_code: Annotated[
        bool,
        typer.Option(
            "--trust-remote-code", help="Let the checkpoint bring its own code."
        ),
    ] = False,
    from_recipe: Annotated[
        str,
        typer.Option(help="Recipe to derive from. [default: the nearest that fits]"),
    ] = "",
    python: PythonOption = None,
    no_smoke: Annotated[
        bool, typer.Option("--no-smoke", help="Write without proving.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show the diff.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan; write nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    allow_dirty: Annotated[
        bool,
        typer.Option("--allow-dirty", help="Touch files with uncommitted changes."),
    ] = False,
    output: Annotated[
        TextFormat, typer.Option("--format", help="How to report.")
    ] = TextFormat.TEXT,
) -> None:
    """Scaffold a model and prove it with FSDP smoke tests."""
    from rlinf_scaffold.commands.new_model import Request
    from rlinf_scaffold.commands.new_model import new_model as run
    from rlinf_scaffold.report.documents import outcome_document
    from rlinf_scaffold.report.text import outcome_text, plan_text
    from rlinf_scaffold.spec import ModelSpec

    as_json = output is TextFormat.JSON
    with _errors(as_json):
        name, base = _ask(name, base)
        request = Request(
            spec=ModelSpec(
                name=name,
                action_dim=action_dim,
                action_chunks=action_chunks,
                action_bins=action_bins,
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
            _print(plan_text(outcome))
            if diff:
                _print_diff(outcome.changes)

        def confirm(outcome: Outcome) -> bool:
            if not as_json:
                show(outcome)
            if yes or as_json or not outcome.changes or not _is_terminal():
                return True
            return typer.confirm("Write this?", default=True)

        with _progress() as on_event:
            outcome = run(request, confirm=confirm, on_event=on_event)
        if as_json:
            _print_json(outcome_document(outcome, diff=diff))
        elif dry_run:
            show(outcome)
        else:
            _print(outcome_text(outcome))
        _end(outcome.smoke)


@app.command()
def check(
    checkout: CheckoutOption = Path(),
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Run the smoke tests too.")
    ] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="<name>",
            help="Record a model's own files as they are now. Repeatable.",
        ),
    ] = None,
    golden: Annotated[
        Path | None,
        typer.Option(
            help="Compare golden trees in this folder, instead of a checkout."
        ),
    ] = None,
    python: PythonOption = None,
    output: Annotated[
        Format, typer.Option("--format", help="How to report.")
    ] = Format.TEXT,
) -> None:
    """Check that scaffolded models stand as generated."""
    from rlinf_scaffold.commands.check import check as run
    from rlinf_scaffold.commands.prove import prove
    from rlinf_scaffold.report.documents import audits_document
    from rlinf_scaffold.report.github import finding_annotations
    from rlinf_scaffold.report.text import audits_text

    if golden is not None:
        _check_golden(golden, output)
        return
    with _errors(output is Format.JSON):
        audits = run(checkout, accept or ())
        reports: Mapping[str, SmokeReport] = {}
        if smoke:
            with _progress() as on_event:
                names = [audit.manifest.spec.name for audit in audits]
                reports = {
                    name: prove(name, checkout, python, on_event=on_event)
                    for name in names
                }
        if output is Format.JSON:
            _print_json(audits_document(audits, reports))
        elif output is Format.GITHUB:
            for audit in audits:
                for line in finding_annotations(audit.findings):
                    typer.echo(line)
        else:
            _print(audits_text(audits, reports))
    if any(audit.findings for audit in audits):
        raise typer.Exit(1)
    for report in reports.values():
        _end(report)


@app.command()
def smoke(
    name: Annotated[str, typer.Argument(help="A model scaffolded in the checkout.")],
    checkout: CheckoutOption = Path(),
    python: PythonOption = None,
    output: Annotated[
        TextFormat, typer.Option("--format", help="How to report.")
    ] = TextFormat.TEXT,
) -> None:
    """Run the smoke tests of a scaffolded model."""
    from rlinf_scaffold.commands.prove import prove
    from rlinf_scaffold.report.documents import smoke_document
    from rlinf_scaffold.report.text import smoke_text

    as_json = output is TextFormat.JSON
    with _errors(as_json):
        with _progress() as on_event:
            report = prove(name, checkout, python, on_event=on_event)
        if as_json:
            _print_json(smoke_document(report))
        else:
            _print(smoke_text(report))
        _end(report)


@app.command()
def inspect(
    checkout: CheckoutOption = Path(),
    name: Annotated[
        str | None,
        typer.Option(help="Show each place that tells this model from others."),
    ] = None,
    output: Annotated[
        TextFormat, typer.Option("--format", help="How to report.")
    ] = TextFormat.TEXT,
) -> None:
    """Say what a checkout is, and where its models are wired."""
    from rlinf_scaffold.commands.inspect import inspect as run
    from rlinf_scaffold.report.documents import inspection_document
    from rlinf_scaffold.report.inspection import inspection_text

    as_json = output is TextFormat.JSON
    with _errors(as_json):
        inspection = run(checkout, name)
        if as_json:
            _print_json(inspection_document(inspection))
        else:
            _print(inspection_text(inspection))
    if inspection.exit_code:
        raise typer.Exit(inspection.exit_code)


@app.command()
def undo(
    name: Annotated[str, typer.Argument(help="A model scaffolded in the checkout.")],
    checkout: CheckoutOption = Path(),
    output: Annotated[
        TextFormat, typer.Option("--format", help="How to report.")
    ] = TextFormat.TEXT,
) -> None:
    """Take back what was last written for a model, to the byte."""
    from rlinf_scaffold.commands.undo import undo as run
    from rlinf_scaffold.report.documents import changes_document
    from rlinf_scaffold.report.text import changes_text

    as_json = output is TextFormat.JSON
    with _errors(as_json):
        changes = run(name, checkout)
        if as_json:
            _print_json({"changes": changes_document(changes)})
        else:
            _print(changes_text(changes))


@app.command()
def golden(
    folder: Annotated[Path, typer.Argument(help="Folder of golden trees.")] = Path(
        "golden"
    ),
    update: Annotated[
        bool, typer.Option("--update", help="Write what is rendered now.")
    ] = False,
    output: Annotated[
        Format, typer.Option("--format", help="How to report.")
    ] = Format.TEXT,
) -> None:
    """Compare golden trees with what is rendered, or update them."""
    from rlinf_scaffold.commands.golden import update as run
    from rlinf_scaffold.report.documents import changes_document
    from rlinf_scaffold.report.text import changes_text

    if not update:
        _check_golden(folder, output)
        return
    with _errors(output is Format.JSON):
        changes = run(folder)
        if output is Format.JSON:
            _print_json({"changes": changes_document(changes)})
        else:
            _print(changes_text(changes))


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Argument(help="New folder for the practice checkout.")
    ] = Path("rlinf-practice"),
    python: PythonOption = None,
    no_smoke: Annotated[
        bool, typer.Option("--no-smoke", help="Write without proving.")
    ] = False,
) -> None:
    """Make a small practice checkout and do the main job on it."""
    from rlinf_scaffold.commands.demo import demo as run
    from rlinf_scaffold.report.text import outcome_text, plan_text

    with _errors(as_json=False):
        with _progress() as on_event:
            outcome = run(folder, python, smoke=not no_smoke, on_event=on_event)
        _print(plan_text(outcome))
        _print(outcome_text(outcome))
        _end(outcome.smoke)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _check_golden(folder: Path, output: Format) -> None:
    from pathlib import PurePosixPath

    from rlinf_scaffold.commands.golden import compare
    from rlinf_scaffold.report.documents import changes_document
    from rlinf_scaffold.report.github import golden_annotations
    from rlinf_scaffold.report.text import golden_text

    with _errors(output is Format.JSON):
        changes = compare(folder)
        if output is Format.JSON:
            _print_json({"ok": not changes, "changes": changes_document(changes)})
        elif output is Format.GITHUB:
            for line in golden_annotations(changes, PurePosixPath(folder.as_posix())):
                typer.echo(line)
        else:
            _print(golden_text(changes))
            _print_diff(changes)
    if changes:
        raise typer.Exit(1)


def _ask(name: str | None, base: str | None) -> tuple[str, str]:
    missing = [
        option for option, value in (("--name", name), ("--base", base)) if not value
    ]
    if missing and not _is_terminal():
        raise MissingAnswerError(missing)
    return (
        name or typer.prompt("Name of the model (RLinf's model_type)"),
        base
        or typer.prompt("Base (transformers class, package.module:Class or folder)"),
    )


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


@contextmanager
def _progress() -> Iterator[Callable[[Event], None]]:
    from rich.console import Console

    from rlinf_scaffold.report.progress import progress

    with progress(Console(stderr=True)) as on_event:
        yield on_event


def _print(report: RenderableType) -> None:
    from rich.console import Console

    width = None if sys.stdout.isatty() else _UNFOLDED
    Console(width=width).print(report)


def _print_diff(changes: ChangeSet) -> None:
    """Print a diff in colours on a terminal, else to the byte, for `git apply`."""
    from rlinf_scaffold.report.text import diff_text

    if sys.stdout.isatty():
        _print(diff_text(changes))
    else:
        typer.echo(changes.diff().encode("utf-8", "surrogateescape"), nl=False)


def _print_json(document: Mapping[str, object]) -> None:
    typer.echo(json.dumps(document, indent=2))


def _end(report: SmokeReport | None) -> None:
    from rlinf_scaffold.errors import SmokeTestFailedError

    if report is not None and not report.ok:
        raise typer.Exit(SmokeTestFailedError.exit_code)


@contextmanager
def _errors(as_json: bool) -> Iterator[None]:
    try:
        yield
    except ScaffoldError as error:
        if as_json:
            from rlinf_scaffold.report.documents import error_document

            _print_json(error_document(error))
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from error
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("\ninterrupted; the checkout is as it was, or complete", err=True)
        raise typer.Exit(130) from None
