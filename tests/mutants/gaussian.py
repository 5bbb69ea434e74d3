"""Defects of a Gaussian over chunks of actions."""

from __future__ import annotations

from functools import partial

from mutants.mutant import GAUSSIAN, Mutant, policy
from mutants.mutant import mutant as seeded

mutant: partial[Mutant] = partial(seeded, of=GAUSSIAN)

_EXECUTED = "return self._unnormalize_actions(actions), {"
_SAMPLED = "actions = mean + std * torch.randn_like(mean) if do_sample else mean"
_STORED = '"sampled_actions": to_bits(actions)'
_DENSITY = "return -0.5 * distance.square() - std.log() - 0.5 * math.log(2 * math.pi)"
_ENTROPY = "return std.log() + 0.5 * math.log(2 * math.pi * math.e)"
_CHUNKS = "slot_states.reshape(len(input_ids), self.num_action_chunks, -1)"
_SLOTS = "slot_states = hidden_states[:, -self.num_action_tokens :]"
_VALUE = "hidden_states[:, -self.num_action_tokens - 1]"
_RUN = "self.action_slots = range(end - self.num_action_tokens, end)"
_CLIPPED = "normalized.double().clamp(-1, 1).cpu().numpy()"
_BOUNDED = "(low + (high - low) * share).exp()"
_SHARE = "share = self.fc3(hidden_states.new_ones(1)).float().sigmoid()"
_MEAN = "mean = self.fc2(F.gelu(self.fc1(hidden_states))).float()"
_REBUILT = "setattr(model, name, head.to(weight.device, weight.dtype))"
_STATES = "return hidden_states[0]\n"
_REPLAYED = "self._compute_distribution(forward_inputs)"
_NEUTRAL = 'torch.full_like(forward_inputs["sampling_temperature"], SAMPLING_UNITS)'
_DEMONSTRATED = "demonstrated = torch.from_numpy(actions).to(mean)"

MUTANTS = (
    mutant(
        "mean executed, sample scored",
        "The environment gets the mean, and the log-probability is that of a sample.",
        policy(_EXECUTED, _EXECUTED.replace("(actions)", "(mean)")),
    ),
    mutant(
        "variance for a standard deviation",
        "Samples scatter by the root of what their density says.",
        policy(_SAMPLED, _SAMPLED.replace("std *", "std.sqrt() *")),
    ),
    mutant(
        "mean not taken",
        "What asks for the mean gets a sample.",
        policy(_SAMPLED, _SAMPLED.replace(" if do_sample else mean", "")),
    ),
    mutant(
        "clipped before it is scored",
        "A sample beyond the bounds gets the density of the bound.",
        policy(
            _SAMPLED,
            f"{_SAMPLED}\n        actions = actions.clamp(-1, 1)",
        ),
    ),
    mutant(
        "not clipped at all",
        "The robot is sent where no demonstration was.",
        policy(_CLIPPED, _CLIPPED.replace(".clamp(-1, 1)", "")),
    ),
    mutant(
        "temperature not replayed",
        "Training takes the standard deviation of temperature 1.",
        policy(
            _REPLAYED,
            "self._compute_distribution(\n"
            f'            {{**forward_inputs, "sampling_temperature": {_NEUTRAL}}}\n'
            "        )",
        ),
    ),
    mutant(
        "sampled actions in floating point",
        "FSDP casts the sampled actions to bfloat16 on their way to the trainer.",
        policy(_STORED, '"sampled_actions": actions'),
        policy(
            'from_bits(forward_inputs["sampled_actions"])',
            'forward_inputs["sampled_actions"].float()',
        ),
    ),
    mutant(
        "density without its scale",
        "A wider Gaussian is as dense as a narrow one.",
        policy(_DENSITY, _DENSITY.replace(" - std.log()", "")),
    ),
    mutant(
        "density without its constant",
        "Densities do not add up to one.",
        policy(_DENSITY, _DENSITY.replace(" - 0.5 * math.log(2 * math.pi)", "")),
    ),
    mutant(
        "entropy of the variance",
        "The standard deviation counts twice.",
        policy(_ENTROPY, _ENTROPY.replace("std.log()", "2 * std.log()")),
    ),
    mutant(
        "slots of an action far apart",
        "An action is made of slots that belong to several.",
        policy(
            _CHUNKS,
            "slot_states.unflatten(1, (self.action_dim, -1)).transpose(1, 2).flatten(2)",
        ),
    ),
    mutant(
        "slots one token early",
        "The first number is read at the prompt's last token.",
        policy(_SLOTS, _SLOTS.replace("tokens :]", "tokens - 1 : -1]")),
    ),
    mutant(
        "special tokens as slots",
        "What stands for numbers is not free.",
        policy(_RUN, _RUN.replace("end)", "end + 1)").replace("(end -", "(end + 1 -")),
    ),
    mutant(
        "value behind the slots",
        "The value is read where actions are made.",
        policy(_VALUE, "hidden_states[:, -1]"),
    ),
    mutant(
        "mean squashed",
        "A tanh, which no density accounts for, keeps the mean in its bounds.",
        policy(_MEAN, _MEAN.replace(".float()", ".float().tanh()")),
    ),
    mutant(
        "standard deviation detached",
        "It keeps its first value, whatever the loss.",
        policy(_SHARE, f"{_SHARE}.detach()"),
    ),
    mutant(
        "standard deviation without bounds",
        "It can become 0, where densities are infinite.",
        policy(_BOUNDED, "share.logit().exp()"),
    ),
    mutant(
        "standard deviation clamped",
        "At its bounds nothing moves it any more.",
        policy(_SHARE, _SHARE.replace(".sigmoid", ".clamp(-4, 4).sigmoid")),
    ),
    mutant(
        "action head left as transformers made it",
        "What the checkpoint lacks keeps the base's initialization.",
        policy(_REBUILT, f'if name == "value_head":\n                {_REBUILT}'),
    ),
    mutant(
        "action head detached from the backbone",
        "The loss of the actor trains the head alone.",
        policy(_STATES, "return hidden_states[0].detach()\n"),
    ),
    mutant(
        "demonstrations as they were recorded",
        "Actions are learned on the scale of the robot.",
        policy(_DEMONSTRATED, _DEMONSTRATED.replace("(actions)", '(data["actions"])')),
    ),
    mutant(
        "only the mean is shown",
        "Demonstrations do not tell how far actions scatter.",
        policy(
            "compute_gaussian_logprobs(demonstrated, mean, std)",
            "compute_gaussian_logprobs(demonstrated, mean, std.detach())",
        ),
    ),
)
