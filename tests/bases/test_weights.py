"""Headers of safetensors: what is read of them, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from checkpoints_at import SIZES, packed, safetensors
from hypothesis import given
from hypothesis import strategies as st

from rlinf_scaffold.bases.weights import (
    INDEX,
    Tensor,
    Weights,
    read_weights,
    refuse_pickles,
    refuse_quantized,
)
from rlinf_scaffold.errors import UnsupportedBaseError

SINGLE = "model.safetensors"
ONE = {"a.weight": ("BF16", (2, 3)), "b": ("F32", ())}


def read(folder: Path) -> Weights:
    weights = read_weights("given", folder)
    assert weights is not None
    return weights


def index(folder: Path, places: object) -> None:
    (folder / INDEX).write_text(json.dumps({"weight_map": places}), "utf-8")


def test_a_folder_without_safetensors_has_none(tmp_path: Path) -> None:
    assert read_weights("given", tmp_path) is None


def test_one_file(tmp_path: Path) -> None:
    (tmp_path / SINGLE).write_bytes(safetensors(ONE))
    weights = read(tmp_path)
    assert weights == Weights(
        files=(SINGLE,),
        tensors={"a.weight": Tensor("BF16", (2, 3), 12), "b": Tensor("F32", (), 4)},
    )
    assert (weights.parameters, weights.size) == (7, 16)
    assert weights.dtypes == ("BF16", "F32")


def test_several_files(tmp_path: Path) -> None:
    (tmp_path / "1.safetensors").write_bytes(safetensors({"a": ("F16", (4,))}))
    (tmp_path / "2.safetensors").write_bytes(safetensors({"b": ("F32", (4,))}))
    places = {"a": "1.safetensors", "b": "2.safetensors", "c": "3.safetensors"}
    index(tmp_path, places)
    weights = read(tmp_path)
    assert (*weights.tensors,) == ("a", "b")
    assert weights.files == ("1.safetensors", "2.safetensors")
    assert weights.missing == ("3.safetensors",)
    assert weights.dtypes == ("F32", "F16")


TENSORS = st.dictionaries(
    st.text(min_size=1).filter(lambda name: name != "__metadata__"),
    st.tuples(st.sampled_from(sorted(SIZES)), st.lists(st.integers(0, 5), max_size=3)),
    min_size=1,
    max_size=5,
)


@given(tensors=TENSORS)
def test_any_tensors_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, tuple[str, list[int]]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / SINGLE).write_bytes(safetensors(tensors))
    weights = read(folder)
    assert weights.tensors == {
        name: Tensor(dtype, tuple(shape), math.prod(shape) * SIZES[dtype])
        for name, (dtype, shape) in tensors.items()
    }


@given(tensors=TENSORS, kept=st.floats(0, 1, exclude_max=True))
def test_whatever_is_cut_off_is_noticed(
    tmp_path_factory: pytest.TempPathFactory,
    tensors: dict[str, tuple[str, list[int]]],
    kept: float,
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    whole = safetensors(tensors)
    (folder / SINGLE).write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(UnsupportedBaseError, match="safetensors is truncated: "):
        read_weights("given", folder)


HELD = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


def entry(**changed: object) -> bytes:
    return packed({"a": {**HELD, **changed}}, 4)


BROKEN = [
    (b"", "is truncated: 0 bytes hold no header"),
    (b"1234567", "is truncated: 7 bytes hold no header"),
    (packed(b"{}")[:-1], "its header has 2 bytes, and 1 are there; download it again"),
    (b"version https://git-lfs", "a pointer of Git LFS, to be fetched with `git lfs"),
    (b"PK\x03\x04zipzipzip", "no safetensors file: it begins with b'PK"),
    (packed(b"{"), "model.safetensors is no safetensors file: "),
    (packed(b"[" * 10_000), "model.safetensors is no safetensors file: "),
    (packed([1]), "is no safetensors file: its header is no object"),
    (packed({"a": 1}), "says nothing sensible of 'a': 1"),
    (entry(dtype=1), "says nothing sensible of 'a'"),
    (entry(shape=[-1]), "says nothing sensible of 'a'"),
    (entry(shape=[True]), "says nothing sensible of 'a'"),
    (entry(data_offsets=[4, 0]), "says nothing sensible of 'a'"),
    (entry(data_offsets=[0]), "says nothing sensible of 'a'"),
    (entry(data_offsets=[0, 5]), "says nothing sensible of 'a'"),
    (entry(shape=[2]), "says nothing sensible of 'a'"),
    (entry(dtype="XX"), "says nothing sensible of 'a'"),
    (entry(dtype="F64"), "says nothing sensible of 'a'"),
    (entry(dtype="F4", shape=[7]), "says nothing sensible of 'a'"),
    (entry(shape=[2**64, 0], data_offsets=[0, 0]), "says nothing sensible of 'a'"),
    (entry(dtype="\x1b[31m"), r"{'data_offsets': [0, 4], 'dtype': '\x1b[31m', 'shape'"),
    (entry(dtype="A" * 9999), "AAA...AAA"),
    (
        packed({"a": HELD}, 3),
        "is truncated: 'a' ends at byte 4 of 3; download it again",
    ),
    (packed({"a": HELD}, 9), "no safetensors file: its last 5 bytes are no tensor's"),
    (packed({"a": HELD, "b": HELD}, 4), "'b' begins at byte 0, and not at 4"),
    (
        packed({"a": {**HELD, "data_offsets": [2, 6]}}, 6),
        "no safetensors file: 'a' begins at byte 2, and not at 0",
    ),
    (packed({}), "model.safetensors holds no tensors"),
    (packed({"__metadata__": {}}), "model.safetensors holds no tensors"),
    (packed({"__metadata__": [1], "a": HELD}, 4), "__metadata__ is no object of texts"),
    (
        packed({"__metadata__": {"a": 1}, "a": HELD}, 4),
        "is no object of texts: {'a': 1}",
    ),
    (packed('{"a": 1}'.encode("utf-16")), "no safetensors file: 'utf-8' codec can't"),
]


@pytest.mark.parametrize(("raw", "words"), BROKEN)
def test_a_broken_file_is_refused(tmp_path: Path, raw: bytes, words: str) -> None:
    (tmp_path / SINGLE).write_bytes(raw)
    with pytest.raises(UnsupportedBaseError) as caught:
        read_weights("given", tmp_path)
    assert words in str(caught.value)
    assert str(caught.value).startswith("base 'given' cannot be scaffolded: ")


INDICES = [
    ("{", f"{INDEX} is no JSON: "),
    ("[]", f"{INDEX} has no weight_map that lists tensors"),
    ('{"weight_map": []}', f"{INDEX} has no weight_map that lists tensors"),
    ('{"weight_map": {}}', f"{INDEX} has no weight_map that lists tensors"),
    (
        '{"weight_map": {"gone": "model.safetensors"}}',
        "says that model.safetensors holds 'gone', and it does not",
    ),
    *(
        (
            json.dumps({"weight_map": {"a": name}}),
            f"{INDEX} names {said}, which is no n",
        )
        for name, said in (
            (1, "1"),
            ("", "''"),
            ("..", "'..'"),
            ("../x.safetensors", "'../x.safetensors'"),
            ("x\0y.safetensors", r"'x\x00y.safetensors'"),
            ("\ud800.safetensors", r"'\ud800.safetensors'"),
            ("pytorch_model.bin", "'pytorch_model.bin'"),
            (f"{'x' * 300}.safetensors", f"'{'x' * 47}...{'x' * 36}.safetensors'"),
        )
    ),
]


@pytest.mark.parametrize(("text", "words"), INDICES)
def test_a_broken_index_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / SINGLE).write_bytes(safetensors(ONE))
    (tmp_path / INDEX).write_text(text, "utf-8")
    with pytest.raises(UnsupportedBaseError) as caught:
        read_weights("given", tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "files",
    [
        [],
        ["config.json", "training_args.bin", "optimizer.pt"],
        ["pytorch_model.bin", "model.safetensors"],
        ["pytorch_model-00001-of-00002.bin", "model-1-of-2.safetensors", INDEX],
    ],
)
def test_no_pickles_but_beside_safetensors(files: list[str]) -> None:
    refuse_pickles("given", "ToyForCausalLM", files)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["config.json", "pytorch_model.bin"], "(pytorch_model.bin)"),
        (
            ["pytorch_model-2-of-2.bin", "pytorch_model-1-of-2.bin"],
            "(pytorch_model-1-of-2.bin and 1 more)",
        ),
        (["consolidated.00.pth"], "(consolidated.00.pth)"),
        (["pytorch_model.bin", "adapter_model.safetensors"], "(pytorch_model.bin)"),
        (["pytorch_model.bin", "sub/model.safetensors"], "(pytorch_model.bin)"),
        (["pytorch_model.bin", "model-1-of-2.safetensors"], "(pytorch_model.bin)"),
    ],
)
def test_pickles_alone_are_refused_with_how_to_convert_them(
    files: list[str], said: str
) -> None:
    with pytest.raises(UnsupportedBaseError) as caught:
        refuse_pickles("the/base", "ToyForCausalLM", files)
    words = str(caught.value)
    assert f"its weights are pickles {said} without safetensors" in words
    assert "torch.load(weights_only=True)" in words
    assert "import ToyForCausalLM as M; M.from_pretrained('the/base'" in words


@pytest.mark.parametrize("name", [SINGLE, INDEX])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/proc/self/mem")
    with pytest.raises(UnsupportedBaseError, match=f"{name} cannot be read: Input/out"):
        read_weights("given", tmp_path)


def test_a_link_to_nowhere_is_a_file_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / SINGLE).symlink_to("nowhere")
    assert read(tmp_path) == Weights(files=(), tensors={}, missing=(SINGLE,))


@pytest.mark.parametrize("config", [{}, {"quantization_config": None}])
def test_weights_that_are_not_quantized(config: dict[str, object]) -> None:
    refuse_quantized("given", config)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"quant_method": "gptq", "bits": 4}, "json: 'gptq'), and nothing proves that"),
        ({"bits": 4}, "(quantization_config in config.json: None)"),
        ("awq", "(quantization_config in config.json: 'awq')"),
    ],
)
def test_weights_that_are_quantized(config: object, said: str) -> None:
    with pytest.raises(UnsupportedBaseError) as caught:
        refuse_quantized("given", {"quantization_config": config})
    assert said in str(caught.value)
