"""A YAML document on its way from one text to another."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from rlinf_scaffold.inserters import yaml
from rlinf_scaffold.inserters.yaml_document import Keys, Value, members


@dataclass(frozen=True, slots=True)
class Draft:
    """A text and its path, which errors name; every edit returns another draft.

    Raises:
        SourceSyntaxError: by any method: the text is not one YAML document.
        AnchorNotFoundError: by any edit: it cannot be made in this text.
    """

    path: PurePosixPath
    text: str

    def get(self, *keys: str | int) -> Value:
        """Return what stands at a place, None where nothing does."""
        value = yaml.read_value(self.text, (), path=self.path)
        for key in keys:
            value = members(value).get(key)
        return value

    def has(self, keys: Keys) -> bool:
        """Whether a place is written out in the text."""
        return yaml.has_key(self.text, keys, path=self.path)

    def line_of(self, keys: Keys) -> int:
        """Return the line of a place, or of what it would stand in."""
        return yaml.line_of(self.text, keys, path=self.path)

    def set(
        self, values: Mapping[Keys, Value], uncommented: Collection[Keys] = ()
    ) -> Draft:
        """Write over values; nothing happens where there is none."""
        there = {keys: value for keys, value in values.items() if self.has(keys)}
        return self._with(
            yaml.set_values(self.text, there, path=self.path, uncommented=uncommented)
        )

    def put(self, keys: Keys, value: Value) -> Draft:
        """Write a value, over the one that is there or as a new key."""
        if self.has(keys):
            return self.set({keys: value})
        return self._with(yaml.add_key(self.text, keys, value, path=self.path))

    def remove(self, keys: Keys) -> Draft:
        """Remove a key; nothing happens where there is none."""
        return self._with(yaml.remove_key(self.text, keys, path=self.path))

    def drop_comment(self, keys: Keys) -> Draft:
        """Remove the comment behind a value; nothing happens where there is none."""
        if not self.has(keys):
            return self
        return self._with(yaml.drop_comment(self.text, keys, path=self.path))

    def edit_comments(self, pattern: re.Pattern[str], replacement: str) -> Draft:
        """Substitute a pattern in the comments that stand on lines of their own."""
        return self._with(
            yaml.edit_comments(self.text, pattern, replacement, path=self.path)
        )

    def _with(self, text: str) -> Draft:
        return Draft(self.path, text)
