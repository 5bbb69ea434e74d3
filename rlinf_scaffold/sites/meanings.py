"""What sites that are known by their shape mean for a generated policy."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from rlinf_scaffold.sites import Site
from rlinf_scaffold.sites import features as has
from rlinf_scaffold.wiring import CONFIG, LOADER

OK = "ok"
SILENT = "silent"
CRASH = "crash"
UNKNOWN = "unknown"
ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One kind of site.

    Attributes:
        name: what it is about.
        knows: whether a site is of this kind.
        outcome: how a generated policy fares that is not named there.
        unnamed: why; empty where the code itself says it best.
        named: how it fares where somebody has named it, if that needs saying.
        always: whether it fares the same, named or not.
    """

    name: str
    knows: Callable[[Site], bool]
    outcome: str
    unnamed: str
    named: str = ""
    always: bool = False


def _sets(*keys: str) -> Callable[[Site], bool]:
    return lambda site: any(has.keys_set(arm) & {*keys} for arm in site.arms)


def _calls(*names: str) -> Callable[[Site], bool]:
    return lambda site: any(has.calls(arm) & {*names} for arm in site.arms)


def _in(*parts: str) -> Callable[[Site], bool]:
    return lambda site: any(part in site.function for part in parts)


def _is_registration(site: Site) -> bool:
    passes = all(arm.does == "passes" for arm in site.arms)
    return site.path == CONFIG and passes and len(site.named) > 2


def _is_loader(site: Site) -> bool:
    return site.path == LOADER and not _calls("get_peft_model")(site)


def _loads_demonstrations(site: Site) -> bool:
    builds = site.function.rpartition(".")[2] == "build_dataloader"
    told = isinstance(site.around, ast.FunctionDef) and len(site.around.args.args) > 1
    return builds and told and "sft" in site.path.parts


def _is_mode(site: Site) -> bool:
    return any(has.keys_replaced(arm) == {"mode"} for arm in site.arms)


def _swaps_logprobs(site: Site) -> bool:
    sets = _sets("prev_logprobs")(site)
    return sets or any("prev_logprobs" in has.keys_read(arm) for arm in site.arms)


def _asks_other_pass(site: Site) -> bool:
    if "actor" not in site.path.parts:
        return False
    return any(True for _ in has.other_passes(site.around))


def _is_gripper(site: Site) -> bool:
    return _in("prepare_actions")(site) and any(
        has.rescales_last_number(arm) for arm in site.arms
    )


def _is_last_number(site: Site) -> bool:
    return _in("prepare_actions")(site) and any(
        has.sets_last_number(arm) for arm in site.arms
    )


def _cuts_actions(site: Site) -> bool:
    return _in("prepare_actions")(site) and _calls("concatenate", "cat")(site)


def _is_wrapping(site: Site) -> bool:
    if _in("get_fsdp_wrap_policy", "is_vla_model", "is_openvla_model")(site):
        return True
    return any("get_fsdp_wrap_policy" in has.calls(arm) for arm in site.arms)


MEANINGS = (
    Meaning(
        "registration",
        _is_registration,
        OK,
        "scaffolding registers the model, so it passes",
        "it is registered, so it passes",
    ),
    Meaning(
        "loader",
        _is_loader,
        OK,
        "scaffolding adds what loads the model",
        "it is loaded here",
    ),
    Meaning(
        "SFT: dataloader",
        _loads_demonstrations,
        OK,
        "scaffolding adds what loads its demonstrations",
        "its demonstrations are loaded here",
    ),
    Meaning(
        "observations",
        _in("prepare_observations"),
        OK,
        "scaffolding adds a branch of its own that prepares what the policy sees",
        "it is prepared here",
    ),
    Meaning(
        "LoRA",
        _calls("get_peft_model"),
        OK,
        "the whole model is adapted",
    ),
    Meaning(
        "processor set by the worker",
        _calls("setup_config_and_processor"),
        OK,
        "its get_model builds the processor, so nothing is left to set",
        "its get_model has built the processor; the worker's own is ignored",
    ),
    Meaning(
        "rollout: mode or sampling parameters",
        _is_mode,
        OK,
        "it gets the sampling parameters and no mode, which it acts on; named models "
        "get mode alone and lose temperature and top-k",
        "it gets mode alone: it samples at temperature 1 without top-k in training, and "
        "is greedy in evaluation",
    ),
    Meaning(
        "rollout: return_obs",
        _sets("return_obs"),
        OK,
        "return_obs is not passed, and not needed",
        "return_obs is passed and ignored",
    ),
    Meaning(
        "another forward pass",
        _asks_other_pass,
        CRASH,
        "what calls this asks for a forward pass that the policy does not have",
        always=True,
    ),
    Meaning(
        "training: temperature and top-k",
        _sets("temperature", "top_k"),
        OK,
        "not passed; it replays them from forward_inputs",
        "passed and ignored: it replays them from forward_inputs",
    ),
    Meaning(
        "training: rollout log-probabilities",
        _swaps_logprobs,
        OK,
        "it computes log-probabilities itself, and those of the rollout stay",
    ),
    Meaning(
        "training: clipping",
        _sets("clip_ratio_c", "clip_log_ratio_min", "clip_log_ratio_max"),
        SILENT,
        "these settings of algorithm are ignored for it",
    ),
    Meaning(
        "actions: gripper",
        _is_gripper,
        SILENT,
        "a gripper in [0, 1] is not turned to -1 or 1 for it: the dataset statistics "
        "must scale it as the environment wants it",
        "its last number is taken for a gripper in [0, 1] and turned to -1 or 1",
    ),
    Meaning(
        "actions: last number",
        _is_last_number,
        SILENT,
        "",
    ),
    Meaning(
        "actions: width",
        _cuts_actions,
        CRASH,
        "its actions are not cut to the environment's width: --action-dim must be that",
        "its actions are cut to the environment's width",
    ),
    Meaning(
        "SGLang",
        lambda site: "sglang" in site.path.name,
        CRASH,
        "it has no adapter for SGLang, which the SGLang worker asks for",
    ),
    Meaning(
        "FSDP: wrapped classes",
        _is_wrapping,
        OK,
        "the recipe's wrap_policy names the policy's own classes",
    ),
    Meaning(
        "fused kernels",
        _in("liger"),
        OK,
        "no fused kernels are put in; nothing else differs",
    ),
    Meaning(
        "checkpoint conversion: files beside the weights",
        _in("save_helper"),
        UNKNOWN,
        "nothing of its own is written there: see that the convertor copies "
        "dataset_statistics.json and the tokenizer",
    ),
)
