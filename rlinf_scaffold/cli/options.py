"""What commands take: arguments and options, each said once."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from rlinf_scaffold.heads import all_heads
from rlinf_scaffold.smoke.launchers import Launcher


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


class State(str, Enum):
    """How prompts hold the proprioceptive state."""

    TEXT = "text"
    TOKEN = "token"


# Several commands

ModelArgument = Annotated[
    str, typer.Argument(help="A model scaffolded in the checkout.")
]
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
NoSmokeOption = Annotated[
    bool, typer.Option("--no-smoke", help="Write without proving.")
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="<file.html>",
        dir_okay=False,
        help="Write a page with the proofs, their figures and pictures.",
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to report.")]
TextFormatOption = Annotated[
    TextFormat, typer.Option("--format", help="How to report.")
]

# new-model

NameOption = Annotated[
    str | None, typer.Option(help="RLinf's model_type, a lower-case identifier.")
]
BaseOption = Annotated[
    str | None,
    typer.Option(
        help="transformers class, model type, package.module:Class, folder, or hub id."
    ),
]
HeadOption = Annotated[
    str,
    typer.Option(
        metavar=f"<{'|'.join(head.name for head in all_heads())}>",
        help="How hidden states become actions.",
    ),
]
ActionDimOption = Annotated[int, typer.Option(help="Numbers per action.")]
ActionChunksOption = Annotated[int, typer.Option(help="Actions predicted at once.")]
ActionBinsOption = Annotated[int, typer.Option(help="Tokens per number.")]
StateOption = Annotated[
    State, typer.Option(help="How prompts hold the state: a projected token, or text.")
]
StateDimOption = Annotated[
    int, typer.Option(help="Numbers of a state that is projected.")
]
UnnormKeyOption = Annotated[
    str,
    typer.Option(
        help="Dataset whose statistics un-normalize actions. [default: the only one]"
    ),
]
LoraOption = Annotated[
    bool, typer.Option("--lora/--no-lora", help="Train adapters only.")
]
ValueHeadOption = Annotated[
    bool, typer.Option("--value-head/--no-value-head", help="PPO, else GRPO.")
]
PrecisionOption = Annotated[Precision, typer.Option(help="Dtype of the weights.")]
AttentionOption = Annotated[Attention, typer.Option(help="Attention kernel.")]
TrustRemoteCodeOption = Annotated[
    bool,
    typer.Option("--trust-remote-code", help="Let loading run code of the checkpoint."),
]
FromRecipeOption = Annotated[
    str, typer.Option(help="Recipe to derive from. [default: the nearest that fits]")
]
DiffOption = Annotated[bool, typer.Option("--diff", help="Show the diff.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show the plan; write nothing.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AllowDirtyOption = Annotated[
    bool, typer.Option("--allow-dirty", help="Touch files with uncommitted changes.")
]

# smoke

NprocOption = Annotated[
    int,
    typer.Option("--nproc", min=1, help="Ranks; with several nodes, on each of them."),
]
FullOption = Annotated[
    bool,
    typer.Option("--full", help="Prove the whole matrix, on 1, 2 and 3 ranks."),
]
ModelPathOption = Annotated[
    Path | None,
    typer.Option(help="Prove this checkpoint instead of a tiny random one."),
]
LauncherOption = Annotated[
    Launcher, typer.Option(help="What starts ranks: pytest its own, on one node.")
]
NnodesOption = Annotated[
    int,
    typer.Option(
        "--nnodes", min=1, help="Nodes; for torchrun, run this command on each."
    ),
]
NodeRankOption = Annotated[
    int | None,
    typer.Option(
        "--node-rank",
        min=0,
        help="Which node this is; 0 serves the endpoint. [default: by host name]",
    ),
]
EndpointOption = Annotated[
    str,
    typer.Option(
        "--rdzv-endpoint",
        metavar="HOST:PORT",
        help="Where torchrun's nodes find each other.",
    ),
]
TimeoutOption = Annotated[
    float, typer.Option(min=1, help="Seconds until everything is ended.")
]

# check

SmokeOption = Annotated[bool, typer.Option("--smoke", help="Run the smoke tests too.")]
AcceptOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="<name>",
        help="Record a model's own files as they are now. Repeatable.",
    ),
]
GoldenOption = Annotated[
    Path | None,
    typer.Option(help="Compare golden trees in this folder, instead of a checkout."),
]

# inspect

JudgedOption = Annotated[
    str | None,
    typer.Option(help="Show each place that tells this model from others."),
]

InspectedBaseOption = Annotated[
    str | None,
    typer.Option(
        "--base",
        help="Say what a base is: all that new-model takes as --base.",
    ),
]
ReadRemoteCodeOption = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code", help="Read a checkpoint's own code; nothing runs it."
    ),
]
RanksOption = Annotated[
    int | None, typer.Option(help="Plan memory for a policy on --base on so many GPUs.")
]
NodeOption = Annotated[
    int, typer.Option("--gpus-per-node", help="Ranks that hybrid_shard shards over.")
]
MicroBatchOption = Annotated[
    int, typer.Option(help="Samples that a rank computes at once.")
]
TokensOption = Annotated[
    int | None,
    typer.Option(help="Tokens of a sample. [default: a new model's prompt and action]"),
]
WrapOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="<class>",
        help="Class that FSDP wraps, instead of new-model's choice. Repeatable.",
    ),
]

# golden

GoldenArgument = Annotated[Path, typer.Argument(help="Folder of golden trees.")]
UpdateOption = Annotated[
    bool, typer.Option("--update", help="Write what is rendered now.")
]

# demo

PracticeArgument = Annotated[
    Path, typer.Argument(help="New folder for the practice checkout.")
]
