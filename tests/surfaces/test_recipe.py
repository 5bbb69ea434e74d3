from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlinf_scaffold.checkout import Checkout, MemoryTree, Overlay, Tree
from rlinf_scaffold.errors import (
    AnchorNotFoundError,
    InvalidAnswerError,
    SourceSyntaxError,
)
from rlinf_scaffold.inserters.yaml import read_value
from rlinf_scaffold.inserters.yaml_document import Value, members
from rlinf_scaffold.layouts import Layout, all_layouts
from rlinf_scaffold.recipes import RECIPES, detect_style, recipe_path
from rlinf_scaffold.rendering import templates_folder
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces import Job
from rlinf_scaffold.surfaces.recipe import (
    choose_recipe,
    surface,
)

JobOf = Callable[..., Job]

PPO = """\
# Put the apple on the plate.
defaults:
  - env/table@env.train
  - model/openvla@actor.model  # the policy
  - training_backend/fsdp@actor.fsdp_config

runner:
  task_type: embodied
  logger:
    experiment_name: "table_ppo_openvla"

algorithm:
  adv_type: gae
  loss_type: actor_critic
  reward_type: action_level

env:
  train:
    max_episode_steps: 80 # truncated then
    max_steps_per_rollout_epoch: 160

rollout:
  sampling_params:
    top_k: 0
    max_new_tokens: 56
  model:
    model_path: "/models/old/" # https://example.org/old
    precision: ${actor.model.precision}

actor:
  # Override the default values in model/openvla
  model:
    model_path: "/models/old/" # https://example.org/old
    model_type: "openvla"
    add_value_head: True
    is_lora: True
  optim:
    lr: 1.0e-4
  fsdp_config:
    mixed_precision:
      param_dtype: ${actor.model.precision}
"""
GRPO = PPO.replace("gae", "grpo").replace("actor_critic", "actor")

DERIVED = """\
-  - model/openvla@actor.model  # the policy
+  - model/my_vla@actor.model  # the policy
-    experiment_name: "table_ppo_openvla"
+    experiment_name: "table_ppo_my_vla"
-    max_new_tokens: 56
+    max_new_tokens: 7
-    model_path: "/models/old/" # https://example.org/old
+    model_path: "/path/to/model"
-  # Override the default values in model/openvla
+  # Override the default values in model/my_vla
-    model_path: "/models/old/" # https://example.org/old
-    model_type: "openvla"
+    model_path: "/path/to/model"
+    model_type: "my_vla"
-    is_lora: True
+    is_lora: False
+    wrap_policy:
+      transformer_layer_cls_to_wrap:
+        - "LlamaDecoderLayer"
"""


def tree_of(**texts: str) -> MemoryTree:
    return MemoryTree.of({f"{RECIPES}/{stem}.yaml": it for stem, it in texts.items()})


def derive(tree: Tree, job: Job) -> str:
    (change,) = surface.plan(tree, job)
    return change.after or ""


def data(text: str, *keys: str) -> Value:
    return read_value(text, keys, path="derived")


def diff(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0)
    return "".join(
        f"{line}\n" for line in lines if not re.match(r"\+\+\+|---|@@", line)
    )


def test_nothing_changes_where_the_recipe_is_there(job: JobOf) -> None:
    tree = Overlay(tree_of(table_ppo_openvla=PPO))
    (change,) = surface.plan(tree.write(surface.plan(tree, job())), job())
    assert change.is_empty
    assert surface.owns_files


def test_only_what_names_the_model_changes(job: JobOf) -> None:
    (change,) = surface.plan(tree_of(table_ppo_openvla=PPO), job())
    assert change.path == RECIPES / "table_ppo_my_vla.yaml"
    assert change.before is None
    assert diff(PPO, change.after or "") == DERIVED


def test_every_other_byte_is_kept(job: JobOf) -> None:
    source = "\ufeff" + PPO.replace("\n", "\r\n").rstrip()
    after = derive(tree_of(table_ppo_openvla=source), job())
    plain = derive(tree_of(table_ppo_openvla=PPO), job())
    assert after == "\ufeff" + plain.replace("\n", "\r\n").rstrip()


@pytest.mark.parametrize("layout", all_layouts(), ids=lambda layout: layout.name)
@pytest.mark.parametrize("value_head", [True, False])
@pytest.mark.parametrize("action_chunks", [1, 7])
def test_practice_checkouts(
    layout: Layout, value_head: bool, action_chunks: int, job: JobOf
) -> None:
    tree = Checkout(templates_folder() / "checkouts" / layout.name)
    it = job(value_head=value_head, action_chunks=action_chunks)
    it = replace(it, layout=layout, recipes=detect_style(tree))
    (change,) = surface.plan(tree, it)
    after = change.after or ""
    algorithm = "ppo" if value_head else "grpo"
    assert change.path.name == f"maniskill_{algorithm}_my_vla.yaml"
    assert "openvla" not in after
    steps = re.findall(r"max_\w*steps\w*: (\d+)", after.split("\nenv:")[1])
    assert not [count for count in steps if int(count) % action_chunks]
    tokens = re.findall(r"max_new_tokens?: (\d+)", after)
    assert tokens == [str(7 * action_chunks)]


CHOICES: list[tuple[str, Mapping[str, str], bool, str]] = [
    ("shortest name", {"a_b_ppo_x": PPO, "z_ppo_x": PPO}, True, "z_ppo_x"),
    ("first name", {"b_ppo_x": PPO, "a_ppo_x": PPO}, True, "a_ppo_x"),
    (
        "OpenVLA before OpenVLA-OFT before others",
        {
            "a": PPO.replace("model/openvla@", "model/other@"),
            "bb": PPO.replace("model/openvla@", "model/openvla_oft@"),
            "ccc": PPO,
        },
        True,
        "ccc",
    ),
    (
        "OpenVLA-OFT before others",
        {
            "a": PPO.replace("model/openvla@", "model/other@"),
            "bb": PPO.replace("model/openvla@", "model/openvla_oft@"),
        },
        True,
        "bb",
    ),
    ("a critic", {"a": GRPO, "bb": PPO}, True, "bb"),
    ("no critic", {"a": PPO, "bb": GRPO}, False, "bb"),
    (
        "synchronous",
        {
            "a_async": PPO,
            "b": PPO.replace("actor_critic", "decoupled_actor_critic"),
            "long_one": PPO,
        },
        True,
        "long_one",
    ),
    (
        "embodied training",
        {
            "a": PPO.replace("embodied", "reasoning"),
            "b": PPO.replace("  logger", "  only_eval: True\n  logger"),
            "long_one": PPO,
        },
        True,
        "long_one",
    ),
    ("mounts a model", {"a": PPO.replace("@actor", "@rollout"), "bb": PPO}, True, "bb"),
    ("parses", {"a": PPO + "actor: 1\n", "bb": PPO}, True, "bb"),
    (
        "a critic by its older name",
        {"a": GRPO, "bb": PPO.replace("actor_critic", "embodied_ppo")},
        True,
        "bb",
    ),
    (
        "no critic by its older name",
        {"a": PPO, "bb": GRPO.replace("grpo", "embodied_grpo")},
        False,
        "bb",
    ),
    (
        "not the new model's own",
        {"a": PPO.replace("model/openvla@", "model/my_vla@"), "bb": PPO},
        True,
        "bb",
    ),
]


@pytest.mark.parametrize(
    ("texts", "value_head", "chosen"),
    [pytest.param(*case, id=reason) for reason, *case in CHOICES],
)
def test_the_plainest_recipe_is_chosen(
    texts: Mapping[str, str], value_head: bool, chosen: str
) -> None:
    spec = ModelSpec(name="my_vla", value_head=value_head)
    assert choose_recipe(tree_of(**texts), spec) == RECIPES / f"{chosen}.yaml"


def test_scaffolded_models_are_no_source() -> None:
    tree = MemoryTree.of(
        {
            ".rlinf-scaffold/openvla.json": "{}",
            f"{RECIPES}/a.yaml": PPO,
            f"{RECIPES}/README.md": "- model/x@actor.model",
            f"{RECIPES}/long_one.yaml": PPO.replace("openvla", "other"),
        }
    )
    assert choose_recipe(tree, ModelSpec(name="my_vla")).stem == "long_one"


@pytest.mark.parametrize(
    ("value_head", "algorithm"),
    [(True, "loss_type actor_critic"), (False, "adv_type grpo")],
)
def test_no_recipe_fits(value_head: bool, algorithm: str) -> None:
    spec = ModelSpec(name="my_vla", value_head=value_head)
    with pytest.raises(
        AnchorNotFoundError, match=f"{algorithm}.*name another with --from"
    ):
        choose_recipe(tree_of(a=PPO.replace("embodied", "offline")), spec)


@pytest.mark.parametrize(
    "asked",
    [
        "table_ppo_x",
        "table_ppo_x.yaml",
        "./examples/embodiment/config/table_ppo_x.yaml",
        "examples/embodiment/config/table_ppo_x",
        "config/table_ppo_x.yaml",
    ],
)
def test_a_recipe_can_be_asked_for(asked: str) -> None:
    tree = tree_of(table_ppo_x=PPO, a=PPO)
    chosen = choose_recipe(tree, ModelSpec(name="my_vla", recipe=asked))
    assert chosen == RECIPES / "table_ppo_x.yaml"


def test_a_recipe_of_another_folder_is_derived_beside_itself(job: JobOf) -> None:
    tree = MemoryTree.of({"tests/e2e/table_ppo_x.yaml": PPO})
    (change,) = surface.plan(tree, job(recipe="tests/e2e/table_ppo_x.yaml"))
    assert change.path == PurePosixPath("tests/e2e/table_ppo_my_vla.yaml")


@pytest.mark.parametrize("asked", ["/etc/passwd", "../a.yaml", "a/../../b", ".", "./"])
def test_a_recipe_lies_below_the_checkout(asked: str) -> None:
    with pytest.raises(InvalidAnswerError, match="a path below the checkout's root"):
        choose_recipe(tree_of(a=PPO), ModelSpec(name="my_vla", recipe=asked))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            "table_pp_x",
            r"there is no table_pp_x.yaml and no .*did you mean table_ppo_x\?",
        ),
        ("qqqqqqqq", "there is no qqqqqqqq.yaml and no [^;]*$"),
    ],
)
def test_a_recipe_that_is_not_there(asked: str, message: str) -> None:
    with pytest.raises(InvalidAnswerError, match=message):
        choose_recipe(tree_of(table_ppo_x=PPO), ModelSpec(name="my_vla", recipe=asked))


@pytest.mark.parametrize(
    ("stem", "text", "value_head", "message"),
    [
        (
            "a",
            PPO.replace("embodied", "offline"),
            True,
            "task_type is 'offline', not 'embodied'",
        ),
        ("a", "runner:\n", True, "task_type is None"),
        ("a", PPO.replace("logger", "only_eval: True\n  x"), True, "it only evaluates"),
        (
            "a",
            PPO.replace("actor_critic", "embodied_sac"),
            True,
            "is 'embodied_sac'; the model",
        ),
        (
            "a",
            PPO + "  enable_sft_co_train: True\n",
            True,
            "it trains on demonstrations too",
        ),
        ("a", PPO, False, "it trains a critic"),
        ("a", PPO.replace("actor_critic", "actor"), False, "it trains a critic"),
        (
            "a",
            GRPO.replace("reward_type", "require_values: True\n  reward_type"),
            False,
            "it trains a critic",
        ),
        ("a_ppo_my_vla", PPO, True, "is the new model's own recipe"),
    ],
)
def test_a_recipe_that_the_model_cannot_train_by(
    stem: str, text: str, value_head: bool, message: str
) -> None:
    spec = ModelSpec(name="my_vla", recipe=stem, value_head=value_head)
    with pytest.raises(InvalidAnswerError, match=message):
        choose_recipe(tree_of(**{stem: text}), spec)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            PPO.replace("model/openvla@actor.model", "model: openvla"),
            AnchorNotFoundError,
        ),
        (PPO + "actor: 1\n", SourceSyntaxError),
    ],
)
def test_a_recipe_that_cannot_be_edited(
    text: str, error: type[Exception], job: JobOf
) -> None:
    with pytest.raises(error):
        derive(tree_of(a=text), job(recipe="a"))


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("maniskill_ppo_openvla", "maniskill_ppo_my_vla"),
        ("maniskill_ppo_openvla_quickstart", "maniskill_ppo_my_vla"),
        ("libero_10_grpo_openpi_pi05", "libero_10_grpo_my_vla"),
        ("maniskill_async_ppo_openvlaoft", "maniskill_async_ppo_my_vla"),
        ("ppo_of_grpo_x", "ppo_of_grpo_my_vla"),
        ("ppo", "ppo_my_vla"),
        ("hippo_table", "hippo_table_my_vla"),
    ],
)
def test_the_name_ends_in_the_model(stem: str, expected: str) -> None:
    path = recipe_path(PurePosixPath(f"a/{stem}.yaml"), ModelSpec(name="my_vla"))
    assert path == PurePosixPath(f"a/{expected}.yaml")


@given(st.from_regex(r"[a-z][a-z0-9]{0,8}(_[a-z0-9]{1,8}){0,3}", fullmatch=True))
def test_the_name_of_a_derived_recipe_is_its_own(stem: str) -> None:
    spec = ModelSpec(name="my_vla")
    once = recipe_path(PurePosixPath(f"{stem}_ppo_x.yaml"), spec)
    assert recipe_path(once, spec) == once


def test_keys_of_the_old_model_go(job: JobOf) -> None:
    source = PPO.replace(
        "    is_lora: True\n",
        "    num_action_chunks: 8 # as the old one\n"
        "    image_size:\n    - 1\n"
        "    # old parts\n    old:\n      depth: ${actor.model.num_steps}\n"
        "    num_steps: 3\n",
    )
    model = data(derive(tree_of(a=source), job(action_chunks=2)), "actor", "model")
    assert model == {
        "model_path": "/path/to/model",
        "model_type": "my_vla",
        "add_value_head": True,
        "num_action_chunks": 2,
    }
    assert "old" not in derive(tree_of(a=source), job()).split("actor:\n")[1]


def test_interpolations_in_the_rollout_stay(job: JobOf) -> None:
    source = PPO.replace(
        '"/models/old/" # https://example.org/old\n    precision',
        "${actor.model.model_path}\n    action_dim: 6\n    tokenizer: x\n    precision",
        1,
    )
    after = derive(tree_of(a=source), job())
    assert data(after, "rollout", "model") == {
        "model_path": "${actor.model.model_path}",
        "action_dim": 7,
        "precision": "${actor.model.precision}",
    }


def test_what_the_rest_of_the_recipe_reads_of_the_old_model_is_carried_over(
    job: JobOf,
) -> None:
    reads = "env:\n  state: ${actor.model.state_dim}\n  size: ${actor.model.size}"
    source = PPO.replace("env:", reads).replace("is_lora: True", "size: 5")
    tree = tree_of(a=source, **{"model/openvla": "state_dim: 9\nsize: 4\ndepth: 1\n"})
    model = members(data(derive(tree, job()), "actor", "model"))
    assert (model["state_dim"], model["size"], "depth" in model) == (9, 5, False)


@pytest.mark.parametrize(
    ("recipe", "default", "expected"),
    [
        ("", "", None),
        ("", 'policy_setup: "widowx_bridge"\n', None),
        ("", 'policy_setup: "panda"\n', "panda"),
        ("    policy_setup: libero\n", 'policy_setup: "panda"\n', "libero"),
    ],
)
def test_policy_setup_is_the_environment_s(
    recipe: str, default: str, expected: str | None, job: JobOf
) -> None:
    source = PPO.replace("    is_lora: True\n", recipe)
    tree = tree_of(a=source, **{"model/openvla": default})
    model = members(data(derive(tree, job()), "actor", "model"))
    assert model.get("policy_setup") == expected


def test_sampling_of_other_generations(job: JobOf) -> None:
    it = job(action_dim=3, action_chunks=2)
    older = PPO.replace("rollout:\n  sampling_params:", "rollout:\n  other:").replace(
        "algorithm:",
        "algorithm:\n  sampling_params: {top_k: 0}\n  length_params:\n    max_new_token: 7",
    )
    assert (
        data(
            derive(tree_of(a=older), it), "algorithm", "length_params", "max_new_token"
        )
        == 6
    )
    flow = PPO.replace("  sampling_params:\n    top_k: 0\n    max_new_tokens: 56\n", "")
    sampling = members(data(derive(tree_of(a=flow), it), "rollout", "sampling_params"))
    assert sampling["max_new_tokens"] == 6
    assert sampling["do_sample"] is True
    missing = PPO.replace("    max_new_tokens: 56\n", "")
    assert data(derive(tree_of(a=missing), it), "rollout", "sampling_params") == {
        "top_k": 0,
        "max_new_tokens": 6,
    }


def test_sampling_parameters_stand_where_workers_read_them(job: JobOf) -> None:
    flow = PPO.replace("  sampling_params:\n    top_k: 0\n    max_new_tokens: 56\n", "")
    worker = "rlinf/workers/rollout/hf/huggingface_worker.py"
    tree = MemoryTree.of(
        {f"{RECIPES}/a.yaml": flow, worker: "x = cfg.algorithm.sampling_params\n"}
    )
    after = derive(tree, job())
    assert data(after, "algorithm", "length_params") == {"max_new_token": 7}
    assert members(data(after, "algorithm", "sampling_params"))["do_sample"] is True
    assert "sampling_params" not in members(data(after, "rollout"))


def test_no_wrap_policy_where_none_is_read(job: JobOf) -> None:
    engine = "rlinf/hybrid_engines/fsdp/utils.py"
    tree = MemoryTree.of(
        {f"{RECIPES}/a.yaml": PPO, engine: "def get_fsdp_wrap_policy(): ...\n"}
    )
    assert "wrap_policy" not in derive(tree, job())


@pytest.mark.parametrize(
    ("chunks", "old", "expected"),
    [(8, 8, 20), (1, 8, 160), (4, 8, 40), (7, 8, 23), (4, None, 20)],
)
def test_a_rollout_has_as_many_steps_as_before(
    chunks: int, old: int | None, expected: int, job: JobOf
) -> None:
    steps = "algorithm:\n  n_chunk_steps: 20 # chunks\n  n_eval_chunk_steps: ${x}\n"
    source = PPO.replace("algorithm:\n", steps)
    model = f"num_action_chunks: {old}\n" if old else "a: 1\n"
    after = derive(
        tree_of(a=source, **{"model/openvla": model}), job(action_chunks=chunks)
    )
    assert f"n_chunk_steps: {expected} # chunks\n  n_eval_chunk_steps: ${{x}}" in after


def test_checkpoints_are_named_where_the_recipe_names_them(job: JobOf) -> None:
    source = PPO.replace("rollout:\n", "rollout:\n  model_dir: /old\n").replace(
        "actor:\n", "actor:\n  checkpoint_load_path: ${rollout.model_dir}\n"
    )
    after = derive(tree_of(a=source), job())
    assert data(after, "rollout", "model_dir") == "/path/to/model"
    assert data(after, "actor", "checkpoint_load_path") == "${rollout.model_dir}"


def test_what_the_generated_class_lacks_is_switched_off(job: JobOf) -> None:
    source = PPO.replace(
        "rollout:", "rollout:\n  enable_torch_compile: True\n  enable_cuda_graph: true"
    )
    after = derive(tree_of(a=source), job())
    assert "  enable_torch_compile: False\n  enable_cuda_graph: false\n" in after


def test_a_tokenizer_block_follows(job: JobOf) -> None:
    block = "  tokenizer:\n    tokenizer_model: /old\n    trust_remote_code: True\n"
    after = derive(tree_of(a=PPO + block), job())
    assert data(after, "actor", "tokenizer") == {
        "tokenizer_model": "/path/to/model",
        "trust_remote_code": False,
    }


@pytest.mark.parametrize(
    "fsdp",
    [
        "",
        "  fsdp_config:\n    strategy: fsdp\n",
        "  fsdp_config:\n    wrap_policy:\n      no_split_names: [x]\n    strategy: fsdp\n",
        "  fsdp_config:\n    wrap_policy:\n      transformer_layer_cls_to_wrap:\n"
        "        - LlamaDecoderLayer\n",
        "  fsdp_config:\n    gradient_checkpointing: False # not for the old model\n",
    ],
)
def test_wrap_policy_is_explicit(fsdp: str, job: JobOf) -> None:
    source = PPO[: PPO.index("  fsdp_config")] + fsdp
    after = derive(tree_of(a=source), job())
    assert data(after, "actor", "fsdp_config", "wrap_policy") == {
        "transformer_layer_cls_to_wrap": ["LlamaDecoderLayer"]
    }
    assert "old model" not in after


@pytest.mark.parametrize(
    ("text", "chunks", "expected"),
    [
        (PPO, 1, "action_level"),
        (GRPO, 4, "action_level"),
        (PPO, 4, "chunk_level"),
        (PPO.replace("action_level", "chunk_level"), 4, "chunk_level"),
    ],
)
def test_rewards_are_per_chunk_where_values_are(
    text: str, chunks: int, expected: str, job: JobOf
) -> None:
    after = derive(tree_of(a=text), job(recipe="a", action_chunks=chunks))
    assert data(after, "algorithm", "reward_type") == expected


@pytest.mark.parametrize(
    ("chunks", "episode", "epoch"), [(1, 80, 160), (5, 80, 160), (7, 84, 161)]
)
def test_steps_are_whole_chunks(
    chunks: int, episode: int, epoch: int, job: JobOf
) -> None:
    after = derive(tree_of(a=PPO), job(action_chunks=chunks))
    assert data(after, "env", "train") == {
        "max_episode_steps": episode,
        "max_steps_per_rollout_epoch": epoch,
    }
    assert f"max_episode_steps: {episode} # truncated then\n" in after


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ("other: 1\n", {}),
        ("max_episode_steps: 6\nmax_steps_per_rollout_epoch: null\n", {}),
        ("max_steps_per_rollout_epoch: 7\n", {"max_steps_per_rollout_epoch": 9}),
    ],
)
def test_steps_that_the_environment_sets_are_whole_chunks_too(
    env: str, expected: dict[str, int], job: JobOf
) -> None:
    source = re.sub(r"(?s)env:\n.*?\n\n", "env:\n  group_name: x\n\n", PPO)
    after = derive(tree_of(a=source, **{"env/table": env}), job(action_chunks=3))
    assert members(data(after, "env")).get("train", {}) == expected
