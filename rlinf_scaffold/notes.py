"""What the tool cannot know about a model, said plainly and in one place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.engine import lora_targets
from rlinf_scaffold.sites.scan import scan
from rlinf_scaffold.sites.vocabulary import read_vocabulary
from rlinf_scaffold.spec import Base, ModelSpec
from rlinf_scaffold.surfaces import Job
from rlinf_scaffold.traps import Ground, find_snags

# What a run of the model goes through; the rest is told by `inspect`.
_RUNNING = (
    PurePosixPath("rlinf/envs"),
    PurePosixPath("rlinf/workers"),
)


def notes(tree: Tree, job: Job) -> tuple[str, ...]:
    """Return what is left for the user to decide or to bring, a sentence each.

    Raises:
        SourceSyntaxError: the checkout's loader does not parse.
    """
    spec, base = job.spec, job.base
    source = (
        f"those of {base.checkpoint}"
        if base.checkpoint
        else f"the defaults of {base.config_class}"
    )
    settings = job.recipes.settings(spec)
    folders = " and ".join(".".join(map(str, keys)) for keys in settings.checkpoints)
    sentences = [
        f"Set {folders} in the recipe to a checkpoint of {base.class_name} that has "
        f"dataset_statistics.json ({_statistics(spec)}) beside its weights.",
        f"hidden_size {base.hidden_size} and vocab_size {base.vocab_size} in "
        f"{settings.path} are {source}; loading a checkpoint of "
        "another size fails and names the number to set.",
        _senses(base),
    ]
    if not spec.unnorm_key:
        sentences.append(
            "unnorm_key is null: a checkpoint with statistics of several datasets "
            "needs one of their names."
        )
    if base.tie_word_embeddings and spec.lora:
        sentences.append(
            f"{base.class_name} ties its head to its embeddings and RLinf's LoRA list "
            "holds lm_head: merging the adapter would change the embeddings too."
        )
    if spec.lora and spec.precision != "fp32":
        sentences.append(
            f"precision is {spec.precision}, and PEFT from 0.12 on keeps adapters in "
            "float32: FSDP refuses units of mixed dtypes. Choose --precision fp32, or a "
            "PEFT below 0.12; `rlinf-scaffold inspect --base` says what each may be."
        )
    if spec.lora and not job.head.answers_in_logits:
        sentences.append(
            f"With is_lora, RLinf freezes the action head of {spec.head} and trains "
            "adapters of its layers: train it on demonstrations first, without LoRA."
        )
    return (*sentences, *_lora_gaps(tree, base), *_traps(tree, job))


def _statistics(spec: ModelSpec) -> str:
    """Return what the statistics of a checkpoint must hold."""
    if spec.state == "token":
        return "per dataset, q01, q99 and mask of actions, q01 and q99 of proprio"
    return "q01, q99 and mask per dataset"


def _senses(base: Base) -> str:
    if base.modality == "text":
        return (
            f"{base.class_name} is a language model: the policy reads the instruction "
            "and the robot's state, no images."
        )
    return (
        "The policy reads the instruction, the robot's state and the images of all "
        "cameras, each resized to image_size; the tokens that the processor of "
        f"{base.class_name} makes of them must fit in max_prompt_length."
    )


def _traps(tree: Tree, job: Job) -> Iterator[str]:
    """Yield what the checkout does that the generated model cannot make harmless."""
    vocabulary = read_vocabulary(tree)
    sites = scan(tree, vocabulary, _RUNNING).sites
    acting = frozenset(vocabulary.embodied or vocabulary.types)
    for snag in find_snags(Ground(tree, job, sites, acting)):
        yield snag.sentence
    if sites:
        yield (
            f"`rlinf-scaffold inspect --name {job.spec.name}` shows every place that "
            "tells models apart."
        )


def _lora_gaps(tree: Tree, base: Base) -> Iterator[str]:
    """Yield what the checkout's own LoRA targets miss; PEFT is silent where one hits."""
    for line, listed in lora_targets(tree):
        missed = [name for name in base.lora_targets if name not in listed]
        if listed and missed:
            extent = "none" if len(missed) == len(base.lora_targets) else "not all"
            yield (
                f"With is_lora, {extent} of the linear layers of {base.class_name} would "
                f"be adapted: {line} does not list {', '.join(missed)}."
            )
