"""What was generated, from which answers: enough to check it and to plan it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import PurePosixPath
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.errors import InvalidAnswerError, SourceSyntaxError
from rlinf_scaffold.spec import Base, ModelSpec

FOLDER = PurePosixPath(".rlinf-scaffold")
_FORMAT = 1
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One scaffolded model.

    Attributes:
        spec: the user's answers.
        base: what was read of the base when they were given.
        layout: the layout that the checkout had.
        contract: the runtime contract that it had.
        tool: version of rlinf-scaffold that wrote it.
        files: the digest of every file that the tool created.
    """

    spec: ModelSpec
    base: Base
    layout: str
    contract: str
    tool: str
    files: Mapping[PurePosixPath, str]

    @property
    def path(self) -> PurePosixPath:
        """Where the manifest lies in the checkout."""
        return manifest_path(self.spec.name)

    def to_text(self) -> str:
        """Return the manifest as JSON."""
        document = {
            "format": _FORMAT,
            "tool": self.tool,
            "layout": self.layout,
            "contract": self.contract,
            "spec": asdict(self.spec),
            "base": self.base.facts(),
            "files": {str(path): digest for path, digest in sorted(self.files.items())},
        }
        return json.dumps(document, indent=2) + "\n"


def manifest_path(name: str) -> PurePosixPath:
    """Return where the manifest of a model lies."""
    return FOLDER / f"{name}.json"


def digest(text: str) -> str:
    """Return the SHA-256 of a file's exact bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def read_manifest(tree: Tree, name: str) -> Manifest | None:
    """Return the manifest of a model, or None where it was not scaffolded here.

    Raises:
        SourceSyntaxError: the file is no manifest of this format and this model.
    """
    path = manifest_path(name)
    text = tree.read(path)
    if text is None:
        return None
    try:
        manifest = _from_document(json.loads(text))
    except json.JSONDecodeError as error:
        raise SourceSyntaxError(path, error.lineno, error.msg) from error
    except InvalidAnswerError as error:
        raise SourceSyntaxError(path, 1, str(error)) from error
    except (AttributeError, KeyError, TypeError) as error:
        raise SourceSyntaxError(path, 1, f"no manifest: {error}") from error
    if manifest.spec.name != name:
        raise SourceSyntaxError(path, 1, f"the manifest of {manifest.spec.name!r}")
    return manifest


def _from_document(document: dict[str, Any]) -> Manifest:
    if document["format"] != _FORMAT:
        msg = f"format {document['format']!r} is not {_FORMAT}"
        raise TypeError(msg)
    return Manifest(
        spec=_build(ModelSpec, document["spec"]),
        base=_build(Base, document["base"]),
        layout=str(document["layout"]),
        contract=str(document["contract"]),
        tool=str(document["tool"]),
        files={PurePosixPath(p): str(d) for p, d in document["files"].items()},
    )


def _build(kind: type[Value], values: dict[str, Any]) -> Value:
    """Return the dataclass of these values; JSON's lists become tuples."""
    hints = get_type_hints(kind)
    fields = {key: _revive(hints.get(key), value) for key, value in values.items()}
    for key, value in fields.items():
        hint = hints.get(key, object)
        if not isinstance(value, tuple if get_origin(hint) is tuple else hint):
            msg = f"{key} is {value!r}"
            raise TypeError(msg)
    return kind(**fields)


def _revive(hint: object, value: object) -> object:
    """Return a value as a dataclass holds it: tuples of tuples, and dataclasses."""
    if isinstance(value, list):
        return tuple(_revive(None, item) for item in value)
    kinds = [it for it in (hint, *get_args(hint)) if isinstance(it, type)]
    nested = next(filter(is_dataclass, kinds), None)
    if isinstance(value, dict) and nested is not None:
        return _build(nested, value)
    return value


def read_manifests(tree: Tree) -> tuple[Manifest, ...]:
    """Return the manifests of every model scaffolded in a checkout, by name."""
    manifests = (
        read_manifest(tree, path.stem)
        for path in tree.files(FOLDER)
        if path.suffix == ".json"
    )
    return tuple(manifest for manifest in manifests if manifest is not None)
