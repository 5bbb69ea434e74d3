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

"""PaliGemmaForConditionalGeneration as a policy that makes actions by flow matching.

An action expert, which reads the base's hidden states of the prompt, moves a chunk from
noise (time 1) to actions (time 0) in `num_steps` Euler steps. While training, steps of
this chain are those of a stochastic differential equation with the same marginals, so
that they have log-probabilities, which are replayed from the chain that is stored.
Actions are un-normalized from [-1, 1] with the dataset's q01 and q99.
"""

import json
import math
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
    PaliGemmaForConditionalGeneration,
    PretrainedConfig,
    PreTrainedTokenizerBase,
    ProcessorMixin,
)

from rlinf.models.embodiment.base_policy import BasePolicy, ForwardType
from rlinf.models.embodiment.modules.value_head import ValueHead

# Modules that the base does not have.
HEADS = ["action_head", "state_projector", "value_head"]

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
]
TOKEN_INPUTS = [
    "input_ids",
    "attention_mask",
    "token_type_ids",
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
        "special tokens: extend the vocabulary."
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


def to_bits(numbers: torch.Tensor) -> torch.Tensor:
    """Return the bits of float32 numbers as int32, which FSDP casts to nothing else."""
    return numbers.float().contiguous().view(torch.int32)


def from_bits(bits: torch.Tensor) -> torch.Tensor:
    """Return the float32 numbers that `to_bits` was given."""
    return bits.contiguous().view(torch.float32)


def compute_gaussian_logprobs(
    samples: torch.Tensor, mean: torch.Tensor, std: torch.Tensor
) -> torch.Tensor:
    """Compute the logarithm of the density of each sample.

    Args:
        samples: float32 numbers, any shape.
        mean: Mean of the Gaussian, same shape.
        std: Its standard deviation, a shape that broadcasts.

    Returns:
        float32 log-densities, the shape of `samples`.
    """
    distance = (samples - mean) / std
    return -0.5 * distance.square() - std.log() - 0.5 * math.log(2 * math.pi)


def compute_gaussian_entropy(std: torch.Tensor) -> torch.Tensor:
    """Compute the entropy of Gaussians with these standard deviations."""
    return std.log() + 0.5 * math.log(2 * math.pi * math.e)


def embed_fractions(fractions: torch.Tensor, size: int) -> torch.Tensor:
    """Return sines and cosines of numbers between 0 and 1, of rising frequencies.

    Args:
        fractions: Shape [...].
        size: Numbers that describe each, an even one.

    Returns:
        float32 numbers, shape [..., size].
    """
    octaves = torch.linspace(-2, 8, size // 2, device=fractions.device)
    angles = 2 * math.pi * fractions.float().unsqueeze(-1) * 2.0**octaves
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class ExpertLayer(torch.nn.Module):
    """Lets actions look at the prompt and at each other.

    Args:
        size: Numbers that describe one action.
        num_heads: Number of attention heads.
    """

    def __init__(self, size: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = torch.nn.Linear(size, size)
        self.k_proj = torch.nn.Linear(size, size)
        self.v_proj = torch.nn.Linear(size, size)
        self.o_proj = torch.nn.Linear(size, size)
        self.up_proj = torch.nn.Linear(size, 4 * size)
        self.down_proj = torch.nn.Linear(4 * size, size)

    def forward(
        self, actions: torch.Tensor, context: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Describe actions anew.

        Args:
            actions: Shape [B, num_action_chunks, size].
            context: The prompt, shape [B, L, size].
            mask: What may be looked at, shape [B, 1, 1, L + num_action_chunks].

        Returns:
            Actions, shape [B, num_action_chunks, size].
        """
        normed = F.layer_norm(actions, actions.shape[-1:])
        seen = torch.cat([context, normed], dim=1)
        query, key, value = (
            states.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for states in (self.q_proj(normed), self.k_proj(seen), self.v_proj(seen))
        )
        heads = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        actions = actions + self.o_proj(heads.transpose(1, 2).flatten(2))
        normed = F.layer_norm(actions, actions.shape[-1:])
        return actions + self.down_proj(F.gelu(self.up_proj(normed)))


class ActionExpert(torch.nn.Module):
    """Predicts how actions flow, from hidden states of the prompt.

    Its layers have names that RLinf's LoRA targets hold, so that these train them too.

    Args:
        input_size: Width of the hidden states.
        action_dim: Numbers per action.
        hidden_size: Width of the expert.
        num_layers: Number of layers.
        num_heads: Number of attention heads.
    """

    def __init__(
        self,
        input_size: int,
        action_dim: int,
        hidden_size: int,
        num_layers: int,
        num_heads: int,
    ):
        super().__init__()
        self.hidden_size = hidden_size
        self.kv = torch.nn.Linear(input_size, hidden_size)
        self.q = torch.nn.Linear(input_size, hidden_size)
        self.proj = torch.nn.Linear(action_dim, hidden_size)
        self.fc1 = torch.nn.Linear(hidden_size, hidden_size)
        self.fc2 = torch.nn.Linear(hidden_size, hidden_size)
        self.layers = torch.nn.ModuleList(
            ExpertLayer(hidden_size, num_heads) for _ in range(num_layers)
        )
        self.out_proj = torch.nn.Linear(hidden_size, action_dim)

    def forward(
        self,
        actions: torch.Tensor,
        time: torch.Tensor,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor,
    ) -> torch.Tensor:
        """Predict the velocity of actions, which points from them to the noise.

        Args:
            actions: Between actions and noise, shape [B, num_action_chunks, action_dim].
            time: How near each is to the noise, in 0..1, shape [B].
            hidden_states: What the base says of the prompt, shape [B, L, input_size].
            attention_mask: 1 for prompt tokens, 0 for padding, shape [B, L].

        Returns:
            float32 velocities, the shape of `actions`.
        """
        dtype, chunks = hidden_states.dtype, actions.shape[1]
        mask = F.pad(attention_mask.bool(), (0, chunks), value=True)[:, None, None]
        places = torch.arange(chunks, device=actions.device) / chunks
        places, time = (
            embed_fractions(it, self.hidden_size).to(dtype) for it in (places, time)
        )
        # The last token knows the whole prompt; attention has yet to learn where to look.
        condition = self.q(hidden_states[:, -1]) + self.fc2(F.silu(self.fc1(time)))
        states = self.proj(actions.to(dtype)) + places + condition[:, None]
        context = self.kv(hidden_states)
        for layer in self.layers:
            states = layer(states, context, mask)
        return self.out_proj(F.layer_norm(states, states.shape[-1:])).float()


class StateProjector(torch.nn.Module):
    """Makes the embedding of a token of the proprioceptive state.

    Its layers have names that RLinf's LoRA targets hold, so that these train them too.

    Args:
        state_dim: Numbers of a state.
        hidden_size: Width of an embedding.
    """

    def __init__(self, state_dim: int, hidden_size: int):
        super().__init__()
        self.fc1 = torch.nn.Linear(state_dim, hidden_size)
        self.fc2 = torch.nn.Linear(hidden_size, hidden_size)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Project states.

        Args:
            states: Shape [B, state_dim].

        Returns:
            Embeddings, shape [B, hidden_size].
        """
        return self.fc2(F.gelu(self.fc1(states)))


class FooForRLActionPrediction(PaliGemmaForConditionalGeneration, BasePolicy):
    """Policy that answers an instruction with a chunk of denoised actions.

    Args:
        config: Configuration of the base.
        hidden_size: Width that the value head reads; must agree with `config.text_config`.
        vocab_size: Number of token ids; must agree with `config.text_config`.
        unnorm_key: Entry of the dataset statistics that un-normalizes actions.
        action_dim: Numbers per action.
        num_action_chunks: Actions predicted at once.
        expert_hidden_size: Width of the action expert.
        expert_layers: Number of its layers.
        expert_heads: Number of its attention heads.
        num_steps: Denoising steps from noise to actions.
        noise_level: How much noise stochastic steps add.
        joint_logprob: Whether all steps are stochastic, or one of each chain, which is
            drawn by lot.
        add_value_head: Whether to estimate the value of the observation.
        max_prompt_length: Tokens that every prompt is padded to, before that of the state.
        use_proprio: Whether the prompt states `env_obs["states"]`.
        state_dim: Numbers of these.
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
        num_action_chunks: int = 8,
        expert_hidden_size: int = 512,
        expert_layers: int = 4,
        expert_heads: int = 8,
        num_steps: int = 4,
        noise_level: float = 0.5,
        joint_logprob: bool = False,
        add_value_head: bool = True,
        max_prompt_length: int = 1024,
        use_proprio: bool = True,
        state_dim: int = 8,
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
        for key, value in (("hidden_size", hidden_size), ("vocab_size", vocab_size)):
            if value is not None and value != getattr(config.text_config, key):
                raise ValueError(
                    f"{key} is {value}, but the checkpoint's config says "
                    f"{getattr(config.text_config, key)}."
                )
        self.unnorm_key = unnorm_key
        self.action_dim = action_dim
        self.num_action_chunks = num_action_chunks
        if not noise_level > 0:
            raise ValueError(
                f"noise_level is {noise_level}: without noise, samples have no density."
            )
        self.expert_hidden_size = expert_hidden_size
        self.expert_layers = expert_layers
        self.expert_heads = expert_heads
        self.num_steps = num_steps
        self.noise_level = noise_level
        self.joint_logprob = joint_logprob
        self.action_head = self._build_action_head()
        self.max_prompt_length = max_prompt_length
        self.use_proprio = use_proprio
        self.state_dim = state_dim
        self.state_projector = self._build_state_projector()
        self.image_size = tuple(image_size)
        if add_value_head:
            self.value_head = self._build_value_head()

    def _build_state_projector(self) -> StateProjector:
        return StateProjector(
            self.state_dim, self.get_input_embeddings().weight.shape[1]
        )

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
                f"PaliGemmaForConditionalGeneration: it lacks {absent[:5]}."
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
        self, model_config: PretrainedConfig, input_processor: ProcessorMixin
    ) -> None:
        """Take what surrounds the weights: action statistics and tokenizer.

        Args:
            model_config: Configuration that holds `norm_stats`.
            input_processor: Processor of the checkpoint, whose tokenizer pads on the left.
        """
        self.input_processor = input_processor
        self.image_placeholder = find_image_placeholder(self.config, input_processor)

        self.norm_stats = getattr(model_config, "norm_stats", None) or {}
        self._init_action_stats()
        # The last such token of a prompt is not read: the state is, in its place.
        end = find_free_tokens_end(
            input_processor.tokenizer, self.config.text_config.vocab_size, 1
        )
        self.state_token = end - 1
        if self.use_proprio:
            self._init_state_stats()

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

    def _init_state_stats(self) -> None:
        unnorm_key = resolve_unnorm_key(self.norm_stats, self.unnorm_key)
        stats = self.norm_stats[unnorm_key].get("proprio")
        if stats is None:
            raise ValueError(
                f"The statistics {unnorm_key!r} have no proprio, with q01 and q99 of "
                "each number of a state."
            )
        self.min_state = np.asarray(stats["q01"], dtype=np.float64)
        self.max_state = np.asarray(stats["q99"], dtype=np.float64)
        for key, value in (("q01", self.min_state), ("q99", self.max_state)):
            if value.shape != (self.state_dim,) or not np.isfinite(value).all():
                raise ValueError(
                    f"{key} of the proprio statistics {unnorm_key!r} must hold "
                    f"{self.state_dim} finite numbers, has {value.tolist()}."
                )

    def _build_action_head(self) -> ActionExpert:
        return ActionExpert(
            self.config.text_config.hidden_size,
            self.action_dim,
            self.expert_hidden_size,
            self.expert_layers,
            self.expert_heads,
        )

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

    def forward(
        self,
        input_ids: Optional[torch.LongTensor] = None,
        attention_mask: Optional[torch.Tensor] = None,
        position_ids: Optional[torch.LongTensor] = None,
        past_key_values: Optional[Any] = None,
        inputs_embeds: Optional[torch.FloatTensor] = None,
        pixel_values: Optional[torch.Tensor] = None,
        token_type_ids: Optional[torch.Tensor] = None,
        logits_to_keep: int = 0,
        forward_type: ForwardType = ForwardType.DEFAULT,
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
            token_type_ids: As the processor makes it.
            logits_to_keep: Number of last positions to compute logits of; all if 0.
            forward_type: Which forward pass to run.
            **kwargs: Passed on.

        Returns:
            See `default_forward` and `sft_forward`.

        Raises:
            NotImplementedError: For any other `forward_type`.
        """
        if forward_type == ForwardType.SFT:
            return self.sft_forward(**kwargs)
        if forward_type != ForwardType.DEFAULT:
            raise NotImplementedError(f"{type(self).__name__} has no {forward_type}.")
        # What is absent is left out: some bases know one input by two names.
        inputs = {
            "pixel_values": pixel_values,
            "token_type_ids": token_type_ids,
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
        forward_inputs: Optional[dict[str, torch.Tensor]] = None,
        compute_logprobs: bool = False,
        compute_entropy: bool = False,
        compute_values: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Recompute what the loss needs for actions taken in a rollout.

        Args:
            forward_inputs: As returned by `predict_action_batch`; not modified. Without
                it, this is the forward pass of the base.
            compute_logprobs: Whether to compute log-probabilities of the steps taken.
            compute_entropy: Whether to compute the entropy of these steps.
            compute_values: Whether to compute values.
            **kwargs: Arguments of the base when there are no `forward_inputs`. With
                them ignored: the temperature is replayed from `forward_inputs`.

        Returns:
            The base's output, or a dict with float32 `logprobs` and `entropy` of shape
            [B, num_action_chunks * action_dim] and `values` of shape [B, 1], each None
            unless asked for (and, for values, unless there is a value head).
        """
        if forward_inputs is None:
            return super().forward(**kwargs)

        no_tokens = forward_inputs["input_ids"][:, :0]
        hidden_states = self._compute_hidden_states(forward_inputs, no_tokens)
        logprobs, entropy, values = None, None, None
        if compute_logprobs or compute_entropy:
            logprobs, entropy = self._evaluate_chains(
                from_bits(forward_inputs["chains"]), hidden_states, forward_inputs
            )
        if compute_values and hasattr(self, "value_head"):
            values = self._compute_values(hidden_states[:, -1])
        return {
            "logprobs": logprobs if compute_logprobs else None,
            "entropy": entropy if compute_entropy else None,
            "values": values,
        }

    def _evaluate_chains(
        self,
        chains: torch.Tensor,
        hidden_states: torch.Tensor,
        batch: dict[str, torch.Tensor],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute log-probabilities and entropy; the only place where they are.

        Args:
            chains: Actions from noise to the end, shape
                [B, num_steps + 1, num_action_chunks, action_dim].
            hidden_states: What the base says of the prompt, shape [B, L, hidden_size].
            batch: Holds `attention_mask`, `denoise_inds` and `sampling_temperature`,
                see `predict_action_batch`.

        Returns:
            float32 log-probabilities and entropy of the steps in `denoise_inds`, summed
            over these, shape [B, num_action_chunks * action_dim] each.
        """
        rows = torch.arange(len(chains), device=chains.device)
        noise_level = self._compute_noise_level(batch)
        logprobs, entropy = torch.zeros(2, *chains[:, 0].shape, device=chains.device)
        for step in batch["denoise_inds"].unbind(dim=1):
            mean, std = self._describe_step(
                chains[rows, step],
                step,
                noise_level,
                hidden_states,
                batch["attention_mask"],
            )
            taken = chains[rows, step + 1]
            logprobs = logprobs + compute_gaussian_logprobs(taken, mean, std)
            entropy = entropy + compute_gaussian_entropy(std)
        return logprobs.flatten(1), entropy.flatten(1)

    def _compute_noise_level(self, sampling: dict[str, torch.Tensor]) -> torch.Tensor:
        temperature = sampling["sampling_temperature"].float() / SAMPLING_UNITS
        return self.noise_level * temperature

    def _describe_step(
        self,
        actions: torch.Tensor,
        step: torch.LongTensor,
        noise_level: torch.Tensor,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Describe the Gaussian that a denoising step draws from.

        Args:
            actions: Before the step, shape [B, num_action_chunks, action_dim].
            step: Which one it is for each sample, the first being 0, shape [B].
            noise_level: How much noise it adds, shape [B]. Without, it is an Euler step
                of the ordinary differential equation.
            hidden_states: What the base says of the prompt, shape [B, L, hidden_size].
            attention_mask: 1 for prompt tokens, 0 for padding, shape [B, L].

        Returns:
            float32 mean and standard deviation, shape [B, num_action_chunks, action_dim]
            and [B, 1, 1].
        """
        times = torch.linspace(1, 0, self.num_steps + 1, device=actions.device)
        velocity = self.action_head(actions, times[step], hidden_states, attention_mask)
        time, next_time, noise_level = (
            it.view(-1, 1, 1) for it in (times[step], times[step + 1], noise_level)
        )
        denoised = actions - velocity * time
        noise = actions + velocity * (1 - time)
        # At time 1 the variance would be infinite: there, it is divided as a step later.
        variance = noise_level.square() * time / (1 - time.clamp(max=times[1]))
        length = time - next_time
        drift = variance * length / (2 * time)
        mean = denoised * (1 - next_time) + noise * (next_time - drift)
        return mean, (variance * length).sqrt()

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
        # Its prompt is read in both directions, and the answer in one.
        inputs["token_type_ids"] = torch.cat(
            [torch.zeros_like(prompt_mask), torch.ones_like(tokens)], dim=1
        )
        inputs["labels"] = F.pad(tokens, (1, 0), value=-100)
        return {
            **inputs,
            "input_ids": torch.cat([prompts["input_ids"], tokens], dim=1),
            "attention_mask": attention_mask,
            "position_ids": (attention_mask.cumsum(dim=-1) - 1).clamp(min=0),
            "use_cache": False,
        }

    def _compute_hidden_states(
        self, prompts: dict[str, torch.Tensor], tokens: torch.LongTensor
    ) -> torch.Tensor:
        """Run the base on prompts with tokens behind them.

        Args:
            prompts: See `_append_tokens`.
            tokens: Token ids, shape [B, T].

        Returns:
            What the language head would read, shape [B, L + T, hidden_size].
        """
        inputs = self._append_tokens(prompts, tokens)
        # Nobody reads logits, and those of a whole prompt would take much memory.
        with self._record_hidden_states(prompts, tokens.shape[1] + 1) as hidden_states:
            super().forward(**inputs)
        return hidden_states[0]

    @contextmanager
    def _record_hidden_states(
        self, prompts: dict[str, torch.Tensor], positions: int
    ) -> Iterator[list[torch.Tensor]]:
        """Record what the language head reads, while the base reads states.

        Bases differ in which hidden states they return, and return none where FSDP2 has
        given them another class.

        Args:
            prompts: See `_embed_states`.
            positions: Number of last positions that the head is to compute logits of.

        Yields:
            A list that gets a tensor of shape [B, L, hidden_size] with each forward pass.
        """
        hidden_states = []

        def record(
            head: torch.nn.Module, arguments: tuple[torch.Tensor]
        ) -> tuple[torch.Tensor]:
            hidden_states.append(arguments[0])
            return (arguments[0][..., -positions:, :],)

        hook = self.get_output_embeddings().register_forward_pre_hook(record)
        states_hook = self._embed_states(prompts)
        try:
            yield hidden_states
        finally:
            hook.remove()
            states_hook.remove()

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
            do_sample: Whether to sample; otherwise, no step adds noise, and the first
                one starts from the likeliest noise, which is 0.
            temperature: Multiplies the noise level when sampling.
            **kwargs: What the processor makes of images, beside `input_ids`; others are
                ignored, such as `top_k` and `top_p`, which are for tokens.

        Returns:
            Actions, shape [B, num_action_chunks, action_dim], and a dict with
            `prev_logprobs` of shape [B, num_action_chunks * action_dim], `prev_values`
            of shape [B, 1] (zeros without a value head) and `forward_inputs`, whose
            tensors all have B as first dimension. Among these are `chains`, the bits of
            actions from noise to the end, and `denoise_inds`, the steps that count.
        """
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        known = [key for key in (*TOKEN_INPUTS, *IMAGE_INPUTS) if key in kwargs]
        inputs.update({key: kwargs[key] for key in known})
        if env_obs is not None:
            inputs = self._prepare_inputs(env_obs)
        if do_sample is None:
            do_sample = mode == "train"
        batch = {
            **inputs,
            **self._prepare_sampling(do_sample, temperature, inputs["input_ids"]),
            "denoise_inds": self._choose_steps(do_sample, inputs["input_ids"]),
        }

        hidden_states = self._compute_hidden_states(batch, batch["input_ids"][:, :0])
        chains = self._denoise(do_sample, hidden_states, batch)
        logprobs, _ = self._evaluate_chains(chains, hidden_states, batch)
        if hasattr(self, "value_head"):
            values = self._compute_values(hidden_states[:, -1])
        else:
            values = torch.zeros_like(logprobs[:, :1])
        return self._unnormalize_actions(chains[:, -1]), {
            "prev_logprobs": logprobs,
            "prev_values": values,
            "forward_inputs": {**batch, "chains": to_bits(chains)},
        }

    def _choose_steps(
        self, do_sample: bool, input_ids: torch.LongTensor
    ) -> torch.LongTensor:
        """Choose the steps whose log-probabilities count.

        Args:
            do_sample: Whether to draw them by lot; the first is taken otherwise.
            input_ids: Prompt tokens, shape [B, L].

        Returns:
            Indices of steps, shape [B, num_steps] with `joint_logprob`, else [B, 1].
        """
        if self.joint_logprob:
            steps = torch.arange(self.num_steps, device=input_ids.device)
            return steps.repeat(len(input_ids), 1)
        steps = input_ids.new_zeros(len(input_ids), 1)
        return steps.random_(self.num_steps) if do_sample else steps

    def _denoise(
        self,
        do_sample: bool,
        hidden_states: torch.Tensor,
        batch: dict[str, torch.Tensor],
    ) -> torch.Tensor:
        """Move a chunk from noise to actions.

        Args:
            do_sample: Whether to start from a sample, and to add noise on the way.
            hidden_states: What the base says of the prompt, shape [B, L, hidden_size].
            batch: See `_evaluate_chains`.

        Returns:
            float32 actions after each step, the noise first, shape
            [B, num_steps + 1, num_action_chunks, action_dim].
        """
        shape = (len(hidden_states), self.num_action_chunks, self.action_dim)
        actions = torch.zeros(shape, device=hidden_states.device)
        if do_sample:
            actions = torch.randn_like(actions)
        chain = [actions]
        for index in range(self.num_steps):
            step = torch.full_like(batch["denoise_inds"][:, 0], index)
            is_noisy = (batch["denoise_inds"] == index).any(dim=1) & do_sample
            mean, std = self._describe_step(
                chain[-1],
                step,
                self._compute_noise_level(batch) * is_noisy,
                hidden_states,
                batch["attention_mask"],
            )
            chain.append(mean + std * torch.randn_like(mean))
        return torch.stack(chain, dim=1)

    def _prepare_inputs(self, env_obs: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Process instructions and images, one sample after the other.

        Args:
            env_obs: See `predict_action_batch`.

        Returns:
            `input_ids` and `attention_mask`, shape [B, max_prompt_length] each, and what
            the processor makes of images, with B as first dimension.
            With `use_proprio`, prompts are a token longer, and `state_bits` holds states,
            shape [B, state_dim].

        Raises:
            ValueError: If a prompt is longer than `max_prompt_length`, there are no
                images, or states are absent or have another shape.
        """
        views = [env_obs[key] for key in CAMERAS if env_obs.get(key) is not None]
        if not views:
            raise ValueError(f"The observations hold none of {CAMERAS}.")
        samples = []
        for index, task in enumerate(env_obs["task_descriptions"]):
            cameras = [
                camera
                for view in views
                for camera in (view[index] if view.ndim == 5 else [view[index]])
            ]
            samples.append(
                self.input_processor(
                    images=[[to_image(view, self.image_size) for view in cameras]],
                    text=[self._build_prompt(task, len(cameras))],
                    return_tensors="pt",
                )
            )
        batch = stack_samples(
            samples,
            self.max_prompt_length,
            self.input_processor.tokenizer.pad_token_id,
        )
        inputs = {
            key: value.to(
                self.device, self.dtype if value.is_floating_point() else None
            )
            for key, value in batch.items()
        }
        if self.use_proprio:
            self._append_state(inputs, env_obs.get("states"))
        return inputs

    def _build_prompt(self, task: str, num_images: int) -> str:
        """Ask for an action, in the words of the processor's chat template if it has one.

        Args:
            task: The instruction.
            num_images: How many images come before the question.

        Returns:
            The prompt, with a placeholder for each image.
        """
        question = f"What action should the robot take to {task.lower()}?\nOut:"
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
        decoder = ["GemmaDecoderLayer"]
        parts = [part for part in self.modules() if type(part).__name__ in decoder]
        decoding = {id(inner) for part in parts for inner in part.modules()}
        kinds = (torch.nn.Conv2d, torch.nn.Conv3d, torch.nn.Linear, torch.nn.LayerNorm)
        for part in self.modules():
            if isinstance(part, kinds) and id(part) not in decoding:
                part.register_forward_pre_hook(cast_inputs)

    def _append_state(self, inputs: dict[str, torch.Tensor], states: Any) -> None:
        """Put a token behind prompts, in the place of which the base reads the state.

        Args:
            inputs: Prompts, shape [B, L], which get a token more, and `state_bits`, shape
                [B, state_dim]: the bits of numbers, which FSDP would cast.
            states: States on the scale of the environment, shape [B, state_dim].

        Raises:
            ValueError: If states are absent, or have another shape.
        """
        shape = None if states is None else tuple(states.shape[1:])
        if shape != (self.state_dim,):
            raise ValueError(
                f"The observations have states of the shape {shape}, but state_dim is "
                f"{self.state_dim}."
            )
        for key in [key for key in TOKEN_INPUTS if key in inputs]:
            last = inputs[key][:, -1:]
            if key == "input_ids":
                last = torch.full_like(last, self.state_token)
            inputs[key] = torch.cat([inputs[key], last], dim=1)
        span = self.max_state - self.min_state
        distance = torch.as_tensor(states).cpu().double().numpy() - self.min_state
        scaled = 2 * distance / np.where(span > 0, span, np.inf) - 1
        inputs["state_bits"] = to_bits(torch.from_numpy(scaled)).to(self.device)

    def _embed_states(
        self, prompts: dict[str, torch.Tensor]
    ) -> torch.utils.hooks.RemovableHandle:
        """Let the base read projected states, until the handle is removed.

        Args:
            prompts: What `_prepare_inputs` returned, and maybe more. Without
                `state_bits`, there is nothing to read.
        """

        def insert(
            embedding: torch.nn.Module,
            arguments: tuple[torch.LongTensor],
            embedded: torch.Tensor,
        ) -> torch.Tensor:
            if "state_bits" not in prompts:
                return embedded
            states = from_bits(prompts["state_bits"]).to(embedded.dtype)
            projected = self.state_projector(states).to(embedded.dtype)
            is_state = arguments[0] == self.state_token
            # Behind the state there is no such token, but before it text may have some.
            behind = is_state.flip(1).cumsum(dim=1).flip(1)
            is_state = is_state & (behind == 1)
            return torch.where(is_state.unsqueeze(-1), projected.unsqueeze(1), embedded)

        return self.get_input_embeddings().register_forward_hook(insert)

    def _prepare_sampling(
        self, do_sample: bool, temperature: float, input_ids: torch.LongTensor
    ) -> dict[str, torch.Tensor]:
        """Store the temperature per sample, so that training can replay it.

        Args:
            do_sample: Whether to sample; without, the temperature counts as 1.
            temperature: See `predict_action_batch`.
            input_ids: Prompt tokens, shape [B, L].

        Returns:
            An int64 tensor of shape [B], in `SAMPLING_UNITS`.

        Raises:
            ValueError: If the temperature is not above 0.
        """
        if not do_sample:
            temperature = 1.0
        if not temperature > 0:
            raise ValueError(f"Sampling needs temperature > 0, got {temperature}.")
        units = max(1, round(temperature * SAMPLING_UNITS))
        temperatures = input_ids.new_full((input_ids.shape[0],), units)
        return {"sampling_temperature": temperatures}

    def _unnormalize_actions(self, normalized: torch.Tensor) -> np.ndarray:
        """Turn what the policy answers into actions of the environment.

        Args:
            normalized: Shape [B, num_action_chunks, action_dim]. What lies outside of
                -1 to 1 is clipped, as it is no action that the dataset has.

        Returns:
            float32 actions of the same shape: in q01..q99 where the dataset's mask is
            true, in -1..1 elsewhere.
        """
        clipped = normalized.double().clamp(-1, 1).cpu().numpy()
        scale = (self.max_action - self.min_action) / 2
        actions = np.where(
            self.action_mask, (clipped + 1) * scale + self.min_action, clipped
        )
        return actions.astype(np.float32)

    def sft_forward(self, data: dict[str, Any], **kwargs: Any) -> torch.Tensor:
        """Compute how far the expert's velocities are from those of demonstrations.

        Args:
            data: Observations as `predict_action_batch` takes them, with `actions` of
                shape [B, num_action_chunks, action_dim] and, where episodes end within
                a chunk, `action_is_pad` of shape [B, num_action_chunks], true for steps
                that do not count. Arrays, as FSDP casts the numbers of tensors.
            **kwargs: Ignored.

        Returns:
            Mean square of the differences, a float32 scalar.
        """
        inputs, demonstrated, is_taken = self._prepare_demonstrations(data)
        hidden_states = self._compute_hidden_states(inputs, inputs["input_ids"][:, :0])
        actions = torch.from_numpy(demonstrated).float().to(hidden_states.device)
        actions = actions * is_taken.unsqueeze(-1)  # steps look at each other
        noise = torch.randn_like(actions)
        # Times near to the noise are more frequent: from there, most is to be decided.
        time = torch.rand(len(actions), device=actions.device) ** (2 / 3)
        velocity = self.action_head(
            torch.lerp(actions, noise, time.view(-1, 1, 1)),
            time,
            hidden_states,
            inputs["attention_mask"],
        )
        errors = (velocity - (noise - actions)).square()
        return errors[is_taken].mean()

    def _prepare_demonstrations(
        self, data: dict[str, Any]
    ) -> tuple[dict[str, torch.Tensor], np.ndarray, torch.Tensor]:
        """Read a batch of demonstrations.

        Args:
            data: See `sft_forward`.

        Returns:
            What `_prepare_inputs` makes of the observations; the actions on the scale
            of -1 to 1, shape [B, num_action_chunks, action_dim]; and which steps of
            them were taken, a mask of shape [B, num_action_chunks].

        Raises:
            ValueError: If the actions have another shape, or went through a dtype that
                does not hold them.
        """
        actions = torch.as_tensor(data["actions"])
        if actions.dtype not in (torch.float32, torch.float64):
            raise ValueError(
                f"Actions are {actions.dtype}: FSDP casts tensors, so pass an array."
            )
        chunk = (self.num_action_chunks, self.action_dim)
        if actions.shape[1:] != chunk:
            raise ValueError(
                f"Actions have the shape {list(actions.shape)}, not [B, {chunk[0]}, "
                f"{chunk[1]}]: the data has other chunks than the policy."
            )
        is_pad = data.get("action_is_pad")
        if is_pad is None:
            is_pad = torch.zeros(actions.shape[:2], dtype=torch.bool)
        inputs = self._prepare_inputs(data)
        normalized = self._normalize_actions(actions.cpu().numpy())
        return inputs, normalized, ~torch.as_tensor(is_pad).to(self.device)

    def _normalize_actions(self, actions: np.ndarray) -> np.ndarray:
        """Bring actions to the scale that the policy has them on.

        Args:
            actions: In q01..q99 where the dataset's mask is true, in -1..1 elsewhere,
                shape [..., action_dim]. What lies outside is clipped.

        Returns:
            float64 actions in -1..1. A number that never changes is -1.
        """
        span = self.max_action - self.min_action
        scaled = 2 * (actions - self.min_action) / np.where(span > 0, span, np.inf) - 1
        return np.where(self.action_mask, scaled, actions).clip(-1, 1)
