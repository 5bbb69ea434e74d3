"""Defects of states that are projected to a token."""

from __future__ import annotations

from functools import partial

from mutants.mutant import STATES, Mutant, policy
from mutants.mutant import mutant as seeded

mutant: partial[Mutant] = partial(seeded, of=STATES)

_TOLD = "states_hook = self._embed_states(prompts)"
_SCALED = "scaled = 2 * distance / np.where(span > 0, span, np.inf) - 1"
_BITS = 'inputs["state_bits"] = to_bits(torch.from_numpy(scaled)).to(self.device)'
_READ = 'states = from_bits(prompts["state_bits"]).to(embedded.dtype)'
_PROJECTED = "projected = self.state_projector(states).to(embedded.dtype)"
_PLACE = "is_state = arguments[0] == self.state_token"
_WHERE = "torch.where(is_state.unsqueeze(-1), projected.unsqueeze(1), embedded)"
_TOKEN = "self.state_token = end - 1"
_SHAPE = "if shape != (self.state_dim,):"
_SLOT = "last = torch.full_like(last, self.state_token)"

MUTANTS = (
    mutant(
        "state not told",
        "The base reads the embedding of the token that stands for the state.",
        policy(_WHERE, "embedded"),
    ),
    mutant(
        "states of other samples told",
        "Each prompt has the state of the sample before it.",
        policy(_PROJECTED, _PROJECTED.replace("(states)", "(states.roll(1, 0))")),
    ),
    mutant(
        "state told in training alone",
        "The rollout acts without it.",
        policy(
            _READ,
            f"if not torch.is_grad_enabled():\n                return embedded\n            {_READ}",
        ),
    ),
    mutant(
        "projection detached",
        "The projector is never trained.",
        policy(
            _PROJECTED,
            _PROJECTED.replace(
                "self.state_projector(states)", "self.state_projector(states).detach()"
            ),
        ),
    ),
    mutant(
        "state added to the embedding",
        "The token has a meaning of its own besides.",
        policy(
            _WHERE,
            _WHERE.replace(
                "projected.unsqueeze(1)", "embedded + projected.unsqueeze(1)"
            ),
        ),
    ),
    mutant(
        "state at each token",
        "The instruction is overwritten.",
        policy(_PLACE, "is_state = torch.ones_like(arguments[0]).bool()"),
    ),
    mutant(
        "state not scaled",
        "Statistics are ignored.",
        policy(_SCALED, "scaled = distance"),
    ),
    mutant(
        "states stored as numbers",
        "FSDP casts them to bfloat16 in training.",
        policy(_BITS, 'inputs["state_bits"] = torch.from_numpy(scaled).float()'),
        policy(_READ, 'states = prompts["state_bits"].to(embedded.dtype)'),
    ),
    mutant(
        "state token among the action tokens",
        "What is sampled is taken for a state.",
        policy(_TOKEN, "self.state_token = end"),
    ),
    mutant(
        "states of any size taken",
        "A missing state is told as nothing.",
        policy(_SHAPE, "if shape is None:\n            return\n        if False:"),
    ),
    mutant(
        "state without a token",
        "The instruction's last token is doubled instead.",
        policy(_SLOT, "pass"),
    ),
    mutant(
        "states never told again",
        "The handle stays, and the next prompts get these states.",
        policy("            states_hook.remove()\n", ""),
    ),
)
