# Copyright 2026 The RLinf Authors.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     https://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""Smoke test of the `a_policy_with_a_name_of_32_chars` policy, alone and under FSDP.

A tiny random checkpoint goes through the registered loader. Rollout and training must
agree on it, and FSDP on several ranks must train it as a single process does:

    python -m pytest tests/unit_tests/test_a_policy_with_a_name_of_32_chars_fsdp_smoke.py
    torchrun --nproc-per-node 2 -m pytest tests/unit_tests/test_a_policy_with_a_name_of_32_chars_fsdp_smoke.py

GPUs and nccl are used where there is one for each rank, else CPUs and gloo. All ranks
run the same tests. Only fixtures communicate and tests compare what these measured, so
a test that fails on one rank does not leave another one waiting.
"""

from __future__ import annotations

import copy
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# Other imports wait until the other ranks have been started: that takes as long as the
# tests do, and all ranks can import at the same time.
if TYPE_CHECKING:
    import torch
    from omegaconf import DictConfig

    Tensors = dict[str, torch.Tensor]
    Rollout = tuple[Any, dict[str, Any]]  # actions, and what else workers need

MODEL_TYPE = "a_policy_with_a_name_of_32_chars"
POLICY = "APolicyWithANameOf32CharsForRLActionPrediction"
BASE = "LlamaForCausalLM"
REPOSITORY = Path(__file__).resolve().parents[2]
CONFIG = (
    REPOSITORY
    / "examples/embodiment/config/maniskill_grpo_a_policy_with_a_name_of_32_chars.yaml"
)
LAYERS = [
    "LlamaDecoderLayer",
]

# Names that the configuration of the base does not have are left out. Weights are drawn
# wide enough for logits to differ clearly.
TINY_BASE = {
    "hidden_size": 64,
    "word_embed_proj_dim": 64,
    "intermediate_size": 96,
    "ffn_dim": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "num_local_experts": 4,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "max_position_embeddings": 1024,
    "initializer_range": 0.1,
    "init_std": 0.1,
}
# Ids of the tiny tokenizer, for those that the base has.
TINY_TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
# What is overridden in maniskill_grpo_a_policy_with_a_name_of_32_chars.yaml; `config` adds what it has to compute.
TINY_POLICY = {
    "precision": "32",
    "attn_implementation": "eager",
    "hidden_size": TINY_BASE["hidden_size"],
    "max_prompt_length": 192,  # characters: the tiny tokenizer knows no words
    "add_value_head": True,
    "lora_rank": 4,
}

TASKS = [
    "Pick up the red cup",
    "go",
    "Open the top drawer and put the bowl inside",
    "Push the plate",
]
MOST_CHUNKS = 2  # more take longer, and show nothing new
BATCH_PER_RANK = 2
TIMEOUT = 60.0
PATIENCE = 300.0  # while rank 0 runs the tests that need no other rank

# Rollout and training differ by about 1e-6 in float32, and by 4e-3 at the very least
# where one of them does something else.
NOISE = 1e-5
BFLOAT16_NOISE = 0.1

SAMPLING = {
    "defaults": {},
    "temperature_0.7": {"temperature": 0.7},
    "temperature_1.6": {"temperature": 1.6},
    "top_k_1": {"top_k": 1},
    "top_k_5": {"top_k": 5},
    "top_k_-1": {"top_k": -1},
    "all": {"temperature": 0.7, "top_k": 5},
    "greedy": {"do_sample": False, "temperature": -1.0, "top_k": 5},
}


class Proof:
    """Compares what was measured with its bound, and says what a miss would mean."""

    def __init__(self, claim: str, record: Callable[[str, object], None]):
        self.claim = claim
        self.record = record

    def equal(self, measured: object, expected: object, cause: str) -> None:
        """Fail unless both are equal."""
        self._settle(measured == expected, shorten(measured), shorten(expected), cause)

    def at_most(self, measured: float, bound: float, cause: str) -> None:
        """Fail if the measured number is above its bound, or none."""
        self._settle(measured <= bound, f"{measured:.3g}", f"<= {bound:.3g}", cause)

    def at_least(self, measured: float, bound: float, cause: str) -> None:
        """Fail if the measured number is below its bound, or none."""
        self._settle(measured >= bound, f"{measured:.3g}", f">= {bound:.3g}", cause)

    def show(self, kind: str, **evidence: object) -> None:
        """Hand over what a report draws: plain numbers, text, lists and dicts."""
        self.record("evidence", json.dumps({"kind": kind, **evidence}))

    def _settle(self, holds: bool, measured: str, bound: str, cause: str) -> None:
        self.record("measured", measured)
        self.record("bound", bound)
        self.record("cause", cause)
        if not holds:
            pytest.fail(
                f"{self.claim}: measured {measured}, expected {bound}. "
                f"Likely cause: {cause}",
                pytrace=False,
            )


def shorten(value: object) -> str:
    """Return a value as text that a report has room for."""
    text = "none" if value == [] else str(value)
    return text if len(text) < 240 else f"{text[:240]}..."


@pytest.fixture
def proof(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Proof:
    """The proof of the claim that the test's name states."""
    claim = request.node.name.removeprefix("test_").replace("_", " ")
    return Proof(claim, record_property)


# Ranks


@dataclass(frozen=True)
class World:
    """The ranks that share a model.

    Attributes:
        rank: This process.
        size: Number of processes.
        device: Where this process computes.
    """

    rank: int
    size: int
    device: torch.device

    def maximum(self, number: float) -> float:
        """Return the greatest of the numbers that the ranks have."""
        numbers = [0.0] * self.size
        _distributed().all_gather_object(numbers, number)
        return max(numbers)


def _distributed() -> Any:
    import torch.distributed

    return torch.distributed


# Shutting the interpreter down would take longer than some of the tests.
PYTEST_WITHOUT_SHUTDOWN = """
import os, pytest, sys
status = pytest.main(sys.argv[1:])
sys.stdout.flush()
os._exit(status)
"""


def start_rank_1(tests: list[str], folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """Run these tests as rank 1.

    Args:
        tests: Node ids.
        folder: What they are relative to.
        log: Where the output goes.

    Returns:
        The process.
    """
    arguments = ["-v", "-p", "no:cacheprovider", *tests] if tests else ["--version"]
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-c", PYTEST_WITHOUT_SHUTDOWN, *arguments],
            cwd=folder,
            env={**os.environ, "RANK": "1", "LOCAL_RANK": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


@pytest.fixture(scope="module", autouse=True)
def other_ranks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Start a second rank, for the tests that need one; torchrun starts its own."""
    if "RANK" in os.environ:
        yield
        return
    session = request.session
    shared = [
        item.nodeid
        for item in session.items
        if item.path == request.path and "world" in item.fixturenames
    ]
    folder = tmp_path_factory.mktemp("ranks")
    log = folder / "rank_1.log"
    environment = {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "RENDEZVOUS": str(folder / "store"),
        "WORLD_SIZE": "2",
        "RANK": "0",
        "LOCAL_RANK": "0",
    }
    failed_before = session.testsfailed
    with pytest.MonkeyPatch.context() as patch:
        for key, value in environment.items():
            patch.setenv(key, value)
        rank_1 = start_rank_1(shared, request.config.rootpath, log)
        try:
            yield
            if session.testsfailed == failed_before:
                rank_1.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            pass  # killing it shows in its status
        finally:
            rank_1.kill()
            rank_1.wait()
    if rank_1.returncode:
        told = log.read_text(errors="replace")[-6000:]
        report = f"rank 1 ended with {rank_1.returncode}; the end of its log:\n{told}"
        if session.testsfailed == failed_before:
            pytest.fail(report, pytrace=False)
        print(report)


@pytest.fixture(scope="module")
def device(other_ranks: None) -> Iterator[torch.device]:
    """A GPU where there is one for each rank, else the CPU, with one thread."""
    import torch

    threads = torch.get_num_threads()
    if torch.cuda.device_count() >= int(os.environ["WORLD_SIZE"]):
        chosen = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(chosen)
    else:
        chosen = torch.device("cpu")
        torch.set_num_threads(1)
    yield chosen
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def world(device: torch.device, load: Any, engine: Any) -> Iterator[World]:
    """All ranks, connected once each has imported all that it needs."""
    distributed = _distributed()
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    store = None
    if "RENDEZVOUS" in os.environ:
        store = distributed.FileStore(os.environ["RENDEZVOUS"], size)
        store.set(f"rank_{rank}", "here")
        everyone = [f"rank_{other}" for other in range(size)]
        store.wait(everyone, timedelta(seconds=PATIENCE))
    distributed.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        store=store,
        rank=rank,
        world_size=size,
        timeout=timedelta(seconds=TIMEOUT),
    )
    yield World(rank, size, device)
    distributed.destroy_process_group()


# The model


def make_tokenizer() -> Any:
    """Return a tokenizer whose tokens are the printable ASCII characters."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    tokens = [*special.values(), *map(chr, range(32, 127))]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def make_base(vocab_size: int) -> Any:
    """Return a tiny base with random weights, and with dropout where it knows any."""
    import torch
    from transformers import LlamaForCausalLM

    config_class = LlamaForCausalLM.config_class
    known = config_class()
    sizes = {
        key: size
        for key, size in TINY_BASE.items()
        if hasattr(known, key)
        and not isinstance(getattr(config_class, key, None), property)
    }
    dropout = {
        key: 0.1
        for key, value in known.to_dict().items()
        if "drop" in key and isinstance(value, float)
    }
    tokens = {
        key: token
        for key, token in TINY_TOKENS.items()
        if getattr(known, key, None) is not None
    }
    torch.manual_seed(0)
    config = config_class(**sizes, **dropout, **tokens, vocab_size=vocab_size)
    return LlamaForCausalLM(config)


def make_statistics(action_dim: int) -> dict[str, list[Any]]:
    """Return statistics of which none fits another dimension, the last one unmasked."""
    return {
        "q01": [-1.0 - index for index in range(action_dim)],
        "q99": [0.5 + index / 2 for index in range(action_dim)],
        "mask": [True] * (action_dim - 1) + [action_dim == 1],
    }


def choose_vocab_size(least: int) -> int:
    """Return a size that neither two nor three ranks can share evenly."""
    return next(size for size in range(least, least + 6) if math.gcd(size, 6) == 1)


@pytest.fixture(scope="module")
def config(
    device: torch.device, tmp_path_factory: pytest.TempPathFactory
) -> DictConfig:
    """maniskill_grpo_a_policy_with_a_name_of_32_chars.yaml, for a tiny checkpoint that is written here."""
    from omegaconf import OmegaConf

    config = OmegaConf.load(CONFIG).actor.model
    folder = tmp_path_factory.mktemp("checkpoint")
    tokenizer = make_tokenizer()
    vocab_size = choose_vocab_size(len(tokenizer) + config.n_action_bins)
    make_base(vocab_size).save_pretrained(folder)
    tokenizer.save_pretrained(folder)

    statistics = {"action": make_statistics(config.action_dim)}
    (folder / "dataset_statistics.json").write_text(
        json.dumps({config.unnorm_key or "smoke": statistics})
    )
    chunks = min(config.num_action_chunks, MOST_CHUNKS)
    computed = {
        "model_path": str(folder),
        "vocab_size": vocab_size,
        "num_action_chunks": chunks,
        "action_chunks_len": chunks,
    }
    return OmegaConf.merge(config, TINY_POLICY, computed)


@pytest.fixture(scope="module")
def load(config: DictConfig, device: torch.device) -> Callable[..., Any]:
    """Load the checkpoint as RLinf's workers do; the same weights on every rank."""
    import torch
    from omegaconf import OmegaConf

    from rlinf.models import get_model

    def load_policy(is_lora: bool = False) -> Any:
        torch.manual_seed(0)
        settings = OmegaConf.merge(config, {"is_lora": is_lora})
        policy = get_model(settings.model_path, settings)
        if policy is None:
            pytest.fail(f"get_model knows no {MODEL_TYPE}: is it registered?")
        for name, parameter in policy.named_parameters():
            if "lora_B" in name:  # zero at first, which hides lora_A from the gradient
                torch.nn.init.normal_(parameter, std=0.1)
        return policy.to(device)

    return load_policy


@pytest.fixture(scope="module")
def policy(load: Callable[..., Any]) -> Any:
    """The policy that tests share, and leave as it was: in eval mode."""
    return load()


@pytest.fixture(scope="module")
def lora_policy(load: Callable[..., Any], config: DictConfig) -> Any:
    """The policy with LoRA adapters, if the checkout's targets fit it at all."""
    reason = f"the LoRA targets of rlinf.models name no part of {LAYERS}"
    try:
        policy = load(is_lora=True)
    except ValueError as error:  # of PEFT, where the targets name nothing at all
        if config.is_lora or "arget modules" not in str(error):
            raise
        pytest.skip(reason)
    if not config.is_lora and 0 < len(layers(policy)) == len(missing_lora(policy)):
        pytest.skip(reason)
    return policy


@pytest.fixture(scope="module", params=["full", "lora"])
def trained_policy(request: pytest.FixtureRequest) -> Any:
    """The policy with all its parameters trainable, and with LoRA."""
    lora = request.param == "lora"
    return request.getfixturevalue("lora_policy" if lora else "policy")


def layers(policy: Any) -> list[Any]:
    """Return the layers that FSDP must wrap."""
    return [part for part in policy.modules() if type(part).__name__ in LAYERS]


def missing_lora(policy: Any) -> list[Any]:
    """Return the layers that have no LoRA adapter."""
    return [
        layer
        for layer in layers(policy)
        if not any("lora_" in name for name, _ in layer.named_parameters())
    ]


# What workers do with it


def observe(tasks: list[str]) -> dict[str, Any]:
    """Return observations of these tasks, the states all different."""
    import torch

    states = torch.arange(len(tasks) * 3).reshape(len(tasks), 3) / 7
    return {"task_descriptions": tasks, "images_and_states": {"state": list(states)}}


def roll_out(
    policy: Any, tasks: list[str] = TASKS, seed: int = 0, **kwargs: Any
) -> Rollout:
    """Return actions and result, as a rollout worker makes them."""
    import torch

    from rlinf.models.embodiment.model_utils import prepare_observations

    torch.manual_seed(seed)
    prompts = prepare_observations(
        simulator_type="maniskill",
        model_name=MODEL_TYPE,
        raw_obs=observe(tasks),
        use_proprio=True,
        max_length=policy.max_prompt_length,
        processor=policy.input_processor,
        precision=torch.float32,
        device=policy.device,
    )
    return predict(policy, dict(prompts), **kwargs)


def answer(policy: Any, prompts: torch.Tensor, **kwargs: Any) -> Rollout:
    """Return actions and result for prompts without padding, shape [B, L]."""
    import torch

    observations = {
        "input_ids": prompts,
        "attention_mask": torch.ones_like(prompts),
        "pixel_values": prompts.new_zeros(len(prompts), 0),
    }
    return predict(policy, observations, **kwargs)


def predict(
    policy: Any,
    observations: Tensors,
    mode: str = "train",
    do_sample: bool | None = None,
    **kwargs: Any,
) -> Rollout:
    """Return actions and result, with the numbers that a rollout worker computes.

    Sampling parameters, which workers read in the recipe, are stored with the result.
    """
    import torch

    from rlinf.models.embodiment.model_utils import default_logits_processor

    do_sample = mode == "train" if do_sample is None else do_sample
    actions, tokens, logits, hidden_states = policy.predict_action_batch(
        **observations, do_sample=do_sample, **kwargs
    )
    logprobs = default_logits_processor(
        logits, tokens, policy.vocab_size, policy.config.n_action_bins
    )["logprobs"]
    with torch.no_grad():
        values = policy.value_head(hidden_states[:, -policy.num_action_tokens])
    shape = (-1, policy.num_action_chunks, policy.action_dim)
    temperature = kwargs.get("temperature", 1.0) if do_sample else 1.0
    top_k = kwargs.get("top_k", -1) if do_sample else -1
    inputs = {
        **observations,
        "action_tokens": tokens.reshape(shape),
        "temperature": torch.full((len(tokens),), temperature),
        "top_k": torch.full((len(tokens),), top_k),
    }
    return actions.reshape(shape), {
        "prev_logprobs": logprobs,
        "prev_values": values,
        "forward_inputs": inputs,
    }


def train_forward(policy: Any, inputs: Tensors, **kwargs: Any) -> Tensors:
    """Return the outputs that an actor worker trains on."""
    from rlinf.models.embodiment.model_utils import custom_forward

    data = policy.preprocess_for_train(inputs)
    return custom_forward(
        policy,
        input_ids=data["input_ids"],
        attention_mask=data["attention_mask"],
        pixel_values=data["pixel_values"],
        action_token_len=policy.action_dim * policy.num_action_chunks,
        value_model=True,
        value_head_mode="a0",
        temperature=data["temperature"][0].item(),
        top_k=data["top_k"][0].item(),
        logits_processor_args={
            "action_tokens": data["action_tokens"],
            "vocab_size": policy.vocab_size,
            "n_action_bins": policy.config.n_action_bins,
        },
    )


def compute_loss(policy: Any, inputs: Tensors, advantages: Any) -> torch.Tensor:
    """Return a loss that all outputs have a part in."""
    outputs = train_forward(policy, inputs)
    surrogate = (outputs["logprobs"].mean(dim=1) * advantages).mean()
    values = outputs["values"].square().mean()
    return values - surrogate - 0.01 * outputs["entropy"].mean()


def compute_gradients(policy: Any, inputs: Tensors) -> dict[str, Any]:
    """Return the gradient of each trainable parameter in train mode, None if absent."""
    policy.train()
    compute_loss(policy, inputs, make_advantages(inputs)).backward()
    gradients = {
        name: parameter.grad
        for name, parameter in policy.named_parameters()
        if parameter.requires_grad
    }
    policy.zero_grad()
    policy.eval()
    return gradients


def make_advantages(inputs: Tensors) -> torch.Tensor:
    """Return one advantage for each sample, all different."""
    import torch

    tokens = inputs["action_tokens"]
    return torch.linspace(-1, 2, len(tokens), device=tokens.device)


def distance(left: Any, right: Any) -> float:
    """Return the greatest difference of two tensors of one shape; NaN stays NaN."""
    assert left.shape == right.shape, (left.shape, right.shape)
    return (left.detach().float() - right.detach().float()).abs().max().item()


def take_rows(inputs: Tensors, rows: Any) -> Tensors:
    """Return these rows of a batch."""
    return {key: value[rows] for key, value in inputs.items()}


def steer(policy: Any, bonus: torch.Tensor) -> Any:
    """Add a bonus to the logits until the handle that is returned is removed."""
    head = policy.get_output_embeddings()
    return head.register_forward_hook(lambda *call: call[-1] + bonus[:, None])


# Registration and loading


def test_rlinf_is_this_checkout(proof: Proof, policy: Any) -> None:
    import rlinf

    proof.equal(
        os.path.relpath(Path(rlinf.__file__).resolve().parents[1], REPOSITORY),
        ".",
        "another RLinf is installed; run from the checkout's root, or set PYTHONPATH",
    )


def test_get_model_resolves_the_model_type(proof: Proof, policy: Any) -> None:
    proof.equal(type(policy).__name__, POLICY, "rlinf/models builds something else")


def test_layer_classes_exist(proof: Proof, policy: Any) -> None:
    proof.equal(
        sorted({type(layer).__name__ for layer in layers(policy)}),
        sorted(LAYERS),
        "the recipe's transformer_layer_cls_to_wrap is misspelt for this transformers",
    )


def test_no_parameter_is_left_uninitialized(proof: Proof, policy: Any) -> None:
    proof.equal(
        [
            name
            for name, parameter in policy.named_parameters()
            if parameter.is_meta or not parameter.isfinite().all()
        ],
        [],
        "from_pretrained left what the checkpoint lacks on the meta device, or garbage",
    )


def test_value_head_has_its_own_initialization(proof: Proof, policy: Any) -> None:
    from rlinf.models.embodiment.modules.value_head import ValueHead

    declared = ValueHead(policy.config.hidden_size)
    spread = {
        name: parameter.std().item()
        for name, parameter in policy.value_head.named_parameters()
        if name.endswith("weight")
    }
    proof.at_most(
        max(
            abs(spread[name] / parameter.std().item() - 1)
            for name, parameter in declared.named_parameters()
            if name.endswith("weight")
        ),
        0.25,
        "from_pretrained has overwritten the initialization of the value head",
    )


def test_weights_survive_save_and_reload(
    proof: Proof, load: Callable[..., Any], tmp_path: Path
) -> None:
    import torch

    policy = load()
    with torch.no_grad():
        for parameter in policy.value_head.parameters():
            parameter.fill_(1.25)
    policy.save_pretrained(tmp_path)
    reloaded = type(policy).from_pretrained(tmp_path, add_value_head=True).state_dict()
    proof.equal(
        [
            name
            for name, tensor in policy.state_dict().items()
            if not torch.equal(tensor.cpu(), reloaded[name])
        ],
        [],
        "loading initializes weights anew that the checkpoint has",
    )


# Rollout


@pytest.fixture(scope="module")
def rollout(policy: Any) -> Rollout:
    """Actions and result of one rollout in train mode."""
    return roll_out(policy, mode="train")


@pytest.fixture(scope="module")
def inputs(rollout: Rollout) -> Tensors:
    """The `forward_inputs` of that rollout."""
    return rollout[1]["forward_inputs"]


@pytest.fixture(scope="module")
def outputs(policy: Any, inputs: Tensors) -> Tensors:
    """The outputs that training computes from them."""
    return train_forward(policy, inputs)


def describe(tensor: Any) -> tuple[str, tuple[int, ...]]:
    """Return dtype and shape of an array or tensor."""
    return str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape)


def test_rollout_has_the_shapes_that_workers_expect(
    proof: Proof, config: DictConfig, rollout: Rollout
) -> None:
    actions, result = rollout
    chunks, width = config.num_action_chunks, config.action_dim
    proof.equal(
        {
            "actions": describe(actions),
            "prev_logprobs": describe(result["prev_logprobs"]),
            "prev_values": describe(result["prev_values"]),
        },
        {
            "actions": ("float32", (len(TASKS), chunks, width)),
            "prev_logprobs": ("float32", (len(TASKS), chunks * width)),
            "prev_values": ("float32", (len(TASKS), 1)),
        },
        "advantages are computed from flat float32 tensors, one value for each chunk",
    )


def test_training_has_the_shapes_that_losses_expect(
    proof: Proof, config: DictConfig, outputs: Tensors
) -> None:
    tokens = (len(TASKS), config.num_action_chunks * config.action_dim)
    proof.equal(
        {key: describe(tensor) for key, tensor in outputs.items()},
        {
            "logprobs": ("float32", tokens),
            "entropy": ("float32", tokens),
            "values": ("float32", (len(TASKS), 1)),
        },
        "losses want float32, in the shape that the rollout has",
    )


def test_forward_inputs_can_be_batched(proof: Proof, policy: Any) -> None:
    short, long = (
        roll_out(policy, tasks)[1]["forward_inputs"]
        for tasks in (["go"], [TASKS[2], TASKS[0]])
    )
    expected = {key: describe(tensor) for key, tensor in long.items()}
    proof.equal(
        {key: describe(tensor) for key, tensor in short.items()},
        {key: (dtype, (1, *shape[1:])) for key, (dtype, shape) in expected.items()},
        "RLinf stacks these tensors over time: one row for each sample, and a shape "
        "that depends on no prompt",
    )


def test_rollout_needs_no_gradient(proof: Proof, rollout: Rollout) -> None:
    result = rollout[1]
    tensors = {**result["forward_inputs"], "values": result["prev_values"]}
    tensors["logprobs"] = result["prev_logprobs"]
    proof.equal(
        [key for key, tensor in tensors.items() if tensor.requires_grad],
        [],
        "the rollout keeps its graph, and with it memory",
    )


def normalize(actions: Any) -> Any:
    """Return actions, shape [..., action_dim], on the scale of -1 to 1."""
    import numpy as np

    statistics = make_statistics(actions.shape[-1])
    low, high, mask = (np.array(statistics[key]) for key in ("q01", "q99", "mask"))
    return np.where(mask, 2 * (actions - low) / (high - low) - 1, actions)


def test_actions_lie_within_the_statistics(proof: Proof, rollout: Rollout) -> None:
    proof.at_most(
        abs(normalize(rollout[0])).max(),
        1.0,
        "q01 and q99 are not what actions are scaled with, or the mask is ignored",
    )


@dataclass(frozen=True)
class EveryBin:
    """Rollouts from one prompt, in which each action token is taken once.

    Attributes:
        tokens: The action tokens, lowest id first.
        actions: What the rollout of each makes of it, shape [n_action_bins, action_dim].
        inputs: The `forward_inputs`.
    """

    tokens: torch.Tensor
    actions: Any
    inputs: Tensors


@pytest.fixture(scope="module")
def every_bin(policy: Any, device: torch.device) -> EveryBin:
    """Make the policy take each action token, and that one alone."""
    import torch

    tokens = torch.arange(
        policy.first_action_token, policy.action_token_end, device=device
    )
    handle = steer(
        policy, 1e4 * torch.nn.functional.one_hot(tokens, policy.config.vocab_size)
    )
    prompts = torch.full((len(tokens), 4), 5, device=device)
    actions, result = answer(policy, prompts, mode="eval")
    handle.remove()
    inputs = result["forward_inputs"]
    taken = inputs["action_tokens"].flatten(start_dim=1)
    assert torch.equal(taken, tokens[:, None].expand_as(taken)), taken
    return EveryBin(tokens, actions[:, 0], inputs)


def test_every_bin_decodes_to_its_own_center(proof: Proof, every_bin: EveryBin) -> None:
    import numpy as np

    bins = len(every_bin.tokens)
    centers = 1 - (2 * np.arange(bins) + 1) / bins
    proof.at_most(
        abs(normalize(every_bin.actions) - centers[:, None]).max() * bins / 2,
        1e-3,
        "the lowest bin is the highest token; bins share q01..q99 evenly, and -1..1 "
        "where the mask is false",
    )


def test_only_action_tokens_are_taken(
    proof: Proof, policy: Any, device: torch.device
) -> None:
    import torch

    bonus = torch.full((1, policy.config.vocab_size), 1e3, device=device)
    bonus[:, policy.first_action_token : policy.action_token_end] = 0
    handle = steer(policy, bonus)
    tokens = roll_out(policy)[1]["forward_inputs"]["action_tokens"]
    handle.remove()
    outside = (tokens < policy.first_action_token) | (tokens >= policy.action_token_end)
    proof.equal(
        outside.sum().item(), 0, "the end token, or others, can still be sampled"
    )


def test_eval_is_deterministic(proof: Proof, policy: Any) -> None:
    first, second = (roll_out(policy, seed=seed, mode="eval")[0] for seed in (1, 2))
    proof.equal((first == second).all().item(), True, "mode='eval' samples")


def test_train_explores(proof: Proof, policy: Any) -> None:
    first, again, other = (
        roll_out(policy, seed=seed, mode="train")[0] for seed in (1, 1, 2)
    )
    proof.equal(
        ((first == again).all().item(), (first == other).all().item()),
        (True, False),
        "mode='train' does not sample, or not from torch's generator",
    )


def test_instruction_matters(proof: Proof, policy: Any) -> None:
    first, second = (
        roll_out(policy, [f"Pick up the {noun}"], mode="eval")[1] for noun in "ab"
    )
    proof.at_least(
        distance(first["prev_logprobs"], second["prev_logprobs"]),
        1e-3,
        "the instruction does not reach the model",
    )


def test_unknown_arguments_are_accepted(
    proof: Proof, policy: Any, inputs: Tensors
) -> None:
    roll_out(policy, max_new_tokens=3, use_cache=True, return_obs=False)
    train_forward(policy, inputs, prev_logprobs=None, mode="eval", temperature=2.0)
    proof.equal("accepted", "accepted", "workers pass arguments for other models too")


# Rollout and training agree


@pytest.fixture(scope="module", params=SAMPLING)
def sampled(
    request: pytest.FixtureRequest, policy: Any
) -> tuple[dict[str, Any], Tensors]:
    """A rollout's result, and what training makes of it, for some ways to sample."""
    import torch

    _, result = roll_out(policy, **SAMPLING[request.param])
    with torch.no_grad():
        return result, train_forward(policy, result["forward_inputs"])


def test_training_recomputes_the_logprobs(
    proof: Proof, sampled: tuple[dict[str, Any], Tensors]
) -> None:
    result, outputs = sampled
    proof.at_most(
        distance(result["prev_logprobs"], outputs["logprobs"]),
        NOISE,
        "logits are sliced one position off, padding is not masked, or temperature, "
        "top_k or top_p count on one side only",
    )


def test_samples_follow_the_reported_logprobs(
    proof: Proof, policy: Any, device: torch.device
) -> None:
    import torch

    prompts = torch.full((512, 8), 5, device=device)
    torch.manual_seed(0)
    _, result = answer(policy, prompts, **{**SAMPLING["all"], "top_k": 50})
    with torch.no_grad():
        outputs = train_forward(policy, result["forward_inputs"])
    surprise = result["prev_logprobs"] + outputs["entropy"]  # 0 on average
    proof.at_most(
        surprise.mean().abs().item(),
        5 * surprise.std().item() / math.sqrt(surprise.numel()),
        "temperature, top_k or top_p differ between generate and the log-probabilities",
    )


def test_the_only_choice_is_certain(proof: Proof, policy: Any) -> None:
    _, result = roll_out(policy, top_k=1)
    proof.at_most(
        result["prev_logprobs"].abs().max().item(),
        0.0,
        "log-probabilities are taken over more bins than top_k leaves",
    )


def test_entropy_is_that_of_the_bins(
    proof: Proof, config: DictConfig, sampled: tuple[dict[str, Any], Tensors]
) -> None:
    entropy = sampled[1]["entropy"]
    excess = entropy.max().item() - math.log(config.n_action_bins)
    proof.at_most(
        max(-entropy.min().item(), excess),
        1e-5,
        "entropy is not taken over the action bins, or -inf logits make it NaN",
    )


def test_temperature_spreads_the_policy(proof: Proof, policy: Any) -> None:
    cold, hot = (
        train_forward(
            policy, roll_out(policy, temperature=temperature)[1]["forward_inputs"]
        )["entropy"].mean()
        for temperature in (0.5, 1.6)
    )
    proof.at_least((hot - cold).item(), 1e-3, "the temperature is ignored")


def test_logprobs_in_train_mode_are_the_same(
    proof: Proof, policy: Any, inputs: Tensors, outputs: Tensors
) -> None:
    policy.train()
    logprobs = train_forward(policy, inputs)["logprobs"]
    policy.eval()
    proof.at_most(
        distance(logprobs, outputs["logprobs"]),
        NOISE,
        "dropout is active in training, but not in the rollout",
    )


def test_values_of_rollout_and_training_are_the_same(
    proof: Proof, rollout: Rollout, outputs: Tensors
) -> None:
    proof.at_most(
        distance(rollout[1]["prev_values"], outputs["values"]),
        NOISE,
        "the value is not read at the last token of the prompt on both sides",
    )


def test_probabilities_of_the_bins_sum_to_one(
    proof: Proof, policy: Any, every_bin: EveryBin
) -> None:
    logprobs = train_forward(policy, every_bin.inputs)["logprobs"]
    proof.at_most(
        abs(logprobs[:, 0].exp().sum().item() - 1),
        NOISE,
        "log-probabilities are not normalized over the action bins",
    )


def test_a_sample_does_not_depend_on_its_batch(
    proof: Proof, policy: Any, inputs: Tensors, outputs: Tensors
) -> None:
    rows = [[2], [0], [3, 1]]
    alone = [train_forward(policy, take_rows(inputs, row)) for row in rows]
    proof.at_most(
        max(
            distance(part[key], outputs[key][row])
            for part, row in zip(alone, rows)
            for key in outputs
        ),
        NOISE,
        "rows are mixed or reordered, or padding is not masked",
    )


def test_padding_does_not_matter(
    proof: Proof, policy: Any, inputs: Tensors, outputs: Tensors
) -> None:
    import torch

    padded = dict(inputs)
    for key in ("input_ids", "attention_mask"):
        padded[key] = torch.nn.functional.pad(inputs[key], (7, 0))
    padded_outputs = train_forward(policy, padded)
    proof.at_most(
        max(distance(padded_outputs[key], outputs[key]) for key in outputs),
        NOISE,
        "the attention mask or the position ids do not follow the padding",
    )


def test_training_twice_on_one_batch_is_the_same(
    proof: Proof, policy: Any, inputs: Tensors, outputs: Tensors
) -> None:
    import torch

    before = copy.deepcopy(inputs)
    again = train_forward(policy, inputs)
    changed = {key for key in outputs if not torch.equal(again[key], outputs[key])}
    changed |= {key for key in inputs if not torch.equal(before[key], inputs[key])}
    proof.equal(
        sorted(changed), [], "the forward pass changes its inputs, or draws at random"
    )


# Gradients


def test_every_trainable_parameter_has_a_gradient(
    proof: Proof, trained_policy: Any, inputs: Tensors
) -> None:
    gradients = compute_gradients(trained_policy, inputs)
    proof.equal(
        [
            name
            for name, gradient in gradients.items()
            if gradient is None or not gradient.isfinite().all()
        ],
        [],
        "the loss does not reach them, or its gradient is no finite number",
    )


def test_gradient_is_finite_with_top_k(proof: Proof, policy: Any) -> None:
    _, result = roll_out(policy, **SAMPLING["all"])
    gradients = compute_gradients(policy, result["forward_inputs"])
    proof.equal(
        [name for name, gradient in gradients.items() if not gradient.isfinite().all()],
        [],
        "the entropy of bins that top_k drops is NaN: mask with a finite number",
    )


def test_gradient_checkpointing_keeps_the_gradients(
    proof: Proof, trained_policy: Any, inputs: Tensors
) -> None:
    plain = compute_gradients(trained_policy, inputs)
    trained_policy.gradient_checkpointing_enable()
    checkpointed = compute_gradients(trained_policy, inputs)
    trained_policy.gradient_checkpointing_disable()
    lost = [name for name, gradient in checkpointed.items() if gradient is None]
    proof.at_most(
        math.inf if lost else max(distance(plain[n], checkpointed[n]) for n in plain),
        NOISE,
        f"reentrant checkpointing, which needs inputs with gradient; lost: {lost[:3]}",
    )


def test_lora_trains_adapters_and_value_head_alone(
    proof: Proof, lora_policy: Any
) -> None:
    proof.equal(
        [
            name
            for name, parameter in lora_policy.named_parameters()
            if parameter.requires_grad
            != ("lora_" in name or name.partition("value_head.")[1] != "")
        ],
        [],
        "adapters or the value head are frozen, or the base is not",
    )


def test_lora_adapts_every_layer(proof: Proof, lora_policy: Any) -> None:
    proof.equal(
        len(missing_lora(lora_policy)),
        0,
        "the LoRA targets of rlinf.models do not name the base's linear layers",
    )


# FSDP


# Workers call the value head outside of forward, which needs flat parameters.
STRATEGIES = ("fsdp", "fsdp-lora")


@pytest.fixture(scope="module")
def engine() -> Any:
    """The part of RLinf that says how FSDP wraps a model."""
    try:
        from rlinf.hybrid_engines.fsdp import utils
    except ImportError as error:
        pytest.fail(f"this checkout cannot wrap a model with FSDP: {error}")
    return utils


def shard(
    policy: Any, strategy: str, world: World, engine: Any, param_dtype: Any = None
) -> Any:
    """Wrap a policy as RLinf's FSDP strategies do.

    Args:
        policy: On the device of this rank, with the same weights on all of them.
        strategy: One of `STRATEGIES`.
        world: The ranks.
        engine: See the fixture.
        param_dtype: What parameters and inputs are cast to for computing, if anything.

    Returns:
        The wrapped policy.
    """
    import torch
    from omegaconf import OmegaConf
    from torch.distributed import fsdp

    use_orig_params = strategy.endswith("orig_params")
    wrap_policy = {"transformer_layer_cls_to_wrap": LAYERS}
    config = OmegaConf.create(
        {"wrap_policy": wrap_policy, "use_orig_params": use_orig_params}
    )
    dtypes = {"param_dtype": param_dtype, "reduce_dtype": torch.float32}
    return fsdp.FullyShardedDataParallel(
        policy,
        auto_wrap_policy=engine.get_fsdp_wrap_policy(
            module=policy,
            config=config,
            is_lora=strategy.endswith("lora"),
        ),
        mixed_precision=fsdp.MixedPrecision(**dtypes),
        device_id=world.device,
        use_orig_params=use_orig_params,
    )


def gather(model: Any) -> Tensors:
    """Return a copy of the whole state on every rank."""
    from torch.distributed.checkpoint.state_dict import (
        StateDictOptions,
        get_model_state_dict,
    )

    # On CPUs, cpu_offload=True crashes FSDP1.
    options = StateDictOptions(full_state_dict=True, cpu_offload=False)
    state = get_model_state_dict(model, options=options)
    return {name: tensor.clone() for name, tensor in state.items()}


def count_layer_units(model: Any) -> int:
    """Return how many layers are FSDP units of their own."""
    from torch.distributed.fsdp import FSDPModule, FullyShardedDataParallel

    flat = [
        part.module
        for part in model.modules()
        if isinstance(part, FullyShardedDataParallel)
    ]
    units = [*flat, *(part for part in model.modules() if isinstance(part, FSDPModule))]
    return sum(
        any(kind.__name__ in LAYERS for kind in type(unit).__mro__) for unit in units
    )


def local_size(model: Any) -> int:
    """Return how many elements of the parameters this rank holds."""
    return sum(
        getattr(parameter, "_local_tensor", parameter).numel()
        for parameter in model.parameters()
    )


@dataclass(frozen=True)
class Training:
    """What FSDP did with a batch, next to what one process does with it.

    Attributes:
        layer_units: Layers that are FSDP units of their own, of how many.
        largest_shard: The fullest rank's part of the parameters, in even parts.
        loss_error: Difference of the losses.
        gradient_errors: Difference of the gradient of each trainable parameter.
        moved_by_nothing: Parameters that a step of learning rate 0 changed.
        stuck: Parameters with a gradient that a step of learning rate 1 left as they were.
        drifted: Frozen parameters that it changed.
        reload_error: Difference of outputs after loading the gathered state elsewhere.
    """

    layer_units: tuple[int, int]
    largest_shard: float
    loss_error: float
    gradient_errors: dict[str, float]
    moved_by_nothing: set[str]
    stuck: set[str]
    drifted: set[str]
    reload_error: float


@pytest.fixture(scope="module", params=STRATEGIES)
def training(
    request: pytest.FixtureRequest, load: Callable[..., Any], engine: Any, world: World
) -> Training:
    """One training step on all ranks, each with its part of the batch."""
    import torch

    is_lora = request.param.endswith("lora")
    if is_lora:
        request.getfixturevalue("lora_policy")
    policy = load(is_lora)
    tasks = [TASKS[i % len(TASKS)] for i in range(BATCH_PER_RANK * world.size)]
    batch = roll_out(policy, tasks)[1]["forward_inputs"]
    advantages = make_advantages(batch)
    expected_gradients = compute_gradients(policy, batch)
    policy.train()
    expected_loss = compute_loss(policy, batch, advantages).item()
    size = sum(parameter.numel() for parameter in policy.parameters())
    frozen = dict(policy.named_parameters()).keys() - expected_gradients.keys()
    expected_units = policy.config.num_hidden_layers

    model = shard(policy, request.param, world, engine)
    largest = world.maximum(local_size(model))
    rows = slice(world.rank * BATCH_PER_RANK, (world.rank + 1) * BATCH_PER_RANK)
    part = take_rows(batch, rows)
    loss = compute_loss(model, part, advantages[rows])
    loss.backward()
    mean_loss = loss.detach().clone()
    _distributed().all_reduce(mean_loss)

    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    states = [gather(model)]
    for learning_rate in (0.0, 1.0):
        optimizer.param_groups[0]["lr"] = learning_rate
        optimizer.step()
        states.append(gather(model))
    start, unmoved, end = states

    fresh = load(is_lora)
    fresh.load_state_dict(end, strict=True)
    with torch.no_grad():
        ours, theirs = (train_forward(copy_, part) for copy_ in (model, fresh))
    return Training(
        layer_units=(count_layer_units(model), expected_units),
        largest_shard=largest * world.size / size,
        loss_error=abs(mean_loss.item() / world.size - expected_loss),
        gradient_errors={
            name: distance(start[name] - end[name], gradient)
            for name, gradient in expected_gradients.items()
        },
        moved_by_nothing=differing(start, unmoved),
        stuck={
            name
            for name, gradient in expected_gradients.items()
            if gradient.abs().max() > 1e-6
        }
        - differing(start, end),
        drifted=frozen & differing(start, end),
        reload_error=max(distance(ours[key], theirs[key]) for key in ours),
    )


def differing(left: Tensors, right: Tensors) -> set[str]:
    """Return the names of the tensors that differ."""
    import torch

    return {name for name in left if not torch.equal(left[name], right[name])}


def test_each_layer_is_a_unit(proof: Proof, training: Training) -> None:
    units, layer_count = training.layer_units
    proof.equal(
        units,
        layer_count,
        "transformer_layer_cls_to_wrap does not name the class of the base's layers",
    )


def test_parameters_are_sharded_evenly(proof: Proof, training: Training) -> None:
    proof.at_most(
        training.largest_shard, 1.1, "parameters are replicated instead of sharded"
    )


def test_loss_is_that_of_one_process(proof: Proof, training: Training) -> None:
    proof.at_most(
        training.loss_error, NOISE, "ranks do not share weights, or reduce wrongly"
    )


def test_gradients_are_those_of_one_process(proof: Proof, training: Training) -> None:
    proof.at_most(
        max(training.gradient_errors.values()),
        NOISE,
        f"worst in {max(training.gradient_errors, key=training.gradient_errors.get)}: "
        "gradients are summed instead of averaged, or reduced in a small dtype",
    )


def test_step_of_size_zero_changes_nothing(proof: Proof, training: Training) -> None:
    proof.equal(
        sorted(training.moved_by_nothing), [], "forward changes weights or buffers"
    )


def test_step_changes_what_is_trainable(proof: Proof, training: Training) -> None:
    proof.equal(
        [
            *(f"{name} is stuck" for name in sorted(training.stuck)),
            *(f"{name} is frozen, but moves" for name in sorted(training.drifted)),
        ],
        [],
        "parameters are left out of the units that the optimizer sees, or share one",
    )


def test_state_survives_gathering_and_reload(proof: Proof, training: Training) -> None:
    proof.at_most(
        training.reload_error,
        1e-6,
        "the gathered state is not the one that a rollout worker has",
    )


@pytest.fixture(scope="module", params=["fsdp"])
def mixed_precision(
    request: pytest.FixtureRequest, load: Callable[..., Any], engine: Any, world: World
) -> tuple[str, float]:
    """Dtype of the log-probabilities in bfloat16, and their distance to the rollout's.

    The rollout is in float32, where sampling parameters are what was asked for. FSDP
    casts floating point inputs to bfloat16, where a temperature would be another one.
    """
    import torch

    policy = load()
    _, result = roll_out(policy, **SAMPLING["all"])
    model = shard(policy.train(), request.param, world, engine, torch.bfloat16)
    outputs = train_forward(model, result["forward_inputs"])
    loss = outputs["logprobs"].mean() + outputs["values"].mean()
    loss.backward()
    error = (outputs["logprobs"].detach() - result["prev_logprobs"]).abs().mean().item()
    return str(outputs["logprobs"].dtype), world.maximum(error)


def test_logprobs_are_float32_in_mixed_precision(
    proof: Proof, mixed_precision: tuple[str, float]
) -> None:
    proof.equal(
        mixed_precision[0], "torch.float32", "logits are not cast before log_softmax"
    )


def test_logprobs_hold_in_mixed_precision(
    proof: Proof, mixed_precision: tuple[str, float]
) -> None:
    proof.at_most(
        mixed_precision[1],
        BFLOAT16_NOISE,
        "sampling parameters reach the model in bfloat16, or NaN does",
    )
