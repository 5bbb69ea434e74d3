from __future__ import annotations

import pytest
from units import LORA, llama, matrix, unit, wrapping

from rlinf_scaffold.memory.units import (
    Lora,
    Parameter,
    Unit,
    lora_elements,
    with_lora,
    with_value_head,
)

HEAD = 8 * 512 + 512 + 512 * 128 + 128 + 128
SCALAR = Parameter(name="scale", shape=())
TIED = Parameter(name="lm_head.weight", shape=(10, 8), is_tied=True)


@pytest.mark.parametrize(
    ("parameter", "rows", "elements", "matrices"),
    [
        (SCALAR, 1, 1, 1),
        (matrix("norm", 8), 8, 8, 1),
        (matrix("q", 4, 8), 4, 32, 1),
        (matrix("experts.*.w", 4, 8, count=3), 4, 96, 3),
        (matrix("experts", 6, 4, 8), 6, 192, 6),
        (TIED, 10, 0, 1),
    ],
)
def test_a_parameter_has_rows_and_elements(
    parameter: Parameter, rows: int, elements: int, matrices: int
) -> None:
    found = (parameter.rows, parameter.elements, parameter.matrices)
    assert found == (rows, elements, matrices)


@pytest.mark.parametrize("version", ["fsdp", "fsdp2"])
@pytest.mark.parametrize(
    ("sizes", "elements"),
    [
        ((4096, 11008, 32, 4096, 32000), 6_738_415_616),
        ((4096, 14336, 32, 1024, 128256), 8_030_261_248),
        ((8192, 28672, 80, 1024, 128256), 70_553_706_496),
    ],
    ids=["Llama-2-7B", "Llama-3-8B", "Llama-3-70B"],
)
def test_counts_as_their_authors_do(
    sizes: tuple[int, int, int, int, int], elements: int, version: str
) -> None:
    assert llama(*sizes, version=version).elements == elements


WIDTHS = {
    "nothing that is linear": (unit("a", matrix("norm", 8)), 0, 0, 0),
    "a square": (unit("a", matrix("q", 8, 8)), 0, 8, 16 + 64),
    "two sizes": (unit("a", matrix("q", 8, 8), matrix("up", 32, 8)), 0, 8, 56 + 64),
    "convolutions": (unit("a", matrix("patch", 8, 3, 2, 2)), 0, 0, 0),
    "alike ones": (unit("a", matrix("*.q", 8, 8, count=3)), 0, 8, 48 + 64),
    "experts": (unit("a", matrix("experts.*", 8, 8, count=3)), 2, 8, 32 + 64),
    "experts in one": (unit("a", matrix("experts", 3, 8, 8)), 2, 8, 32 + 64),
    "fewer than experts": (unit("a", matrix("q", 8, 8)), 2, 8, 16 + 64),
}


@pytest.mark.parametrize(
    ("layer", "experts", "hidden", "width"), WIDTHS.values(), ids=WIDTHS
)
def test_a_token_leaves_what_linear_layers_read_and_write(
    layer: Unit, experts: int, hidden: int, width: int
) -> None:
    assert (layer.hidden, layer.width(experts)) == (hidden, width)


def test_of_a_model_without_anything_left_the_root_is_empty() -> None:
    alone = wrapping(unit("layers.*", matrix("q", 8, 8)))
    assert (alone.root.elements, alone.others) == (0, alone.units)


def test_the_value_head_is_a_unit_of_fsdp() -> None:
    bare = llama(8, 16, 2, 4, 10, version="fsdp")
    full = with_value_head(bare, 8)
    *others, head = full.units
    assert (*others,) == bare.units
    assert (head.name, head.kind, head.elements) == ("value_head", "ValueHead", HEAD)
    assert full.trainable == full.elements == bare.elements + HEAD


def test_the_value_head_is_in_the_root_of_fsdp2() -> None:
    bare = llama(8, 16, 2, 4, 10, version="fsdp2")
    full = with_value_head(bare, 8)
    assert full.others == bare.others
    assert full.root.elements == bare.root.elements + HEAD
    assert full.root.parameters[-1].name == "value_head.mlp.4.weight"


ADAPTED = 4 * (8 + 8) * 2 + 4 * (4 + 8) * 2 + 4 * (16 + 8) * 3  # of each layer


def test_lora_makes_units_of_what_trains() -> None:
    full = with_value_head(llama(8, 16, 2, 4, 10, version="fsdp"), 8)
    adapted = with_lora(full, LORA)
    assert adapted.trainable == HEAD + 2 * ADAPTED + 4 * (8 + 10)
    assert adapted.elements == full.elements + adapted.trainable - HEAD
    for it in adapted.units:
        assert it.trainable in {0, it.elements}
    leaves = {it.name: it for it in adapted.units if it.kind == "Linear"}
    adapter = leaves["model.layers.*.mlp.down_proj.lora_A"]
    assert (adapter.count, adapter.elements) == (2, 4 * 16)
    assert leaves["value_head.mlp.0"].elements == 8 * 512 + 512
    assert "lm_head.lora_B" in leaves
    assert not any(it.kind == "ValueHead" for it in adapted.units)


def test_lora_leaves_the_units_of_fsdp2_as_they_are() -> None:
    full = with_value_head(llama(8, 16, 2, 4, 10, version="fsdp2"), 8)
    adapted = with_lora(full, LORA)
    assert [it.name for it in adapted.units] == [it.name for it in full.units]
    trainable = {it.name: it.trainable for it in adapted.units}
    assert trainable == {
        "model.embed_tokens": 0,
        "model.layers.*": ADAPTED,
        "": HEAD + 4 * (8 + 10),
    }
    assert trainable == {it.name: lora_elements(it, LORA) for it in full.units}


def lora(*targets: str, is_float32: bool = False) -> Lora:
    return Lora(targets=frozenset(targets), rank=4, is_float32=is_float32)


TARGETS = {
    "another name": (matrix("a.q_proj", 8, 8), lora("proj"), 0),
    "a bias": (Parameter(name="q_proj.bias", shape=(8,)), lora("q_proj"), 0),
    "what is all experts": (
        Parameter(name="experts.up", shape=(2, 8, 8)),
        lora("up"),
        0,
    ),
    "a linear layer": (matrix("a.q_proj", 16, 8), lora("q_proj"), 4 * 24),
    "several": (matrix("*.q_proj", 16, 8, count=3), lora("q_proj"), 3 * 4 * 24),
    "a convolution": (matrix("proj", 8, 3, 2, 2), lora("proj"), 4 * (12 + 8)),
    "a tied head": (TIED, lora("lm_head"), 4 * 18),
}


@pytest.mark.parametrize(
    ("parameter", "adds", "elements"), TARGETS.values(), ids=TARGETS
)
@pytest.mark.parametrize("version", ["fsdp", "fsdp2"])
def test_adapters_are_of_the_layers_sizes(
    parameter: Parameter, adds: Lora, elements: int, version: str
) -> None:
    whole = unit("", parameter)
    assert with_lora(wrapping(whole, version=version), adds).trainable == elements
    assert lora_elements(whole, adds) == elements


def test_a_unit_that_is_a_linear_layer_is_a_target_by_its_own_name() -> None:
    head = unit("lm_head", Parameter(name="weight", shape=(10, 8)))
    assert lora_elements(head, LORA) == 4 * 18


@pytest.mark.parametrize(
    ("adds", "mixed"),
    [
        (lora("q"), False),
        (lora("q", is_float32=True), False),
        (lora("lm_head"), False),
        (lora("lm_head", is_float32=True), True),
    ],
)
def test_a_unit_is_mixed_where_adapters_and_the_value_head_differ(
    adds: Lora, mixed: bool
) -> None:
    full = with_value_head(llama(8, 16, 2, 4, 10, version="fsdp2"), 8)
    assert any(it.is_mixed for it in with_lora(full, adds).units) == mixed
