from __future__ import annotations

import pytest
from trees import TREES

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.engine import Engine, lora_targets, read_engine
from rlinf_scaffold.errors import SourceSyntaxError
from rlinf_scaffold.wiring import LOADER

FUNCTIONS = "rlinf/hybrid_engines/fsdp/utils.py"
APPLY = "def apply_fsdp2_to_model(module):\n    pass\n"
READ = {
    "nothing": ("", (False, False)),
    "no FSDP2": (
        "def get_fsdp_wrap_policy(module, model_type=None): ...",
        (False, True),
    ),
    "a flag for one model": (
        f"def get_fsdp_wrap_policy(module, is_openvla_model=False): ...\n{APPLY}",
        (True, False),
    ),
    "a function within another": (
        f"if x:\n    {APPLY.splitlines()[0]} ...",
        (False, False),
    ),
}
# What a checkout of each generation says: FSDP2, the type, the settings, the platform.
PRACTICE = {
    "documented": (True, True, "", ""),
    "enum_chain": (True, False, "rlinf/hybrid_engines/fsdp/strategy/fsdp.py:15", ""),
    "enum_imports": (True, True, "", "rlinf/models/__init__.py:38"),
    "registry": (True, True, "", ""),
    "string_chain": (False, False, "", ""),
    "vla_string_chain": (
        *(True, False),
        *("rlinf/hybrid_engines/fsdp/strategy/fsdp.py:15", ""),
    ),
}


@pytest.mark.parametrize(("code", "expected"), READ.values(), ids=READ)
def test_reads_what_its_functions_are(code: str, expected: tuple[bool, bool]) -> None:
    engine = read_engine(MemoryTree.of({FUNCTIONS: code}))
    assert (engine.has_fsdp2, engine.takes_model_type) == expected


@pytest.mark.parametrize("layout", TREES)
def test_reads_each_generation(layout: str) -> None:
    engine = read_engine(TREES[layout])
    places = (str(it or "") for it in (engine.ignores_config, engine.asks_platform))
    found = (engine.has_fsdp2, engine.takes_model_type, *places)
    assert found == PRACTICE[layout]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", False),
        ("def create_device_mesh(world_size): ...", False),
        ("def create_device_mesh(world_size, fsdp_size): ...", True),
    ],
)
def test_reads_whether_ranks_are_set_out_by_nodes(code: str, expected: bool) -> None:
    assert read_engine(MemoryTree.of({FUNCTIONS: code})).has_node_mesh == expected


def test_what_templates_take_for_granted_is_main() -> None:
    assert read_engine(TREES["registry"]) == Engine()


def test_says_what_does_not_parse() -> None:
    with pytest.raises(SourceSyntaxError, match=r"^rlinf/hybrid_engines"):
        read_engine(MemoryTree.of({FUNCTIONS: "def broken(:\n"}))


TARGETS = {
    "no loader": ("", []),
    "another keyword": ("f(modules=['q_proj'])", []),
    "all linear layers": ("f(target_modules='all-linear')", [(1, {"all-linear"})]),
    "in place": ("\nf(target_modules=['q', 'lm_head'])", [(2, {"q", "lm_head"})]),
    "by name": ("LAYERS = ['q']\nf(target_modules=LAYERS)", [(2, {"q"})]),
    "by a name from elsewhere": ("f(target_modules=LAYERS)", [(1, set[str]())]),
    "twice": (
        "f(target_modules=['q'])\nf(target_modules=['k'])",
        [(1, {"q"}), (2, {"k"})],
    ),
}


@pytest.mark.parametrize(("code", "expected"), TARGETS.values(), ids=TARGETS)
def test_reads_which_layers_lora_adapts(
    code: str, expected: list[tuple[int, set[str]]]
) -> None:
    found = lora_targets(MemoryTree.of({LOADER: code}))
    assert [(line.number, set(names)) for line, names in found] == expected
