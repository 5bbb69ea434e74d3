"""Defects of what is sampled, and of the probabilities that are told of it."""

from __future__ import annotations

from mutants.mutant import mutant, policy

_SCALE = "logits = logits.float() / temperature"
_REPLAYED = """                forward_inputs,
                compute_entropy,"""
_LOGITS_OF_ACTIONS = """            logits[..., self.first_action_token : self.action_token_end],
            sampling,
            taken_bins=bins,
        )"""
_PROCESSED = """            scores[:, self.action_tokens].unsqueeze(1), self.sampling
        )"""
_TOP_K = "dropped = (top_k > 0) & (rank >= top_k)"
_TOP_P = "((top_p < 1) & (probs.cumsum(dim=-1) - probs >= top_p))"
_LOGPROBS = "logprobs = compute_logprobs_from_logits(logits=action_logits, target=bins)"
_ENTROPY = "compute_entropy_from_logits(logits=action_logits)"
_DECIDE = """        if do_sample is None:
            do_sample = mode == "train\""""


def _replaying(key: str, value: str) -> str:
    return f"""                {{
                    **forward_inputs,
                    "{key}": torch.full_like(forward_inputs["{key}"], {value}),
                }},
                compute_entropy,"""


MUTANTS = (
    mutant(
        "temperature ignored",
        "Neither the rollout nor training divides by the temperature.",
        policy(_SCALE, "logits = logits.float()"),
    ),
    mutant(
        "temperature upside down",
        "Both multiply by the temperature.",
        policy(_SCALE, "logits = logits.float() * temperature"),
    ),
    mutant(
        "temperature ignored in training",
        "Training recomputes log-probabilities at temperature 1.",
        policy(_REPLAYED, _replaying("sampling_temperature", "SAMPLING_UNITS")),
    ),
    mutant(
        "temperature ignored in generation",
        "Tokens are drawn at temperature 1, whatever is reported of them.",
        policy(
            _PROCESSED,
            """            scores[:, self.action_tokens].unsqueeze(1),
            {
                **self.sampling,
                "sampling_temperature": torch.full_like(
                    self.sampling["sampling_temperature"], SAMPLING_UNITS
                ),
            },
        )""",
        ),
    ),
    mutant(
        "top-k ignored",
        "Neither side drops a bin for top-k.",
        policy(_TOP_K, "dropped = (top_k < 0) & (rank < 0)"),
    ),
    mutant(
        "top-k keeps one bin more",
        "The rank is compared with > instead of >=.",
        policy(_TOP_K, "dropped = (top_k > 0) & (rank > top_k)"),
    ),
    mutant(
        "top-k ignored in training",
        "Training normalizes over all bins, the rollout over the top ones.",
        policy(_REPLAYED, _replaying("sampling_top_k", "0")),
    ),
    mutant(
        "top-k before the vocabulary mask",
        "Other tokens compete with action tokens for the places among the top k.",
        policy(
            _LOGITS_OF_ACTIONS,
            """            logits, sampling, taken_bins=action_tokens
        )[..., self.first_action_token : self.action_token_end]""",
        ),
    ),
    mutant(
        "top-p ignored",
        "Neither side drops a bin for top-p.",
        policy(_TOP_P, "((top_p < 0) & (probs < 0))"),
    ),
    mutant(
        "top-p ignored in training",
        "Training normalizes over all bins, the rollout over the likely ones.",
        policy(_REPLAYED, _replaying("sampling_top_p", "SAMPLING_UNITS")),
    ),
    mutant(
        "taken bins dropped",
        "Once the policy has moved on, a bin that was taken may be impossible.",
        policy(
            "            taken_bins=bins,\n",
            "",
        ),
    ),
    mutant(
        "probabilities over the whole vocabulary",
        "Log-probabilities are normalized over tokens that can never be taken.",
        policy(
            _LOGPROBS,
            "logprobs = compute_logprobs_from_logits(\n"
            "            logits=logits.float(), target=action_tokens\n"
            "        )",
        ),
    ),
    mutant(
        "log-probabilities with the wrong sign",
        "Both sides report the surprise instead of its negative.",
        policy(_LOGPROBS, _LOGPROBS.replace("= compute", "= -compute")),
    ),
    mutant(
        "log-probabilities in small dtype",
        "Logits stay in the dtype that the model computes in.",
        policy(
            _SCALE,
            "logits = logits / temperature.to(logits.dtype)",
        ),
    ),
    mutant(
        "minus infinity for dropped bins",
        "The entropy of a dropped bin is 0 times minus infinity.",
        policy(
            "    lowest = torch.finfo(logits.dtype).min\n    sorted",
            '    lowest = float("-inf")\n    sorted',
        ),
        policy(
            _ENTROPY,
            "-(\n"
            "                action_logits.softmax(dim=-1) * action_logits.log_softmax(dim=-1)\n"
            "            ).sum(dim=-1)",
        ),
    ),
    mutant(
        "entropy over the whole vocabulary",
        "Entropy counts tokens that can never be taken.",
        policy(_ENTROPY, "compute_entropy_from_logits(logits=logits.float())"),
    ),
    mutant(
        "entropy detached",
        "The entropy bonus has no gradient.",
        policy(_ENTROPY, "compute_entropy_from_logits(logits=action_logits.detach())"),
    ),
    mutant(
        "logits that were sampled from",
        "The rollout filters logits that generation has filtered before.",
        policy("            output_logits=True,", "            output_scores=True,"),
        policy(
            "torch.stack(generated.logits, dim=1)",
            "torch.stack(generated.scores, dim=1)",
        ),
    ),
    mutant(
        "sampling parameters as floats",
        "FSDP casts them to bfloat16 with all other floating point inputs.",
        policy(
            "key: input_ids.new_full((input_ids.shape[0],), value)",
            "key: torch.full(\n"
            "                (input_ids.shape[0],), float(value), device=input_ids.device\n"
            "            )",
        ),
    ),
    mutant(
        "settings of the sampled for the greedy",
        "Greedy rollouts take temperature -1 at its word.",
        policy(
            "        if not do_sample:\n            temperature, top_k, top_p = 1.0, 0, 1.0\n",
            "",
        ),
    ),
    mutant(
        "evaluation samples",
        "mode='eval' draws tokens at random.",
        policy(_DECIDE, _DECIDE.replace('mode == "train"', "True")),
    ),
    mutant(
        "training is greedy",
        "mode='train' takes the likeliest tokens, and explores nothing.",
        policy(_DECIDE, _DECIDE.replace('mode == "train"', "False")),
    ),
    mutant(
        "do_sample ignored",
        "Workers that say do_sample=False get samples.",
        policy(_DECIDE, _DECIDE.replace("do_sample is None", "True")),
    ),
    mutant(
        "evaluates unless told otherwise",
        "Workers that name no mode get greedy rollouts to train on.",
        policy('mode: str = "train",', 'mode: str = "eval",'),
    ),
    mutant(
        "repetition penalty of the checkpoint",
        "Generation keeps the checkpoint's own processors, which training lacks.",
        policy(
            "self.generation_config = GenerationConfig(",
            "self.generation_config.update(",
        ),
    ),
    mutant(
        "end token admitted",
        "Generation may end a sample early, with a token that is no action.",
        policy(
            "processed[:, self.action_tokens] = filtered.squeeze(1)",
            "processed[:, self.action_tokens] = filtered.squeeze(1)\n"
            "        processed[:, 2] = scores[:, 2]",
        ),
    ),
)
