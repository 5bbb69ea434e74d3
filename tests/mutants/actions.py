"""Defects between tokens and actions."""

from __future__ import annotations

from mutants.mutant import loader, mutant, policy

_BINS = "bins = self.action_token_end - 1 - action_tokens.cpu().numpy()"
_CENTER = "normalized = (2 * bins + 1) / self.n_action_bins - 1"
_MASK = "            self.action_mask,\n            (normalized"
_UNNORMALIZED = "(normalized + 1) * scale + self.min_action,"
_ONLY_ENTRY = "if unnorm_key is None and len(norm_stats) == 1:"
_CHUNKS = """        chunk_tokens = action_tokens.reshape(
            -1, self.num_action_chunks, self.action_dim
        )"""
_FIRST = "return self.action_token_end - self.n_action_bins"

MUTANTS = (
    mutant(
        "bins reversed",
        "The highest token stands for the highest bin.",
        policy(_BINS, "bins = action_tokens.cpu().numpy() - self.first_action_token"),
    ),
    mutant(
        "edges instead of centers",
        "Actions are the lower edges of their bins.",
        policy(_CENTER, _CENTER.replace("(2 * bins + 1)", "2 * bins")),
    ),
    mutant(
        "action tokens one lower",
        "The range of action tokens begins one id early.",
        policy(_FIRST, f"{_FIRST} - 1"),
    ),
    mutant(
        "action tokens too low",
        "An id is left unused below the special token that ends their range.",
        policy("        end = min(blocking)\n", "        end = min(blocking) - 1\n"),
    ),
    mutant(
        "special tokens as actions",
        "The range of action tokens may hold special tokens.",
        policy("        if not blocking:\n", "        if True:\n"),
    ),
    mutant(
        "q01 and q99 swapped",
        "Actions are mirrored within their range.",
        policy(
            'self.min_action = np.asarray(stats["q01"]',
            'self.min_action = np.asarray(stats["q99"]',
        ),
        policy(
            'self.max_action = np.asarray(stats["q99"]',
            'self.max_action = np.asarray(stats["q01"]',
        ),
    ),
    mutant(
        "mask ignored",
        "Dimensions that the mask leaves alone, such as a gripper, are scaled.",
        policy(
            _MASK, _MASK.replace("self.action_mask", "np.ones_like(self.action_mask)")
        ),
    ),
    mutant(
        "un-normalized twice",
        "Actions that have been scaled are scaled again.",
        policy(
            _UNNORMALIZED,
            "((normalized + 1) * scale + self.min_action + 1) * scale + self.min_action,",
        ),
    ),
    mutant(
        "never un-normalized",
        "The environment gets actions in -1..1.",
        policy(_UNNORMALIZED, "normalized,"),
    ),
    mutant(
        "statistics guessed",
        "Of several datasets, the first one's statistics are taken without a word.",
        policy(_ONLY_ENTRY, "if unnorm_key is None and norm_stats:"),
    ),
    mutant(
        "statistics of another dataset",
        "The configured name is not looked at.",
        policy(_ONLY_ENTRY, "if norm_stats:"),
    ),
    mutant(
        "unnorm_key not passed on",
        "The loader forgets the name of the dataset.",
        loader("        unnorm_key=cfg.unnorm_key,\n", ""),
    ),
    mutant(
        "chunks transposed",
        "Actions of a chunk are read across instead of along.",
        policy(
            "return self._decode_actions(chunk_tokens), {",
            "return self._decode_actions(\n"
            "            action_tokens.reshape(\n"
            "                -1, self.action_dim, self.num_action_chunks\n"
            "            ).transpose(1, 2)\n"
            "        ), {",
        ),
    ),
    mutant(
        "chunks stored transposed",
        "Training reads a chunk's tokens in another order than they were drawn in.",
        policy(
            _CHUNKS,
            """        chunk_tokens = action_tokens.reshape(
            -1, self.action_dim, self.num_action_chunks
        ).transpose(1, 2)""",
        ),
    ),
    mutant(
        "tokens one early",
        "The rollout takes the prompt's last token for its first action.",
        policy(
            "generated.sequences[:, -self.num_action_tokens :]",
            "generated.sequences[:, -self.num_action_tokens - 1 : -1]",
        ),
    ),
    mutant(
        "actions in float64",
        "Environments get another dtype than they take.",
        policy("return actions.astype(np.float32)", "return actions"),
    ),
)
