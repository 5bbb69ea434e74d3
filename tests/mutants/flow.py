"""Defects of flow matching."""

from __future__ import annotations

from functools import partial

from mutants.mutant import FLOW, Mutant, policy
from mutants.mutant import mutant as seeded

mutant: partial[Mutant] = partial(seeded, of=FLOW)

_DENOISED = "denoised = actions - velocity * time"
_NOISE = "noise * (next_time - drift)"
_SPREAD = "(variance * length).sqrt()"
_CLAMP = "time.clamp(max=times[1])"
_TAKEN = "taken = chains[rows, step + 1]"
_VELOCITY = "velocity = self.action_head(actions, times[step], hidden_states,"
_NOISY = '(batch["denoise_inds"] == index).any(dim=1) & do_sample'
_START = "        if do_sample:\n            actions = torch.randn_like(actions)"
_CHOSEN = "return steps.random_(self.num_steps) if do_sample else steps"
_LEVEL = "return self.noise_level * temperature"
_SUM = "return logprobs.flatten(1), entropy.flatten(1)"
_ENTROPY = "entropy = entropy + compute_gaussian_entropy(std)"
_EXECUTED = "self._unnormalize_actions(chains[:, -1])"
_MASK = "F.pad(attention_mask.bool(), (0, chunks), value=True)"
_PLACES = "self.proj(actions.to(dtype)) + places + condition[:, None]"
_CONDITION = "self.q(hidden_states[:, -1]) + self.fc2(F.silu(self.fc1(time)))"
_CLIPPED = "normalized.double().clamp(-1, 1).cpu().numpy()"
_REBUILT = "setattr(model, name, head.to(weight.device, weight.dtype))"
_STATES = "return hidden_states[0]\n"
_TARGET = "errors = (velocity - (noise - actions)).square()"
_SHOWN = (
    "        actions = actions * is_taken.unsqueeze(-1)  # steps look at each other\n"
)

MUTANTS = (
    mutant(
        "velocity taken backwards",
        "Steps lead away from the actions.",
        policy(_DENOISED, _DENOISED.replace("-", "+")),
    ),
    mutant(
        "noise without its drift",
        "Steps with noise lead elsewhere than those without.",
        policy(_NOISE, "noise * next_time"),
    ),
    mutant(
        "variance of a step for its standard deviation",
        "Steps add less noise than the equation asks for.",
        policy(_SPREAD, _SPREAD.replace(".sqrt()", "")),
    ),
    mutant(
        "infinite noise at first",
        "The first step divides by 0.",
        policy(_CLAMP, "time"),
    ),
    mutant(
        "chain replayed one step late",
        "Training scores where a step began, not where it led.",
        policy(_TAKEN, _TAKEN.replace("step + 1", "step")),
    ),
    mutant(
        "velocity at the end of the step",
        "The expert is told the time after the step.",
        policy(_VELOCITY, _VELOCITY.replace("times[step]", "times[step + 1]")),
    ),
    mutant(
        "noise in all steps, one scored",
        "Steps that no log-probability counts are random, too.",
        policy(_NOISY, "torch.full_like(step, do_sample, dtype=torch.bool)"),
    ),
    mutant(
        "evaluation starts from noise",
        "What asks for evaluation gets a sample.",
        policy(_START, _START.replace("if do_sample:", "if True:")),
    ),
    mutant(
        "first step always explored",
        "The others are never trained.",
        policy(_CHOSEN, "return steps"),
    ),
    mutant(
        "noise level of the settings alone",
        "The noise level is that of the settings, whatever is asked for.",
        policy(_LEVEL, "return self.noise_level * temperature.clamp(1, 1)"),
    ),
    mutant(
        "log-probability of a chain averaged",
        "Steps that are scored together count as less than they are.",
        policy(
            _SUM,
            'logprobs = logprobs / batch["denoise_inds"].shape[1]\n        ' + _SUM,
        ),
    ),
    mutant(
        "entropy of the last step alone",
        "Steps that are scored together have the entropy of one.",
        policy(_ENTROPY, "entropy = entropy * 0 + compute_gaussian_entropy(std)"),
    ),
    mutant(
        "chains in floating point",
        "FSDP casts them to bfloat16 on their way to the trainer.",
        policy('"chains": to_bits(chains)', '"chains": chains'),
        policy(
            'from_bits(forward_inputs["chains"])', 'forward_inputs["chains"].float()'
        ),
    ),
    mutant(
        "last step not executed",
        "The environment gets what the last step began from.",
        policy(_EXECUTED, _EXECUTED.replace("-1", "-2")),
    ),
    mutant(
        "denoised actions not clipped",
        "The robot is sent where no demonstration was.",
        policy(_CLIPPED, _CLIPPED.replace(".clamp(-1, 1)", "")),
    ),
    mutant(
        "expert looks at padding",
        "What it sees of a prompt depends on how far that is padded.",
        policy(_MASK, _MASK.replace("attention_mask.bool()", "attention_mask >= 0")),
    ),
    mutant(
        "steps of a chunk alike",
        "The expert does not know which action of the chunk it makes.",
        policy(_PLACES, _PLACES.replace(" + places", "")),
    ),
    mutant(
        "time not told",
        "The expert does not know how much noise is left.",
        policy(
            _CONDITION, "self.q(hidden_states[:, -1]) + self.fc2(self.fc1(time) * 0)"
        ),
    ),
    mutant(
        "expert left as transformers made it",
        "What the checkpoint lacks keeps the base's initialization.",
        policy(_REBUILT, f'if name == "value_head":\n                {_REBUILT}'),
    ),
    mutant(
        "expert detached from the backbone",
        "The loss of the actor trains the expert alone.",
        policy(_STATES, "return hidden_states[0].detach()\n"),
    ),
    mutant(
        "expert unknown to LoRA",
        "A layer has a name that RLinf puts no adapters into.",
        policy("self.kv = torch", "self.context = torch"),
        policy("self.kv(hidden_states)", "self.context(hidden_states)"),
    ),
    mutant(
        "velocity learned backwards",
        "Demonstrations teach a velocity that points to the actions.",
        policy(_TARGET, _TARGET.replace("(noise - actions)", "(actions - noise)")),
    ),
    mutant(
        "all times as frequent",
        "Demonstrations are mixed with less noise than they are to be.",
        policy(" ** (2 / 3)", ""),
    ),
    mutant(
        "expert looks at what nobody did",
        "Steps behind the end of an episode show in those before it.",
        policy(_SHOWN, ""),
    ),
)
