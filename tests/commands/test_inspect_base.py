from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from trees import on_disk
from zoo import write_zoo

from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.commands.inspect_base import Training, inspect_base
from rlinf_scaffold.engine import FUNCTIONS
from rlinf_scaffold.errors import (
    InterpreterError,
    InvalidAnswerError,
    NotACheckoutError,
    UnknownBaseError,
    UnsupportedBaseError,
)
from rlinf_scaffold.layouts import LOADER
from rlinf_scaffold.memory.plan import LORA, Cluster, Plan
from rlinf_scaffold.memory.shares import Batch

TRAINING = Training(cluster=Cluster(ranks=16))
ONE_ROW = (
    "fsdp: hybrid_shard ends in an error: it needs ranks set out by nodes, and "
    f"{FUNCTIONS} sets them out in one row"
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run outside of any checkout."""
    monkeypatch.chdir(tmp_path)


def plan_of(
    tmp_path: Path,
    base: str = "zoo:ZooForCausalLM",
    training: Training = TRAINING,
    checkout: Path | None = None,
) -> Plan:
    found = inspect_base(base, checkout, write_zoo(tmp_path), training)
    assert found.memory is not None
    return found.memory


def test_says_what_a_base_is_without_torch(tmp_path: Path) -> None:
    found = inspect_base(
        "zoo:ZooForCausalLM", None, write_zoo(tmp_path, without="torch")
    )
    assert (found.checkout, found.memory) == (None, None)
    assert found.base.layer_classes == ("ZooLayer",)
    assert found.base.hidden_size == 8


def test_plans_memory_outside_of_any_checkout(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    assert plan.cluster == TRAINING.cluster
    assert [it.version for it in plan.full] == ["fsdp", "fsdp2"]
    assert (plan.elements, plan.lora) == (160 + 3 * 200, LORA)
    assert plan.findings[0] == ONE_ROW


def test_plans_for_the_checkout_that_it_is_run_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = on_disk("string_chain", tmp_path / "rl")
    monkeypatch.chdir(checkout.root / "rlinf")
    found = inspect_base("zoo:ZooForCausalLM", None, write_zoo(tmp_path), TRAINING)
    assert found.checkout == checkout
    assert found.memory is not None
    assert [it.version for it in found.memory.full] == ["fsdp"]


@pytest.mark.parametrize(
    ("base", "names", "one_unit"),
    [("zoo:ZooForCausalLM", "nothing", True), ("zoo:ZooKeepingLM", "ZooLayer", False)],
)
def test_where_the_recipe_is_ignored_the_base_decides(
    tmp_path: Path, base: str, names: str, one_unit: bool
) -> None:
    checkout = on_disk("enum_chain", tmp_path / "rl")
    plan = plan_of(tmp_path, base, checkout=checkout.root)
    assert plan.findings[0] == (
        "fsdp_config.wrap_policy is ignored: rlinf/hybrid_engines/fsdp/strategy/fsdp.py:"
        "15 calls get_fsdp_wrap_policy without it, so fsdp wraps what the base names "
        f"itself: {names}"
    )
    whole = [it for it in plan.findings if it.startswith("fsdp: no layer is wrapped")]
    assert bool(whole) == one_unit
    assert [len(it.others) for it in plan.full] == [1 if one_unit else 2, 2]


def test_a_checkout_that_sets_ranks_out_by_nodes_can_shard_within_them(
    tmp_path: Path,
) -> None:
    checkout = on_disk("registry", tmp_path / "rl")
    path = checkout.root / FUNCTIONS
    text = path.read_text().replace("(world_size: int)", "(world_size, fsdp_size)")
    path.write_text(text)
    assert ONE_ROW not in plan_of(tmp_path, checkout=checkout.root).findings


@pytest.mark.parametrize(
    ("code", "targets"),
    [
        ("f(target_modules=['down_proj'])", {"down_proj"}),
        ("f(target_modules=NAMES)\nf(target_modules=['q_proj'])", {"q_proj"}),
        ("f(target_modules=NAMES)", LORA.targets),
    ],
)
def test_adapts_what_the_checkout_adapts(
    tmp_path: Path, code: str, targets: set[str]
) -> None:
    checkout = on_disk("registry", tmp_path / "rl")
    (checkout.root / LOADER).write_text(code)
    plan = plan_of(tmp_path, checkout=checkout.root)
    assert plan.lora == replace(LORA, targets=frozenset(targets))


@pytest.mark.parametrize(
    ("version", "is_float32"),
    [(None, False), ("0.11.1", False), ("0.12.0", True), ("1.0", True), ("?", False)],
)
def test_adapters_are_of_the_dtype_that_peft_gives_them(
    tmp_path: Path, version: str | None, is_float32: bool
) -> None:
    python = write_zoo(tmp_path)
    if version is not None:
        info = tmp_path / "site/peft-0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: peft\nVersion: {version}\n")
        (tmp_path / "site/peft.py").touch()
    found = inspect_base("zoo:ZooForCausalLM", None, python, TRAINING)
    assert found.memory is not None
    assert found.memory.lora.is_float32 == is_float32


@pytest.mark.parametrize(
    ("base", "tokens", "expected"),
    [
        (
            "zoo:ZooForCausalLM",
            None,
            Batch(samples=32, tokens=135, logits=135, vocab_size=10),
        ),
        (
            "zoo:ZooKeepingLM",
            None,
            Batch(samples=32, tokens=135, logits=8, vocab_size=10),
        ),
        ("zoo:ZooKeepingLM", 50, Batch(samples=32, tokens=50, logits=8, vocab_size=10)),
    ],
)
def test_logits_are_kept_where_the_base_can_leave_others_out(
    tmp_path: Path, base: str, tokens: int | None, expected: Batch
) -> None:
    plan = plan_of(tmp_path, base, replace(TRAINING, tokens=tokens))
    assert plan.batch == expected


def test_a_class_to_wrap_is_tried_out(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, training=replace(TRAINING, wrap=("ZooBody", "ZooLyer")))
    assert [it.layers for it in plan.full] == [("ZooBody", "ZooLyer")] * 2
    assert [it.missing for it in plan.full] == [("ZooLyer",)] * 2
    assert [it.kind for it in plan.full[0].others] == ["ZooBody", "ValueHead"]


@pytest.mark.parametrize(
    ("micro_batch", "tokens", "reason"),
    [
        (0, None, "--micro-batch 0: must be at least 1"),
        (1, 0, "--tokens 0: must be at least 1"),
    ],
)
def test_refuses_a_batch_of_nothing(
    micro_batch: int, tokens: int | None, reason: str
) -> None:
    with pytest.raises(InvalidAnswerError) as caught:
        Training(cluster=Cluster(ranks=1), micro_batch=micro_batch, tokens=tokens)
    assert str(caught.value) == reason


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_an_interpreter_that_lacks_something_is_refused(
    tmp_path: Path, package: str
) -> None:
    python = write_zoo(tmp_path, without=package)
    with pytest.raises(InterpreterError) as caught:
        inspect_base("zoo:ZooForCausalLM", None, python, TRAINING)
    assert caught.value.missing == (package,)
    assert f"{python} cannot plan memory: no {package}. " in str(caught.value)
    assert str(caught.value).endswith("with --python, or leave --ranks out")


def test_an_unknown_base_is_refused_with_near_names(tmp_path: Path) -> None:
    with pytest.raises(
        UnknownBaseError, match=r"did you mean zoo:ZooForCausalLM"
    ) as it:
        inspect_base("zoo:ZooForCasualLM", None, write_zoo(tmp_path), TRAINING)
    assert it.value.suggestions


def test_a_checkout_that_is_given_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(NotACheckoutError):
        inspect_base("zoo:ZooForCausalLM", tmp_path, write_zoo(tmp_path), TRAINING)
    assert (
        inspect_base("zoo:ZooForCausalLM", None, write_zoo(tmp_path)).checkout is None
    )


def test_a_checkout_is_only_read(tmp_path: Path) -> None:
    checkout = Checkout(on_disk("registry", tmp_path / "rl").root)
    before = sorted(checkout.root.rglob("*"))
    plan_of(tmp_path, checkout=checkout.root)
    assert sorted(checkout.root.rglob("*")) == before


@pytest.mark.parametrize(
    ("config", "refused"),
    [
        ("{}", ""),
        (
            '{"quantization_config": {"quant_method": "awq"}}',
            "its weights are quantized",
        ),
    ],
)
def test_says_why_new_model_refuses_it(
    tmp_path: Path, config: str, refused: str
) -> None:
    python = write_zoo(tmp_path, without="transformers")
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    text = f'{{"architectures": ["LlamaForCausalLM"], {config[1:]}'.replace(", }", "}")
    (folder / "config.json").write_text(text)
    found = inspect_base(str(folder), None, python)
    assert found.refused.startswith(refused)
    assert bool(found.refused) is bool(refused)


def test_code_that_is_trusted_is_read_and_gives_no_plan(tmp_path: Path) -> None:
    python = write_zoo(tmp_path)
    (zoo,) = tmp_path.rglob("zoo.py")
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "modeling_zoo.py").write_bytes(zoo.read_bytes())
    (folder / "config.json").write_text(
        '{"auto_map": {"AutoModel": "modeling_zoo.ZooForCausalLM"}, "hidden_size": 24}'
    )
    found = inspect_base(str(folder), None, python, trust=True)
    assert (found.base.class_name, found.base.hidden_size) == ("ZooForCausalLM", 24)
    assert found.findings == ("it has no weights: config.json alone was read",)
    assert {fact.name for fact in found.facts} >= {"class", "cache", "remote_code"}
    assert found.refused.startswith(
        "ZooForCausalLM stands in modeling_zoo.py of the ch"
    )
    with pytest.raises(UnsupportedBaseError, match="stands in modeling_zoo"):
        inspect_base(str(folder), None, python, TRAINING, trust=True)
