"""What the tool cannot know about a model, said plainly and in one place."""

from __future__ import annotations

from rlinf_scaffold.surfaces import Job
from rlinf_scaffold.surfaces.model_yaml import model_yaml_path


def notes(job: Job) -> tuple[str, ...]:
    """Return what is left for the user to decide or to bring, a sentence each."""
    spec, base = job.spec, job.base
    source = (
        f"those of {base.checkpoint}"
        if base.checkpoint
        else f"the defaults of {base.config_class}"
    )
    sentences = [
        f"Set model_path in the recipe to a checkpoint of {base.class_name} that has "
        "dataset_statistics.json (q01, q99 and mask per dataset) beside its weights.",
        f"hidden_size {base.hidden_size} and vocab_size {base.vocab_size} in "
        f"{model_yaml_path(spec.name)} are {source}; loading a checkpoint of another "
        "size fails and names the number to set.",
        f"{base.class_name} is a language model: the policy reads the instruction and "
        "the robot's state, no images.",
        "Actions reach the environment as the dataset statistics scale them. RLinf flips "
        "a [0, 1] gripper to [-1, 1] only for models that rlinf/envs/action_utils.py "
        "names; check the convention of your environment there.",
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
    return tuple(sentences)
