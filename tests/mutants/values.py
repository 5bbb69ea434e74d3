"""Defects of the value head."""

from __future__ import annotations

from mutants.mutant import models, mutant, policy

_TRAINING = "self._compute_values(hidden_states[0][:, first_position])"
_ROLLOUT = "self._compute_values(hidden_states[0][:, -1])"
_RECORDED = "hook = self.get_output_embeddings().register_forward_pre_hook("
_VALUES = "return self.value_head(hidden_states).float()"
_REBUILT = "setattr(model, name, head.to(weight.device, weight.dtype))"
_MISSING = 'for name in sorted({key.partition(".")[0] for key in missing}):'
_LAST = """            bias_last=False,
        )"""

MUTANTS = (
    mutant(
        "value at the wrong position in training",
        "Training reads the value after the last action.",
        policy(_TRAINING, _TRAINING.replace("first_position", "-1")),
    ),
    mutant(
        "value at the wrong position in the rollout",
        "The rollout reads the value one token before the prompt's last.",
        policy(_ROLLOUT, _ROLLOUT.replace("[:, -1]", "[:, -2]")),
    ),
    mutant(
        "value one token early on both sides",
        "Both read the value before the prompt's last token.",
        policy(_ROLLOUT, _ROLLOUT.replace("[:, -1]", "[:, -2]")),
        policy(_TRAINING, _TRAINING.replace("first_position", "first_position - 1")),
    ),
    mutant(
        "value after the actions on both sides",
        "Both read the value behind actions, which it must not know.",
        policy(_ROLLOUT, _ROLLOUT.replace("hidden_states[0]", "hidden_states[-1]")),
        policy(_TRAINING, _TRAINING.replace("first_position", "-2")),
    ),
    mutant(
        "value of an inner layer",
        "Both read the value before the last normalization.",
        policy(_RECORDED, _RECORDED.replace("get_output_embeddings()", "model.norm")),
    ),
    mutant(
        "value head detached from the backbone",
        "The loss of the critic trains the head alone.",
        policy(_VALUES, _VALUES.replace("(hidden_states)", "(hidden_states.detach())")),
    ),
    mutant(
        "values detached",
        "The loss of the critic trains nothing.",
        policy(_VALUES, f"{_VALUES}.detach()"),
    ),
    mutant(
        "value head frozen",
        "The head keeps its first weights.",
        policy(_LAST, f"{_LAST}.requires_grad_(False)"),
    ),
    mutant(
        "value head frozen with adapters",
        "The head is frozen with the base that adapters are put into.",
        models("        model.value_head.requires_grad_(True)", "        pass"),
    ),
    mutant(
        "value head of another width",
        "The head returns a value for each number of an action.",
        policy("            output_dim=1,", "            output_dim=self.action_dim,"),
    ),
    mutant(
        "value head left as transformers made it",
        "What the checkpoint lacks keeps the base's initialization.",
        policy(_REBUILT, "del head"),
    ),
    mutant(
        "value head never initialized",
        "The head holds whatever was in memory.",
        policy(
            _REBUILT,
            _REBUILT.replace(
                "to(weight.device, ",
                'to("meta").to_empty(device=weight.device).to(',
            ),
        ),
    ),
    mutant(
        "value head holds NaN",
        "One weight of the head is not a number.",
        policy(
            _REBUILT,
            f"{_REBUILT}\n"
            '            torch.nn.init.constant_(head.mlp[0].bias, float("nan"))',
        ),
    ),
    mutant(
        "value head rebuilt on every load",
        "What a checkpoint has of the head is thrown away.",
        policy(_MISSING, "for name in [it for it in HEADS if hasattr(model, it)]:"),
    ),
    mutant(
        "value head in another dtype",
        "The head is float32 whatever the base is.",
        policy(_REBUILT, _REBUILT.replace(", weight.dtype", "")),
    ),
    mutant(
        "gelu in the value head",
        "torch.nn.init knows no gain of gelu.",
        policy('activation="relu"', 'activation="gelu"'),
    ),
    mutant(
        "value head always there",
        "A recipe without critic gets one.",
        policy("        if add_value_head:\n", "        if True:\n"),
    ),
    mutant(
        "values missing without value head",
        "Workers get None where they want a tensor.",
        policy("values = torch.zeros_like(logprobs[:, :1])", "values = None"),
    ),
)
