"""Say what a base is, and what a policy on it needs of memory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rlinf_scaffold.bases import Reading, read, refuse
from rlinf_scaffold.bases.hub import the_hub
from rlinf_scaffold.bases.portrait import portray
from rlinf_scaffold.bases.provenance import Fact
from rlinf_scaffold.bases.remote import refuse_remote
from rlinf_scaffold.checkout import Checkout, find_checkout
from rlinf_scaffold.engine import (
    FUNCTIONS,
    WRAP_POLICY,
    Engine,
    lora_targets,
    read_engine,
)
from rlinf_scaffold.errors import (
    InterpreterError,
    NotACheckoutError,
    UnsupportedBaseError,
)
from rlinf_scaffold.memory.anatomy import Anatomy, ask
from rlinf_scaffold.memory.plan import (
    LORA,
    Cluster,
    Plan,
    at_least_one,
    plan_memory,
)
from rlinf_scaffold.memory.shares import Batch
from rlinf_scaffold.smoke.interpreter import (
    Interpreter,
    find_python,
    probe_interpreter,
)
from rlinf_scaffold.spec import Base, ModelSpec

_PACKAGES = ("torch", "transformers")
_VERSION = re.compile(r"(\d+)\.(\d+)")
# Tokens of a prompt, as the settings of a new model have it.
_PROMPTS = {"text": 128, "vision": 1024}


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What memory is planned for.

    Attributes:
        cluster: the ranks.
        micro_batch: samples that a rank computes at once.
        tokens: of each sample; None are those of a new model's prompt and action.
        wrap: classes for FSDP to wrap; none are those that `new-model` names.
    """

    cluster: Cluster
    micro_batch: int = 32
    tokens: int | None = None
    wrap: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        at_least_one("--micro-batch", self.micro_batch)
        if self.tokens is not None:
            at_least_one("--tokens", self.tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseInspection:
    """What can be said of a base.

    Attributes:
        base: what it is, read from its source.
        facts: all that was found, each with where it comes from.
        findings: what is odd about a checkpoint, a sentence each.
        checkout: the checkout that it is read for, if there is one.
        memory: what a policy on it needs, if that was asked.
        refused: why no model is generated on it; empty where one is.
    """

    base: Base
    checkout: Checkout | None
    memory: Plan | None
    facts: tuple[Fact, ...] = ()
    findings: tuple[str, ...] = ()
    refused: str = ""


def inspect_base(
    given: str,
    start: Path | None,
    given_python: Path | None,
    training: Training | None = None,
    *,
    trust: bool = False,
) -> BaseInspection:
    """Return what a base is, and what a policy on it needs of memory.

    Args:
        given: a transformers class, a model type, ``package.module:Class``, a folder,
            or a repository on the Hub.
        start: a checkout; None is the one that this is run in, if it is run in one.
        given_python: the interpreter that has torch and transformers.
        training: what memory is planned for; without it torch is not needed.
        trust: whether code in a checkpoint is read.

    Raises:
        UnknownBaseError: nothing goes by that name; with suggestions.
        UnsupportedBaseError: nothing can be said of it; with the reason.
        NotFetchedError: it may be on the Hub, but was not got from there.
        NotACheckoutError: a checkout is given that is none.
        InterpreterError: the interpreter has no torch or no transformers.
    """
    checkout = _find_checkout(start)
    root = checkout.root if checkout else Path.cwd()
    interpreter = probe_interpreter(find_python(root, given_python))
    if training is not None:
        _require(interpreter)
    hub, path = the_hub(os.environ, interpreter.python), interpreter.search_path
    found = read(given, path, hub, trust=trust)
    plan = None
    if training is not None:
        if found.named is not None:
            refuse_remote(given, found.named.cls)
        plan = _plan(checkout, interpreter, found.base, training)
    return BaseInspection(
        base=found.base,
        checkout=checkout,
        memory=plan,
        facts=portray(found, path),
        findings=found.findings,
        refused=_refused(given, found, path),
    )


def _refused(given: str, found: Reading, search_path: Sequence[Path]) -> str:
    try:
        refuse(given, found, search_path)
    except UnsupportedBaseError as error:
        return error.reason
    return ""


def _find_checkout(start: Path | None) -> Checkout | None:
    try:
        return find_checkout(start or Path())
    except NotACheckoutError:
        if start is not None:
            raise
        return None


def _require(interpreter: Interpreter) -> None:
    missing = [name for name in _PACKAGES if not interpreter.packages[name]]
    if missing:
        raise InterpreterError(
            interpreter.python,
            missing,
            task="plan memory",
            otherwise=", or leave --ranks out",
        )


def _plan(
    checkout: Checkout | None,
    interpreter: Interpreter,
    base: Base,
    training: Training,
) -> Plan:
    engine = read_engine(checkout) if checkout else Engine()
    layers = training.wrap or base.layer_classes
    anatomy = ask(interpreter.python, base, _policies(engine, base, layers))
    listed = (names for _, names in lora_targets(checkout)) if checkout else ()
    lora = replace(
        LORA,
        targets=next(filter(None, listed), LORA.targets),
        is_float32=_keeps_float32(interpreter.packages["peft"]),
    )
    plan = plan_memory(base, anatomy, training.cluster, _batch(base, training), lora)
    about = (*_about_engine(engine, anatomy), *plan.findings)
    return replace(plan, findings=about)


def _policies(
    engine: Engine, base: Base, layers: Sequence[str]
) -> Mapping[str, Sequence[str] | None]:
    """Return the classes that each version of FSDP wraps; None are the base's own.

    A policy that sees says them itself where RLinf does not read them from the recipe.
    """
    own = base.layer_classes if base.modality == "vision" else None
    policies = {"fsdp": own if engine.ignores_config else layers}
    return {**policies, "fsdp2": layers} if engine.has_fsdp2 else policies


def _keeps_float32(peft: str | None) -> bool:
    """Whether PEFT makes adapters of 16-bit weights in float32; RLinf pins 0.11."""
    found = _VERSION.match(peft or "")
    return found is not None and (int(found[1]), int(found[2])) >= (0, 12)


def _batch(base: Base, training: Training) -> Batch:
    action = ModelSpec(name="policy").action_tokens
    tokens = training.tokens or _PROMPTS[base.modality] + action
    keeps_some = "logits_to_keep" in base.forward_arguments
    return Batch(
        samples=training.micro_batch,
        tokens=tokens,
        logits=action + 1 if keeps_some else tokens,
        vocab_size=base.vocab_size,
    )


def _about_engine(engine: Engine, anatomy: Anatomy) -> Iterator[str]:
    """Yield what the checkout makes of the recipe's settings."""
    if engine.ignores_config is not None:
        names = [name for it in anatomy.wrappings[:1] for name in it.layers]
        yield (
            f"fsdp_config.wrap_policy is ignored: {engine.ignores_config} calls "
            f"{WRAP_POLICY} without it, so fsdp wraps what the base names itself: "
            f"{', '.join(names) or 'nothing'}"
        )
    if not engine.has_node_mesh:
        yield (
            "fsdp: hybrid_shard ends in an error: it needs ranks set out by nodes, and "
            f"{FUNCTIONS} sets them out in one row"
        )
