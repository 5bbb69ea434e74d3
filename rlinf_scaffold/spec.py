"""What the user asked for, and what its base is: validated once, then only read."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from dataclasses import asdict, dataclass

from rlinf_scaffold.errors import InvalidAnswerError

PRECISIONS = ("bf16", "fp16", "fp32")
ATTENTIONS = ("flash_attention_2", "sdpa", "eager")
STATES = ("text", "token")
_NAME = re.compile(r"[a-z](?:[a-z0-9_]{0,30}[a-z0-9])?")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_RESERVED = frozenset({"model", "models", "modules", "rlinf", "test", "tests"})
_PACKAGES = frozenset(
    {
        *("accelerate", "cv2", "datasets", "deepspeed", "diffusers", "einops"),
        *("flash_attn", "gym", "gymnasium", "huggingface_hub", "hydra", "jax"),
        *("jinja2", "lerobot", "megatron", "numpy", "omegaconf", "pandas", "peft"),
        *("prismatic", "pytest", "ray", "requests", "safetensors", "scipy"),
        *("setuptools", "sglang", "tensorboard", "tensorflow", "timm", "tokenizers"),
        *("torch", "torchaudio", "torchvision", "tqdm", "transformers", "triton"),
        *("typing_extensions", "vllm", "wandb", "yaml"),
    }
)


# Parameters of ``forward`` that say something of each token: what kind it is, which
# images it may look at, and which patch it stands for.
_OF_TOKENS = re.compile(
    r"(.*_)?token_type_ids|(cross|image)_attention_mask|image_embeds_position_mask"
    r"|image_patches_indices|images?_seq_mask"
)
# What transformers looks for in the names of classes before it makes a cache.
_CACHED_BY_NAME = re.compile("mamba|minimax|lfm2|falconh1|rwkv|xlstm|xlnet|reformer")
# Parameters of ``forward`` that no processor of images makes.
_TEXT_ARGUMENTS = frozenset(
    {
        *("input_ids", "attention_mask", "position_ids", "past_key_values"),
        *("decoder_input_ids", "decoder_attention_mask", "interpolate_pos_encoding"),
        *("inputs_embeds", "logits_to_keep", "num_logits_to_keep", "labels"),
        *("use_cache", "output_attentions", "output_hidden_states", "return_dict"),
        *("cache_position", "rope_deltas", "vision_feature_layer"),
        *("vision_feature_select_strategy", "image_hidden_states"),
        *("mm_encoder_outputs", "pixel_values_videos", "video_grid_thw"),
        *("second_per_grid_ts",),
    }
)
_VISION_FACTS = (
    *("modality", "processor_class", "processor"),
    "vision_layer_classes",
)


DEFAULT_BINS = 256
DEFAULT_STATE_DIM = 8
_SELDOM = (
    *("decoder_switch", "drops_processors", "head_owner", "keeps_offsets"),
    *(
        "initializes_orthogonally",
        "keeps_states",
        "mrope",
        "needs_images",
        "normalizes_batches",
        "reads_lone_padding",
    ),
    *("renames_weights", "tables", "unlisted_config"),
)
_PATH = "text_config"


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """What a processor of text and images is made of.

    Attributes:
        parts: its arguments that are processors themselves, each with its class; an
            empty class is one that the sources do not tell.
        tokens: special tokens that it asks a tokenizer for by name, each with a text.
        texts: texts of the special tokens that it has no name for.
        packages: what its parts import besides Pillow.
    """

    parts: tuple[tuple[str, str], ...]
    tokens: tuple[tuple[str, str], ...] = ()
    texts: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What a HuggingFace base is, as far as an action model on it needs to know.

    Attributes:
        class_name: the class to subclass, e.g. ``LlamaForCausalLM``.
        module: where it is imported from, e.g. ``transformers``.
        config_class: its configuration class.
        config_module: where that is imported from.
        model_type: the configuration's ``model_type``.
        hidden_size: width of the last hidden state that the value head reads.
        vocab_size: rows of the language head.
        tie_word_embeddings: whether the head shares the embedding's weight.
        layer_classes: classes that FSDP wraps, each really instantiated by the base.
        lora_targets: leaf names of the linear layers inside those classes.
        forward_arguments: named parameters of the base's ``forward``.
        checkpoint: the folder that the user gave as base, if any.
        modality: ``text``, or ``vision`` where it takes images too.
        text_config: dotted path, from its configuration, to the one that decodes; empty
            where that is the configuration itself.
        processor_class: what makes its inputs of text and images; empty where unknown.
        processor: what that is made of; None where its source is not found.
        vision_layer_classes: those of ``layer_classes`` that read images.
        mrope: whether it computes position ids of its own, or generates without.
        keeps_offsets: whether it keeps, between calls, how far positions are from tokens.
        initializes_orthogonally: whether it starts layers as orthogonal matrices, which
            torch computes in no dtype below float32.
        keeps_states: whether its layers keep states of the batch before.
        normalizes_batches: whether it has batch norms, as far as its source tells.
        head_owner: the part that has the language head, where the base gives none.
        drops_processors: whether its own ``generate`` hands on no logits processors, or
            not all of a prompt.
        needs_images: whether it generates nothing for a prompt without images.
        tables: embeddings whose weights it reads itself, each as ``Class.name``.
        unlisted_config: whether transformers' AutoConfig does not know its model type.
        decoder_switch: whether it decodes only where its configuration says is_decoder.
        reads_lone_padding: whether it reads the padding of a batch of one.
        renames_weights: whether transformers knows other names of weights for this class
            alone, and not for its model type.
    """

    class_name: str
    module: str
    config_class: str
    config_module: str
    model_type: str
    hidden_size: int
    vocab_size: int
    tie_word_embeddings: bool
    layer_classes: tuple[str, ...]
    lora_targets: tuple[str, ...]
    forward_arguments: tuple[str, ...]
    checkpoint: str | None = None
    modality: str = "text"
    text_config: str = ""
    processor_class: str = ""
    processor: Processor | None = None
    vision_layer_classes: tuple[str, ...] = ()
    mrope: bool = False
    keeps_offsets: bool = False
    initializes_orthogonally: bool = False
    keeps_states: bool = False
    normalizes_batches: bool = False
    reads_lone_padding: bool = False
    unlisted_config: bool = False
    head_owner: str = ""
    drops_processors: bool = False
    needs_images: bool = False
    tables: tuple[str, ...] = ()
    decoder_switch: bool = False
    renames_weights: bool = False

    @property
    def image_arguments(self) -> tuple[str, ...]:
        """Parameters of ``forward`` that say what images show, and how."""
        return tuple(
            name
            for name in self.forward_arguments
            if name not in _TEXT_ARGUMENTS and not _OF_TOKENS.fullmatch(name)
        )

    @property
    def token_arguments(self) -> tuple[str, ...]:
        """Parameters of ``forward`` that say something of each token."""
        return tuple(n for n in self.forward_arguments if _OF_TOKENS.fullmatch(n))

    @property
    def cached_by_name(self) -> bool:
        """Whether transformers chooses its cache by the name of its class."""
        return "past_key_values" not in self.forward_arguments or bool(
            _CACHED_BY_NAME.search(self.class_name.lower())
        )

    @property
    def own_texts(self) -> tuple[str, ...]:
        """Parameters of ``forward`` that hold a text tokenized for a part of its own."""
        prefixes = [
            name.removesuffix("input_ids")
            for name in self.image_arguments
            if name.endswith("_input_ids")
        ]
        return tuple(
            name
            for name in self.image_arguments
            if any(name in (f"{it}input_ids", f"{it}attention_mask") for it in prefixes)
        )

    def facts(self) -> dict[str, object]:
        """Return the facts by name, those of vision only where it takes images."""
        facts = asdict(self)
        if self.modality == "text":
            for name in _VISION_FACTS:
                del facts[name]
            if not self.text_config:
                del facts[_PATH]
        for name in _SELDOM:
            if not facts[name]:
                del facts[name]
        return facts


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """The user's answers.

    Attributes:
        name: RLinf's ``model_type`` for the new model, a lower-case identifier.
        head: action head, the name of a module in ``heads``.
        action_dim: numbers per action step.
        action_chunks: action steps predicted at once.
        action_bins: tokens per number.
        state: how prompts hold the proprioceptive state, as ``text`` or as a ``token``
            that is projected from it.
        state_dim: numbers of a state that is projected.
        unnorm_key: which entry of the dataset statistics un-normalises actions; empty
            takes the only one there is.
        lora: whether the YAML switches LoRA on.
        value_head: whether the YAML switches the value head on.
        precision: dtype of the weights in RLinf's words.
        attn_implementation: attention kernel in transformers' words.
        trust_remote_code: whether the YAML lets the checkpoint bring its own code.
        recipe: path of the recipe to derive from; empty chooses one.
    """

    name: str
    head: str = "tokens"
    action_dim: int = 7
    action_chunks: int = 1
    action_bins: int = DEFAULT_BINS
    state: str = "text"
    state_dim: int = DEFAULT_STATE_DIM
    unnorm_key: str = ""
    lora: bool = False
    value_head: bool = True
    precision: str = "bf16"
    attn_implementation: str = "flash_attention_2"
    trust_remote_code: bool = False
    recipe: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        for option, value, least in (
            ("--action-dim", self.action_dim, 1),
            ("--action-chunks", self.action_chunks, 1),
            ("--action-bins", self.action_bins, 2),
            ("--state-dim", self.state_dim, 1),
        ):
            if value < least:
                raise InvalidAnswerError(option, value, f"must be at least {least}")
        if self.state == "text" and self.state_dim != DEFAULT_STATE_DIM:
            reason = "text has a state of any size: leave it out, or add --state token"
            raise InvalidAnswerError("--state-dim", self.state_dim, reason)
        if self.unnorm_key and not _KEY.fullmatch(self.unnorm_key):
            raise InvalidAnswerError(
                "--unnorm-key", self.unnorm_key, "letters, digits and _ . + - only"
            )
        for option, answer, choices in (
            ("--state", self.state, STATES),
            ("--precision", self.precision, PRECISIONS),
            ("--attn-implementation", self.attn_implementation, ATTENTIONS),
        ):
            if answer not in choices:
                raise InvalidAnswerError(option, answer, f"one of {', '.join(choices)}")

    @property
    def member(self) -> str:
        """Name of the model among RLinf's supported models, e.g. ``MY_VLA``."""
        return self.name.upper()

    @property
    def class_stem(self) -> str:
        """CamelCase of the name, e.g. ``MyVla``."""
        return "".join(part.capitalize() for part in self.name.split("_"))

    @property
    def class_name(self) -> str:
        """The generated class, e.g. ``MyVlaForRLActionPrediction``."""
        return f"{self.class_stem}ForRLActionPrediction"

    @property
    def action_tokens(self) -> int:
        """Tokens generated per observation: one per number of every action step."""
        return self.action_dim * self.action_chunks


def check_name(name: str) -> None:
    """Refuse a model name that is no safe, free, lower-case identifier.

    Raises:
        InvalidAnswerError: with the reason.
    """
    reason = None
    if not _NAME.fullmatch(name):
        reason = (
            "must be a lower-case identifier: a letter, then letters, digits or _ "
            "(not last), 32 at most"
        )
    elif "__" in name:
        reason = "must not hold two underscores in a row"
    elif keyword.iskeyword(name) or keyword.issoftkeyword(name):
        reason = "is a Python keyword"
    elif hasattr(builtins, name):
        reason = "is a Python builtin"
    elif name in sys.stdlib_module_names:
        reason = "is a module of Python's standard library"
    elif name in _PACKAGES:
        reason = "is a package that RLinf or a model of its own imports"
    elif name in _RESERVED:
        reason = "is a word that RLinf or its tests already use for something else"
    if reason is not None:
        raise InvalidAnswerError("--name", name, reason)
