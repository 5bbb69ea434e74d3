"""Defects of the pass that training takes, and of its gradients."""

from __future__ import annotations

from mutants.mutant import mutant, policy

_FORWARD = """    def default_forward(
        self,
        forward_inputs"""
_PREDICT = """    @torch.no_grad()
    def predict_action_batch("""
_SLICE = "outputs.logits[:, first_position:-1]\n"

MUTANTS = (
    mutant(
        "logits one position late",
        "Each token is judged by the logits of the token after it.",
        policy(_SLICE, "outputs.logits[:, first_position + 1 :]\n"),
    ),
    mutant(
        "too few logits kept",
        "The base computes no logits for the first action token.",
        policy(
            "logits_to_keep=self.num_action_tokens + 1\n",
            "logits_to_keep=self.num_action_tokens\n",
        ),
    ),
    mutant(
        "log-probabilities detached",
        "The loss of the actor reaches no weight.",
        policy(_SLICE, "outputs.logits[:, first_position:-1].detach()\n"),
    ),
    mutant(
        "no_grad on training",
        "The pass that training takes records no graph.",
        policy(_FORWARD, "    @torch.no_grad()\n" + _FORWARD),
    ),
    mutant(
        "no_grad missing on the rollout",
        "Rollouts keep their graph, and with it memory.",
        policy(_PREDICT, _PREDICT.replace("    @torch.no_grad()\n", "")),
    ),
    mutant(
        "dropout active",
        "Training draws at random what the rollout did not.",
        policy("setattr(part, key, 0.0)", "pass"),
    ),
    mutant(
        "inputs changed in place",
        "A second epoch finds prompts with the answer at their end.",
        policy(
            "        inputs = self._append_tokens(forward_inputs, action_tokens)\n",
            "        inputs = self._append_tokens(forward_inputs, action_tokens)\n"
            '        forward_inputs["input_ids"] = inputs["input_ids"]\n',
        ),
    ),
    mutant(
        "flags ignored",
        "Entropy is computed whether or not it is asked for.",
        policy("        if compute_entropy:\n", "        if True:\n"),
    ),
    mutant(
        "entropy only with log-probabilities",
        "One flag needs the other to be set.",
        policy("if compute_logprobs or compute_entropy:", "if compute_logprobs:"),
    ),
    mutant(
        "arguments of other models refused",
        "Workers cannot pass what only other models know.",
        policy(
            "        top_p: float = 1.0,\n        **kwargs: Any,\n    ) -> tuple[np.ndarray",
            "        top_p: float = 1.0,\n    ) -> tuple[np.ndarray",
        ),
    ),
    mutant(
        "forward dispatch bypassed",
        "forward is the base's own, which knows no forward_inputs.",
        policy(
            "        return self.default_forward(\n",
            "        return super().forward(\n",
        ),
    ),
    mutant(
        "forward type ignored",
        "Whoever asks for another forward pass gets this one.",
        policy("        if forward_type != ForwardType.DEFAULT:", "        if False:"),
    ),
    mutant(
        "reentrant checkpointing",
        "Adapters below frozen embeddings get no gradient.",
        policy(
            'gradient_checkpointing_kwargs or {"use_reentrant": False}',
            'gradient_checkpointing_kwargs or {"use_reentrant": True}',
        ),
    ),
)
