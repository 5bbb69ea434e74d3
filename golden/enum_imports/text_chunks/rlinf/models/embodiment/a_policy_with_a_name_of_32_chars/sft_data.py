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

"""Demonstrations for `a_policy_with_a_name_of_32_chars`, from datasets in LeRobot's format (v2.0 to v3.0).

A policy needs the statistics of the actions that it is trained on. Where a checkpoint
has no dataset_statistics.json, this writes one:

    python -m rlinf.models.embodiment.a_policy_with_a_name_of_32_chars.sft_data DATASET CHECKPOINT
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch
from datasets import load_dataset
from omegaconf import DictConfig
from torch.utils import _pytree
from torch.utils.data import ConcatDataset, DataLoader, Dataset
from torch.utils.data.distributed import DistributedSampler

# What datasets call what the policy reads.
ACTIONS = ("actions", "action")
STATES = ("state", "states", "observation.state")


class Batch(dict[str, Any]):
    """Samples that the worker hands over as they are: text cannot be made a tensor."""


_pytree.register_pytree_node(Batch, lambda batch: ([], batch), lambda _, batch: batch)


class APolicyWithANameOf32CharsSftDataset(Dataset[dict[str, Any]]):
    """Every frame of a dataset, with the chunk of actions that begins there.

    Args:
        folder: Folder of a dataset in LeRobot's format.
        num_action_chunks: Actions of a chunk. Where the episode ends before, the last
            one is repeated and `action_is_pad` is true.
        columns: What the dataset calls `actions` and `states`;
            what is left out is looked for under usual names.

    Raises:
        FileNotFoundError: If there is no such dataset.
        ValueError: If the dataset lacks something that the policy needs.
    """

    def __init__(
        self,
        folder: str,
        num_action_chunks: int,
        columns: Optional[Mapping[str, Any]] = None,
    ):
        root = Path(folder)
        info = root / "meta" / "info.json"
        if not info.is_file():
            raise FileNotFoundError(
                f"{root} is no dataset in LeRobot's format: there is no {info}. One of "
                "the hub comes with `hf download --repo-type dataset --local-dir`."
            )
        features = json.loads(info.read_text())["features"]
        columns = {**find_columns(features), **(columns or {})}
        files = sorted(str(path) for path in root.glob("data/**/*.parquet"))
        frames = load_dataset("parquet", data_files=files, split="train")
        check_columns(root, columns, features, frames.column_names)
        self.num_action_chunks = num_action_chunks
        self.tasks = read_tasks(root)

        numbers = [columns[key] for key in ("actions", "states") if key in columns]
        keys = [*numbers, "episode_index", "task_index"]
        table = frames.select_columns(keys).with_format("numpy")[:]
        self.actions = np.asarray(table[columns["actions"]], dtype=np.float32)
        self.states = None
        if "states" in columns:
            self.states = np.asarray(table[columns["states"]], dtype=np.float32)
        self.task_indices = table["task_index"].tolist()
        # Where the episode of each frame ends.
        last = np.flatnonzero(np.diff(table["episode_index"])) + 1
        last = np.append(last, len(frames))
        self.ends = last[np.searchsorted(last, np.arange(len(frames)), side="right")]

    def __len__(self) -> int:
        return len(self.actions)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return an observation as rollouts have it, and the actions that were taken.

        Args:
            index: Number of a frame.

        Returns:
            `task_descriptions`, `actions` of shape [num_action_chunks, action_dim],
            `action_is_pad` of shape [num_action_chunks], `states` of shape [S] if there
            are any.
        """
        steps = np.arange(index, index + self.num_action_chunks)
        end = self.ends[index]
        sample = {
            "task_descriptions": self.tasks[self.task_indices[index]],
            "actions": self.actions[np.minimum(steps, end - 1)],
            "action_is_pad": steps >= end,
        }
        if self.states is not None:
            sample["states"] = self.states[index]
        return sample


def find_columns(features: Mapping[str, Any]) -> dict[str, Any]:
    """Look for what the policy reads under usual names.

    Args:
        features: What `meta/info.json` says of the dataset's columns.

    Returns:
        The names of columns by what they are for.
    """
    found = {}
    for key, names in (("actions", ACTIONS), ("states", STATES)):
        known = [name for name in names if name in features]
        if known:
            found[key] = known[0]
    return found


def check_columns(
    root: Path,
    columns: Mapping[str, Any],
    features: Mapping[str, Any],
    stored: Sequence[str],
) -> None:
    """Refuse a dataset that lacks something.

    Args:
        root: Folder of the dataset.
        columns: The names of columns by what they are for.
        features: What `meta/info.json` says of the dataset's columns.
        stored: The columns that its tables hold.

    Raises:
        ValueError: If actions, or a column that was named, are not there.
    """
    if "actions" not in columns:
        raise ValueError(
            f"{root} has none of {ACTIONS} among {sorted(features)}: set "
            "data.columns.actions."
        )
    names = columns.values()
    for name in names:
        if name in stored:
            continue
        if features.get(name, {}).get("dtype") == "video":
            raise ValueError(
                f"{root} stores {name} as videos, which are not read here: create the "
                "dataset with use_videos=False."
            )
        raise ValueError(f"{root} has no {name}: its tables hold {sorted(stored)}.")


def read_tasks(root: Path) -> dict[int, str]:
    """Read the instructions of a dataset.

    Args:
        root: Folder of the dataset.

    Returns:
        Instructions by their number.
    """
    lines = root / "meta" / "tasks.jsonl"
    if lines.is_file():
        rows = [json.loads(line) for line in lines.read_text().splitlines() if line]
    else:
        table = str(root / "meta" / "tasks.parquet")
        rows = load_dataset("parquet", data_files=table, split="train").to_list()
    # The column of the instructions has one name or another.
    return {
        row["task_index"]: next(row[key] for key in row if key != "task_index")
        for row in rows
    }


def collate(samples: list[dict[str, Any]]) -> tuple[Batch, torch.Tensor]:
    """Make a batch of samples: lists of text, and arrays, which FSDP does not cast.

    Args:
        samples: What the dataset returned.

    Returns:
        The samples by their keys, each with B as first dimension, and the actions,
        which the worker wants to have besides.
    """
    batch = Batch({key: [sample[key] for sample in samples] for key in samples[0]})
    for key, values in batch.items():
        if key != "task_descriptions":
            batch[key] = np.stack(values)
    return batch, torch.from_numpy(batch["actions"])


def build_a_policy_with_a_name_of_32_chars_sft_dataloader(
    cfg: DictConfig, world_size: int, global_rank: int, data_paths: Any
) -> tuple[DataLoader, dict[str, Any]]:
    """Build the loader of one rank's share of the demonstrations.

    Args:
        cfg: Configuration of the run. Of `cfg.data`, `columns` and `num_workers` are
            read if they are there.
        world_size: Number of ranks.
        global_rank: This rank.
        data_paths: Folder of a dataset, or folders of several.

    Returns:
        The loader, and what is known of its data.

    Raises:
        ValueError: If there are fewer frames than the ranks take at once.
    """
    folders = [data_paths] if isinstance(data_paths, str) else list(data_paths)
    chunks = cfg.actor.model.num_action_chunks
    columns = cfg.data.get("columns", None)
    dataset = ConcatDataset(
        [
            APolicyWithANameOf32CharsSftDataset(folder, chunks, columns)
            for folder in folders
        ]
    )
    batch_size = cfg.actor.micro_batch_size
    if len(dataset) < batch_size * world_size:
        raise ValueError(
            f"{folders} have {len(dataset)} frames, and {world_size} ranks take "
            f"{batch_size} each at once."
        )
    sampler = DistributedSampler(
        dataset,
        num_replicas=world_size,
        rank=global_rank,
        shuffle=True,
        seed=cfg.actor.get("seed", 0),
    )
    data_loader = DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=cfg.data.get("num_workers", 4),
        drop_last=True,
        collate_fn=collate,
    )
    return data_loader, {"num_samples": len(dataset)}


def find_quantiles(numbers: np.ndarray) -> dict[str, list[float]]:
    """Return `q01` and `q99` of each column of numbers, shape [N, D]."""
    low, high = np.quantile(numbers, [0.01, 0.99], axis=0).tolist()
    return {"q01": low, "q99": high}


def write_statistics(
    folder: str, checkpoint: str, columns: Optional[Mapping[str, Any]] = None
) -> Path:
    """Write the statistics of a dataset's numbers beside the weights of a checkpoint.

    Args:
        folder: Folder of the dataset.
        checkpoint: Folder of the checkpoint.
        columns: See `APolicyWithANameOf32CharsSftDataset`.

    Returns:
        The file, with `action` and, if the dataset has states, `proprio`; one that is
        there is not written over.
    """
    dataset = APolicyWithANameOf32CharsSftDataset(
        folder, num_action_chunks=1, columns=columns
    )
    mask = [True] * dataset.actions.shape[1]
    statistics = {"action": {**find_quantiles(dataset.actions), "mask": mask}}
    if dataset.states is not None:
        statistics["proprio"] = find_quantiles(dataset.states)
    path = Path(checkpoint) / "dataset_statistics.json"
    with path.open("x") as f:
        json.dump({Path(folder).name: statistics}, f, indent=2)
    return path


if __name__ == "__main__":  # DATASET CHECKPOINT [actions=COLUMN] [states=COLUMN]
    named = dict(pair.split("=", 1) for pair in sys.argv[3:])
    print(write_statistics(*sys.argv[1:3], columns=named))
