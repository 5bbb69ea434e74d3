from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from trees import on_disk

from rlinf_scaffold.commands.inspect_base import Training, inspect_base
from rlinf_scaffold.memory.plan import Cluster
from rlinf_scaffold.processes import run

# Sizes that neither two nor three ranks share evenly.
SETTINGS = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 1003,
    "hidden_size": 60,
    "intermediate_size": 100,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 3,
    "pad_token_id": 0,
}


@pytest.mark.smoke
@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_hold_what_is_planned(ranks: int, tmp_path: Path) -> None:
    for package in ("torch", "transformers", "peft", "omegaconf"):
        pytest.importorskip(package)
    root = on_disk("registry", tmp_path / "rl").root
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text(json.dumps(SETTINGS))
    training = Training(cluster=Cluster(ranks=ranks))
    plan = inspect_base(str(base), root, Path(sys.executable), training).memory
    assert plan is not None
    program = Path(__file__).with_name("ranks.py")
    words = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", ranks)
    targets = sorted(plan.lora.targets)
    finished = run(
        [sys.executable, *map(str, words), str(program), str(base), *targets],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        timeout=300,
    )
    assert finished.returncode == 0, finished.output
    of_all = json.loads(finished.output.splitlines()[-1])
    fullest = [
        [max(sizes) for sizes in zip(*way, strict=True)]
        for way in zip(*of_all, strict=True)
    ]
    planned = {
        (row.sharding.version, row.lora): row.share
        for row in plan.rows
        if row.precision.name == "fp32" and row.sharding.strategy == "full_shard"
    }
    expected = [
        [share.parameters, share.gradients, share.optimizer]
        for version in ("fsdp", "fsdp2")
        for share in (planned[version, False], planned[version, True])
    ]
    assert fullest == expected
