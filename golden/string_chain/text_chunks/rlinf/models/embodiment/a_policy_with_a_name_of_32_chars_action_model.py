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

"""LlamaForCausalLM as a policy with discrete action tokens.

Every number of an action is one token. The `n_action_bins` token ids just below
`action_token_end` stand for equal bins of [-1, 1], the highest id for the lowest bin,
and actions are un-normalized from there with the dataset's q01 and q99.
"""

import json
import os
from typing import Any, Optional

import numpy as np
import torch
import torch.nn.functional as F
from transformers import (
    AutoConfig,
    AutoTokenizer,
    LlamaForCausalLM,
    PretrainedConfig,
    PreTrainedTokenizerBase,
)
from transformers.generation import GenerationConfig

from rlinf.models.embodiment.modules.value_head import ValueHead

# Modules that the base does not have.
HEADS = ["value_head"]


def load_config_and_processor(
    model_path: str, trust_remote_code: bool = False
) -> tuple[PretrainedConfig, PreTrainedTokenizerBase]:
    """Load what surrounds the weights.

    Args:
        model_path: Folder of the checkpoint.
        trust_remote_code: Whether code in the checkpoint may run.

    Returns:
        The configuration, with the action statistics of `dataset_statistics.json` as
        `norm_stats`, and the tokenizer, padding on the left.
    """
    model_config = AutoConfig.from_pretrained(
        model_path, trust_remote_code=trust_remote_code
    )
    statistics_path = os.path.join(model_path, "dataset_statistics.json")
    if os.path.isfile(statistics_path):
        with open(statistics_path) as f:
            norm_stats = getattr(model_config, "norm_stats", None) or {}
            model_config.norm_stats = {**norm_stats, **json.load(f)}

    input_processor = AutoTokenizer.from_pretrained(
        model_path, trust_remote_code=trust_remote_code, padding_side="left"
    )
    if input_processor.pad_token_id is None:
        input_processor.pad_token = input_processor.eos_token
    return model_config, input_processor


def find_free_tokens_end(
    tokenizer: PreTrainedTokenizerBase, vocab_size: int, count: int
) -> int:
    """Find the highest run of `count` ids that holds no special token.

    Args:
        tokenizer: Tokenizer of the checkpoint.
        vocab_size: Number of rows of the language head.
        count: Length of the run.

    Returns:
        The id just past the run.

    Raises:
        ValueError: If the vocabulary has no such run.
    """
    reserved = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    end = vocab_size
    while end >= count:
        blocking = [token for token in reserved if end - count <= token < end]
        if not blocking:
            return end
        end = min(blocking)
    raise ValueError(
        f"No {count} consecutive token ids below {vocab_size} are free of "
        "special tokens: lower n_action_bins or extend the vocabulary."
    )


def resolve_unnorm_key(norm_stats: dict[str, Any], unnorm_key: Optional[str]) -> str:
    """Choose the entry of the dataset statistics that un-normalizes actions.

    Args:
        norm_stats: Dataset statistics by dataset name.
        unnorm_key: The configured name; its `_no_noops` variant is accepted too.

    Returns:
        A key of `norm_stats`.

    Raises:
        ValueError: If the name is absent, or is not given and there are several.
    """
    if unnorm_key is None and len(norm_stats) == 1:
        return next(iter(norm_stats))
    for candidate in (unnorm_key, f"{unnorm_key}_no_noops"):
        if candidate in norm_stats:
            return candidate
    raise ValueError(
        f"unnorm_key is {unnorm_key!r}, but the checkpoint has action statistics for "
        f"{sorted(norm_stats)}. They are read from dataset_statistics.json beside the "
        "weights, or from norm_stats in config.json."
    )


def prepare_a_policy_with_a_name_of_32_chars_observations(
    raw_obs: dict[str, Any],
    use_proprio: bool,
    max_length: int,
    processor: PreTrainedTokenizerBase,
    device: torch.device,
) -> dict[str, torch.Tensor]:
    """Tokenize prompts, padded on the left to one length for all rollouts.

    Args:
        raw_obs: Observations: `task_descriptions` (B strings) and, with `use_proprio`,
            what `images_and_states` holds besides images, B tensors each. Images are
            not read: the base is a language model.
        use_proprio: Whether the prompt states the robot's state.
        max_length: Tokens that every prompt is padded to.
        processor: Tokenizer, padding on the left.
        device: Where the tensors go.

    Returns:
        `input_ids` and `attention_mask` of shape [B, max_length], and `pixel_values`
        of shape [B, 0].

    Raises:
        ValueError: If a prompt is longer than `max_length`.
    """
    prompts = [
        f"What action should the robot take to {task.lower()}?\nOut:"
        for task in raw_obs["task_descriptions"]
    ]
    states = raw_obs.get("images_and_states", {}) if use_proprio else {}
    for key in sorted(key for key in states if "image" not in key):
        prompts = [
            f"{key}: {' '.join(f'{number:.2f}' for number in numbers)}. {prompt}"
            for numbers, prompt in zip(
                (value.flatten().tolist() for value in states[key]), prompts
            )
        ]
    encoded = processor(
        [f"In: {prompt}" for prompt in prompts], padding=True, return_tensors="pt"
    )
    padding = max_length - encoded["input_ids"].shape[1]
    if padding < 0:
        raise ValueError(
            f"A prompt has {encoded['input_ids'].shape[1]} tokens, but "
            f"max_prompt_length is {max_length}."
        )
    input_ids = F.pad(encoded["input_ids"], (padding, 0), value=processor.pad_token_id)
    return {
        "input_ids": input_ids.to(device),
        "attention_mask": F.pad(encoded["attention_mask"], (padding, 0)).to(device),
        "pixel_values": torch.empty(len(prompts), 0, device=device),
    }


class APolicyWithANameOf32CharsForRLActionPrediction(LlamaForCausalLM):
    """Policy that answers an instruction with a chunk of discretized actions.

    Args:
        config: Configuration of the base.
        hidden_size: Width that the value head reads; must agree with `config`.
        vocab_size: Number of token ids; must agree with `config`.
        unnorm_key: Entry of the dataset statistics that un-normalizes actions.
        action_dim: Numbers per action.
        num_action_chunks: Actions predicted at once.
        n_action_bins: Token ids used for actions.
        add_value_head: Whether to estimate the value of the observation.
        max_prompt_length: Tokens that every prompt is padded to.

    Raises:
        ValueError: If `hidden_size` or `vocab_size` is not the one of `config`.
    """

    def __init__(
        self,
        config: PretrainedConfig,
        hidden_size: Optional[int] = None,
        vocab_size: Optional[int] = None,
        unnorm_key: Optional[str] = None,
        action_dim: int = 14,
        num_action_chunks: int = 8,
        n_action_bins: int = 256,
        add_value_head: bool = False,
        max_prompt_length: int = 128,
    ):
        # Training is in train mode, where dropout, or the jitter of routers, would give
        # other log-probabilities than the rollout had.
        parts = [config]
        for part in parts:  # which grows
            parts += [it for it in vars(part).values() if hasattr(it, "to_dict")]
            for key, value in part.to_dict().items():
                is_noise = "drop" in key or "jitter" in key
                if is_noise and isinstance(value, float):
                    setattr(part, key, 0.0)
        super().__init__(config)
        for key, value in (("hidden_size", hidden_size), ("vocab_size", vocab_size)):
            if value is not None and value != getattr(config, key):
                raise ValueError(
                    f"{key} is {value}, but the checkpoint's config says "
                    f"{getattr(config, key)}."
                )
        self.unnorm_key = unnorm_key
        self.action_dim = action_dim
        self.num_action_chunks = num_action_chunks
        self.n_action_bins = n_action_bins
        self.config.n_action_bins = n_action_bins  # where workers look for it
        self.max_prompt_length = max_prompt_length
        if add_value_head:
            self.value_head = self._build_value_head()

    def _build_value_head(self) -> ValueHead:
        return ValueHead(self.get_output_embeddings().weight.shape[1])

    @classmethod
    def is_custom_code(cls) -> bool:
        """Say no: transformers 5 sets up buffers, and renames weights, of its own alone."""
        return False

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str, *model_args: Any, **kwargs: Any
    ) -> "APolicyWithANameOf32CharsForRLActionPrediction":
        """Load a checkpoint of the base, or one that was saved from this class.

        transformers overwrites the initialization of modules that the checkpoint lacks,
        and may leave them on the meta device, so such heads are built anew.

        Args:
            pretrained_model_name_or_path: Folder or hub id of the checkpoint.
            *model_args: Positional arguments of the constructor after `config`.
            **kwargs: Arguments of the constructor and of transformers.

        Returns:
            The model, every parameter of which is loaded or initialized.

        Raises:
            ValueError: If weights of the base are missing.
        """
        # Without config, transformers keeps keyword arguments that the configuration
        # knows, such as hidden_size, from the constructor.
        if kwargs.get("config") is None:
            kwargs["config"] = cls.config_class.from_pretrained(
                pretrained_model_name_or_path,
                trust_remote_code=kwargs.get("trust_remote_code", False),
            )
        kwargs["output_loading_info"] = True
        model, loading_info = super().from_pretrained(
            pretrained_model_name_or_path, *model_args, **kwargs
        )

        missing = set(loading_info["missing_keys"])
        missing.update(name for name, p in model.named_parameters() if p.is_meta)
        absent = sorted(key for key in missing if key.partition(".")[0] not in HEADS)
        if absent:
            raise ValueError(
                f"{pretrained_model_name_or_path} is no checkpoint of "
                f"LlamaForCausalLM: it lacks {absent[:5]}."
            )
        weight = model.get_input_embeddings().weight
        # FSDP shards weights of one dtype, and transformers keeps some in another; and it
        # flattens weights that are all trained, or none.
        for part in model.modules():
            for name, parameter in list(part.named_parameters(recurse=False)):
                if parameter.dtype in (torch.float32, torch.bfloat16, torch.float16):
                    parameter.data = parameter.data.to(weight.dtype)
                if not parameter.requires_grad:  # the base never trains it
                    delattr(part, name)
                    part.register_buffer(name, parameter.data)
        for name in sorted({key.partition(".")[0] for key in missing}):
            head = getattr(model, f"_build_{name}")()
            setattr(model, name, head.to(weight.device, weight.dtype))
        return model

    def setup_config_and_processor(
        self, model_config: PretrainedConfig, input_processor: PreTrainedTokenizerBase
    ) -> None:
        """Take what surrounds the weights: action statistics and tokenizer.

        Args:
            model_config: Configuration that holds `norm_stats`.
            input_processor: Tokenizer of the checkpoint, padding on the left.
        """
        self.input_processor = input_processor

        self.norm_stats = getattr(model_config, "norm_stats", None) or {}
        self._init_action_stats()
        self.action_token_end = find_free_tokens_end(
            input_processor, self.config.vocab_size, self.n_action_bins
        )
        self.vocab_size = self.action_token_end  # workers look for actions below it
        self._init_generation_config()

    def _init_action_stats(self) -> None:
        unnorm_key = resolve_unnorm_key(self.norm_stats, self.unnorm_key)
        stats = self.norm_stats[unnorm_key]["action"]
        self.min_action = np.asarray(stats["q01"], dtype=np.float64)
        self.max_action = np.asarray(stats["q99"], dtype=np.float64)
        mask = stats.get("mask", [True] * self.action_dim)
        self.action_mask = np.asarray(mask, dtype=bool)
        for key, value in (
            ("q01", self.min_action),
            ("q99", self.max_action),
            ("mask", self.action_mask),
        ):
            if value.shape != (self.action_dim,) or not np.isfinite(value).all():
                raise ValueError(
                    f"{key} of the action statistics {unnorm_key!r} must hold "
                    f"{self.action_dim} finite numbers, has {value.tolist()}."
                )

    def _init_generation_config(self) -> None:
        # A checkpoint's own generation config may hold processors (a repetition
        # penalty, suppressed tokens) that training could not replay. No end token:
        # every sample is exactly num_action_tokens long.
        self.generation_config = GenerationConfig(
            max_new_tokens=self.num_action_tokens,
            do_sample=True,
            top_k=None,
            bos_token_id=self.input_processor.bos_token_id,
            pad_token_id=self.input_processor.pad_token_id,
            return_dict_in_generate=True,
            output_logits=True,
        )

    @property
    def num_action_tokens(self) -> int:
        """Number of tokens per sample."""
        return self.action_dim * self.num_action_chunks

    @property
    def first_action_token(self) -> int:
        """Lowest action token id; it stands for the highest bin."""
        return self.action_token_end - self.n_action_bins

    def gradient_checkpointing_enable(
        self, gradient_checkpointing_kwargs: Optional[dict[str, Any]] = None
    ) -> None:
        """Enable gradient checkpointing, non-reentrant unless asked otherwise.

        Reentrant checkpointing, the default of transformers 4, gives no gradient to
        LoRA adapters below frozen embeddings.

        Args:
            gradient_checkpointing_kwargs: Arguments of torch's checkpoint function.
        """
        super().gradient_checkpointing_enable(
            gradient_checkpointing_kwargs or {"use_reentrant": False}
        )

    # The signature is explicit because transformers reads it: generate() builds
    # position ids for left-padded prompts only if forward names them.
    def forward(
        self,
        input_ids: Optional[torch.LongTensor] = None,
        attention_mask: Optional[torch.Tensor] = None,
        position_ids: Optional[torch.LongTensor] = None,
        past_key_values: Optional[Any] = None,
        inputs_embeds: Optional[torch.FloatTensor] = None,
        pixel_values: Optional[torch.Tensor] = None,
        **kwargs: Any,
    ) -> Any:
        """Run the base, with logits of action tokens alone.

        Workers apply temperature and top-k to the logits before they look at action
        tokens, so that others must not compete with these.

        Args:
            input_ids: Tokens, shape [B, L].
            attention_mask: 1 or True for tokens, 0 for padding, shape [B, L].
            position_ids: Position of each token, shape [B, L].
            past_key_values: Cache of the base.
            inputs_embeds: Embeddings in place of `input_ids`, shape [B, L, hidden].
            pixel_values: Not used; workers pass what `prepare_observations` returns.
            **kwargs: Arguments of the base.

        Returns:
            The base's output; float32 logits, minus infinity but for action tokens.
        """
        if attention_mask is not None and attention_mask.dim() == 2:
            attention_mask = attention_mask.long()
            if position_ids is None and past_key_values is None:
                position_ids = (attention_mask.cumsum(dim=-1) - 1).clamp(min=0)
        outputs = super().forward(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            **{"use_cache": False, **kwargs},
        )
        tokens = torch.arange(outputs.logits.shape[-1], device=outputs.logits.device)
        is_action = (tokens >= self.first_action_token) & (
            tokens < self.action_token_end
        )
        outputs.logits = outputs.logits.float().masked_fill(~is_action, -torch.inf)
        return outputs

    def preprocess_for_train(self, data: dict[str, Any]) -> dict[str, Any]:
        """Append the actions that were taken to their prompts.

        Args:
            data: Batch with `input_ids` and `attention_mask` of shape [B, L] and
                `action_tokens` of shape [B, num_action_chunks, action_dim]; not modified.

        Returns:
            The batch with `input_ids` and `attention_mask` of shape [B, L + T] and
            `action_tokens` of shape [B, T], T being num_action_chunks * action_dim.
        """
        action_tokens = data["action_tokens"].flatten(start_dim=1)
        mask = data["attention_mask"]
        return {
            **data,
            "input_ids": torch.cat([data["input_ids"], action_tokens], dim=1),
            "attention_mask": torch.cat(
                [mask, mask.new_ones(action_tokens.shape)], dim=1
            ),
            "action_tokens": action_tokens,
        }

    @torch.no_grad()
    def predict_action_batch(
        self,
        input_ids: torch.LongTensor,
        attention_mask: torch.Tensor,
        pixel_values: Optional[torch.Tensor] = None,
        do_sample: bool = True,
        temperature: float = 1.0,
        top_k: Optional[int] = -1,
        top_p: float = 1.0,
        **kwargs: Any,
    ) -> tuple[np.ndarray, torch.LongTensor, torch.Tensor, torch.Tensor]:
        """Choose a chunk of actions for each observation.

        Args:
            input_ids: Prompt tokens, shape [B, L], left-padded.
            attention_mask: 1 for prompt tokens, 0 for padding, shape [B, L].
            pixel_values: Not used.
            do_sample: Whether to sample; the most likely tokens are taken otherwise.
            temperature: Divides the logits when sampling.
            top_k: Number of most likely bins to sample from; all if not positive.
            top_p: Must be 1, as the actor cannot replay it.
            **kwargs: Ignored, such as `max_new_tokens`: the length is always
                num_action_chunks * action_dim.

        Returns:
            Actions and action tokens, shape [B, T] with T being num_action_chunks *
            action_dim, their float32 logits as they were sampled from, shape
            [B, T, vocab_size], and the last hidden states that these were computed
            from, shape [B, T, hidden_size].

        Raises:
            ValueError: If the actor could not compute the same log-probabilities.
        """
        sampling = {"temperature": temperature, "top_k": top_k or 0}
        if not do_sample:
            sampling = {}
        elif top_p != 1:
            raise ValueError(f"The actor cannot replay top_p, got top_p={top_p}.")
        elif temperature <= 0:
            raise ValueError(f"Sampling needs temperature > 0, got {temperature}.")
        if sampling.get("top_k", 0) <= 0:
            sampling["top_k"] = None
        generated = self.generate(
            input_ids,
            attention_mask=attention_mask,
            do_sample=do_sample,
            output_scores=True,
            output_hidden_states=True,
            **sampling,
        )
        action_tokens = generated.sequences[:, -self.num_action_tokens :]
        chunk_tokens = action_tokens.reshape(
            -1, self.num_action_chunks, self.action_dim
        )
        hidden_states = [states[-1][:, -1] for states in generated.hidden_states]
        return (
            self._decode_actions(chunk_tokens).reshape(len(action_tokens), -1),
            action_tokens,
            torch.stack(generated.scores, dim=1),
            torch.stack(hidden_states, dim=1),
        )

    def setup_params(self, model_config: PretrainedConfig, cfg: Any) -> None:
        """Take the action statistics anew, as rollout workers ask a policy to.

        Args:
            model_config: Configuration that holds `norm_stats`.
            cfg: Not used; rollout workers pass the configuration of the run.
        """
        self.norm_stats = getattr(model_config, "norm_stats", None) or {}
        self._init_action_stats()

    def _decode_actions(self, action_tokens: torch.Tensor) -> np.ndarray:
        """Turn action tokens into actions of the environment.

        Args:
            action_tokens: Token ids, shape [B, num_action_chunks, action_dim].

        Returns:
            float32 actions of the same shape: in q01..q99 where the dataset's mask is
            true, in -1..1 elsewhere.
        """
        bins = self.action_token_end - 1 - action_tokens.cpu().numpy()
        normalized = (2 * bins + 1) / self.n_action_bins - 1
        scale = (self.max_action - self.min_action) / 2
        actions = np.where(
            self.action_mask,
            (normalized + 1) * scale + self.min_action,
            normalized,
        )
        return actions.astype(np.float32)
