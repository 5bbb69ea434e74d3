"""Defects between demonstrations and what is learned from them."""

from __future__ import annotations

from pathlib import PurePosixPath

from mutants.mutant import IMAGES, Edit, mutant, policy

_DATA = PurePosixPath("rlinf/models/embodiment/foo/sft_data.py")
_WORKER = PurePosixPath("rlinf/workers/sft/fsdp_vla_sft_worker.py")
_LOSS = 'return -outputs["logprobs"][is_scored].mean()'
_SCALED = "scaled = 2 * (actions - self.min_action) / np.where"
_NORMALIZED = "return np.where(self.action_mask, scaled, actions).clip(-1, 1)"
_TOKENS = "return self.action_token_end - 1 - bins\n"
_FLOOR = "bins = np.floor((actions + 1) / 2 * self.n_action_bins)"
_CHUNK = "self.actions[np.minimum(steps, end - 1)]"
_BRANCH = "return build_foo_sft_dataloader(\n                self.cfg, "


def _data(old: str, new: str) -> Edit:
    return Edit(_DATA, old, new)


MUTANTS = (
    mutant(
        "shown actions scaled without their offset",
        "Demonstrated actions are divided by the span of the statistics, and not moved.",
        policy(_SCALED, _SCALED.replace("(actions - self.min_action)", "actions")),
    ),
    mutant(
        "mask ignored in demonstrations",
        "A number that the dataset does not scale is scaled before it is learned.",
        policy(_NORMALIZED, "return scaled.clip(-1, 1)"),
    ),
    mutant(
        "nothing clipped in demonstrations",
        "Actions beyond q01 and q99 get tokens beyond the lowest and highest.",
        policy(_NORMALIZED, _NORMALIZED.removesuffix(".clip(-1, 1)")),
        policy("bins = bins.clip(0, self.n_action_bins - 1)", "bins = bins"),
    ),
    mutant(
        "bins reversed in demonstrations",
        "The highest number is learned as the token of the lowest.",
        policy(_TOKENS, "return self.first_action_token + bins\n"),
    ),
    mutant(
        "edges rounded in demonstrations",
        "Numbers are rounded to the nearest edge of a bin, instead of down to its lower.",
        policy(_FLOOR, _FLOOR.replace("floor", "round")),
    ),
    mutant(
        "the last bin has no token",
        "An action at q99 gets the token below the lowest one.",
        policy("bins.clip(0, self.n_action_bins - 1)", "bins.clip(0, None)"),
    ),
    mutant(
        "padding learned",
        "Steps after the end of an episode are scored like all others.",
        policy(_LOSS, 'return -outputs["logprobs"].mean()'),
    ),
    mutant(
        "padding of other numbers",
        "The mask of steps is repeated for each number, not each of its steps.",
        policy(
            "is_taken.repeat_interleave(self.action_dim, dim=1)",
            "is_taken.repeat(1, self.action_dim)",
        ),
    ),
    mutant(
        "the first number alone learned",
        "The loss counts one number of an action.",
        policy(_LOSS, _LOSS.replace("[is_scored]", "[:, :: self.action_dim]")),
    ),
    mutant(
        "sum instead of mean",
        "The loss grows with the batch.",
        policy(_LOSS, _LOSS.replace("mean", "sum")),
    ),
    mutant(
        "demonstrations avoided",
        "The sign of the loss is wrong.",
        policy(_LOSS, _LOSS.replace("-outputs", "outputs")),
    ),
    mutant(
        "loss of demonstrations detached",
        "Nothing is learned from demonstrations.",
        policy(_LOSS, f"{_LOSS}.detach()"),
    ),
    mutant(
        "instructions of other samples",
        "Actions are learned for the instruction of another demonstration.",
        policy(
            "inputs = self._prepare_inputs(data)",
            'tasks = data["task_descriptions"][::-1]\n'
            "        inputs = self._prepare_inputs("
            '{**data, "task_descriptions": tasks})',
        ),
    ),
    mutant(
        "rounded actions taken",
        "Actions that went through bfloat16 are learned as if they were exact.",
        policy(
            "if actions.dtype not in (torch.float32, torch.float64):",
            "if not actions.is_floating_point():",
        ),
    ),
    mutant(
        "chunks reach into the next episode",
        "What is padded shows the first actions of another episode.",
        _data(_CHUNK, _CHUNK.replace("end - 1", "len(self.actions) - 1")),
    ),
    mutant(
        "no step is padding",
        "Repeated actions at the end of an episode are learned.",
        _data('"action_is_pad": steps >= end', '"action_is_pad": steps < 0'),
    ),
    mutant(
        "every frame has the first instruction",
        "The task of a frame is not looked up.",
        _data("self.tasks[self.task_indices[index]]", "self.tasks[0]"),
    ),
    mutant(
        "ranks learn the same",
        "Every rank gets the share of the first.",
        _data("rank=global_rank", "rank=0"),
    ),
    mutant(
        "episodes in order",
        "Frames are learned in the order in which they were recorded.",
        _data("shuffle=True", "shuffle=False"),
    ),
    mutant(
        "rank and number of ranks swapped",
        "The branch in RLinf's worker gives them to the loader in the wrong order.",
        Edit(
            _WORKER,
            f"{_BRANCH}self._world_size, self._rank",
            f"{_BRANCH}self._rank + 1, self._world_size - 1",
        ),
    ),
    mutant(
        "colours swapped in demonstrations",
        "Red is learned as blue, and seen as red.",
        _data(
            'np.asarray(image.convert("RGB"))',
            'np.asarray(image.convert("RGB"))[..., ::-1]',
        ),
        of=IMAGES,
    ),
)
