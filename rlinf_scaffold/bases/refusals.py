"""The reasons for which a class is no base for an action model."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from typing import Final

from rlinf_scaffold.bases.autos import causal_names, seeing_names
from rlinf_scaffold.bases.interpreter import Interpreter
from rlinf_scaffold.bases.library import Class, External, Library
from rlinf_scaffold.bases.packages import is_there
from rlinf_scaffold.bases.parts import sources
from rlinf_scaffold.bases.values import Instance
from rlinf_scaffold.errors import UnsupportedBaseError
from rlinf_scaffold.families import Family, family_of
from rlinf_scaffold.spec import Base
from rlinf_scaffold.tiny import text_rules

_MODEL_ROOT: Final = "PreTrainedModel"
_CAUSAL: Final = re.compile(r".*(ForCausalLM|LMHeadModel|WithLMHead)")
_CLASSIFIER: Final = re.compile(
    r".*(For(\w*Classification|QuestionAnswering|MultipleChoice|NextSentencePrediction)"
    r"|DoubleHeadsModel)"
)
_DIFFUSION: Final = re.compile(r".*ForBlockDiffusion")
_PAIR: Final = re.compile(r".*EncoderDecoderModel")
_ENCODER: Final = re.compile(r".*For(MaskedLM|PreTraining)")
_HEADS: Final = ("lm_head", "embed_out", "output_projection", "cls")
_OTHER_INPUTS: Final = {
    "vision_config": "vision",
    "audio_config": "audio",
    "protein_encoder_config": "protein",
}
_MATCHED: Final = "torchvision"
_MATCH: Final = (
    ". Its wheels load only beside the torch that they were built for: where an index has "
    "them for CUDA alone, install torch of the matching version for CUDA too, which also "
    "computes on CPUs"
)
_IMAGES: Final = re.compile(
    r"(image_)?pixel_values(_images)?|image_patches|flattened_patches"
)
_SOUND: Final = re.compile(r"input_(values|features)")
_MIXIN: Final = "GenerationMixin"
_CACHE: Final = "past_key_values"
_PROCESSORS: Final = "logits_processor"


def sees(forward_arguments: Collection[str]) -> bool:
    """Whether a model takes images."""
    return any(_IMAGES.fullmatch(name) for name in forward_arguments)


def refuse_modality(library: Library, given: str, base: Base) -> None:
    """Refuse a base that takes images if no policy on it could be proved.

    Raises:
        UnsupportedBaseError: with the reason.
    """
    if base.modality == "text":
        return
    family = family_of(base.model_type)
    parts = base.processor.parts if base.processor else ()
    unknown = [argument for argument, name in parts if not name]
    lacking = _lacking(library, base, family)
    reads = "video_processor" if family.frames else "image_processor"
    sign, without = family.requires
    if family.refusal:
        reason = family.refusal
    elif sign and sign not in _processor_source(library, base):
        reason = without
    elif base.processor is None:
        reason = (
            f"transformers has no processor for {base.model_type}, which would make its "
            "inputs of text and images"
        )
    elif unknown or not any(reads in argument for argument, _ in parts):
        what = " and ".join(unknown) or "part for images"
        reason = f"no {what} of {base.processor_class} is known to transformers"
    elif lacking:
        reason = (
            f"{base.processor_class or base.class_name} needs {' and '.join(lacking)}, "
            "which the interpreter does not have. Install it there: "
            f"`python -m pip install {' '.join(lacking)}`"
            f"{_MATCH if _MATCHED in lacking else ''}"
        )
    else:
        return
    raise UnsupportedBaseError(given, reason)


def refuse_parts(given: str, base: Base, usual: Base) -> None:
    """Refuse a checkpoint of other parts than its class has by default.

    Args:
        given: what the user called the base, for messages.
        base: the base as its checkpoint has it.
        usual: the same class without settings, which a tiny checkpoint is made of.

    Raises:
        UnsupportedBaseError: with the reason.
    """
    if base.layer_classes != usual.layer_classes:
        reason = (
            f"it is made of {', '.join(base.layer_classes)}, and the tiny checkpoint "
            f"to prove it on of {', '.join(usual.layer_classes)}, the defaults of "
            f"{base.config_class}"
        )
        raise UnsupportedBaseError(given, reason)


def _processor_source(library: Library, base: Base) -> str:
    """Return the text of the module that a base's processor is defined in."""
    cls = library.find_class(base.processor_class)
    return cls.module.path.read_text("utf-8") if cls else ""


def _lacking(library: Library, base: Base, family: Family) -> list[str]:
    """Return what a base or its processor imports and the search path has not."""
    if library.transformers is None:
        return []
    needed = (*(base.processor.packages if base.processor else ()), *family.packages)
    return [name for name in needed if not is_there(library.search_path, name)]


def refuse_name(library: Library, given: str, cls: Class) -> None:
    """Refuse what a class's name and ancestors already tell.

    Raises:
        UnsupportedBaseError: with the reason.
    """
    ancestors = {a.leaf for a in library.lineage(cls) if isinstance(a, External)}
    if _MODEL_ROOT not in ancestors:
        reason = "it is not a model: PreTrainedModel is not among its ancestors"
    elif cls.name.endswith("PreTrainedModel"):
        reason = f"it is abstract{_instead(library, cls)}"
    elif _CLASSIFIER.fullmatch(cls.name):
        reason = f"its head classifies and generates no tokens{_instead(library, cls)}"
    elif _PAIR.fullmatch(cls.name):
        reason = "it is an encoder-decoder"
    elif _DIFFUSION.fullmatch(cls.name):
        reason = "it generates blocks of tokens by diffusion, and none after the other"
    elif _ENCODER.fullmatch(cls.name):
        reason = f"it is an encoder and generates no tokens{_instead(library, cls)}"
    else:
        return
    raise UnsupportedBaseError(given, reason)


def refuse_forward(
    library: Library,
    given: str,
    cls: Class,
    config: Instance,
    forward_arguments: Collection[str],
) -> None:
    """Refuse what a class's inputs tell.

    Raises:
        UnsupportedBaseError: with the reason.
    """
    kind = next((k for n, k in _OTHER_INPUTS.items() if n in config.attributes), None)
    if sees(forward_arguments):
        caches = _CACHE in forward_arguments or delegates(library, cls)
        if not caches or not _generates(library, cls):
            reason = f"it generates no tokens with the {_CACHE} of its forward"
        elif not _reads_images(library, cls):
            reason = (
                "its forward takes images in this transformers, and does not read them"
            )
        else:
            return
    elif kind is None:
        return
    elif kind == "vision":
        reason = (
            "its configuration has a vision_config, and its forward takes no images"
        )
    else:
        reason = f"{kind}-language bases are not supported: choose a text model"
    raise UnsupportedBaseError(given, f"{reason}{_instead(library, cls)}")


def _reads_images(library: Library, cls: Class) -> bool:
    lineage = (owner for owner in library.lineage(cls) if isinstance(owner, Class))
    own = next(filter(None, (owner.methods.get("forward") for owner in lineage)), None)
    nodes = ast.walk(own) if own is not None else ()
    return any(isinstance(it, ast.Name) and _IMAGES.fullmatch(it.id) for it in nodes)


def refuse_model(
    library: Library,
    given: str,
    model: Instance,
    interpreter: Interpreter,
    forward_arguments: Collection[str],
) -> None:
    """Refuse what only the built model tells: how it decodes, and its head.

    Raises:
        UnsupportedBaseError: with the reason.
    """
    cls = model.cls
    config = interpreter.attribute(model, "config")
    if interpreter.attribute(config, "is_encoder_decoder") is True:
        reason = f"it is an encoder-decoder{_instead(library, cls)}"
    elif not _has_head(library, model):
        reason = f"it has no language head{_instead(library, cls)}"
    elif not sees(forward_arguments) and any(
        _SOUND.fullmatch(name) for name in forward_arguments
    ):
        reason = "it reads sound: choose a text model"
    elif not _generates(library, cls):
        reason = f"it generates no tokens: {_MIXIN} is not among its ancestors"
    else:
        kind = str(interpreter.attribute(config, "model_type"))
        reason = text_rules().refusals.get(kind, "") or _unfit(kind, model)
        if not reason:
            return
    raise UnsupportedBaseError(given, reason)


def _unfit(kind: str, model: Instance) -> str:
    """Return what this transformers does in its layers that training cannot repeat."""
    sign, reason = text_rules().unfit.get(kind, ("", ""))
    return reason if sign and any(sign in text for text in sources(model)) else ""


def _has_head(library: Library, model: Instance) -> bool:
    if _CAUSAL.fullmatch(model.cls.name):
        return True
    if any(name in model.attributes for name in _HEADS):
        return True
    return model.cls.name in {
        *causal_names(library).values(),
        *seeing_names(library).values(),
    }


def _generates(library: Library, cls: Class) -> bool:
    """Whether a class has a ``generate``, from its ancestors or, once, the root's."""
    names = {
        ancestor.name if isinstance(ancestor, Class) else ancestor.leaf
        for ancestor in library.lineage(cls)
    }
    if _MIXIN in names or _generate(library, cls) is not None:
        return True
    folder = library.transformers
    root = folder / "modeling_utils.py" if folder else None
    text = root.read_text("utf-8") if root and root.is_file() else ""
    found = re.search(rf"^class {_MODEL_ROOT}\(([^)]*)\)", text, re.M)
    return found is not None and _MIXIN in found[1]


def delegates(library: Library, cls: Class) -> bool:
    """Whether a class has an inner model generate, by a ``generate`` of its own."""
    return any(
        ast.unparse(call.func).startswith("self.") for call in _generating(library, cls)
    )


def drops_processors(library: Library, cls: Class) -> bool:
    """Whether a class takes logits processors in its ``generate``, and hands on none."""
    own = _generate(library, cls)
    if own is None or all(it.arg != _PROCESSORS for it in own.args.args):
        return False
    return not any(
        keyword.arg == _PROCESSORS
        for call in _generating(library, cls)
        for keyword in call.keywords
    )


def drops_tokens(library: Library, cls: Class) -> bool:
    """Whether a class has a ``generate`` that leaves out the last token of a prompt."""
    return any(
        isinstance(part, ast.Subscript) and ast.unparse(part) == "input_ids[:, :-1]"
        for part in ast.walk(_generate(library, cls) or ast.Pass())
    )


def needs_images(library: Library, cls: Class) -> bool:
    """Whether a class has a ``generate`` of its own that takes no prompt without images."""
    own = _generate(library, cls)
    if own is None:
        return False
    named = [*own.args.posonlyargs, *own.args.args]
    required = named[: len(named) - len(own.args.defaults)]
    return any(_IMAGES.fullmatch(it.arg) for it in required)


def _generate(library: Library, cls: Class) -> ast.FunctionDef | None:
    owners = (owner for owner in library.lineage(cls) if isinstance(owner, Class))
    own = (owner.methods.get("generate") for owner in owners)
    return next((method for method in own if method is not None), None)


def _generating(library: Library, cls: Class) -> list[ast.Call]:
    """Return the calls of another ``generate`` in a class's own."""
    return [
        part
        for part in ast.walk(_generate(library, cls) or ast.Pass())
        if isinstance(part, ast.Call) and ast.unparse(part.func).endswith(".generate")
    ]


def asks_for_decoder(node: ast.ClassDef) -> bool:
    """Whether a class's own ``__init__`` asks for ``config.is_decoder``."""
    return any(
        isinstance(statement, ast.If | ast.Assert)
        and "config.is_decoder" in ast.unparse(statement.test)
        for function in node.body
        if isinstance(function, ast.FunctionDef) and function.name == "__init__"
        for statement in ast.walk(function)
    )


def _instead(library: Library, cls: Class) -> str:
    """Return the question after the causal language models in the same file."""
    causal = {*causal_names(library).values()} - {cls.name}
    siblings = [
        name
        for name, symbol in cls.module.symbols.items()
        if name in causal
        and isinstance(symbol, ast.ClassDef)
        and not asks_for_decoder(symbol)
    ]
    return f"; did you mean {' or '.join(siblings)}?" if siblings else ""
