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
import ctypes
import faulthandler
import functools
import itertools
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
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
    / "examples/embodiment/config/model/a_policy_with_a_name_of_32_chars.yaml"
)
RECIPE = (
    REPOSITORY
    / "examples/embodiment/config/maniskill_grpo_a_policy_with_a_name_of_32_chars.yaml"
)
LAYERS = [
    "LlamaDecoderLayer",
]

# What the configuration of the base does not have is left out, and smaller sizes stay.
# Some layers have the size of the value head's: some versions of transformers take
# tensors of one size for the same, while loading.
TINY_BASE = {
    "hidden_size": 64,
    "word_embed_proj_dim": 64,
    "embedding_size": 64,
    "intermediate_size": 512,
    "ffn_dim": 512,
    "encoder_ffn_dim": 512,
    "decoder_ffn_dim": 512,
    "moe_intermediate_size": 128,
    "num_hidden_layers": 2,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "num_encoder_layers": 2,
    "num_decoder_layers": 2,
    "first_k_dense_replace": 1,
    "num_attention_heads": 4,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "num_key_value_heads": 2,
    "rotary_dim": 8,
    "q_lora_rank": 32,
    "kv_lora_rank": 32,
    "num_local_experts": 4,
    "num_experts": 4,
    "n_routed_experts": 4,
    "moe_num_experts": 4,
    "num_experts_per_tok": 2,
    "n_group": 2,
    "topk_group": 1,
    "linear_num_heads": 4,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_head_dim": 16,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
    "mamba_num_heads": 8,
    "mamba_d_state": 16,
    "state_size": 16,
    "ssm_state_size": 16,
    "chunk_size": 16,
    "mamba_chunk_size": 16,
    "max_position_embeddings": 1024,
}
# Widths that bases have many names for.
TINY_WIDTHS = {
    r"(.*_)?intermediate_size(_.*)?|(.*_)?(ffn_(hidden_size|dim)|d(im)?_?ff|n_inner)": 512,
    r".*_lora_rank": 32,
}
# Sizes that checkpoints have, and which some configurations leave open.
TINY_OPEN = {"num_experts_per_tok": 2, "num_key_value_heads": 4, "head_dim": 16}
# Ids of the tiny tokenizer, for those that the base has.
TINY_TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
# What is overridden in a_policy_with_a_name_of_32_chars.yaml; `config` adds what it has to compute.
TINY_POLICY = {
    "precision": "32",
    "attn_implementation": "eager",
    "hidden_size": 64,
    "max_prompt_length": 64,
    "add_value_head": True,
    "lora_rank": 4,
    # Chunks that are no squares, so that what is transposed shows.
    "action_dim": 3,
    "action_token_len": 3,
    "num_action_chunks": 2,
    "action_chunks_len": 2,
}

TASKS = [
    "Pick up the red cup",
    "go",
    "Open the top drawer and put the bowl inside",
    "Push the plate",
]
# What the tiny tokenizer has one token for, besides words of tasks: prompts are short.
PROMPT_TEXTS = ["In: ", "State: ", "What action should the robot take to ", "?\nOut:"]
# A checkpoint to prove instead of the tiny one, and its action statistics.
MODEL_PATH = os.environ.get("SMOKE_MODEL_PATH", "")
STATISTICS: dict[str, list[Any]] = {}
FULL = os.environ.get("SMOKE_FULL") == "1"  # all ways to train, instead of some
BATCH_PER_RANK = 2
TIMEOUT = float(os.environ.get("SMOKE_TIMEOUT", "60"))  # for ranks to wait for another
GRACE = TIMEOUT / 6  # for ranks to fail as another one did, or to end
PAUSE = 0.005

# Rollout and training differ by about 1e-6 in float32, and by 4e-3 at the very least
# where one of them does something else. A base may have more noise of its own, which is
# measured.
NOISE = 1e-5
BFLOAT16_NOISE = 0.1

SAMPLING = {
    "defaults": {},
    "temperature_0.7": {"temperature": 0.7},
    "temperature_1.6": {"temperature": 1.6},
    "top_k_1": {"top_k": 1},
    "top_k_5": {"top_k": 5},
    "top_k_-1": {"top_k": -1},
    "top_k_1000": {"top_k": 1000},
    "top_p_0.9": {"top_p": 0.9},
    "all": {"temperature": 0.7, "top_k": 5, "top_p": 0.9},
    "greedy": {"do_sample": False, "temperature": -1.0, "top_k": 5},
}
COMPUTE_FLAGS = ("compute_logprobs", "compute_entropy", "compute_values")
SOME_FLAGS = [
    flags
    for count in range(len(COMPUTE_FLAGS) + 1)
    for flags in itertools.combinations(COMPUTE_FLAGS, count)
]


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

    def gradient_scale(self, strategy: str) -> float:
        """Return how often FSDP counts a gradient: gloo sums for FSDP2 in old torch."""
        import torch

        if not strategy.startswith("fsdp2"):
            return 1.0
        mean = torch.empty(1, device=self.device)
        _distributed().reduce_scatter_tensor(
            mean,
            torch.ones(self.size, device=self.device),
            op=_distributed().ReduceOp.AVG,
        )
        return mean.item()

    def maximum(self, number: float) -> float:
        """Return the greatest of the numbers that the ranks have."""
        numbers = [0.0] * self.size
        _distributed().all_gather_object(numbers, number)
        return max(numbers)


def _distributed() -> Any:
    import torch.distributed

    return torch.distributed


# What runs the tests of a rank that rank 0 has started. It ends with rank 0, however that
# ends: its end of a pipe closes, and Linux kills even what hangs within C. The pipe gets a
# number of its own, as pytest puts /dev/null in its place, where a read that a signal
# interrupts would go on. Shutting the interpreter down would take longer than some tests.
PYTEST_OF_A_RANK = """
import ctypes, os, pytest, sys, threading

rank_0 = os.dup(0)

def follow():
    os.read(rank_0, 1)
    os._exit(1)

if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
threading.Thread(target=follow, daemon=True).start()
status = pytest.main(sys.argv[1:])
sys.stdout.flush()
os._exit(status)
"""


class Ranks:
    """The ranks that share the tests; rank 0 starts the others, if nothing else has.

    A plugin of pytest that keeps them in step: before a test that needs them all, they
    wait for each other. Once one is missing, all such tests fail without a wait.

    Attributes:
        rank: This process.
        size: Number of processes.
        fault: Why the ranks are not in step any more, if they are not.
    """

    def __init__(self, folder: Path):
        self.rank = int(os.environ["RANK"])
        self.size = int(os.environ["WORLD_SIZE"])
        self.fault = ""
        self._folder = folder
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._store: Any = None

    def start(self, tests: list[str], root: Path) -> None:
        """Run these tests as every other rank; their node ids are relative to root."""
        arguments = ["-v", "-p", "no:cacheprovider", *tests]
        for rank in range(1, self.size) if tests else []:
            with self._log(rank).open("wb") as output:
                self._children[rank] = subprocess.Popen(
                    [sys.executable, "-c", PYTEST_OF_A_RANK, *arguments],
                    cwd=root,
                    env={**os.environ, "RANK": f"{rank}", "LOCAL_RANK": f"{rank}"},
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )

    def connect(self, backend: str) -> None:
        """Form a group of all ranks, once each has imported all that it needs."""
        distributed = _distributed()
        has_backend = getattr(distributed, f"is_{backend}_available", lambda: False)
        if not has_backend():
            pytest.fail(f"this torch has no {backend}", pytrace=False)
        if "RENDEZVOUS" in os.environ:
            self._store = distributed.FileStore(os.environ["RENDEZVOUS"], self.size)
            self._meet("their first test")
        distributed.init_process_group(
            backend,
            store=self._store,
            rank=self.rank,
            world_size=self.size,
            timeout=timedelta(seconds=TIMEOUT),
        )
        self._store = self._store or distributed.distributed_c10d._get_default_store()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: Any) -> Iterator[None]:
        """Let no test that needs all ranks begin without one of them."""
        if "world" not in item.fixturenames:
            return (yield)
        if self.fault:
            pytest.fail(self.fault, pytrace=False)
        self._require_children()
        if self._store is not None:
            self._meet(item.name)
        began = time.monotonic()
        try:
            return (yield)
        except Exception as error:
            self._judge(item.name, error, time.monotonic() - began)
            raise

    def _meet(self, place: str) -> None:
        # Rank 0 has tests of its own to run first; those that it started end with it.
        is_child = self.rank > 0 and "RENDEZVOUS" in os.environ
        absent = self._wait(place, math.inf if is_child else TIMEOUT)
        if absent:
            self._give_up(
                f"rank {absent[0]} hung: it did not come to {place} "
                f"within {TIMEOUT:g} s"
            )

    def _judge(self, test: str, error: Exception, seconds: float) -> None:
        """Find out whether all ranks failed in the same way, which leaves them in step."""
        if self._store is None:
            return
        absent = self._wait(f"the failure of {test}", GRACE)
        waited = isinstance(error, RuntimeError) and seconds >= TIMEOUT
        if absent and waited:
            self._give_up(f"rank {absent[0]} hung: it was waited for in {test}")
        elif absent:
            self.fault = f"rank {self.rank} failed alone in {test}: {shorten(error)}"
            self.stop()
        elif waited:
            self._give_up(f"all ranks hung: they waited for each other in {test}")

    def _wait(self, place: str, patience: float) -> list[int]:
        """Return the ranks that do not come to a place in time."""
        self._store.set(f"{place}: {self.rank}", "here")
        deadline = time.monotonic() + patience
        absent = list(range(self.size))
        while absent and time.monotonic() < deadline:
            absent = [r for r in absent if not self._store.check([f"{place}: {r}"])]
            self._require_children(absent)
            time.sleep(PAUSE if absent else 0)
        return absent

    def _require_children(self, ranks: Iterable[int] | None = None) -> None:
        for rank in self._children if ranks is None else ranks:
            child = self._children.get(rank)
            status = None if child is None else child.poll()
            if status is not None:
                self._give_up(f"rank {rank} {describe_end(status)}")

    def _give_up(self, fault: str) -> None:
        self.fault = fault
        self.stop()
        logs = [
            f"the log of rank {rank} ends with:\n{end_of(self._log(rank))}"
            for rank in self._children
        ]
        pytest.fail("\n".join([fault, *logs]), pytrace=False)

    def _log(self, rank: int) -> Path:
        return self._folder / f"rank_{rank}.log"

    def finish(self) -> None:
        """Wait until the ranks that were started here have ended well."""
        deadline = time.monotonic() + TIMEOUT
        for rank, child in self._children.items():
            try:
                status = child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._give_up(f"rank {rank} hung: it did not end within {TIMEOUT:g} s")
            else:
                if status:
                    self._give_up(f"rank {rank} {describe_end(status)}")

    def stop(self) -> None:
        """End the ranks that were started here; their logs say where they stood."""
        for child in self._children.values():
            child.terminate()
        deadline = time.monotonic() + GRACE
        for child in self._children.values():
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def describe_end(status: int) -> str:
    """Return how a process ended, in words."""
    if status >= 0:
        return f"ended with status {status}"
    return f"was ended by {signal.Signals(-status).name}"


def end_with_parent() -> None:
    """Have Linux end this process when the one that started it is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def end_of(log: Path) -> str:
    """Return what a log says of trouble, or else its last lines."""
    text = log.read_text(errors="replace")
    trouble = re.search(r"Current thread|^=+ short", text, re.M)
    lines = text[trouble.start() :].splitlines() if trouble else text.splitlines()[-20:]
    telling = [line for line in lines if not re.search(r"/(_pytest|pluggy)/", line)]
    return "\n".join(telling[:20])


@pytest.fixture(scope="module", autouse=True)
def other_ranks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ranks]:
    """Start the other ranks, for the tests that need them; torchrun starts its own."""
    session = request.session
    shared = [
        item
        for item in session.items
        if item.path == request.path and "world" in item.fixturenames
    ]
    folder = tmp_path_factory.mktemp("ranks")
    environment = {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "RENDEZVOUS": str(folder / "store"),
        "WORLD_SIZE": os.environ.get("SMOKE_RANKS", "2"),
        "RANK": "0",
        "LOCAL_RANK": "0",
    }
    starts_ranks = "RANK" not in os.environ
    failed_before = session.testsfailed
    if "TORCHELASTIC_RUN_ID" in os.environ:
        end_with_parent()
    with pytest.MonkeyPatch.context() as patch, stacks_when_terminated(request.config):
        if starts_ranks:
            for key, value in environment.items():
                patch.setenv(key, value)
        ranks = Ranks(folder)
        for item in shared:
            item.user_properties.append(("ranks", ranks.size))
        request.config.pluginmanager.register(ranks)
        try:
            if starts_ranks:
                ranks.start([item.nodeid for item in shared], request.config.rootpath)
            yield ranks
            if session.testsfailed == failed_before:
                ranks.finish()
        finally:
            ranks.stop()
            request.config.pluginmanager.unregister(ranks)


@contextmanager
def stacks_when_terminated(config: pytest.Config) -> Iterator[None]:
    """Have SIGTERM write where each thread stands, past what pytest captures."""
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        stderr = os.fdopen(os.dup(2), "w")
    with stderr:
        faulthandler.register(signal.SIGTERM, stderr, chain=True)
        yield
        faulthandler.unregister(signal.SIGTERM)


@pytest.fixture(scope="module")
def device(other_ranks: Ranks) -> Iterator[torch.device]:
    """A GPU where there is one for each rank, else the CPU, with one thread."""
    import torch

    threads = torch.get_num_threads()
    ranks_here = os.environ.get("LOCAL_WORLD_SIZE", os.environ["WORLD_SIZE"])
    if torch.cuda.device_count() >= int(ranks_here):
        chosen = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(chosen)
    else:
        chosen = torch.device("cpu")
        torch.set_num_threads(1)
    yield chosen
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def world(
    device: torch.device, load: Any, engine: Any, other_ranks: Ranks
) -> Iterator[World]:
    """All ranks, connected once each has imported all that it needs."""
    other_ranks.connect("nccl" if device.type == "cuda" else "gloo")
    yield World(other_ranks.rank, other_ranks.size, device)
    if not other_ranks.fault:
        _distributed().destroy_process_group()


# The model


def make_tokenizer(unused: int) -> Any:
    """Return a tokenizer of printable ASCII characters and of what prompts are made of.

    Its last token is a special one.

    Args:
        unused: Number of tokens before that one that no text has.
    """
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {word for task in TASKS for word in task.lower().split()}
    texts = sorted([*words, *PROMPT_TEXTS], key=lambda text: (-len(text), text))
    special = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    tokens = [*special.values(), *map(chr, range(32, 127)), *texts]
    tokens += [*(f"<unused_{index}>" for index in range(unused)), "<sep>"]
    special["sep_token"] = "<sep>"
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    parts = Regex("|".join([*map(re.escape, texts), r"[\s\S]"]))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(parts, "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def choose_layers(known: dict[str, Any], count: int) -> dict[str, list[Any]]:
    """Return the settings that say something of each layer, for one layer of each kind.

    Args:
        known: The configuration as it is by default.
        count: How many layers it has.
    """
    lists = {
        key: list(value)
        for key, value in known.items()
        if isinstance(value, list | tuple) and len(value) == count > 1
    }
    rows = [*map(repr, zip(*lists.values()))]
    chosen = [rows.index(row) for row in dict.fromkeys(rows)][:6]
    if len(chosen) == 1:
        chosen.append(1)
    return {key: [value[layer] for layer in chosen] for key, value in lists.items()}


def find_size(name: str, sizes: dict[str, Any]) -> Any:
    """Return the tiny size of a setting of this name; None where it has none."""
    if name in sizes:
        return sizes[name]
    widths = (size for form, size in TINY_WIDTHS.items() if re.fullmatch(form, name))
    return next(widths, None)


def shrink(known: Any, vocab_size: int) -> dict[str, Any]:
    """Return settings that make a configuration tiny, with dropout.

    Args:
        known: The configuration as it is by default.
        vocab_size: Rows of the language head.
    """
    values, names = known.to_dict(), known.attribute_map
    tiny = {names.get(name, name): size for name, size in TINY_BASE.items()}
    layers = names.get("num_hidden_layers", "num_hidden_layers")
    count = values.get(layers) or 0
    settings: dict[str, Any] = {}
    for key, value in values.items():
        size = find_size(key, tiny)
        if "drop" in key and isinstance(value, float):
            settings[key] = 0.1
        elif key in TINY_TOKENS and value is not None:
            settings[key] = TINY_TOKENS[key]
        elif "vocab_size" in key and value:
            settings[key] = vocab_size
        elif isinstance(size, float):
            settings[key] = size
        elif size is not None and isinstance(value, int) and value > size:
            settings[key] = size
        elif key in TINY_OPEN and value is None:
            settings[key] = TINY_OPEN[key]
        elif "layer" in key and isinstance(value, list) and 0 < len(value) < count:
            if all(isinstance(it, int) and 0 <= it < count for it in value):
                settings[key] = [1]  # which layers are of another kind
    heads, shared = (
        names.get(name, name) for name in ("num_attention_heads", "num_key_value_heads")
    )
    if shared in values and values[shared] == values.get(heads):
        settings[shared] = settings[heads]
    kinds = choose_layers(values, count)
    if kinds:
        for key, chosen in kinds.items():
            size = find_size(key, tiny)
            is_size = size is not None and {*map(type, chosen)} == {int}
            settings[key] = [min(it, size) for it in chosen] if is_size else chosen
        settings[layers] = len(next(iter(kinds.values())))
    for key, part in vars(known).items():
        if hasattr(part, "to_dict"):
            settings[key] = {"model_type": part.model_type, **shrink(part, vocab_size)}
    return settings


def make_base(vocab_size: int) -> Any:
    """Return a tiny base with random weights, and with dropout where it knows any."""
    import torch
    from transformers import LlamaForCausalLM

    config_class = LlamaForCausalLM.config_class
    settings = shrink(config_class(), vocab_size)
    torch.manual_seed(0)
    config = config_class(**settings)
    base = LlamaForCausalLM(config)
    for parameter in base.parameters():
        if parameter.dim() > 1:  # wide enough for logits to differ clearly
            torch.nn.init.normal_(parameter, std=0.1)
    return base


def make_statistics(action_dim: int) -> dict[str, list[Any]]:
    """Return statistics of which none fits another dimension, the last one unmasked.

    Those of the checkpoint that `MODEL_PATH` names come first.
    """
    return STATISTICS or {
        "q01": [-1.0 - index for index in range(action_dim)],
        "q99": [0.5 + index / 2 for index in range(action_dim)],
        "mask": [True] * (action_dim - 1) + [action_dim == 1],
    }


def choose_vocab_size(least: int) -> int:
    """Return a size that neither two nor three ranks can share evenly."""
    return next(size for size in range(least, least + 6) if math.gcd(size, 6) == 1)


def choose_prompt_length(folder: Path) -> int:
    """Return a length that prompts have room in; some bases' tokenizers know no words."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    longest = max(len(tokenizer(task.lower()).input_ids) for task in TASKS)
    return TINY_POLICY["max_prompt_length"] * (1 if longest < 32 else 3)


def adopt_checkpoint(config: DictConfig, folder: Path) -> DictConfig:
    """Return a_policy_with_a_name_of_32_chars.yaml for the checkpoint that `MODEL_PATH` names.

    Args:
        config: a_policy_with_a_name_of_32_chars.yaml as it is.
        folder: Links to the checkpoint's files, with statistics of one more dataset.
    """
    from omegaconf import OmegaConf
    from transformers import AutoConfig

    for file in Path(MODEL_PATH).resolve().iterdir():
        (folder / file.name).symlink_to(file)
    trusted = bool(config.get("trust_remote_code"))
    known = AutoConfig.from_pretrained(MODEL_PATH, trust_remote_code=trusted)
    datasets = dict(getattr(known, "norm_stats", None) or {})
    statistics = folder / "dataset_statistics.json"
    if statistics.exists():
        datasets.update(json.loads(statistics.read_text()))
        statistics.unlink()
    datasets = datasets or {"smoke": {"action": make_statistics(config.action_dim)}}
    names = [config.unnorm_key, f"{config.unnorm_key}_no_noops", *datasets]
    chosen = next(name for name in names if name in datasets)
    own = datasets[chosen]["action"]
    STATISTICS.update({"mask": [True] * len(own["q01"]), **own})
    others = {key: [0] * len(STATISTICS["q01"]) for key in ("q01", "q99", "mask")}
    statistics.write_text(json.dumps({"another": {"action": others}, **datasets}))
    text = known.get_text_config()
    same = ("precision", "attn_implementation", "add_value_head", "lora_rank")
    return OmegaConf.merge(
        config,
        {key: TINY_POLICY[key] for key in same},
        {
            "model_path": str(folder),
            "unnorm_key": chosen,
            "hidden_size": text.hidden_size,
            "vocab_size": text.vocab_size,
        },
    )


def measure_noise(policy: Any) -> float:
    """Return a bound on what float32 makes of the base's logits: it rounds differently.

    Ten times the difference that a batch makes to those of a checkpoint, and to those
    of the tiny base four times the one that its own cache makes; at most half of the
    least that a mistake makes.
    """
    import torch

    base = next(kind for kind in type(policy).__mro__ if kind.__name__ == BASE)
    tokens = torch.arange(5, 37, device=policy.device)[None]

    def read(**inputs: Any) -> Any:
        with torch.no_grad():
            return base.forward(policy, **inputs)

    alone = read(input_ids=tokens).logits
    if MODEL_PATH:
        among = read(input_ids=tokens.expand(8, -1)).logits
        spacing = torch.finfo(torch.float32).eps * alone.abs().max().item()
        return 10 * max(distance(alone[0], among[0]), spacing)
    differences = []
    for length in range(8, 32, 4):
        outputs = read(input_ids=tokens[:, :length], use_cache=True)
        cache = getattr(outputs, "past_key_values", None)
        if cache is not None:
            step = {"input_ids": tokens[:, length : length + 1], "use_cache": True}
            last = read(**step, past_key_values=cache).logits
            differences.append(distance(last[:, -1], alone[:, length]))
    if differences:
        return min(4 * max(differences), 2e-3)
    among = read(input_ids=tokens.expand(8, -1)).logits
    return min(4 * distance(alone[0], among[0]), 2e-3)


@pytest.fixture(scope="module")
def config(
    device: torch.device, tmp_path_factory: pytest.TempPathFactory
) -> DictConfig:
    """a_policy_with_a_name_of_32_chars.yaml, for a tiny checkpoint that is written here."""
    from omegaconf import OmegaConf

    config = OmegaConf.load(CONFIG)
    folder = tmp_path_factory.mktemp("checkpoint")
    if MODEL_PATH:
        return adopt_checkpoint(config, folder)
    tokenizer = make_tokenizer(unused=config.n_action_bins)
    # Some classes of tokenizers add tokens of their own.
    vocab_size = choose_vocab_size(len(tokenizer) + 4)
    base = make_base(vocab_size)
    tokenizer.save_pretrained(folder)
    # Many checkpoints have settings of this kind, which training cannot replay.
    base.generation_config.repetition_penalty = 1.5
    base.save_pretrained(folder)

    unnorm_key = config.unnorm_key or "smoke"
    statistics = make_statistics(TINY_POLICY["action_dim"])
    others = {key: [0] * len(numbers) for key, numbers in statistics.items()}
    (folder / "dataset_statistics.json").write_text(
        json.dumps({"another": {"action": others}, unnorm_key: {"action": statistics}})
    )
    computed = {
        "model_path": str(folder),
        "vocab_size": vocab_size,
        "unnorm_key": unnorm_key,
        "max_prompt_length": choose_prompt_length(folder),
    }
    return OmegaConf.merge(config, TINY_POLICY, computed)


@pytest.fixture(scope="module")
def load(config: DictConfig, device: torch.device) -> Callable[..., Any]:
    """Load the checkpoint as RLinf's workers do; the same weights on every rank."""
    import torch
    from omegaconf import OmegaConf

    from rlinf.models import get_model

    def load_policy(is_lora: bool = False, **others: Any) -> Any:
        torch.manual_seed(0)
        settings = OmegaConf.merge(config, {"is_lora": is_lora, **others})
        policy = get_model(settings)
        if policy is None:
            pytest.fail(f"get_model knows no {MODEL_TYPE}: is it registered?")
        for name, parameter in policy.named_parameters():
            # It is zero at first, which hides lora_A from the gradient.
            if "lora_B" in name and not is_read_past(policy, name):
                torch.nn.init.normal_(parameter, std=0.1)
        policy.to(device)
        if not is_lora and not others:
            global NOISE
            NOISE = max(NOISE, measure_noise(policy))
        return policy

    return load_policy


@pytest.fixture(scope="module")
def policy(load: Callable[..., Any]) -> Any:
    """The policy that tests share, and leave as it was: in eval mode."""
    return load()


@pytest.fixture(scope="module")
def lora_policy(load: Callable[..., Any], config: DictConfig) -> Any:
    """The policy with LoRA adapters, if the checkout's targets fit it at all."""
    reason = f"the LoRA targets of rlinf.models do not fit {LAYERS}"
    try:
        policy = load(is_lora=True)
    except ValueError as error:  # of PEFT: they name nothing, or what it adapts not
        if config.is_lora or not re.search("arget.module", str(error)):
            raise
        pytest.skip(f"{reason}: {error}")
    lacking = missing_lora(policy)
    adapted = {type(it).__name__ for it in layers(policy) if it not in lacking}
    bare = [kind for kind in LAYERS if kind not in adapted]
    if bare and layers(policy) and not config.is_lora:
        pytest.skip(f"{reason}: nothing of {bare}")
    return policy


@pytest.fixture(scope="module", params=["full", "lora"])
def trained_policy(request: pytest.FixtureRequest) -> Any:
    """The policy with all its parameters trainable, and with LoRA."""
    lora = request.param == "lora"
    return request.getfixturevalue("lora_policy" if lora else "policy")


def layers(policy: Any) -> list[Any]:
    """Return the layers that FSDP must wrap."""
    return [part for part in policy.modules() if type(part).__name__ in LAYERS]


def is_read_past(policy: Any, name: str) -> bool:
    """Whether a parameter adapts a layer that torch reads the weight of, and never calls."""
    import torch

    module, adapts, _ = name.partition(".lora_")
    owner = policy.get_submodule(module.rpartition(".")[0]) if adapts else None
    return isinstance(owner, torch.nn.MultiheadAttention)


def missing_lora(policy: Any) -> list[Any]:
    """Return the layers that have no LoRA adapter, and something to adapt."""
    return [
        layer
        for layer in layers(policy)
        if any(it.dim() == 2 for it in layer.parameters())  # others are convolutions
        and not any("lora_" in name for name, _ in layer.named_parameters())
    ]


# What workers do with it


def observe(tasks: list[str]) -> dict[str, Any]:
    """Return observations of these tasks, the states all different."""
    import torch

    states = torch.arange(len(tasks) * 3).reshape(len(tasks), 3) / 7
    return {"task_descriptions": tasks, "states": states}


def roll_out(
    policy: Any, tasks: list[str] = TASKS, seed: int = 0, **kwargs: Any
) -> Rollout:
    """Return actions and result, as a rollout worker gets them."""
    import torch

    torch.manual_seed(seed)
    return policy.predict_action_batch(env_obs=observe(tasks), **kwargs)


def answer(policy: Any, prompts: torch.Tensor, **kwargs: Any) -> Rollout:
    """Return actions and result for prompts without padding, shape [B, L]."""
    import torch

    return policy.predict_action_batch(
        input_ids=prompts, attention_mask=torch.ones_like(prompts), **kwargs
    )


def train_forward(policy: Any, inputs: Tensors, **kwargs: Any) -> Tensors:
    """Return the outputs that an actor worker trains on."""
    flags = dict.fromkeys(COMPUTE_FLAGS, True)
    return policy(forward_inputs=inputs, **{**flags, "use_cache": False, **kwargs})


def compute_loss(policy: Any, inputs: Tensors, advantages: Any) -> torch.Tensor:
    """Return a loss that all outputs have a part in."""
    return combine(train_forward(policy, inputs), advantages)


def combine(outputs: Tensors, advantages: Any) -> torch.Tensor:
    """Return the loss of outputs."""
    surrogate = (outputs["logprobs"].mean(dim=1) * advantages).mean()
    loss = -surrogate - 0.01 * outputs["entropy"].mean()
    if outputs["values"] is None:
        return loss
    return loss + outputs["values"].square().mean()


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

    prompts = inputs["input_ids"]
    return torch.linspace(-1, 2, len(prompts), device=prompts.device)


def distance(left: Any, right: Any) -> float:
    """Return the greatest difference of two tensors of one shape; NaN stays NaN."""
    assert left.shape == right.shape, (left.shape, right.shape)
    return (left.detach().float() - right.detach().float()).abs().max().item()


def take_rows(inputs: Tensors, rows: Any) -> Tensors:
    """Return these rows of a batch."""
    return {key: value[rows] for key, value in inputs.items()}


def ask_base(inputs: Tensors) -> Tensors:
    """Return prompts as the base takes them."""
    return {key: inputs[key] for key in ("input_ids", "attention_mask")}


def pad_prompts(inputs: Tensors, count: int) -> Tensors:
    """Return the same inputs, each prompt with more padding on its left."""
    import torch

    padded = dict(inputs)
    padding = inputs["input_ids"][inputs["attention_mask"] == 0].tolist()
    for key, fill in (("input_ids", (padding or [0])[0]), ("attention_mask", 0)):
        padded[key] = torch.nn.functional.pad(inputs[key], (count, 0), value=fill)
    return padded


def find_answers(result: dict[str, Any]) -> torch.Tensor:
    """Return what shows that a policy answers something else, shape [B, ...]."""
    return result["prev_logprobs"]


def steer(policy: Any, bonus: torch.Tensor) -> Any:
    """Add a bonus to the logits within a with statement."""
    import torch

    def add(head: Any, arguments: tuple[Any, ...], logits: torch.Tensor) -> Any:
        # Some heads have more rows than the vocabulary, and bases that read ahead one
        # more dimension, between samples and tokens.
        missing = logits.shape[-1] - bonus.shape[-1]
        wide = torch.nn.functional.pad(bonus, (0, missing))
        return logits + wide[(slice(None), *[None] * (logits.ndim - 2))]

    return policy.get_output_embeddings().register_forward_hook(add)


# Registration and loading


def test_rlinf_is_this_checkout(proof: Proof) -> None:
    import rlinf

    proof.equal(
        os.path.relpath(Path(rlinf.__file__).resolve().parents[1], REPOSITORY),
        ".",
        "another RLinf is installed; run from the checkout's root, or set PYTHONPATH",
    )


def test_get_model_resolves_the_model_type(proof: Proof, policy: Any) -> None:
    proof.equal(type(policy).__name__, POLICY, "rlinf/models builds something else")


def test_model_type_is_embodied(proof: Proof, policy: Any) -> None:
    import rlinf.config

    types = getattr(rlinf.config, "EMBODIED_MODEL", None)
    if types is None:
        pytest.skip("this RLinf has one kind of model")
    proof.equal(
        MODEL_TYPE in {getattr(it, "value", it) for it in types},
        True,
        "it is registered in another category, and no embodied recipe may name it",
    )


def test_recipe_wraps_the_layers_of_the_base(proof: Proof, policy: Any) -> None:
    from omegaconf import OmegaConf

    wrapped = OmegaConf.select(
        OmegaConf.load(RECIPE),
        "actor.fsdp_config.wrap_policy.transformer_layer_cls_to_wrap",
    )
    if wrapped is None:
        pytest.skip("the recipe leaves it to RLinf what FSDP wraps")
    classes = {type(part).__name__ for part in policy.modules()}
    proof.equal(
        [*(set(wrapped) - classes), *(set(LAYERS) - set(wrapped))],
        [],
        "transformer_layer_cls_to_wrap of the recipe is misspelt, or lacks a class",
    )


def test_layer_classes_exist(proof: Proof, policy: Any) -> None:
    proof.equal(
        sorted({type(layer).__name__ for layer in layers(policy)}),
        sorted(LAYERS),
        "layers have other classes in this transformers",
    )


def test_settings_reach_the_policy(
    proof: Proof, config: DictConfig, policy: Any, plain_base: Any
) -> None:
    expected = {
        key: config[key]
        for key in (
            "action_dim",
            "num_action_chunks",
            "n_action_bins",
            "max_prompt_length",
            "unnorm_key",
        )
    }
    measured = {key: getattr(policy, key) for key in expected}
    # Not all versions of transformers heed what they are asked for.
    expected["attention"] = plain_base.config._attn_implementation
    measured["attention"] = policy.config._attn_implementation
    proof.equal(measured, expected, "the loader does not pass a setting on")


def test_weights_have_the_dtype_of_the_settings(
    proof: Proof, load: Callable[..., Any]
) -> None:
    from omegaconf import OmegaConf

    from rlinf.config import torch_dtype_from_precision

    settings = OmegaConf.load(CONFIG)
    policy = load(precision=settings.precision)
    expected = torch_dtype_from_precision(settings.precision)
    proof.equal(
        {str(parameter.dtype) for parameter in policy.parameters()},
        {str(expected)},
        "the loader drops the dtype, or the value head keeps another one",
    )


def test_all_weights_can_be_trained(proof: Proof, policy: Any) -> None:
    proof.equal(
        [name for name, it in policy.named_parameters() if not it.requires_grad],
        [],
        "something is frozen that no recipe asked to freeze",
    )


def is_refused(
    attempt: Callable[..., Any],
    naming: str,
    kind: type[Exception] = ValueError,
    **arguments: Any,
) -> bool:
    """Return whether an attempt ends in an error of this kind that names this."""
    try:
        attempt(**arguments)
    except kind as error:
        return naming in str(error)
    return False


@pytest.mark.parametrize("size", ["hidden_size", "vocab_size"])
def test_sizes_must_be_those_of_the_checkpoint(
    proof: Proof, load: Callable[..., Any], config: DictConfig, policy: Any, size: str
) -> None:
    plain = functools.partial(type(policy).from_pretrained, config.model_path)
    wrong = {size: config[size] + 1}
    proof.equal(
        {"loader": is_refused(load, size, **wrong)}
        | {"from_pretrained": is_refused(plain, size, **wrong)},
        {"loader": True, "from_pretrained": True},
        "a recipe for another checkpoint is accepted, or transformers takes the size "
        "for one of the configuration's",
    )


def test_statistics_of_several_datasets_need_a_name(
    proof: Proof, load: Callable[..., Any]
) -> None:
    if MODEL_PATH:
        pytest.skip("the tiny checkpoint shows it")
    proof.equal(
        is_refused(load, "unnorm_key", unnorm_key=None),
        True,
        "the statistics of one of them are taken without a word",
    )


def test_a_checkpoint_that_lacks_weights_is_refused(
    proof: Proof, load: Callable[..., Any], config: DictConfig, tmp_path: Path
) -> None:
    if MODEL_PATH:
        pytest.skip("the tiny checkpoint shows it")
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(config.model_path, tmp_path / "checkpoint")
    weights = load_file(folder / "model.safetensors")
    vectors = [name for name, weight in weights.items() if weight.dim() == 1]
    smallest = min(weights, key=lambda name: weights[name].numel())
    del weights[vectors[0] if vectors else smallest]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    proof.equal(
        is_refused(load, "lacks", model_path=str(folder)),
        True,
        "a layer is trained from random weights without a word",
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
    import torch

    from rlinf.models.embodiment.modules.value_head import ValueHead

    torch.manual_seed(0)
    linears = [part for part in policy.value_head.mlp if hasattr(part, "weight")]
    widths = [linear.out_features for linear in linears[:-1]]
    size = linears[0].in_features
    declared = [ValueHead(size, widths, activation="relu") for _ in range(16)]
    expected = [dict(head.named_parameters()) for head in declared]
    parameters = dict(policy.value_head.named_parameters())
    spread = {
        name: torch.stack([head[name] for head in expected]).std().item()
        for name in parameters
        if name.endswith("weight")
    }
    proof.at_most(
        max(abs(parameters[name].std().item() / spread[name] - 1) for name in spread),
        0.25,  # four standard errors of the smallest layer, which has 128 weights
        "from_pretrained has overwritten the initialization of the value head",
    )


def reload(policy: Any, folder: Path) -> Any:
    """Return the policy that was saved in a folder."""
    names = (
        "action_dim",
        "num_action_chunks",
        "n_action_bins",
    )
    sizes = {name: getattr(policy, name) for name in names}
    return type(policy).from_pretrained(folder, add_value_head=True, **sizes)


def test_weights_survive_save_and_reload(
    proof: Proof, load: Callable[..., Any], tmp_path: Path
) -> None:
    import torch

    policy = load()
    with torch.no_grad():
        for name in sys.modules[type(policy).__module__].HEADS:
            for parameter in getattr(policy, name).parameters():
                parameter.fill_(1.25)
    policy.save_pretrained(tmp_path)
    reloaded = reload(policy, tmp_path).state_dict()
    proof.equal(
        [
            name
            for name, tensor in policy.state_dict().items()
            if not torch.equal(tensor.cpu(), reloaded[name])
        ],
        [],
        "loading initializes weights anew that the checkpoint has",
    )


def is_tied(model: Any) -> bool:
    """Return whether the language head has the very weights of the embeddings."""
    head, embeddings = model.get_output_embeddings(), model.get_input_embeddings()
    return head.weight is embeddings.weight


@pytest.mark.parametrize("flipped", [False, True] if FULL else [False])
def test_weights_are_tied_as_in_the_base(
    proof: Proof,
    load: Callable[..., Any],
    config: DictConfig,
    plain_base: Any,
    tmp_path: Path,
    flipped: bool,
) -> None:
    base, path = plain_base, Path(config.model_path)
    if flipped:
        if MODEL_PATH:
            pytest.skip("the tiny checkpoint shows it")
        path = shutil.copytree(path, tmp_path / "flipped")
        base_config = copy.deepcopy(plain_base.config)
        base_config.tie_word_embeddings = not is_tied(plain_base)
        base = type(plain_base)(base_config)
        base.save_pretrained(path)
    policy = load(model_path=str(path))
    policy.save_pretrained(tmp_path)
    reloaded = reload(policy, tmp_path)
    proof.equal(
        {"loaded": is_tied(policy), "reloaded": is_tied(reloaded)},
        dict.fromkeys(("loaded", "reloaded"), is_tied(base)),
        "the language head is a copy of the embeddings, or has been tied to them",
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


def test_forward_inputs_survive_bfloat16(proof: Proof, policy: Any) -> None:
    inputs = roll_out(policy, **SAMPLING["all"])[1]["forward_inputs"]
    proof.equal(
        [
            key
            for key, tensor in inputs.items()
            if tensor.is_floating_point() and distance(tensor, tensor.bfloat16())
        ],
        [],
        "FSDP casts floating point inputs: store sampling parameters as integers",
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


def test_prompts_end_where_answers_begin(proof: Proof, inputs: Tensors) -> None:
    mask = inputs["attention_mask"].long()
    gaps = (mask.diff(dim=1) < 0).sum() + (mask[:, -1] == 0).sum()
    proof.equal(
        gaps.item(), 0, "prompts are padded on the right, where their answers begin"
    )


def report(result: dict[str, Any]) -> Tensors:
    """Return what a greedy rollout makes of its observations."""
    return {"answers": find_answers(result), "values": result["prev_values"]}


def evaluate_each(policy: Any, tasks: list[str]) -> list[Tensors]:
    """Return what greedy rollouts report of each task, asked for one by one."""
    return [report(roll_out(policy, [task], mode="eval")[1]) for task in tasks]


@pytest.mark.usefixtures("left_padding")
def test_padding_adds_nothing_to_a_rollout(proof: Proof, policy: Any) -> None:
    (short,) = evaluate_each(policy, TASKS[:1])
    policy.max_prompt_length += 5
    (long,) = evaluate_each(policy, TASKS[:1])
    policy.max_prompt_length -= 5
    proof.at_most(
        max(distance(short[key], long[key]) for key in short),
        NOISE,
        "padding is attended to, or counts as positions",
    )


def test_values_do_not_know_the_actions(
    proof: Proof, policy: Any, rollout: Rollout
) -> None:
    others = roll_out(policy, seed=1, mode="train")[1]
    proof.at_most(
        distance(rollout[1]["prev_values"], others["prev_values"]),
        0.0,
        "the value is read after actions, which it must be a baseline for",
    )


def test_values_tell_instructions_apart(proof: Proof, policy: Any) -> None:
    first, second = evaluate_each(policy, ["Pick up the a", "Pick up the b"])
    proof.at_least(
        distance(first["values"], second["values"])
        / first["values"].abs().max().item(),
        1e-4,  # noise is 1e-6 of the values
        "the value is read where the instruction has no influence yet",
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
        1 + 1e-6,  # float32 rounds
        "q01 and q99 are not what actions are scaled with, or the mask is ignored",
    )


def test_actions_are_those_of_their_tokens(
    proof: Proof, policy: Any, rollout: Rollout
) -> None:
    import torch

    actions, result = rollout
    tokens = result["forward_inputs"]["action_tokens"].reshape(actions.shape).cpu()
    bins = policy.action_token_end - 1 - tokens
    centers = (2 * bins + 1) / policy.n_action_bins - 1
    misses = distance(torch.as_tensor(normalize(actions)), centers)
    proof.at_most(
        misses * policy.n_action_bins / 2,
        1e-3,  # of a bin; float32 measures 1e-5
        "chunks and numbers of an action are transposed, or other tokens are executed",
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
    vocab_size = policy.config.vocab_size
    prompts = torch.full((len(tokens), 4), 5, device=device)
    with steer(policy, 1e4 * torch.nn.functional.one_hot(tokens, vocab_size)):
        actions, result = answer(policy, prompts, mode="eval")
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

    vocab_size = policy.config.vocab_size
    bonus = torch.full((1, vocab_size), 1e3, device=device)
    bonus[:, policy.first_action_token : policy.action_token_end] = 0
    with steer(policy, bonus):
        tokens = roll_out(policy)[1]["forward_inputs"]["action_tokens"]
    outside = (tokens < policy.first_action_token) | (tokens >= policy.action_token_end)
    proof.equal(
        outside.sum().item(), 0, "the end token, or others, can still be sampled"
    )


GREEDY = {
    "mode": {"mode": "eval"},
    "do_sample": {"do_sample": False},
    "both": {"mode": "train", "do_sample": False, "temperature": -1.0},
}


@pytest.mark.parametrize("settings", GREEDY.values(), ids=GREEDY)
def test_eval_is_deterministic(
    proof: Proof, policy: Any, settings: dict[str, Any]
) -> None:
    first, second = (roll_out(policy, seed=seed, **settings)[0] for seed in (1, 2))
    proof.equal(
        (first == second).all().item(),
        True,
        "what asks for evaluation is ignored, and actions are sampled",
    )


@pytest.mark.parametrize("settings", [{"mode": "train"}, {}], ids=["mode", "default"])
def test_train_explores(proof: Proof, policy: Any, settings: dict[str, Any]) -> None:
    first, again, other = (
        roll_out(policy, seed=seed, **settings)[0] for seed in (1, 1, 2)
    )
    proof.equal(
        ((first == again).all().item(), (first == other).all().item()),
        (True, False),
        "training rollouts do not sample, or not from torch's generator",
    )


def test_instruction_matters(proof: Proof, policy: Any) -> None:
    first, second = (
        roll_out(policy, [f"Pick up the {noun}"], mode="eval")[1] for noun in "ab"
    )
    proof.at_least(
        distance(find_answers(first), find_answers(second)),
        1e-3,
        "the instruction does not reach the model",
    )


def test_a_rollout_does_not_depend_on_its_batch(proof: Proof, policy: Any) -> None:
    seen = observe(TASKS)

    def evaluate(rows: slice) -> Tensors:
        part = {key: value[rows] for key, value in seen.items()}
        return report(policy.predict_action_batch(env_obs=part, mode="eval")[1])

    together, parts = evaluate(slice(None)), [slice(1, 2), slice(2, 4)]
    proof.at_most(
        max(
            distance(together[key][rows], alone[key])
            for rows, alone in zip(parts, map(evaluate, parts))
            for key in together
        ),
        NOISE,
        "samples get what belongs to others, or padding counts",
    )


def test_a_prompt_that_is_too_long_is_refused(proof: Proof, policy: Any) -> None:
    endless = ["go " * policy.max_prompt_length]
    proof.equal(
        is_refused(roll_out, "max_prompt_length", policy=policy, tasks=endless),
        True,
        "a part of the instruction is cut off without a word",
    )


def test_state_matters(proof: Proof, policy: Any, config: DictConfig) -> None:
    if not config.use_proprio:
        pytest.skip("the settings leave the state out")
    tasks = ["go", "go"]  # in two states
    _, result = roll_out(policy, tasks, mode="eval")
    first, second = find_answers(result)
    proof.at_least(
        distance(first, second), 1e-3, "the robot's state does not reach the model"
    )


def test_unknown_arguments_are_accepted(
    proof: Proof, policy: Any, inputs: Tensors
) -> None:
    roll_out(policy, max_new_tokens=3, use_cache=True, return_obs=False)
    train_forward(policy, inputs, prev_logprobs=None, mode="eval", temperature=2.0)
    proof.equal("accepted", "accepted", "workers pass arguments for other models too")


# Rollout and training agree


@dataclass(frozen=True)
class Sampled:
    """A rollout, and what training makes of it.

    Attributes:
        settings: One of `SAMPLING`.
        result: What the rollout returned besides actions.
        outputs: What training computes from its `forward_inputs`.
    """

    settings: dict[str, Any]
    result: dict[str, Any]
    outputs: Tensors

    @property
    def noise(self) -> float:
        """What a temperature below 1 makes of the noise of logits."""
        temperature = self.settings.get("temperature", 1.0)
        return NOISE / temperature if 0 < temperature < 1 else NOISE


def has_bin_at_edge(policy: Any, inputs: Tensors) -> bool:
    """Whether noise decides if top_p drops a bin."""
    import torch

    top_p = inputs["sampling_top_p"]
    with torch.no_grad():
        lower, upper = (
            train_forward(policy, {**inputs, "sampling_top_p": nudged.to(top_p)})
            for nudged in (top_p * (1 - 2 * NOISE), top_p * (1 + 2 * NOISE))
        )
    return distance(lower["logprobs"], upper["logprobs"]) > 0


@pytest.fixture(scope="module", params=SAMPLING)
def sampled(request: pytest.FixtureRequest, policy: Any) -> Sampled:
    """A rollout, for some ways to sample."""
    import torch

    settings = SAMPLING[request.param]
    _, result = roll_out(policy, **settings)
    seeds = range(1, 8) if "top_p" in settings else []
    for seed in seeds:
        if not has_bin_at_edge(policy, result["forward_inputs"]):
            break
        _, result = roll_out(policy, seed=seed, **settings)
    with torch.no_grad():
        outputs = train_forward(policy, result["forward_inputs"])
    return Sampled(settings, result, outputs)


def test_training_recomputes_the_logprobs(proof: Proof, sampled: Sampled) -> None:
    rollout, training = sampled.result["prev_logprobs"], sampled.outputs["logprobs"]
    proof.show(
        "parity",
        sampling=sampled.settings,
        rollout=rollout.flatten().tolist(),
        training=training.flatten().tolist(),
    )
    proof.at_most(
        distance(rollout, training),
        sampled.noise,
        "logits are sliced one position off, padding is not masked, or temperature, "
        "top_k or top_p count on one side only",
    )


def test_logprobs_are_those_of_the_base(
    proof: Proof, sampled: Sampled, consulted: Tensors
) -> None:
    proof.at_most(
        distance(sampled.outputs["logprobs"], consulted["logprobs"]),
        sampled.noise,
        "temperature, top_k or top_p are not what transformers takes them for, or "
        "log-probabilities are not taken over the action bins",
    )


def test_entropy_is_that_of_the_distribution(
    proof: Proof, sampled: Sampled, consulted: Tensors
) -> None:
    proof.at_most(
        distance(sampled.outputs["entropy"], consulted["entropy"]),
        sampled.noise,
        "entropy is taken over other tokens than log-probabilities, or before top_k",
    )


def test_logprobs_are_at_most_zero(proof: Proof, sampled: Sampled) -> None:
    proof.at_most(
        sampled.outputs["logprobs"].max().item(),
        0.0,
        "the sign is wrong, or log_softmax ran in a small dtype",
    )


def test_the_only_choice_is_certain(proof: Proof, policy: Any) -> None:
    _, result = roll_out(policy, top_k=1)
    proof.at_most(
        result["prev_logprobs"].abs().max().item(),
        0.0,
        "log-probabilities are taken over more bins than top_k leaves",
    )


def test_entropy_is_that_of_the_bins(
    proof: Proof, config: DictConfig, sampled: Sampled
) -> None:
    entropy = sampled.outputs["entropy"]
    excess = entropy.max().item() - math.log(config.n_action_bins)
    proof.at_most(
        max(-entropy.min().item(), excess),
        1e-5,
        "entropy is not taken over the action bins, or -inf logits make it NaN",
    )


def test_greedy_takes_the_likeliest_bins(
    proof: Proof, policy: Any, plain_base: Any
) -> None:
    settings = SAMPLING["greedy"]
    inputs = roll_out(policy, **settings)[1]["forward_inputs"]
    likeliest = consult(plain_base, policy, inputs, settings)["likeliest"]
    proof.equal(
        (inputs["action_tokens"].flatten(start_dim=1) != likeliest).sum().item(),
        0,
        "the checkpoint's generation settings, such as a repetition penalty, are alive",
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


def test_logprobs_stay_finite_when_the_policy_moves(
    proof: Proof, policy: Any, every_bin: EveryBin
) -> None:
    # As if each bin had been among the likeliest when it was taken, and is no more.
    settings = roll_out(policy, TASKS[:1], **SAMPLING["all"])[1]["forward_inputs"]
    moved = {
        key: settings[key].expand_as(it) if key.startswith("sampling_") else it
        for key, it in every_bin.inputs.items()
    }
    proof.at_least(
        train_forward(policy, moved)["logprobs"].min().item(),
        -1e3,  # the least likely bins measure -30
        "top_k or top_p drop the bin that was taken, whose ratio is then 0 or NaN",
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


def test_temperature_spreads_the_policy(proof: Proof, policy: Any) -> None:
    cold, hot = (
        train_forward(
            policy, roll_out(policy, temperature=temperature)[1]["forward_inputs"]
        )["entropy"].mean()
        for temperature in (0.5, 1.6)
    )
    proof.at_least((hot - cold).item(), 1e-3, "the temperature is ignored")


def test_values_are_read_at_the_end_of_the_prompt(
    proof: Proof, policy: Any, plain_base: Any, inputs: Tensors, outputs: Tensors
) -> None:
    consulted = consult(plain_base, policy, inputs, SAMPLING["defaults"])
    proof.at_most(
        distance(outputs["values"], consulted["values"]),
        NOISE,
        "the value head reads another position, or another layer than the last",
    )


@pytest.fixture(scope="module")
def small_dtype(
    load: Callable[..., Any], config: DictConfig, plain_base: Any, inputs: Tensors
) -> tuple[dict[str, Any], Tensors]:
    """A rollout in bfloat16, and what training makes of it, if the base has that."""
    import torch

    policy = load(precision="bf16")
    try:
        _, result = roll_out(policy)
        with torch.no_grad():
            return result, train_forward(policy, result["forward_inputs"])
    except RuntimeError as error:
        base = type(plain_base).from_pretrained(
            config.model_path, torch_dtype=torch.bfloat16
        )
        base.generation_config = plain_base.generation_config
        base.to(policy.device)
        ways = [base.generate, functools.partial(base, use_cache=False)]
        asked = ask_base(inputs)
        if any(is_refused(way, "type", RuntimeError, **asked) for way in ways):
            pytest.skip(f"{BASE} itself computes nothing in bfloat16: {error}")
        raise


def test_outputs_of_bfloat16_weights_are_float32(
    proof: Proof, small_dtype: tuple[dict[str, Any], Tensors]
) -> None:
    result, outputs = small_dtype
    rollout = {key: result[key] for key in ("prev_logprobs", "prev_values")}
    tensors = {**rollout, **outputs}
    proof.equal(
        {key: describe(tensor)[0] for key, tensor in tensors.items()},
        dict.fromkeys(tensors, "float32"),
        "logits or values are not cast before what needs float32",
    )


def test_logprobs_of_bfloat16_weights_are_exact(
    proof: Proof, small_dtype: tuple[dict[str, Any], Tensors]
) -> None:
    logprobs = small_dtype[0]["prev_logprobs"]
    # What bfloat16 can hold, and nothing else, shows in the digits that it has not.
    proof.at_least(
        (logprobs != logprobs.bfloat16().float()).float().mean().item(),
        0.5,  # a float32 has such digits in 255 of 256 cases
        "log_softmax runs in bfloat16, where probabilities sum to anything near 1",
    )


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


@pytest.mark.usefixtures("left_padding")
def test_padding_does_not_matter(
    proof: Proof, policy: Any, inputs: Tensors, outputs: Tensors
) -> None:
    padded_outputs = train_forward(policy, pad_prompts(inputs, 7))
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


@pytest.mark.parametrize(
    "flags", SOME_FLAGS, ids=["-".join(flags) or "nothing" for flags in SOME_FLAGS]
)
def test_only_what_is_asked_for_is_computed(
    proof: Proof, policy: Any, inputs: Tensors, flags: tuple[str, ...]
) -> None:
    asked = {flag: flag in flags for flag in COMPUTE_FLAGS}
    outputs = train_forward(policy, inputs, **asked)
    proof.equal(
        sorted(key for key, value in outputs.items() if value is not None),
        sorted(flag.removeprefix("compute_") for flag in flags),
        "a flag needs another one to be set, or is ignored",
    )


def test_the_value_head_is_left_out_on_request(
    proof: Proof, load: Callable[..., Any]
) -> None:
    policy = load(add_value_head=False)
    _, result = roll_out(policy)
    proof.equal(
        {
            "weights": [name for name in policy.state_dict() if "value_head" in name],
            "prev_values": describe(result["prev_values"]),
            "values": train_forward(policy, result["forward_inputs"])["values"],
        },
        {"weights": [], "prev_values": ("float32", (len(TASKS), 1)), "values": None},
        "algorithms without critic train a head, or get no tensor to stack",
    )


# The base is what it was


@pytest.fixture(scope="module")
def plain_base(config: DictConfig, policy: Any) -> Any:
    """The base itself, with the weights and the generation settings of the policy."""
    base_class = next(kind for kind in type(policy).__mro__ if kind.__name__ == BASE)
    base = base_class.from_pretrained(
        config.model_path,
        config=base_class.config_class.from_pretrained(config.model_path),
        attn_implementation=config.attn_implementation,
    )
    base.generation_config = policy.generation_config
    return base.to(policy.device).eval()


@pytest.fixture(scope="module")
def left_padding(plain_base: Any, inputs: Tensors) -> None:
    """Skip where padding counts in the base itself; all prompts have one length."""
    import torch

    def read(prompts: Tensors) -> torch.Tensor:
        asked = ask_base(prompts)
        mask = asked["attention_mask"]
        asked["position_ids"] = (mask.cumsum(dim=-1) - 1).clamp(min=0)
        with torch.no_grad():
            return plain_base(**asked).logits[:, -1]

    if distance(read(inputs), read(pad_prompts(inputs, 7))) > NOISE:
        pytest.skip(f"{BASE} itself takes padding for tokens")


def consult(base: Any, policy: Any, inputs: Tensors, settings: Any) -> Tensors:
    """Return what the base, and samplers of transformers, make of a rollout.

    Args:
        base: See `plain_base`.
        policy: Whose value head is asked.
        inputs: The rollout's `forward_inputs`.
        settings: How it sampled, as in `SAMPLING`.

    Returns:
        Log-probabilities, entropy and the likeliest tokens, shape [B, T] each, and
        values, shape [B, 1].
    """
    import torch
    from transformers.generation import LogitsProcessorList

    taken = inputs["action_tokens"].flatten(start_dim=1)
    prompt = {key: inputs[key].long() for key in ("input_ids", "attention_mask")}
    hidden_states: list[torch.Tensor] = []
    steps = iter(taken.split(1, dim=1))

    def take(tokens: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        next_token = next(steps)
        return torch.full_like(scores, -math.inf).scatter(-1, next_token, 0.0)

    handle = base.get_output_embeddings().register_forward_pre_hook(
        lambda _, arguments: hidden_states.append(arguments[0])
    )
    generated = base.generate(
        **prompt,
        do_sample=False,
        logits_processor=LogitsProcessorList([take]),
        output_logits=True,
        return_dict_in_generate=True,
    )
    handle.remove()
    bins = slice(policy.first_action_token, policy.action_token_end)
    logits = torch.stack(generated.logits, dim=1)[..., bins].float()
    distribution = torch.distributions.Categorical(logits=warp(logits, **settings))
    with torch.no_grad():
        values = policy.value_head(hidden_states[0][:, -1]).float()
    return {
        "logprobs": distribution.log_prob(taken - bins.start),
        "entropy": distribution.entropy(),
        "likeliest": logits.argmax(dim=-1) + bins.start,
        "values": values,
    }


def warp(
    logits: torch.Tensor,
    do_sample: bool = True,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
) -> torch.Tensor:
    """Return logits, shape [B, T, N], as transformers would sample from them."""
    from transformers.generation import (
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    if not do_sample:
        return logits
    warped = TemperatureLogitsWarper(temperature)(None, logits.flatten(0, 1))
    if top_k > 0:
        warped = TopKLogitsWarper(top_k)(None, warped)
    if top_p < 1:
        warped = TopPLogitsWarper(top_p)(None, warped)
    return warped.view_as(logits)


@pytest.fixture(scope="module")
def consulted(policy: Any, plain_base: Any, sampled: Sampled) -> Tensors:
    """What the base makes of the rollout that was sampled."""
    inputs = sampled.result["forward_inputs"]
    return consult(plain_base, policy, inputs, sampled.settings)


def test_embeddings_stand_for_their_tokens(
    proof: Proof, policy: Any, plain_base: Any, inputs: Tensors
) -> None:
    import torch

    with torch.no_grad():
        embeddings = policy.get_input_embeddings()(inputs["input_ids"][:, -30:])
        try:
            # Some bases scale them in place.
            expected = plain_base(inputs_embeds=embeddings.clone()).logits
        except (AttributeError, ValueError) as error:
            pytest.skip(f"{BASE} itself takes no embeddings: {error}")
        logits = policy(inputs_embeds=embeddings).logits
    proof.at_most(
        distance(logits, expected),
        NOISE,
        "inputs_embeds do not reach the base, or are scaled twice",
    )


def test_other_forward_passes_are_refused(
    proof: Proof, policy: Any, inputs: Tensors
) -> None:
    from rlinf.models.embodiment import base_policy

    kinds = base_policy.ForwardType
    accepted = []
    known = (kinds.DEFAULT, kinds.SFT)
    for kind in (it for it in kinds if it not in known):
        try:
            policy(forward_type=kind, forward_inputs=inputs)
        except NotImplementedError:
            continue
        accepted.append(kind.name)
    proof.equal(accepted, [], "another loss would train on what is not meant for it")


def test_action_tokens_are_the_highest_free_ones(
    proof: Proof, config: DictConfig, policy: Any, plain_base: Any
) -> None:
    processor = policy.input_processor
    tokenizer = getattr(processor, "tokenizer", processor)
    special = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    rows = len(plain_base.get_output_embeddings().weight)
    count = min(rows, policy.config.vocab_size)
    runs = (range(end - config.n_action_bins, end) for end in range(count, 0, -1))
    proof.equal(
        range(policy.first_action_token, policy.action_token_end),
        next(run for run in runs if special.isdisjoint(run)),
        "the vocabulary's offset is wrong, or special tokens stand for actions",
    )


def test_decoding_with_cache_is_the_full_forward(
    proof: Proof, policy: Any, inputs: Tensors
) -> None:
    import torch

    prompt = inputs["input_ids"][:, -30:]
    generated = policy.generate(
        prompt, attention_mask=torch.ones_like(prompt), do_sample=False, use_cache=True
    )
    with torch.no_grad():
        positions = torch.arange(generated.sequences.shape[1], device=prompt.device)
        logits = policy(
            input_ids=generated.sequences,
            position_ids=positions.repeat(len(prompt), 1),
        ).logits
    steps = torch.stack(generated.logits, dim=1)
    proof.at_most(
        distance(steps, logits[:, prompt.shape[1] - 1 : -1]),
        NOISE * 10,
        "the cache or the position ids are off by one while generating",
    )


def test_generate_is_that_of_the_base(
    proof: Proof, policy: Any, plain_base: Any, inputs: Tensors
) -> None:
    prompt = ask_base(inputs)
    ours, theirs = (
        model.generate(**prompt, do_sample=False).sequences
        for model in (policy, plain_base)
    )
    proof.equal(
        (ours != theirs).sum().item(),
        0,
        "forward hides a parameter that transformers reads from its signature",
    )


# Gradients


@pytest.fixture(scope="module")
def idle_modules(plain_base: Any, inputs: Tensors) -> set[str]:
    """The modules of the base whose weights have no part in what the policy reads."""
    plain_base(**ask_base(inputs), use_cache=False).logits.sum().backward()
    return {
        name.rpartition(".")[0]
        for name, parameter in plain_base.named_parameters()
        if parameter.grad is None
    }


def find_module(name: str) -> str:
    """Return which module of the base a parameter belongs to, or adapts."""
    module, adapts, _ = name.removeprefix("base_model.model.").partition(".lora_")
    return module if adapts else module.rpartition(".")[0]


def test_every_trainable_parameter_has_a_gradient(
    proof: Proof, trained_policy: Any, inputs: Tensors, idle_modules: set[str]
) -> None:
    gradients = compute_gradients(trained_policy, inputs)
    proof.equal(
        [
            name
            for name, gradient in gradients.items()
            if find_module(name) not in idle_modules
            and not is_read_past(trained_policy, name)
            and (gradient is None or not gradient.isfinite().all())
        ],
        [],
        "the loss does not reach them, or its gradient is no finite number",
    )


@pytest.mark.parametrize("output", ["logprobs", "entropy", "values"])
def test_each_output_trains_every_layer(
    proof: Proof,
    trained_policy: Any,
    inputs: Tensors,
    idle_modules: set[str],
    output: str,
) -> None:
    trained_policy.train()
    train_forward(trained_policy, inputs)[output].square().sum().backward()
    untrained = [
        name.removeprefix("base_model.model.")
        for name, layer in trained_policy.named_modules()
        if type(layer).__name__ in LAYERS
        and any(it.requires_grad for it in layer.parameters())
        and not any(it.grad is not None and it.grad.any() for it in layer.parameters())
    ]
    trained_policy.zero_grad()
    trained_policy.eval()
    proof.equal(
        [
            layer
            for layer in untrained
            if not any(idle.startswith(f"{layer}.") for idle in idle_modules)
        ],
        [],
        f"{output} is detached from the backbone, or adapters do not reach a layer",
    )


def test_gradient_is_finite_with_top_k(proof: Proof, policy: Any) -> None:
    _, result = roll_out(policy, **SAMPLING["all"])
    gradients = compute_gradients(policy, result["forward_inputs"])
    proof.equal(
        [
            name
            for name, gradient in gradients.items()
            if gradient is not None and not gradient.isfinite().all()
        ],
        [],
        "the entropy of bins that top_k drops is NaN: mask with a finite number",
    )


# Without arguments is how RLinf asks for what it calls reentrant.
CHECKPOINTING = {
    "as_rlinf_does": {},
    "non_reentrant": {"gradient_checkpointing_kwargs": {"use_reentrant": False}},
}


@pytest.mark.parametrize("arguments", CHECKPOINTING.values(), ids=CHECKPOINTING)
def test_gradient_checkpointing_keeps_the_gradients(
    proof: Proof, trained_policy: Any, inputs: Tensors, arguments: dict[str, Any]
) -> None:
    if not trained_policy.supports_gradient_checkpointing:
        pytest.skip(f"{BASE} has no gradient checkpointing")
    plain = compute_gradients(trained_policy, inputs)
    trained_policy.gradient_checkpointing_enable(**arguments)
    checkpointed = compute_gradients(trained_policy, inputs)
    trained_policy.gradient_checkpointing_disable()
    plain = {name: gradient for name, gradient in plain.items() if gradient is not None}
    lost = [name for name in plain if checkpointed[name] is None]
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


def test_lora_adapts_every_layer(
    proof: Proof, lora_policy: Any, config: DictConfig
) -> None:
    missing = len(missing_lora(lora_policy))
    if missing and not config.is_lora:
        pytest.skip(f"the LoRA targets of rlinf.models miss {missing} of the layers")
    proof.equal(
        missing,
        0,
        "the LoRA targets of rlinf.models do not name the base's linear layers",
    )


def test_value_head_has_no_adapters(proof: Proof, lora_policy: Any) -> None:
    names = lora_policy.state_dict()
    proof.equal(
        [name for name in names if re.search(r"value_head\..*lora_", name)],
        [],
        "the LoRA targets of rlinf.models name parts of the value head, too",
    )


def test_adapters_have_the_dtype_of_the_base(proof: Proof, lora_policy: Any) -> None:
    proof.equal(
        len({parameter.dtype for parameter in lora_policy.parameters()}),
        1,
        "FSDP2 shards only parameters of one dtype together",
    )


def test_merged_adapters_give_the_same_logprobs(
    proof: Proof, lora_policy: Any, inputs: Tensors
) -> None:
    import torch

    with torch.no_grad():  # what a base keeps of it can be copied
        before = train_forward(lora_policy, inputs)["logprobs"]
    merged = copy.deepcopy(lora_policy).merge_and_unload()
    head = lora_policy.get_output_embeddings()
    if is_tied(merged) and any("lora_" in name for name in head.state_dict()):
        pytest.skip("rlinf.models adapts lm_head, and merging would change embeddings")
    with torch.no_grad():
        after = train_forward(merged, inputs)["logprobs"]
    proof.at_most(
        distance(before, after) / max(1.0, before.abs().max().item()),
        NOISE,
        "adapters act on what is tied or shared, or are left out by merging",
    )


# FSDP


STRATEGIES = ("fsdp", "fsdp-orig_params", "fsdp2")


@dataclass(frozen=True)
class Case:
    """One way to train a policy under FSDP.

    Attributes:
        strategy: One of `STRATEGIES`; "fsdp" alone has flat parameters.
        trained: "all" parameters, adapters ("lora") and value head, or the "head" alone.
        checkpointing: Whether activations are computed anew for the gradient.
        value_head: Whether there is a value head.
    """

    strategy: str
    trained: str = "all"
    checkpointing: bool = False
    value_head: bool = True

    def __str__(self) -> str:
        words = {
            "lora": self.trained == "lora",
            "frozen_base": self.trained == "head",
            "checkpointing": self.checkpointing,
            "no_value_head": not self.value_head,
        }
        return "-".join([self.strategy, *(word for word, on in words.items() if on)])


CASES = [
    Case("fsdp"),
    Case("fsdp", trained="lora"),
    Case("fsdp", checkpointing=True, value_head=False),
    Case("fsdp-orig_params", checkpointing=True),
    Case("fsdp2"),
    Case("fsdp2", trained="lora", checkpointing=True),
    Case("fsdp2", trained="head"),
]
if FULL:
    CASES = [
        Case(*choice)
        for choice in itertools.product(
            STRATEGIES,
            ("all", "lora", "head"),
            (False, True),
            (True, False),
        )
        if choice[-1] or choice[1] != "head"
    ]


@pytest.fixture(scope="module")
def engine() -> Any:
    """The part of RLinf that says how FSDP wraps a model."""
    try:
        from rlinf.hybrid_engines.fsdp import utils
    except ImportError as error:
        pytest.fail(f"this checkout cannot wrap a model with FSDP: {error}")
    return utils


def require_fsdp(case: Case, world: World) -> None:
    """Skip what torch cannot do, by name."""
    import torch

    if case.strategy == "fsdp-orig_params" and world.size == 1:
        pytest.skip("FSDP1 shards nothing on one rank, nor gathers original parameters")
    is_on_cpu = case.strategy == "fsdp2" and world.device.type == "cpu"
    if is_on_cpu and not hasattr(torch.cpu.Stream, "record_event"):  # up to torch 2.6
        pytest.skip(f"torch {torch.__version__} has no FSDP2 on CPUs")


def shard(
    policy: Any, case: Case, world: World, engine: Any, param_dtype: Any = None
) -> Any:
    """Wrap a policy as RLinf's FSDP strategies do.

    Args:
        policy: On the device of this rank, with the same weights on all of them.
        case: How to train it.
        world: The ranks.
        engine: See the fixture.
        param_dtype: What parameters and inputs are cast to for computing, if anything.

    Returns:
        The wrapped policy.
    """
    import torch
    from omegaconf import OmegaConf
    from torch.distributed import fsdp
    from torch.distributed.device_mesh import init_device_mesh

    use_orig_params = case.strategy == "fsdp-orig_params"
    wrap_policy = {"transformer_layer_cls_to_wrap": LAYERS}
    config = OmegaConf.create(
        {"wrap_policy": wrap_policy, "use_orig_params": use_orig_params}
    )
    dtypes = {"param_dtype": param_dtype, "reduce_dtype": torch.float32}
    if case.strategy == "fsdp2":
        return engine.apply_fsdp2_to_model(
            module=policy,
            config=config,
            device_mesh=init_device_mesh(world.device.type, (world.size,)),
            mp_policy=fsdp.MixedPrecisionPolicy(**dtypes),
            offload_policy=fsdp.OffloadPolicy(),
            reshard_after_forward=True,
        )
    return fsdp.FullyShardedDataParallel(
        policy,
        auto_wrap_policy=engine.get_fsdp_wrap_policy(
            module=policy,
            config=config,
            is_lora=case.trained == "lora",
            model_type=MODEL_TYPE,
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


def find_units(model: Any) -> dict[str, type]:
    """Return the class of each FSDP unit by its name; the root's is empty."""
    from torch.distributed.fsdp import FSDPModule, FullyShardedDataParallel

    units: dict[str, type] = {}
    for path, part in model.named_modules():
        name = ".".join(it for it in path.split(".") if it != "_fsdp_wrapped_module")
        if isinstance(part, FullyShardedDataParallel):
            units[name] = type(part.module)
        elif isinstance(part, FSDPModule):  # a subclass that is made while wrapping
            kinds = type(part).__mro__
            units[name] = kinds[kinds.index(FSDPModule) + 1]
    return units


def arrange_units(units: dict[str, type], sizes: dict[str, int]) -> dict[str, Any]:
    """Return FSDP units as a tree, each with the elements that it holds itself.

    Args:
        units: See `find_units`.
        sizes: Elements of each parameter by its name.
    """

    def owner(name: str) -> str:
        above = [it for it in units if not it or name.startswith(f"{it}.")]
        return max((it for it in above if it != name), key=len)

    tree: dict[str, dict[str, Any]] = {
        name: {"name": name, "kind": kind.__name__, "own": 0, "children": []}
        for name, kind in units.items()
    }
    for name, size in sizes.items():
        tree[owner(name)]["own"] += size
    for name in sorted(tree, key=len, reverse=True):
        node = tree[name]
        node["total"] = node["own"] + sum(child["total"] for child in node["children"])
        if name:
            tree[owner(name)]["children"].insert(0, node)
    return tree[""]


def local_size(model: Any) -> int:
    """Return how many elements of the parameters this rank holds."""
    return sum(
        getattr(parameter, "_local_tensor", parameter).numel()
        for parameter in model.parameters()
    )


def share_of(parameter: torch.Tensor, world: World) -> int:
    """Return how many elements of a parameter a rank holds at most, in whole rows."""
    rows = len(parameter) if parameter.ndim else 1
    return -(-rows // world.size) * (parameter.numel() // rows)


def everywhere(world: World, value: object) -> list[Any]:
    """Return what each rank has for a value."""
    values: list[Any] = [None] * world.size
    _distributed().all_gather_object(values, value)
    return values


def peak_memory(device: torch.device) -> int:
    """Return the most bytes that this process has held so far, on a GPU or in all."""
    import resource

    import torch

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes * (1 if sys.platform == "darwin" else 1024)


def load_case(load: Callable[..., Any], case: Case) -> Any:
    """Return a policy of which that part is trainable which the case says."""
    policy = load(case.trained == "lora", add_value_head=case.value_head)
    if case.trained == "head":
        for name, parameter in policy.named_parameters():
            parameter.requires_grad_(name.startswith("value_head."))
    return policy


def roll_out_for(policy: Any, world: World, **kwargs: Any) -> Tensors:
    """Return a batch of which each rank has `BATCH_PER_RANK` rows, the same on all."""
    tasks = [TASKS[i % len(TASKS)] for i in range(BATCH_PER_RANK * world.size)]
    return roll_out(policy, tasks, **kwargs)[1]["forward_inputs"]


def rows_of(world: World) -> slice:
    """Return the rows of a batch that belong to this rank."""
    return slice(world.rank * BATCH_PER_RANK, (world.rank + 1) * BATCH_PER_RANK)


def descend(model: Any) -> Tensors:
    """Return how much a step of size 1 lowers each parameter: its whole gradient."""
    import torch

    start = gather(model)
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    return {name: start[name] - tensor for name, tensor in gather(model).items()}


def part_of(measured: Any, expected: Any) -> float:
    """Return the greatest difference, of large gradients in parts of the largest."""
    return distance(measured, expected) / max(1.0, expected.abs().max().item())


def differing(left: Tensors, right: Tensors) -> set[str]:
    """Return the names of the tensors that differ."""
    import torch

    return {name for name in left if not torch.equal(left[name], right[name])}


@dataclass(frozen=True)
class Training:
    """What FSDP did with a batch, next to what one process does with it.

    Attributes:
        strategy: The case's name.
        units: FSDP units as a tree, see `arrange_units`.
        layer_units: Layers that are FSDP units of their own, of how many.
        largest_shard: What the fullest rank holds, in parts of what it has to.
        peak_memory: The most bytes that each rank has held until then.
        loss_error: Difference of the losses.
        gradient_errors: Difference of the gradient of each trainable parameter.
        moved_by_nothing: Parameters that a step of learning rate 0 changed.
        stuck: Parameters with a gradient that a step of learning rate 1 left as they were.
        drifted: Frozen parameters that it changed.
        reload_error: Difference of outputs after loading the gathered state elsewhere.
    """

    strategy: str
    units: dict[str, Any]
    layer_units: tuple[int, int]
    largest_shard: float
    peak_memory: list[int]
    loss_error: float
    gradient_errors: dict[str, float]
    moved_by_nothing: set[str]
    stuck: set[str]
    drifted: set[str]
    reload_error: float


@pytest.fixture(scope="module", params=CASES, ids=str)
def training(
    request: pytest.FixtureRequest, load: Callable[..., Any], engine: Any, world: World
) -> Training:
    """One training step on all ranks, each with its part of the batch."""
    import torch

    case = request.param
    require_fsdp(case, world)
    scale = world.gradient_scale(case.strategy)
    if case.trained == "lora":
        request.getfixturevalue("lora_policy")
    policy = load_case(load, case)
    batch = roll_out_for(policy, world)
    advantages = make_advantages(batch)
    expected_gradients = {
        name: gradient
        for name, gradient in compute_gradients(policy, batch).items()
        if gradient is not None
    }
    policy.train()
    expected_loss = compute_loss(policy, batch, advantages).item()
    sizes = {name: it.numel() for name, it in policy.named_parameters()}
    fair = sum(share_of(it, world) for it in policy.parameters())
    expected_units = len(layers(policy)) or 1
    if case.checkpointing and policy.supports_gradient_checkpointing:
        policy.gradient_checkpointing_enable()

    model = shard(policy, case, world, engine)
    units = find_units(model)
    shards = everywhere(world, local_size(model))
    part = take_rows(batch, rows_of(world))
    loss = compute_loss(model, part, advantages[rows_of(world)])
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

    fresh = load_case(load, case)
    fresh.load_state_dict(end, strict=True)
    with torch.no_grad():
        ours, theirs = (train_forward(it, part) for it in (model.eval(), fresh))
    return Training(
        strategy=str(case),
        units=arrange_units(units, sizes),
        layer_units=(
            sum(
                any(base.__name__ in LAYERS for base in kind.__mro__)
                for kind in units.values()
            ),
            expected_units,
        ),
        largest_shard=max(shards) / fair,
        peak_memory=everywhere(world, peak_memory(world.device)),
        loss_error=abs(mean_loss.item() / world.size - expected_loss),
        gradient_errors={
            name: part_of(start[name] - end[name], gradient * scale)
            for name, gradient in expected_gradients.items()
        },
        moved_by_nothing=differing(start, unmoved),
        stuck={
            name
            for name, gradient in expected_gradients.items()
            if gradient.abs().max() > 1e-6
        }
        - differing(start, end),
        drifted=(sizes.keys() - expected_gradients.keys()) & differing(start, end),
        reload_error=max(
            distance(ours[key], theirs[key]) for key in ours if ours[key] is not None
        ),
    )


def test_each_layer_is_a_unit(proof: Proof, training: Training) -> None:
    proof.show("units", strategy=training.strategy, tree=training.units)
    units, layer_count = training.layer_units
    proof.equal(
        units,
        layer_count,
        "transformer_layer_cls_to_wrap does not name the class of the base's layers",
    )


def test_parameters_are_sharded_evenly(
    proof: Proof, training: Training, world: World
) -> None:
    proof.show(
        "memory",
        ranks=[
            {"rank": rank, "device": world.device.type, "peak_bytes": peak}
            for rank, peak in enumerate(training.peak_memory)
        ],
    )
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


@pytest.fixture(scope="module")
def parameter_orders(load: Callable[..., Any], world: World) -> list[list[str]]:
    """The names of parameters and buffers on each rank, in their order there."""
    policy = load()
    named = [*policy.named_parameters(), *policy.named_buffers()]
    return everywhere(world, [name for name, _ in named])


def test_ranks_agree_on_the_order_of_parameters(
    proof: Proof, parameter_orders: list[list[str]], world: World
) -> None:
    from importlib.metadata import version
    from importlib.util import find_spec

    packages = filter(find_spec, ("torch", "transformers", "peft", "ray"))
    proof.show(
        "world",
        backend=_distributed().get_backend(),
        size=world.size,
        device=world.device.type,
        versions={package: version(package) for package in packages},
    )
    proof.equal(
        [rank for rank, it in enumerate(parameter_orders) if it != parameter_orders[0]],
        [],
        "modules are made in the order of a set: ranks would wait for each other's "
        "collectives for ever",
    )


ENGINES = [Case("fsdp-orig_params"), Case("fsdp2")]


@pytest.fixture(scope="module", params=ENGINES, ids=str)
def accumulation_errors(
    request: pytest.FixtureRequest, load: Callable[..., Any], engine: Any, world: World
) -> dict[str, float]:
    """Difference that micro-batches make to the gradient of each parameter."""
    require_fsdp(request.param, world)
    scale = world.gradient_scale(request.param.strategy)
    policy = load()
    batch = roll_out_for(policy, world)
    advantages = make_advantages(batch)
    expected = compute_gradients(policy, batch)
    model = shard(policy.train(), request.param, world, engine)
    rows = range(len(advantages))[rows_of(world)]
    for row in rows:
        with communicating(model, row == rows[-1]):
            part = take_rows(batch, [row])
            loss = compute_loss(model, part, advantages[[row]]) / len(rows)
            loss.backward()
    gradients = descend(model)
    return {
        name: part_of(gradients[name], gradient * scale)
        for name, gradient in expected.items()
        if gradient is not None
    }


def communicating(model: Any, is_last: bool) -> AbstractContextManager[None]:
    """Return a context that reduces gradients after the last micro-batch alone."""
    from torch.distributed.fsdp import FullyShardedDataParallel

    if not isinstance(model, FullyShardedDataParallel):
        model.set_requires_gradient_sync(is_last)
        return nullcontext()
    return nullcontext() if is_last else model.no_sync()


def test_micro_batches_add_up_to_the_batch(
    proof: Proof, accumulation_errors: dict[str, float]
) -> None:
    proof.at_most(
        max(accumulation_errors.values()),
        NOISE,
        f"worst in {max(accumulation_errors, key=accumulation_errors.get)}: a sample's "
        "outputs depend on its batch, or forward keeps something between two calls",
    )


@pytest.fixture(scope="module", params=ENGINES, ids=str)
def actor_only(
    request: pytest.FixtureRequest, load: Callable[..., Any], engine: Any, world: World
) -> set[str]:
    """The parameters that a step moves when the loss does not look at values."""
    require_fsdp(request.param, world)
    policy = load()
    batch = roll_out_for(policy, world)
    model = shard(policy.train(), request.param, world, engine)
    part = take_rows(batch, rows_of(world))
    train_forward(model, part)["logprobs"].mean().backward()
    return {name for name, moved in descend(model).items() if moved.any()}


def test_critic_free_training_leaves_the_value_head(
    proof: Proof, actor_only: set[str]
) -> None:
    moved = {"value_head" in name for name in actor_only}
    proof.equal(
        moved, {False}, "log-probabilities depend on the value head, or on no weight"
    )


@pytest.fixture(scope="module", params=ENGINES, ids=str)
def resumption_error(
    request: pytest.FixtureRequest,
    load: Callable[..., Any],
    engine: Any,
    world: World,
    tmp_path_factory: pytest.TempPathFactory,
) -> float:
    """Difference that saving, and loading elsewhere, makes to the step after it."""
    import torch
    from torch.distributed import checkpoint
    from torch.distributed.checkpoint.state_dict import (
        StateDictOptions,
        get_state_dict,
        set_state_dict,
    )

    require_fsdp(request.param, world)
    batch = roll_out_for(load(), world)
    part, rows = take_rows(batch, rows_of(world)), rows_of(world)
    folder = everywhere(world, str(tmp_path_factory.mktemp("resumed")))[0]
    # FSDP1 leaves groups of the optimizer empty, which have no key of their own else.
    options = StateDictOptions(flatten_optimizer_state_dict=True)

    def begin() -> tuple[Any, Any]:
        model = shard(load().train(), request.param, world, engine)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
        # Otherwise the optimizer has no state of parameters that get no gradient.
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        optimizer.zero_grad()
        return model, optimizer

    def train(model: Any, optimizer: Any) -> None:
        compute_loss(model, part, make_advantages(batch)[rows]).backward()
        optimizer.step()
        optimizer.zero_grad()

    def state_of(model: Any, optimizer: Any) -> dict[str, Any]:
        states = get_state_dict(model, optimizer, options=options)
        return dict(zip(("model", "optimizer"), states))

    first, resumed = begin(), begin()
    train(*first)
    checkpoint.save(state_of(*first), checkpoint_id=folder)
    train(*first)
    state = state_of(*resumed)
    checkpoint.load(state, checkpoint_id=folder)
    set_state_dict(
        *resumed,
        model_state_dict=state["model"],
        optim_state_dict=state["optimizer"],
        options=options,
    )
    train(*resumed)
    ends = [gather(model) for model, _ in (first, resumed)]
    return max(distance(ends[0][name], ends[1][name]) for name in ends[0])


def test_training_resumes_where_it_was_saved(
    proof: Proof, resumption_error: float
) -> None:
    proof.at_most(
        resumption_error,
        1e-6,
        "a part of the state, such as a tensor that is no parameter, is not saved",
    )


@dataclass(frozen=True)
class MixedPrecision:
    """What training in bfloat16 makes of a rollout in float32.

    Attributes:
        logprobs_dtype: Dtype of the log-probabilities.
        logprobs_error: Their mean distance to those of the rollout.
        gradient_cosine: Cosine of the angle between the gradient and that of float32.
        stored_dtypes: Dtypes of the parameters that the optimizer steps.
    """

    logprobs_dtype: str
    logprobs_error: float
    gradient_cosine: float
    stored_dtypes: set[str]


@contextmanager
def as_the_base_can(
    plain_base: Any, inputs: Tensors, case: Case, world: World, engine: Any
) -> Iterator[None]:
    """Skip what fails where the base itself computes nothing in bfloat16 under FSDP."""
    import torch

    try:
        yield
    except RuntimeError as error:  # on all ranks alike
        alone = shard(copy.deepcopy(plain_base), case, world, engine, torch.bfloat16)
        if is_refused(alone, "type", RuntimeError, **ask_base(inputs)):
            pytest.skip(f"{BASE} itself computes nothing in bfloat16: {error}")
        raise


@pytest.fixture(scope="module", params=ENGINES, ids=str)
def mixed_precision(
    request: pytest.FixtureRequest,
    load: Callable[..., Any],
    plain_base: Any,
    inputs: Tensors,
    engine: Any,
    world: World,
) -> MixedPrecision:
    """Train in bfloat16 what was sampled in float32.

    FSDP casts floating point inputs too, and a temperature would become another one.
    """
    import torch

    require_fsdp(request.param, world)
    policy = load()
    _, result = roll_out(policy, **SAMPLING["all"])
    batch = result["forward_inputs"]
    expected = compute_gradients(policy, batch)
    model = shard(policy.train(), request.param, world, engine, torch.bfloat16)
    with as_the_base_can(plain_base, inputs, request.param, world, engine):
        outputs = train_forward(model, batch)
    combine(outputs, make_advantages(batch)).backward()
    stored = {str(parameter.dtype) for parameter in model.parameters()}
    gradients = descend(model)
    names = [name for name, gradient in expected.items() if gradient is not None]
    ours, theirs = (
        torch.cat([it[name].flatten() for name in names])
        for it in (gradients, expected)
    )
    logprobs = outputs["logprobs"].detach()
    error = (logprobs - result["prev_logprobs"]).abs().mean().item()
    return MixedPrecision(
        logprobs_dtype=str(logprobs.dtype),
        logprobs_error=world.maximum(error),
        gradient_cosine=torch.cosine_similarity(ours, theirs, dim=0).item(),
        stored_dtypes=stored,
    )


def test_logprobs_are_float32_in_mixed_precision(
    proof: Proof, mixed_precision: MixedPrecision
) -> None:
    proof.equal(
        mixed_precision.logprobs_dtype,
        "torch.float32",
        "logits are not cast before log_softmax",
    )


def test_logprobs_hold_in_mixed_precision(
    proof: Proof, mixed_precision: MixedPrecision
) -> None:
    proof.at_most(
        mixed_precision.logprobs_error,
        BFLOAT16_NOISE,
        "sampling parameters reach the model in bfloat16, or NaN does",
    )


def test_gradients_hold_in_mixed_precision(
    proof: Proof, mixed_precision: MixedPrecision
) -> None:
    proof.at_least(
        mixed_precision.gradient_cosine,
        0.99,  # tiny models measure 0.999
        "a part of the loss is computed in bfloat16 that needs float32",
    )


def test_weights_stay_float32_in_mixed_precision(
    proof: Proof, mixed_precision: MixedPrecision
) -> None:
    proof.equal(
        mixed_precision.stored_dtypes,
        {"torch.float32"},
        "the optimizer steps weights in bfloat16, where small steps are lost",
    )


# It learns


# Rewards are 1 at the target and fall with the distance from it, on the scale of -1 to 1.
# Targets differ between the two instructions, so that who ignores these gets 0.5 at best.
TARGETS = (-0.5, 0.5)
RANDOM_REWARD = 0.375
GOAL = 0.75
MOST_UPDATES = 80
EPOCHS = 2
SAMPLES_PER_INSTRUCTION = 16
SEED = int(os.environ.get("SMOKE_SEED", "0"))
LEARNERS = {"ppo": Case("fsdp"), "grpo": Case("fsdp2")}


@pytest.fixture(scope="module")
def losses() -> Any:
    """RLinf's losses and advantages, by name."""
    from importlib.util import find_spec

    module = "rlinf.algorithms.registry"
    if find_spec("rlinf.algorithms") is None or find_spec(module) is None:
        pytest.skip(f"this checkout has no {module}")
    from rlinf.algorithms import registry

    for name in ("policy_loss", "calculate_adv_and_returns"):
        if not hasattr(registry, name):
            pytest.skip(f"{module} has no {name}")
    return registry


def instruct(device: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return prompts, shape [B, L], and the target of each, shape [B]."""
    import torch

    instruction = torch.arange(len(TARGETS)).repeat_interleave(SAMPLES_PER_INSTRUCTION)
    # Tokens before the instruction are all different, so that no expert is left out.
    prompts = 7 + torch.arange(len(instruction) * 7).reshape(-1, 7) % 80
    prompts = torch.cat([prompts, 5 + instruction[:, None]], dim=1)
    return prompts.to(device), torch.tensor(TARGETS)[instruction]


def evaluate(losses: Any, algorithm: str, rewards: Any, values: Any) -> Tensors:
    """Return what a loss needs besides log-probabilities, for episodes of one step.

    Args:
        losses: See the fixture.
        algorithm: One of `LEARNERS`.
        rewards: Reward of each chunk of actions, shape [B, 1].
        values: Value of each observation, shape [B, 1].

    Returns:
        Advantages and, with a critic, returns, shape [B, 1], and the mask of all.
    """
    import torch

    mask = torch.ones(1, *rewards.shape, dtype=torch.bool)
    evaluated = losses.calculate_adv_and_returns(
        task_type="embodied",
        adv_type="gae" if algorithm == "ppo" else "grpo",
        reward_type="chunk_level",
        rewards=rewards[None],
        dones=torch.cat([~mask, mask]),
        values=torch.stack([values, torch.zeros_like(values)]),
        loss_mask=mask,
        loss_mask_sum=None,
        group_size=SAMPLES_PER_INSTRUCTION,
        gamma=1.0,
        gae_lambda=1.0,
        normalize_advantages=True,
    )
    evaluated = {key: tensor[0] for key, tensor in evaluated.items()}
    return {**evaluated, "loss_mask": mask[0], "prev_values": values}


def compute_policy_loss(
    model: Any, losses: Any, algorithm: str, batch: dict[str, Any]
) -> torch.Tensor:
    """Return RLinf's loss of a rollout that has been evaluated."""
    outputs = train_forward(model, batch["forward_inputs"])
    loss, _ = losses.policy_loss(
        task_type="embodied",
        loss_type="actor_critic" if algorithm == "ppo" else "actor",
        logprob_type="token_level",
        reward_type="chunk_level",
        single_action_dim=batch["action_dim"],
        logprobs=outputs["logprobs"],
        values=outputs["values"],
        old_logprobs=batch["prev_logprobs"],
        **batch["evaluated"],
        loss_mask_sum=None,
        max_episode_steps=None,
        clip_ratio_low=0.2,
        clip_ratio_high=0.2,
        value_clip=0.2,
        huber_delta=10.0,
        critic_warmup=False,
    )
    return loss


@pytest.fixture(scope="module", params=LEARNERS)
def learning(
    request: pytest.FixtureRequest,
    load: Callable[..., Any],
    engine: Any,
    losses: Any,
    world: World,
) -> tuple[str, list[float]]:
    """The mean reward of each rollout while a policy learns to do as it is told.

    As in RLinf, one policy acts and another one, sharded, is trained; the first gets the
    weights of the second after each update.
    """
    import torch

    algorithm, case = request.param, LEARNERS[request.param]
    require_fsdp(case, world)
    acting, trained = (load(add_value_head=algorithm == "ppo") for _ in range(2))
    model = shard(trained, case, world, engine)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    prompts, targets = instruct(world.device)
    torch.manual_seed(SEED * world.size + world.rank)
    curve: list[float] = []
    for _ in range(MOST_UPDATES):
        actions, result = answer(acting, prompts, mode="train")
        misses = torch.as_tensor(normalize(actions)).sub(targets[:, None, None]).abs()
        rewards = 1 - misses.mean(dim=(1, 2), dtype=torch.float32)[:, None]
        mean = rewards.mean().to(world.device)
        _distributed().all_reduce(mean)
        curve.append(mean.item() / world.size)
        if not curve[-1] < GOAL:
            break
        evaluated = evaluate(losses, algorithm, rewards, result["prev_values"].cpu())
        batch = {
            **result,
            "action_dim": actions.shape[-1],
            "evaluated": {key: it.to(world.device) for key, it in evaluated.items()},
        }
        for _ in range(EPOCHS):
            optimizer.zero_grad()
            loss = compute_policy_loss(model, losses, algorithm, batch)
            if not loss.requires_grad:
                return algorithm, curve
            loss.backward()
            optimizer.step()
        acting.load_state_dict(gather(model), strict=True)
    return algorithm, curve


def test_learns_to_do_as_it_is_told(
    proof: Proof, learning: tuple[str, list[float]]
) -> None:
    algorithm, curve = learning
    proof.show(
        "curve", algorithm=algorithm, rewards=curve, bound=GOAL, random=RANDOM_REWARD
    )
    proof.at_least(
        curve[-1],
        GOAL,
        "log-probabilities are detached or have the wrong sign, or the policy that acts "
        "does not get the weights of the one that is trained",
    )


# It learns from demonstrations


# Two instructions that ask for opposite actions: who ignores them misses by 0.5 or more.
SHOWN = {"Pick up the red cup": -0.5, "Push the plate": 0.5}
NEAR = 0.125
MOST_LESSONS = 100
REPEATS = 1
SHOWN_CASES = [Case("fsdp"), Case("fsdp2")]


def denormalize(actions: Any) -> Any:
    """Return actions, shape [..., action_dim], from the scale of -1 to 1 as float32."""
    import numpy as np

    statistics = make_statistics(actions.shape[-1])
    low, high, mask = (np.array(statistics[key]) for key in ("q01", "q99", "mask"))
    scaled = np.where(mask, (actions + 1) / 2 * (high - low) + low, actions)
    return scaled.astype(np.float32)


def demonstrate(config: DictConfig, tasks: list[str], seed: int = 0) -> dict[str, Any]:
    """Return observations of these tasks and random actions, as loaders hand them over."""
    import numpy as np

    shape = (len(tasks), config.num_action_chunks, config.action_dim)
    drawn = np.random.default_rng(seed).uniform(-1, 1, shape)
    return {
        **{key: np.asarray(it) for key, it in observe(tasks).items()},
        "task_descriptions": tasks,
        "actions": denormalize(drawn),
        "action_is_pad": np.zeros(shape[:2], dtype=bool),
    }


def compute_sft_loss(model: Any, data: dict[str, Any]) -> torch.Tensor:
    """Return the loss of demonstrations, asked for as the SFT worker does."""
    from rlinf.models.embodiment.base_policy import ForwardType

    return model(forward_type=ForwardType.SFT, data=data)


def measure_sft_loss(policy: Any, data: dict[str, Any]) -> float:
    """Return the loss of demonstrations as a number, and draw the same noise for it."""
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        return compute_sft_loss(policy, data).item()


@pytest.fixture(scope="module")
def shown(config: DictConfig) -> dict[str, Any]:
    """Demonstrations, of which one ends within its chunk."""
    data = demonstrate(config, TASKS)
    data["action_is_pad"][1, config.num_action_chunks // 2 :] = True
    data["action_is_pad"][:, 0] = False
    return data


def test_sft_loss_is_a_number(proof: Proof, policy: Any, shown: dict[str, Any]) -> None:
    proof.equal(
        describe(compute_sft_loss(policy, shown)),
        ("float32", ()),
        "RLinf takes a scalar, whose small changes float32 can hold",
    )


def test_steps_after_the_end_are_not_scored(
    proof: Proof, policy: Any, config: DictConfig, shown: dict[str, Any]
) -> None:
    padded = shown["action_is_pad"][..., None]
    if not padded.any():
        pytest.skip("a chunk of one step cannot be cut")
    others = demonstrate(config, TASKS, seed=1)["actions"]
    changed = {**shown, "actions": (~padded * shown["actions"]) + (padded * others)}
    losses = [measure_sft_loss(policy, data) for data in (shown, changed)]
    proof.at_most(
        abs(losses[0] - losses[1]),
        NOISE,
        "action_is_pad is ignored: actions that nobody took are learned",
    )


def test_every_other_step_is_scored(
    proof: Proof, policy: Any, config: DictConfig, shown: dict[str, Any]
) -> None:
    others = demonstrate(config, TASKS, seed=1)["actions"]
    loss, unscored = measure_sft_loss(policy, shown), []
    for index in zip(*(~shown["action_is_pad"]).nonzero()):
        for number in range(config.action_dim):
            actions = shown["actions"].copy()
            actions[index][number] = others[index][number]
            if measure_sft_loss(policy, {**shown, "actions": actions}) == loss:
                unscored.append((*map(int, index), number))
    proof.equal(unscored, [], "numbers are left out, or only some of them are learned")


def test_sft_loss_reads_the_instruction(
    proof: Proof, policy: Any, config: DictConfig
) -> None:
    first, second = (
        demonstrate(config, [f"Pick up the {noun}"]) for noun in ("cup", "bowl")
    )
    losses = [measure_sft_loss(policy, data) for data in (first, second)]
    proof.at_least(
        abs(losses[0] - losses[1]),
        1e-4,
        "the instruction does not reach the model in training, or not as in rollouts",
    )


def test_rounded_actions_are_refused(
    proof: Proof, policy: Any, shown: dict[str, Any]
) -> None:
    import torch

    actions = torch.as_tensor(shown["actions"]).bfloat16()
    proof.equal(
        is_refused(
            compute_sft_loss,
            "array",
            model=policy,
            data={**shown, "actions": actions},
        ),
        True,
        "actions that FSDP has cast to bfloat16 are learned as if they were exact",
    )


def test_actions_of_another_chunk_are_refused(
    proof: Proof, policy: Any, shown: dict[str, Any]
) -> None:
    longer = shown["actions"].repeat(2, axis=1)
    proof.equal(
        is_refused(
            compute_sft_loss, "chunks", model=policy, data={**shown, "actions": longer}
        ),
        True,
        "a part of the actions is dropped without a word",
    )


def test_sft_trains_every_layer(
    proof: Proof,
    trained_policy: Any,
    shown: dict[str, Any],
    idle_modules: set[str],
) -> None:
    trained_policy.train()
    compute_sft_loss(trained_policy, shown).backward()
    untrained = [
        name.removeprefix("base_model.model.")
        for name, layer in trained_policy.named_modules()
        if type(layer).__name__ in LAYERS
        and any(it.requires_grad for it in layer.parameters())
        and not any(it.grad is not None and it.grad.any() for it in layer.parameters())
    ]
    trained_policy.zero_grad()
    trained_policy.eval()
    proof.equal(
        [
            layer
            for layer in untrained
            if not any(idle.startswith(f"{layer}.") for idle in idle_modules)
        ],
        [],
        "the loss is detached from the backbone, or adapters do not reach a layer",
    )


@pytest.fixture(scope="module")
def lessons(load: Callable[..., Any], config: DictConfig) -> list[float]:
    """How far actions are from those that are shown, while a policy learns these."""
    import numpy as np
    import torch

    policy = load(add_value_head=False)
    one = demonstrate(config, ["go"])
    shape = (1, config.num_action_chunks, config.action_dim)
    tasks = [*SHOWN] * REPEATS
    targets = np.concatenate([np.full(shape, SHOWN[task]) for task in tasks])
    data = {key: np.repeat(it, len(tasks), axis=0) for key, it in one.items()}
    data |= {"task_descriptions": tasks, "actions": denormalize(targets)}
    seen = {key: data[key] for key in observe(["go"])}
    optimizer = torch.optim.AdamW(policy.parameters(), lr=3e-3)
    misses: list[float] = []
    for lesson in range(MOST_LESSONS):
        if lesson % 10 == 0:
            policy.eval()
            torch.manual_seed(0)
            actions, _ = policy.predict_action_batch(env_obs=seen, mode="eval")
            misses.append(float(abs(normalize(actions) - targets).mean()))
            if not misses[-1] > NEAR:
                break
            policy.train()
        optimizer.zero_grad()
        loss = compute_sft_loss(policy, data)
        if not loss.requires_grad:
            break
        loss.backward()
        optimizer.step()
    return misses


def test_does_what_it_was_shown(proof: Proof, lessons: list[float]) -> None:
    proof.at_most(
        lessons[-1],
        NEAR,
        "demonstrated actions are not scored on the scale that rollouts have them on, "
        "or not for the instruction that they belong to",
    )


def test_sft_loss_is_that_of_the_base(
    proof: Proof, policy: Any, plain_base: Any, shown: dict[str, Any]
) -> None:
    import torch

    actions = torch.as_tensor(normalize(shown["actions"]))
    bins = ((actions + 1) / 2 * policy.n_action_bins).long()
    tokens = policy.action_token_end - 1 - bins.clamp(max=policy.n_action_bins - 1)
    prompts = roll_out(policy)[1]["forward_inputs"]  # of the same observations
    inputs = {**prompts, "action_tokens": tokens.to(policy.device)}
    logprobs = consult(plain_base, policy, inputs, {})["logprobs"].cpu()
    is_scored = ~torch.as_tensor(shown["action_is_pad"])
    expected = -logprobs.reshape(actions.shape)[is_scored].mean().item()
    proof.at_most(
        abs(measure_sft_loss(policy, shown) - expected),
        NOISE,
        "actions get other tokens than they are decoded from, padding is scored, or "
        "prompts are not those of a rollout",
    )


def test_sft_loss_of_a_batch_is_that_of_its_samples(
    proof: Proof, policy: Any, config: DictConfig
) -> None:
    data = demonstrate(config, TASKS)
    alone = [
        measure_sft_loss(policy, {key: it[row : row + 1] for key, it in data.items()})
        for row in range(len(TASKS))
    ]
    proof.at_most(
        abs(measure_sft_loss(policy, data) - sum(alone) / len(alone)),
        NOISE,
        "samples are mixed, or the loss is a sum that depends on the size of the batch",
    )


def encode(policy: Any, actions: Any) -> Any:
    """Return the tokens that a policy learns actions as, on the CPU."""
    return policy._encode_actions(policy._normalize_actions(actions))


def test_every_bin_is_learned_as_the_token_it_came_from(
    proof: Proof, policy: Any, every_bin: EveryBin
) -> None:
    tokens = every_bin.tokens.cpu().numpy()[:, None]
    proof.equal(
        int((encode(policy, every_bin.actions) != tokens).sum()),
        0,
        "encoding is not the inverse of decoding: in all bins, or at their edges",
    )


def test_what_lies_outside_is_learned_as_the_outermost_bins(
    proof: Proof, policy: Any, config: DictConfig
) -> None:
    import numpy as np

    lowest, highest = policy.action_token_end - 1, policy.first_action_token
    edges = {-1.5: lowest, -1.0: lowest, 1.0: highest, 1.5: highest}
    rows = np.array([*edges])[:, None].repeat(config.action_dim, axis=1)
    learned = encode(policy, denormalize(rows))
    proof.equal(
        learned.tolist(),
        [[token] * config.action_dim for token in edges.values()],
        "an action on the bounds, or beyond, becomes a token that stands for none",
    )


def test_learned_actions_are_the_nearest_that_tokens_have(
    proof: Proof, policy: Any, config: DictConfig
) -> None:
    import torch

    actions = demonstrate(config, TASKS * 16)["actions"]
    tokens = torch.from_numpy(encode(policy, actions))
    misses = abs(normalize(policy._decode_actions(tokens)) - normalize(actions))
    proof.at_most(
        misses.max() * policy.n_action_bins / 2,
        0.5 + 1e-3,  # of a bin
        "numbers are rounded to a bin beside their own",
    )


@dataclass(frozen=True)
class Shown:
    """What FSDP did with demonstrations, next to what one process does with them.

    Attributes:
        loss_error: Difference of the losses.
        gradient_error: Greatest difference of the gradients.
        rounded_loss_error: Difference of the losses where FSDP computes in bfloat16.
    """

    loss_error: float
    gradient_error: float
    rounded_loss_error: float


@pytest.fixture(scope="module", params=SHOWN_CASES, ids=str)
def shown_shards(
    request: pytest.FixtureRequest,
    load: Callable[..., Any],
    config: DictConfig,
    plain_base: Any,
    inputs: Tensors,
    engine: Any,
    world: World,
) -> Shown:
    """One training step of all ranks, each with its part of the demonstrations."""
    import torch

    case = request.param
    require_fsdp(case, world)
    tasks = [TASKS[i % len(TASKS)] for i in range(BATCH_PER_RANK * world.size)]
    data = demonstrate(config, tasks)
    part = {key: it[rows_of(world)] for key, it in data.items()}

    def ask(model: Any) -> Any:
        torch.manual_seed(world.rank)
        loss = compute_sft_loss(model, part)
        mean = loss.detach().clone()
        _distributed().all_reduce(mean)
        return loss, mean.item() / world.size

    policy = load(add_value_head=False)
    policy.train()
    expected, gradients = 0.0, {}
    for rank in range(world.size):
        rows = slice(rank * BATCH_PER_RANK, (rank + 1) * BATCH_PER_RANK)
        torch.manual_seed(rank)
        loss = compute_sft_loss(policy, {key: it[rows] for key, it in data.items()})
        (loss / world.size).backward()
        expected += loss.item() / world.size
    for name, parameter in policy.named_parameters():
        if parameter.grad is not None:
            gradients[name] = parameter.grad.clone()
    policy.zero_grad()
    rounded = load(add_value_head=False)

    model = shard(policy, case, world, engine)
    loss, mean = ask(model)
    loss.backward()
    steps = descend(model)
    rounded = shard(rounded, case, world, engine, param_dtype=torch.bfloat16)
    with as_the_base_can(plain_base, inputs, case, world, engine):
        _, rounded_loss = ask(rounded)
    scale = world.gradient_scale(case.strategy)
    return Shown(
        loss_error=abs(mean - expected),
        gradient_error=max(
            distance(steps[name], gradient * scale)
            for name, gradient in gradients.items()
        ),
        rounded_loss_error=abs(rounded_loss - expected),
    )


def test_sft_loss_is_that_of_one_process(proof: Proof, shown_shards: Shown) -> None:
    proof.at_most(
        shown_shards.loss_error, NOISE, "ranks share no weights, or other data"
    )


def test_sft_gradients_are_those_of_one_process(
    proof: Proof, shown_shards: Shown
) -> None:
    proof.at_most(
        shown_shards.gradient_error,
        10 * NOISE,
        "the loss goes around the forward pass that FSDP gathers weights for",
    )


def test_sft_loss_survives_bfloat16(proof: Proof, shown_shards: Shown) -> None:
    proof.at_most(
        shown_shards.rounded_loss_error,
        BFLOAT16_NOISE,
        "FSDP casts what is demonstrated, or images and states, before it is read",
    )


# RLinf's own configuration and workers


def test_rlinf_workers_train_it() -> None:
    pytest.skip("rlinf/workers has no EmbodiedFSDPActor that is a Worker")


# It loads demonstrations


def require(module: str) -> Any:
    """Return a module of RLinf; skip where a package is missing that it asks for."""
    try:
        return import_module(module)
    except ImportError as error:
        if (error.name or "rlinf").startswith("rlinf"):
            raise
        pytest.skip(f"{module} cannot be imported here: {error}")


SFT_WORKER = "rlinf.workers.sft.fsdp_vla_sft_worker"
SFT_CLASS = "FSDPVlaSftWorker"
SFT_DATA = "rlinf.models.embodiment.a_policy_with_a_name_of_32_chars.sft_data"
# Episodes of a practice dataset: what is asked for, and how many frames there are.
EPISODES = {"Pick up the red cup": 5, "Push the plate": 3}


@dataclass(frozen=True)
class Recorded:
    """Demonstrations on disk.

    Attributes:
        folder: The dataset.
        shown: What each frame shows, and the actions that begin there, as `demonstrate`
            has them.
    """

    folder: Path
    shown: dict[str, Any]


def write_dataset(folder: Path, version: str, config: DictConfig) -> dict[str, Any]:
    """Write demonstrations in LeRobot's format.

    Args:
        folder: Where to.
        version: "v2.1" has a file for each episode, "v3.0" one for all of them.
        config: The model's settings.

    Returns:
        See `Recorded.shown`.
    """
    import numpy as np
    from datasets import Dataset

    tasks = [task for task, length in EPISODES.items() for _ in range(length)]
    shown = demonstrate(config, tasks)
    episodes = np.repeat(range(len(EPISODES)), [*EPISODES.values()])
    taken = shown["actions"][:, 0]
    columns: dict[str, Any] = {"actions": list(taken), "state": list(shown["states"])}
    features = {
        name: {
            "dtype": "float32" if np.ndim(rows[0]) == 1 else "image",
            "shape": list(np.shape(rows[0])),
        }
        for name, rows in columns.items()
    }
    columns |= {"episode_index": list(episodes), "task_index": list(episodes)}
    table = Dataset.from_dict(
        columns,
    )
    parts = {"file-000": range(len(tasks))}
    if version == "v2.1":
        parts = {
            f"episode_{index:06d}": (episodes == index).nonzero()[0]
            for index in range(len(EPISODES))
        }
    for name, rows in parts.items():
        table.select(rows).to_parquet(folder / "data" / "chunk-000" / f"{name}.parquet")

    meta = folder / "meta"
    meta.mkdir()
    about = {"codebase_version": version, "fps": 10, "features": features}
    (meta / "info.json").write_text(json.dumps(about))
    names = [{"task_index": i, "task": task} for i, task in enumerate(EPISODES)]
    if version == "v2.1":
        lines = "".join(f"{json.dumps(row)}\n" for row in names)
        (meta / "tasks.jsonl").write_text(lines)
    else:
        index = {"task_index": range(len(names)), "__index_level_0__": [*EPISODES]}
        Dataset.from_dict(index).to_parquet(meta / "tasks.parquet")

    chunk = np.arange(config.num_action_chunks)
    steps = np.arange(len(tasks))[:, None] + chunk
    ends = np.cumsum([*EPISODES.values()])[episodes][:, None]
    shown["actions"] = taken[np.minimum(steps, ends - 1)]
    shown["action_is_pad"] = steps >= ends
    return shown


@pytest.fixture(scope="module", params=["v2.1", "v3.0"])
def recorded(
    request: pytest.FixtureRequest,
    config: DictConfig,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Recorded]:
    """Demonstrations, in the formats that LeRobot has them in."""
    datasets = pytest.importorskip("datasets")
    require(SFT_DATA)
    folder = tmp_path_factory.mktemp("demonstrations")
    datasets.disable_progress_bars()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", folder / "cache")
        yield Recorded(folder, write_dataset(folder, request.param, config))


def build_loader(
    config: DictConfig, recorded: Recorded, rank: int = 0, size: int = 1
) -> Any:
    """Return the loader that RLinf's SFT worker builds for a rank."""
    from types import SimpleNamespace

    from omegaconf import OmegaConf

    settings = {
        "actor": {"model": config, "micro_batch_size": 2, "seed": 0},
        "data": {"num_workers": 0},
    }
    worker = SimpleNamespace(
        cfg=OmegaConf.create(settings), _rank=rank, _world_size=size
    )
    known = getattr(require(SFT_WORKER), SFT_CLASS)
    return known.build_dataloader(worker, str(recorded.folder))[0]


def take_frames(shown: dict[str, Any], frames: list[int]) -> dict[str, Any]:
    """Return these rows of demonstrations."""
    return {
        key: [rows[index] for index in frames]
        if isinstance(rows, list)
        else rows[frames]
        for key, rows in shown.items()
    }


def find_frames(loader: Any) -> list[int]:
    """Return the numbers of the frames that a loader gives, in its order."""
    return [
        round(float(state[0]) * 7 / 3) for batch in loader for state in batch["states"]
    ]


def test_frames_are_those_that_were_recorded(
    proof: Proof, config: DictConfig, recorded: Recorded
) -> None:
    import numpy as np

    frames = build_loader(config, recorded).dataset
    wrong = [
        (index, key)
        for index in range(len(frames))
        for key, rows in recorded.shown.items()
        if not np.array_equal(frames[index].get(key), rows[index])
    ]
    proof.equal(
        (len(frames), wrong),
        (sum(EPISODES.values()), []),
        "chunks reach into the next episode, or columns are taken for others",
    )


def test_ranks_share_the_frames(
    proof: Proof, config: DictConfig, recorded: Recorded
) -> None:
    parts = [find_frames(build_loader(config, recorded, rank, 2)) for rank in (0, 1)]
    proof.equal(
        sorted(parts[0] + parts[1]),
        [*range(sum(EPISODES.values()))],
        "ranks train on the same frames, and never on others",
    )


def test_epochs_have_orders_of_their_own(
    proof: Proof, config: DictConfig, recorded: Recorded
) -> None:
    loader = build_loader(config, recorded)
    first = find_frames(loader)
    loader.sampler.set_epoch(1)
    second = find_frames(loader)
    proof.equal(
        (first == second, sorted(first) == sorted(second)),
        (False, True),
        "frames come in the order of the episodes, or in the same one every time",
    )


def test_a_loader_resumes_where_it_was(
    proof: Proof, config: DictConfig, recorded: Recorded
) -> None:
    whole = find_frames(build_loader(config, recorded))
    loader, resumed = (build_loader(config, recorded) for _ in range(2))
    next(iter(loader))
    resumed.load_state_dict(loader.state_dict())
    proof.equal(
        find_frames(resumed),
        whole[2:],
        "a run that is resumed trains on the same frames again",
    )


def test_sft_worker_learns_from_what_it_loads(
    proof: Proof, policy: Any, config: DictConfig, recorded: Recorded
) -> None:
    from types import SimpleNamespace

    import torch

    loader = build_loader(config, recorded)
    frames = find_frames(loader)[:2]
    batch = next(iter(loader))
    worker = SimpleNamespace(
        cfg=None,
        model=policy,
        device=policy.device,
        amp_context=nullcontext(),
        data_iter=iter([batch]),
    )
    known = getattr(require(SFT_WORKER), SFT_CLASS)
    torch.manual_seed(0)
    output = known.get_train_model_output(worker, batch)
    loss = output[0] if isinstance(output, tuple) else output
    expected = measure_sft_loss(policy, take_frames(recorded.shown, frames))
    proof.at_most(
        abs(loss.item() - expected),
        NOISE,
        "the worker hands over something else than the loader gave it",
    )


def test_statistics_come_from_the_demonstrations(
    proof: Proof, recorded: Recorded, tmp_path: Path
) -> None:
    import numpy as np

    path = require(SFT_DATA).write_statistics(str(recorded.folder), str(tmp_path))
    (written,) = json.loads(path.read_text()).values()
    taken = {
        "action": recorded.shown["actions"][:, 0],
        "proprio": recorded.shown["states"],
    }
    errors = []
    for key, rows in taken.items():
        found = np.array([written[key]["q01"], written[key]["q99"]])
        errors.append(abs(found - np.quantile(rows, [0.01, 0.99], axis=0)).max())
    proof.at_most(
        float(max(errors)),
        NOISE,
        "actions or states are scaled with what other numbers have as bounds",
    )


def test_too_few_demonstrations_are_refused(
    proof: Proof, config: DictConfig, recorded: Recorded
) -> None:
    proof.equal(
        is_refused(build_loader, "frames", config=config, recorded=recorded, size=5),
        True,
        "a rank waits for ever for its first batch",
    )


def test_sft_worker_trains_it() -> None:
    pytest.skip("FSDPVlaSftWorker is no Worker with init_worker, run_training")


# A worker in a process of its own


# What a worker of RLinf does before its first call, and then builds models of each name.
# Linux ends it with the process that has started it.
START = """
import ctypes, json, pathlib, sys

from omegaconf import OmegaConf
from rlinf.scheduler import Worker

class Starting(Worker):
    def build(self, path, names):
        from rlinf.models import get_model

        known = OmegaConf.load(path)
        each = {name: OmegaConf.merge(known, {"model_type": name}) for name in names}
        models = {name: get_model(it) for name, it in each.items()}
        return {name: type(model).__name__ for name, model in models.items()}

if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
where, path, result, *names = sys.argv[1:]
if where == "ray":
    from rlinf.scheduler import Cluster, NodePlacementStrategy

    group = Starting.create_group()
    workers = group.launch(Cluster(num_nodes=1), NodePlacementStrategy([0]))
    built = workers.build(path, names).wait()[0]
else:
    built = Starting.__new__(Starting).build(path, names)
pathlib.Path(result).write_text(json.dumps(built))
"""
# What RLinf finds in the environment of a worker that it starts.
WORKER = {
    "CLUSTER_NODE_RANK": "0",
    "WORKER_NAME": "Smoke:0",
    "RANK": "0",
    "LOCAL_RANK": "0",
    "WORLD_SIZE": "1",
}
EXTENSION = "a_policy_with_a_name_of_32_chars_smoke_extension"
ELSEWHERE = f"{MODEL_TYPE}_elsewhere"
REGISTER_ELSEWHERE = f"""
from rlinf.models import register_model

def build(settings, dtype):
    from rlinf.models.embodiment.{MODEL_TYPE} import get_model

    return get_model(settings, dtype)

def register():
    register_model("{ELSEWHERE}", build, category="embodied")
"""


@dataclass(frozen=True)
class Start:
    """A process that starts as a worker does.

    Attributes:
        process: It.
        result: Where it writes the class of each model that it has built.
        log: Where it writes all else.
    """

    process: subprocess.Popen[bytes]
    result: Path
    log: Path

    def wait(self) -> dict[str, str]:
        """Return the class of each model that it has built, by name."""
        try:
            status = self.process.wait(5 * TIMEOUT)
        except subprocess.TimeoutExpired:
            status = None
        if status != 0:
            told = self.log.read_text(errors="replace")[-6000:]
            pytest.fail(f"a worker ended with {status}:\n{told}", pytrace=False)
        return json.loads(self.result.read_text())


def start_worker(where: str, config: DictConfig, folder: Path) -> Start:
    """Start a worker.

    Args:
        where: In a plain "process", or in one that "ray" starts.
        config: The model's settings.
        folder: For its files.
    """
    from omegaconf import OmegaConf

    script, settings = folder / "start.py", folder / "settings.yaml"
    start = START.strip()
    script.write_text(f"{start}\n")
    OmegaConf.save(config, settings)
    names = [MODEL_TYPE]
    environment = {**os.environ, **(WORKER if where == "process" else {})}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), *sys.path])
    (folder / f"{EXTENSION}.py").write_text(REGISTER_ELSEWHERE)
    environment["RLINF_EXT_MODULE"] = EXTENSION
    names.append(ELSEWHERE)
    result, log = folder / "result.json", folder / "worker.log"
    arguments = [where, str(settings), str(result), *names]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(script), *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Start(process, result, log)


@pytest.fixture(scope="module", autouse=True)
def starting(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start | None]:
    """A worker that starts while other tests run, if any of them waits for it."""
    if not any("started" in item.fixturenames for item in request.session.items):
        yield None
        return
    config = request.getfixturevalue("config")
    start = start_worker("process", config, tmp_path_factory.mktemp("worker"))
    yield start
    start.process.kill()
    start.process.wait()


@pytest.fixture(scope="module")
def started(starting: Start) -> dict[str, str]:
    """The class of each model that a worker has built, by name."""
    return starting.wait()


def test_worker_builds_it_in_a_process_of_its_own(
    proof: Proof, started: dict[str, str]
) -> None:
    proof.equal(
        started[MODEL_TYPE],
        POLICY,
        "the model is registered in the process that starts workers alone",
    )


def test_worker_builds_what_its_extension_module_registers(
    proof: Proof, started: dict[str, str]
) -> None:
    proof.equal(
        started[ELSEWHERE],
        POLICY,
        "the package depends on its place in rlinf.models or on its name there",
    )


@pytest.mark.skipif(not FULL, reason="Ray takes long to start")
def test_worker_of_ray_builds_it(
    proof: Proof, config: DictConfig, tmp_path: Path
) -> None:
    import rlinf.scheduler

    pytest.importorskip("ray")
    if not hasattr(rlinf.scheduler, "Cluster"):
        pytest.skip("rlinf.scheduler of this checkout has no Cluster")
    start = start_worker("ray", config, tmp_path)
    try:
        built = start.wait()
    finally:
        start.process.kill()
        start.process.wait()
    proof.equal(
        built,
        dict.fromkeys([MODEL_TYPE, ELSEWHERE], POLICY),
        "Ray's processes do not import what the process that starts them does",
    )
