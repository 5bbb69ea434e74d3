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

"""Qwen2_5_VLForConditionalGeneration as a policy with discrete action tokens.

Every number of an action is one token. The `n_action_bins` token ids just below
`action_token_end` stand for equal bins of [-1, 1], the highest id for the lowest bin,
and actions are un-normalized from there with the dataset's q01 and q99.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Optional

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from transformers import (
    AutoConfig,
    AutoProcessor,
    PretrainedConfig,
    PreTrainedTokenizerBase,
    ProcessorMixin,
    Qwen2_5_VLForConditionalGeneration,
)
from transformers.generation import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
)

from rlinf.models.embodiment.model_utils import (
    compute_entropy_from_logits,
    compute_logprobs_from_logits,
)
from rlinf.models.embodiment.modules.value_head import ValueHead

# Modules that the base does not have.
HEADS = ["value_head"]

# Sampling parameters travel to the trainer as integers in these units: FSDP casts
# every floating point input to its parameter dtype, and bfloat16 turns 0.7 into 0.6992.
SAMPLING_UNITS = 1_000_000

# Where observations hold what cameras saw.
CAMERAS = [
    "main_images",
]
# What the processor makes of images, and of tokens.
IMAGE_INPUTS = [
    "pixel_values",
    "image_grid_thw",
]
TOKEN_INPUTS = [
    "input_ids",
    "attention_mask",
    "mm_token_type_ids",
]


def load_config_and_processor(
    model_path: str, trust_remote_code: bool = False
) -> tuple[PretrainedConfig, ProcessorMixin]:
    """Load what surrounds the weights.

    Args:
        model_path: Folder of the checkpoint.
        trust_remote_code: Whether code in the checkpoint may run.

    Returns:
        The configuration, with the action statistics of `dataset_statistics.json` as
        `norm_stats`, and the processor, whose tokenizer pads on the left.
    """
    model_config = AutoConfig.from_pretrained(
        model_path, trust_remote_code=trust_remote_code
    )
    statistics_path = os.path.join(model_path, "dataset_statistics.json")
    if os.path.isfile(statistics_path):
        with open(statistics_path) as f:
            norm_stats = getattr(model_config, "norm_stats", None) or {}
            model_config.norm_stats = {**norm_stats, **json.load(f)}

    input_processor = AutoProcessor.from_pretrained(
        model_path, trust_remote_code=trust_remote_code
    )
    tokenizer = input_processor.tokenizer
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
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


def to_image(view: Any, image_size: tuple[int, int]) -> Image.Image:
    """Turn what a camera saw into an image of one size.

    Args:
        view: Pixels in 0..255, shape [H, W, 3] or [3, H, W].
        image_size: Height and width of the result.

    Returns:
        An RGB image.
    """
    pixels = torch.as_tensor(view).cpu()
    if pixels.shape[-1] != 3:
        pixels = pixels.permute(1, 2, 0)
    image = Image.fromarray(pixels.to(torch.uint8).numpy())
    height, width = image_size
    return image.resize((width, height))


def find_image_placeholder(config: PretrainedConfig, processor: ProcessorMixin) -> str:
    """Find what stands for an image in a prompt.

    Args:
        config: Configuration of the base.
        processor: Processor of the checkpoint.

    Returns:
        Text that the processor expands to the tokens of one image.
    """
    image = str(getattr(processor, "image_token", "<image>"))
    start = getattr(config, "vision_start_token_id", None)
    end = getattr(config, "vision_end_token_id", None)
    if start is None or end is None:
        return image
    before, after = processor.tokenizer.convert_ids_to_tokens([start, end])
    return f"{before}{image}{after}"


def cast_inputs(
    layer: torch.nn.Module, arguments: tuple[Any, ...]
) -> Optional[tuple[Any, ...]]:
    """Give a layer what it reads in the dtype of its weights.

    Bases give images the one that FSDP keeps weights in, which may compute in another.

    Args:
        layer: A layer with weights.
        arguments: Its positional arguments.

    Returns:
        The same, floating point tensors in the dtype that the weights have by now; None
        where nothing is to be cast.
    """
    dtype = layer.weight.dtype
    if not dtype.is_floating_point or not arguments:
        return None
    first = arguments[0]
    if not torch.is_tensor(first) or not first.is_floating_point():
        return None
    return (first.to(dtype), *arguments[1:])


def join_tensors(value: Any) -> torch.Tensor:
    """Return what a processor made for one sample as one tensor.

    Args:
        value: A tensor, numbers, or lists of tensors, one for each image.
    """
    if isinstance(value, (list, tuple)) and value and not np.isscalar(value[0]):
        return torch.cat([join_tensors(item) for item in value])
    return torch.as_tensor(value)


def stack_samples(
    samples: list[dict[str, torch.Tensor]], length: int, pad_token_id: int
) -> dict[str, torch.Tensor]:
    """Make one batch of samples that were processed one by one.

    Args:
        samples: What the processor returned for each.
        length: Tokens that every prompt is padded to, on the left.
        pad_token_id: What they are padded with.

    Returns:
        What describes tokens, shape [B, length], and what describes images, with B as
        first dimension.

    Raises:
        ValueError: If a prompt is longer, or samples differ in their images.
    """
    batch = {}
    for key in (*TOKEN_INPUTS, *IMAGE_INPUTS):
        if samples[0].get(key) is None:
            continue
        values = [join_tensors(sample[key]) for sample in samples]
        if key in TOKEN_INPUTS:
            longest = max(value.shape[1] for value in values)
            if longest > length:
                raise ValueError(
                    f"A prompt has {longest} tokens, but max_prompt_length is {length}."
                )
            fill = pad_token_id if key == "input_ids" else 0
            values = [
                F.pad(
                    value,
                    (0, 0) * (value.ndim - 2) + (length - value.shape[1], 0),
                    value=fill,
                )
                for value in values
            ]
            batch[key] = torch.cat(values)
        elif len({value.shape for value in values}) == 1:
            batch[key] = torch.stack(values)
        else:
            raise ValueError(f"Samples differ in the shape of {key}.")
    return batch


def filter_action_logits(
    logits: torch.Tensor,
    sampling: dict[str, torch.Tensor],
    taken_bins: Optional[torch.Tensor] = None,
) -> torch.Tensor:
    """Apply temperature, top-k and top-p, as rollout and training both must.

    Args:
        logits: Logits of the action bins, shape [B, T, n_action_bins].
        sampling: Sampling parameters of each sample, shape [B] each, as stored in
            `forward_inputs`.
        taken_bins: Bins that were sampled, shape [B, T]. They stay in the support even
            if the policy has moved on since, so that their log-probability is finite.

    Returns:
        float32 logits, shape [B, T, n_action_bins], where a dropped bin has the lowest
        finite value, so that entropy and gradients stay finite.
    """
    temperature = (
        sampling["sampling_temperature"].view(-1, 1, 1).float() / SAMPLING_UNITS
    )
    top_p = sampling["sampling_top_p"].view(-1, 1, 1).float() / SAMPLING_UNITS
    top_k = sampling["sampling_top_k"].view(-1, 1, 1)

    logits = logits.float() / temperature
    lowest = torch.finfo(logits.dtype).min
    sorted_logits, order = logits.sort(dim=-1, descending=True)
    rank = torch.arange(logits.shape[-1], device=logits.device)
    dropped = (top_k > 0) & (rank >= top_k)
    probs = sorted_logits.masked_fill(dropped, lowest).softmax(dim=-1)
    dropped = dropped | ((top_p < 1) & (probs.cumsum(dim=-1) - probs >= top_p))
    dropped = torch.zeros_like(dropped).scatter(-1, order, dropped)
    if taken_bins is not None:
        dropped = dropped.scatter(-1, taken_bins.unsqueeze(-1), False)
    return logits.masked_fill(dropped, lowest)


class ActionTokenLogitsProcessor(LogitsProcessor):
    """Restricts generation to action tokens, drawn from the policy's distribution."""

    def __init__(
        self,
        first_token: int,
        n_action_bins: int,
        sampling: dict[str, torch.Tensor],
    ):
        self.action_tokens = slice(first_token, first_token + n_action_bins)
        self.sampling = sampling

    def __call__(
        self, input_ids: torch.LongTensor, scores: torch.FloatTensor
    ) -> torch.FloatTensor:
        """Mask everything but the action tokens.

        Args:
            input_ids: Tokens so far, shape [B, L].
            scores: Logits of the next token, shape [B, vocab_size].

        Returns:
            Processed float32 logits, shape [B, vocab_size].
        """
        filtered = filter_action_logits(
            scores[:, self.action_tokens].unsqueeze(1), self.sampling
        )
        processed = torch.full_like(scores, -torch.inf, dtype=filtered.dtype)
        processed[:, self.action_tokens] = filtered.squeeze(1)
        return processed


class FooForRLActionPrediction(Qwen2_5_VLForConditionalGeneration):
    """Policy that answers an instruction with a chunk of discretized actions.

    Args:
        config: Configuration of the base.
        hidden_size: Width that the value head reads; must agree with `config.text_config`.
        vocab_size: Number of token ids; must agree with `config.text_config`.
        unnorm_key: Entry of the dataset statistics that un-normalizes actions.
        action_dim: Numbers per action.
        num_action_chunks: Actions predicted at once.
        n_action_bins: Token ids used for actions.
        add_value_head: Whether to estimate the value of the observation.
        max_prompt_length: Tokens that every prompt is padded to.
        use_proprio: Whether the prompt states `env_obs["states"]`.
        image_size: Height and width that every image is resized to.

    Raises:
        ValueError: If `hidden_size` or `vocab_size` is not the one of `config.text_config`.
    """

    def __init__(
        self,
        config: PretrainedConfig,
        hidden_size: Optional[int] = None,
        vocab_size: Optional[int] = None,
        unnorm_key: Optional[str] = None,
        action_dim: int = 7,
        num_action_chunks: int = 1,
        n_action_bins: int = 256,
        add_value_head: bool = True,
        max_prompt_length: int = 1024,
        use_proprio: bool = True,
        image_size: Sequence[int] = (224, 224),
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
        self._cast_images()
        # FSDP asks the outer configuration whether the head shares its weight.
        if getattr(config.text_config, "tie_word_embeddings", False):
            config.tie_word_embeddings = True
        # What FSDP wraps where RLinf does not read that from the recipe.
        for part in (self, getattr(self, "language_model", self)):
            part._no_split_modules = [
                "Qwen2_5_VLDecoderLayer",
                "Qwen2_5_VLVisionBlock",
            ]
        for key, value in (("hidden_size", hidden_size), ("vocab_size", vocab_size)):
            if value is not None and value != getattr(config.text_config, key):
                raise ValueError(
                    f"{key} is {value}, but the checkpoint's config says "
                    f"{getattr(config.text_config, key)}."
                )
        self.unnorm_key = unnorm_key
        self.action_dim = action_dim
        self.num_action_chunks = num_action_chunks
        self.n_action_bins = n_action_bins
        self.max_prompt_length = max_prompt_length
        self.use_proprio = use_proprio
        self.image_size = tuple(image_size)
        if add_value_head:
            self.value_head = self._build_value_head()

    def _build_value_head(self) -> ValueHead:
        # torch.nn.init knows the gain of relu, but not of gelu, ValueHead's default.
        return ValueHead(
            input_dim=self.get_output_embeddings().weight.shape[1],
            hidden_sizes=(512, 128),
            output_dim=1,
            activation="relu",
            bias_last=False,
        )

    @classmethod
    def is_custom_code(cls) -> bool:
        """Say no: transformers 5 sets up buffers, and renames weights, of its own alone."""
        return False

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str, *model_args: Any, **kwargs: Any
    ) -> "FooForRLActionPrediction":
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
                f"Qwen2_5_VLForConditionalGeneration: it lacks {absent[:5]}."
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
        self,
        model_config: PretrainedConfig,
        cfg: Any,
        input_processor: ProcessorMixin,
    ) -> None:
        """Take what surrounds the weights: action statistics and tokenizer.

        Args:
            model_config: Configuration that holds `norm_stats`.
            cfg: Not used; rollout workers pass the configuration of the run.
            input_processor: Processor of the checkpoint, whose tokenizer pads on the left.
        """
        self.input_processor = input_processor
        self.image_placeholder = find_image_placeholder(self.config, input_processor)

        self.norm_stats = getattr(model_config, "norm_stats", None) or {}
        self._init_action_stats()
        self.action_token_end = find_free_tokens_end(
            input_processor.tokenizer,
            self.config.text_config.vocab_size,
            self.n_action_bins,
        )
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
            bos_token_id=self.input_processor.tokenizer.bos_token_id,
            pad_token_id=self.input_processor.tokenizer.pad_token_id,
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
        image_grid_thw: Optional[torch.Tensor] = None,
        mm_token_type_ids: Optional[torch.Tensor] = None,
        logits_to_keep: int = 0,
        **kwargs: Any,
    ) -> Any:
        """Dispatch a forward pass.

        Args:
            input_ids: Tokens, shape [B, L].
            attention_mask: 1 for tokens, 0 for padding, shape [B, L].
            position_ids: Position of each token, shape [B, L].
            past_key_values: Cache of the base.
            inputs_embeds: Embeddings in place of `input_ids`, shape [B, L, hidden].
            pixel_values: As the processor makes it.
            image_grid_thw: As the processor makes it.
            mm_token_type_ids: As the processor makes it.
            logits_to_keep: Number of last positions to compute logits of; all if 0.
            **kwargs: Passed on.

        Returns:
            See `default_forward`.
        """
        # What is absent is left out: some bases know one input by two names.
        inputs = {
            "pixel_values": pixel_values,
            "image_grid_thw": image_grid_thw,
            "mm_token_type_ids": mm_token_type_ids,
        }
        return self.default_forward(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            logits_to_keep=logits_to_keep,
            **{key: value for key, value in inputs.items() if value is not None},
            **kwargs,
        )

    def default_forward(
        self,
        data: Optional[dict[str, torch.Tensor]] = None,
        compute_logprobs: bool = False,
        compute_entropy: bool = False,
        compute_values: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Recompute what the loss needs for actions taken in a rollout.

        Args:
            data: Holds the `forward_inputs` that `predict_action_batch` returned; not
                modified. Without it, this is the forward pass of the base.
            compute_logprobs: Whether to compute log-probabilities of the taken actions.
            compute_entropy: Whether to compute the entropy of each action token.
            compute_values: Whether to compute values.
            **kwargs: Arguments of the base when there is no `data`. With it ignored:
                sampling parameters are replayed from `data`.

        Returns:
            The base's output, or a dict with float32 `logprobs` and `entropy` of shape
            [B, num_action_chunks * action_dim] and `values` of shape [B, 1], each None
            unless asked for (and, for values, unless there is a value head).
        """
        if data is None:
            return super().forward(**kwargs)

        action_tokens = data["action_tokens"].flatten(start_dim=1)
        inputs = self._append_tokens(data, action_tokens)
        with self._record_hidden_states() as hidden_states:
            outputs = super().forward(
                **inputs, logits_to_keep=self.num_action_tokens + 1
            )

        # The logits at one position are those of the next token.
        first_position = -self.num_action_tokens - 1
        logits = outputs.logits[:, first_position:-1]
        logprobs, entropy, values = None, None, None
        if compute_logprobs or compute_entropy:
            logprobs, entropy = self._evaluate_action_tokens(
                logits,
                action_tokens,
                data,
                compute_entropy,
            )
        if compute_values and hasattr(self, "value_head"):
            values = self._compute_values(hidden_states[0][:, first_position])
        return {
            "logprobs": logprobs if compute_logprobs else None,
            "entropy": entropy,
            "values": values,
        }

    def _append_tokens(
        self, prompts: dict[str, torch.Tensor], tokens: torch.LongTensor
    ) -> dict[str, Any]:
        """Return arguments of the base that append tokens to prompts.

        Args:
            prompts: What `_prepare_inputs` returned, and maybe more; not modified.
            tokens: Token ids, shape [B, T].

        Returns:
            Arguments of the base, for sequences of the length L + T.
        """
        prompt_mask = prompts["attention_mask"]
        attention_mask = torch.cat(
            [prompt_mask, prompt_mask.new_ones(tokens.shape)], dim=1
        )
        inputs = self._flatten_images(prompts)
        if "mm_token_type_ids" in inputs:
            inputs["mm_token_type_ids"] = F.pad(
                inputs["mm_token_type_ids"], (0, tokens.shape[1])
            )
        return {
            **inputs,
            "input_ids": torch.cat([prompts["input_ids"], tokens], dim=1),
            "attention_mask": attention_mask,
            "use_cache": False,
        }

    @contextmanager
    def _record_hidden_states(self) -> Iterator[list[torch.Tensor]]:
        """Record what the language head reads.

        Bases differ in which hidden states they return, and return none where FSDP2 has
        given them another class.

        Yields:
            A list that gets a tensor of shape [B, L, hidden_size] with each forward pass.
        """
        hidden_states = []
        hook = self.get_output_embeddings().register_forward_pre_hook(
            lambda head, arguments: hidden_states.append(arguments[0])
        )
        try:
            yield hidden_states
        finally:
            hook.remove()

    def _evaluate_action_tokens(
        self,
        logits: torch.Tensor,
        action_tokens: torch.Tensor,
        sampling: dict[str, torch.Tensor],
        compute_entropy: bool = False,
    ) -> tuple[torch.Tensor, Optional[torch.Tensor]]:
        """Compute log-probabilities and entropy; the only place where they are.

        Args:
            logits: Logits of the base at the action positions, shape [B, T, vocab_size].
            action_tokens: Taken token ids, shape [B, T].
            sampling: Sampling parameters, see `filter_action_logits`.
            compute_entropy: Whether to compute the entropy.

        Returns:
            float32 log-probabilities and entropy, shape [B, T] each.
        """
        bins = action_tokens - self.first_action_token
        action_logits = filter_action_logits(
            logits[..., self.first_action_token : self.action_token_end],
            sampling,
            taken_bins=bins,
        )
        action_logits = action_logits.transpose(1, 2)  # [B, n_action_bins, T]
        logprobs = compute_logprobs_from_logits(logits=action_logits, target=bins)
        entropy = None
        if compute_entropy:
            entropy = compute_entropy_from_logits(logits=action_logits)
        return logprobs, entropy

    def _compute_values(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Estimate values.

        Args:
            hidden_states: Last hidden state of each prompt's last token, shape
                [B, hidden_size].

        Returns:
            float32 values, shape [B, 1].
        """
        return self.value_head(hidden_states).float()

    @torch.no_grad()
    def predict_action_batch(
        self,
        env_obs: Optional[dict[str, Any]] = None,
        input_ids: Optional[torch.LongTensor] = None,
        attention_mask: Optional[torch.Tensor] = None,
        mode: str = "train",
        do_sample: Optional[bool] = None,
        temperature: float = 1.0,
        top_k: Optional[int] = 0,
        top_p: float = 1.0,
        **kwargs: Any,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Choose a chunk of actions for each observation.

        Args:
            env_obs: Observations: `task_descriptions` (B strings), what cameras saw
                under the keys of `CAMERAS`, shape [B, H, W, 3] or [B, 3, H, W], or
                [B, N, ...] of N cameras, and, if the policy uses them, `states` of
                shape [B, S].
            input_ids: Prompt tokens in place of `env_obs`, shape [B, L], left-padded.
            attention_mask: 1 for prompt tokens, 0 for padding, shape [B, L].
            mode: "train" or "eval"; decides on sampling when `do_sample` is not given.
            do_sample: Whether to sample; the most likely tokens are taken otherwise.
            temperature: Divides the logits when sampling.
            top_k: Number of most likely bins to sample from; all if not positive.
            top_p: Least probability mass of the bins to sample from.
            **kwargs: What the processor makes of images, beside `input_ids`; others are
                ignored, such as `max_new_tokens`: the length is always
                num_action_chunks * action_dim.

        Returns:
            Actions, shape [B, num_action_chunks, action_dim], and a dict with
            `prev_logprobs` of shape [B, num_action_chunks * action_dim], `prev_values`
            of shape [B, 1] (zeros without a value head) and `forward_inputs`, whose
            tensors all have B as first dimension.
        """
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        known = [key for key in (*TOKEN_INPUTS, *IMAGE_INPUTS) if key in kwargs]
        inputs.update({key: kwargs[key] for key in known})
        if env_obs is not None:
            inputs = self._prepare_inputs(env_obs)
        if do_sample is None:
            do_sample = mode == "train"
        sampling = self._prepare_sampling(
            do_sample, temperature, top_k, top_p, inputs["input_ids"]
        )

        self.generation_config.do_sample = do_sample
        with self._record_hidden_states() as hidden_states:
            generated = self.generate(
                **self._flatten_images(inputs),
                generation_config=self.generation_config,
                logits_processor=LogitsProcessorList(
                    [
                        ActionTokenLogitsProcessor(
                            self.first_action_token, self.n_action_bins, sampling
                        )
                    ]
                ),
            )
        action_tokens = generated.sequences[:, -self.num_action_tokens :]
        logprobs, _ = self._evaluate_action_tokens(
            torch.stack(generated.logits, dim=1), action_tokens, sampling
        )
        if hasattr(self, "value_head"):
            values = self._compute_values(hidden_states[0][:, -1])
        else:
            values = torch.zeros_like(logprobs[:, :1])

        chunk_tokens = action_tokens.reshape(
            -1, self.num_action_chunks, self.action_dim
        )
        return self._decode_actions(chunk_tokens), {
            "prev_logprobs": logprobs,
            "prev_values": values,
            "forward_inputs": {
                **inputs,
                "action_tokens": chunk_tokens,
                **sampling,
            },
        }

    def _prepare_inputs(self, env_obs: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Process instructions and images, one sample after the other.

        Args:
            env_obs: See `predict_action_batch`.

        Returns:
            `input_ids` and `attention_mask`, shape [B, max_prompt_length] each, and what
            the processor makes of images, with B as first dimension.

        Raises:
            ValueError: If a prompt is longer than `max_prompt_length`, or there are no
                images.
        """
        views = [env_obs[key] for key in CAMERAS if env_obs.get(key) is not None]
        if not views:
            raise ValueError(f"The observations hold none of {CAMERAS}.")
        states = env_obs.get("states") if self.use_proprio else None
        samples = []
        for index, task in enumerate(env_obs["task_descriptions"]):
            cameras = [
                camera
                for view in views
                for camera in (view[index] if view.ndim == 5 else [view[index]])
            ]
            state = None if states is None else torch.as_tensor(states)[index].tolist()
            samples.append(
                self.input_processor(
                    images=[[to_image(view, self.image_size) for view in cameras]],
                    text=[self._build_prompt(task, state, len(cameras))],
                    return_tensors="pt",
                    return_mm_token_type_ids=True,
                )
            )
        batch = stack_samples(
            samples,
            self.max_prompt_length,
            self.input_processor.tokenizer.pad_token_id,
        )
        return {
            key: value.to(
                self.device, self.dtype if value.is_floating_point() else None
            )
            for key, value in batch.items()
        }

    def _build_prompt(
        self, task: str, state: Optional[list[float]], num_images: int
    ) -> str:
        """Ask for an action, in the words of the processor's chat template if it has one.

        Args:
            task: The instruction.
            state: Numbers of the proprioceptive state, if it is told.
            num_images: How many images come before the question.

        Returns:
            The prompt, with a placeholder for each image.
        """
        question = f"What action should the robot take to {task.lower()}?\nOut:"
        if state is not None:
            numbers = " ".join(f"{number:.2f}" for number in state)
            question = f"State: {numbers}. {question}"
        question = f"In: {question}"
        if getattr(self.input_processor, "chat_template", None):
            content = [{"type": "image"}] * num_images
            content = [*content, {"type": "text", "text": question}]
            return self.input_processor.apply_chat_template(
                [{"role": "user", "content": content}],
                add_generation_prompt=True,
                tokenize=False,
            )
        return f"{self.image_placeholder}\n" * num_images + question

    def _flatten_images(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return tokens, and the images of all samples in one row, as the base takes them.

        Args:
            inputs: What `_prepare_inputs` returned, and maybe more.

        Returns:
            What is in `TOKEN_INPUTS` and `IMAGE_INPUTS`, the latter with the first two
            dimensions made one.
        """
        tokens = {key: inputs[key] for key in TOKEN_INPUTS if key in inputs}
        images = {key: inputs[key] for key in IMAGE_INPUTS if key in inputs}
        return {**tokens, **{key: value.flatten(0, 1) for key, value in images.items()}}

    def _cast_images(self) -> None:
        # Layers that read images, or what became of them, get them in their own dtype.
        decoder = ["Qwen2_5_VLDecoderLayer"]
        parts = [part for part in self.modules() if type(part).__name__ in decoder]
        decoding = {id(inner) for part in parts for inner in part.modules()}
        kinds = (torch.nn.Conv2d, torch.nn.Conv3d, torch.nn.Linear, torch.nn.LayerNorm)
        for part in self.modules():
            if isinstance(part, kinds) and id(part) not in decoding:
                part.register_forward_pre_hook(cast_inputs)

    def _prepare_sampling(
        self,
        do_sample: bool,
        temperature: float,
        top_k: Optional[int],
        top_p: float,
        input_ids: torch.LongTensor,
    ) -> dict[str, torch.Tensor]:
        """Store sampling parameters per sample, so that training can replay them.

        Args:
            do_sample: Whether to sample; without, the others count as neutral.
            temperature: See `predict_action_batch`.
            top_k: See `predict_action_batch`.
            top_p: See `predict_action_batch`.
            input_ids: Prompt tokens, shape [B, L].

        Returns:
            int64 tensors of shape [B]; temperature and top_p in `SAMPLING_UNITS`.

        Raises:
            ValueError: If a parameter is out of range.
        """
        if not do_sample:
            temperature, top_k, top_p = 1.0, 0, 1.0
        if not temperature > 0 or not 0 < top_p <= 1:
            raise ValueError(
                "Sampling needs temperature > 0 and 0 < top_p <= 1, got "
                f"temperature={temperature} and top_p={top_p}."
            )
        values = {
            "sampling_temperature": max(1, round(temperature * SAMPLING_UNITS)),
            "sampling_top_k": top_k or 0,
            "sampling_top_p": max(1, round(top_p * SAMPLING_UNITS)),
        }
        return {
            key: input_ids.new_full((input_ids.shape[0],), value)
            for key, value in values.items()
        }

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
