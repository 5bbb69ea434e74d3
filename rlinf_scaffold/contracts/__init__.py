"""One module per generation of the contract between RLinf's workers and a model."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from rlinf_scaffold.checkout import Tree, python_files
from rlinf_scaffold.discovery import discover
from rlinf_scaffold.matching import Check, match
from rlinf_scaffold.syntax import (
    find_class,
    find_function,
    last_name,
    parameter_names,
    parse,
    spelled,
    walk,
)

ACTORS = PurePosixPath("rlinf/workers/actor")
ENVS = PurePosixPath("rlinf/envs")
ROLLOUTS = PurePosixPath("rlinf/workers/rollout/hf")
POLICY = PurePosixPath("rlinf/models/embodiment/base_policy.py")
VALUE_HEAD = PurePosixPath("rlinf/models/embodiment/modules/value_head.py")
MODEL_FUNCTIONS = PurePosixPath("rlinf/models/embodiment/model_utils.py")
FUNCTIONS = PurePosixPath("rlinf/utils/utils.py")
HEAD_PARAMETERS = (
    "input_dim",
    "hidden_sizes",
    "output_dim",
    "activation",
    "bias_last",
)
_MAIN_VIEWS = ("main_images", "full_images", "images")
_OTHER_VIEWS = ("wrist_images", "extra_view_images")
_LOGPROBS = ("compute_logprobs_from_logits", ("logits", "target"))
_ENTROPY = ("compute_entropy_from_logits", ("logits",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What differs within a contract, as far as a generated policy depends on it.

    Attributes:
        policy: what ``BasePolicy`` is: ``abstract``, a ``module`` of torch, or nothing.
        forward_type: whether ``ForwardType`` names the kinds of forward passes; they
            are strings otherwise.
        functions: the module of the functions that turn logits into log-probabilities
            and entropy; empty where there are none.
        classes_last: whether these want logits as [B, T, classes], not [B, classes, T].
        actor_scales: whether the actor applies temperature and top-k to the logits
            that the policy returns.
        worker_sets_up: whether rollout workers give a policy its processor, with the
            whole configuration of the run.
    """

    policy: str = ""
    forward_type: bool = False
    functions: str = ""
    classes_last: bool = True
    actor_scales: bool = False
    worker_sets_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What the workers of one generation call, and what they expect back.

    Attributes:
        name: what ``inspect`` calls it, and the folder of its templates.
        title: one line for people.
        detect: what it needs of a checkout, read from the syntax trees; it matches
            where all of it holds.
        batch: the keyword under which actors pass what a rollout returned. Where it is
            empty, workers hand tokens over and look at the logits themselves.
        prepares_observations: whether workers prepare what the model sees, and know
            only tokens and one ``pixel_values``.
    """

    name: str
    title: str
    detect: Callable[[Tree], tuple[Check, ...]]
    batch: str = ""
    prepares_observations: bool = False


def all_contracts() -> tuple[Contract, ...]:
    """Return every contract of this package."""
    return discover(sys.modules[__name__], Contract)


def detect_contract(tree: Tree) -> Contract:
    """Return the one contract of this package that matches, as `match_contract`."""
    return match_contract(tree, all_contracts())


def match_contract(tree: Tree, contracts: Sequence[Contract]) -> Contract:
    """Return the one contract that matches.

    Raises:
        UnknownLayoutError: none does, or several do; says what the nearest misses.
        SourceSyntaxError: a file to read does not parse.
    """
    return match("runtime contract", {each: each.detect(tree) for each in contracts})


def read_terms(tree: Tree) -> Terms:
    """Return what a checkout's own classes and functions ask of a policy."""
    policy = find_class(body_of(tree, POLICY), "BasePolicy")
    home = _find_functions(tree)
    scaled = find_function(body_of(tree, MODEL_FUNCTIONS), "custom_forward")
    bases = [spelled(base) for base in policy.bases] if policy else []
    kind = "module" if any(base.endswith("Module") for base in bases) else "abstract"
    return Terms(
        policy=kind if policy else "",
        forward_type=find_class(body_of(tree, POLICY), "ForwardType") is not None,
        functions=".".join(home.with_suffix("").parts) if home else "",
        classes_last=home is None or _takes_classes_last(body_of(tree, home)),
        actor_scales=scaled is not None
        and {"temperature", "top_k"} <= set(parameter_names(scaled)),
        worker_sets_up=any(
            spelled(call.func).endswith(".setup_config_and_processor")
            for _, call in _calls(tree, ROLLOUTS, "setup_config_and_processor")
        ),
    )


def read_views(tree: Tree) -> tuple[str, ...]:
    """Return under which keys observations hold images, those of the main camera first."""
    texts = [tree.read(path) or "" for path in python_files(tree, ENVS)]
    held = {
        key
        for key in (*_MAIN_VIEWS, *_OTHER_VIEWS)
        if any(f'"{key}"' in text or f"'{key}'" in text for text in texts)
    }
    main = next((key for key in _MAIN_VIEWS if key in held), _MAIN_VIEWS[0])
    return (main, *(key for key in _OTHER_VIEWS if key in held))


def body_of(tree: Tree, path: PurePosixPath) -> list[ast.stmt]:
    """Return the statements of a file, none where there is no such file."""
    return parse(tree.read(path) or "", path).body


def check_call(tree: Tree, folder: PurePosixPath, *keywords: str) -> Check:
    """Whether a file of a folder has a call with all these keywords."""
    what = f"a call with {', '.join(f'{keyword}=...' for keyword in keywords)}"
    for path, call in _calls(tree, folder, *keywords):
        if set(keywords) <= {keyword.arg for keyword in call.keywords}:
            statement = ast.copy_location(ast.Expr(call), call)
            return Check(what, path, statement, True)
    return Check(what, folder, None, False)


def check_class(tree: Tree, path: PurePosixPath, name: str) -> Check:
    """Whether a file has a class."""
    found = find_class(body_of(tree, path), name)
    return Check(f"class {name}", path, found, found is not None)


def check_head(tree: Tree, parameters: Sequence[str]) -> Check:
    """Whether ``ValueHead`` takes these parameters."""
    head = find_class(body_of(tree, VALUE_HEAD), "ValueHead")
    init = find_function(head.body, "__init__") if head else None
    holds = init is not None and set(parameter_names(init)) >= set(parameters)
    return Check(f"ValueHead({', '.join(parameters)})", VALUE_HEAD, init or head, holds)


def check_functions(tree: Tree, *paths: PurePosixPath) -> tuple[Check, ...]:
    """Whether one of these files has both functions on logits."""
    home = _find_functions(tree)
    checks = []
    for name, first in (_LOGPROBS, _ENTROPY):
        found = {
            path: function
            for path in paths
            if home in (path, None)
            and (function := find_function(body_of(tree, path), name))
        }
        path, node = next(iter(found.items()), (paths[-1], None))
        holds = node is not None and parameter_names(node)[: len(first)] == first
        checks.append(Check(f"{name}({', '.join(first)})", path, node, holds))
    return tuple(checks)


def _calls(
    tree: Tree, folder: PurePosixPath, *words: str
) -> Iterator[tuple[PurePosixPath, ast.Call]]:
    """Yield every call in those files of a folder that hold these words."""
    for path in tree.files(folder):
        source = tree.read(path) or ""
        if path.suffix == ".py" and all(word in source for word in words):
            for node in walk(parse(source, path)):
                if isinstance(node, ast.Call):
                    yield path, node


def _find_functions(tree: Tree) -> PurePosixPath | None:
    """Return the file that policies take the functions on logits from."""
    for path in (MODEL_FUNCTIONS, FUNCTIONS):
        body = body_of(tree, path)
        if all(
            (function := find_function(body, name)) is not None
            and parameter_names(function)[: len(first)] == first
            for name, first in (_LOGPROBS, _ENTROPY)
        ):
            return path
    return None


def _takes_classes_last(body: list[ast.stmt]) -> bool:
    """Whether the entropy is summed over the last dimension, not over the second."""
    entropy = find_function(body, _ENTROPY[0])
    calls_in_it = (
        node for node in walk(entropy or ast.Pass()) if isinstance(node, ast.Call)
    )
    return not any(_is_over_second(call) for call in calls_in_it)


def _is_over_second(call: ast.Call) -> bool:
    """Whether a call is a softmax over dimension 1."""
    if not last_name(call.func).endswith("softmax"):
        return False
    named = [keyword.value for keyword in call.keywords if keyword.arg == "dim"]
    dimensions = (*call.args, *named)
    return any(
        isinstance(node, ast.Constant) and node.value == 1 for node in dimensions
    )
