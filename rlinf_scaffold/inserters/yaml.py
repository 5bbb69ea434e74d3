"""YAML verbs, str -> str: read, set, add or remove one place, keep every other byte."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from rlinf_scaffold.errors import (
    AnchorNotFoundError,
    SourceSyntaxError,
    WiringChangedError,
)
from rlinf_scaffold.inserters.yaml_document import (
    Document,
    Entry,
    Keys,
    Path,
    Place,
    Value,
    leaves,
    members,
    parse,
)

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_BREAK = re.compile(r"\r\n|\r|\n")
_COMMENT_LINE = re.compile(r"([ \t]*)#[^\r\n]*")
_TRAILING_COMMENT = re.compile(r"[ \t]+#[^\r\n]*")
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_/.@-]*")
# YAML 1.1, which OmegaConf reads, takes each of these for a boolean or a null.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def read_value(text: str, keys: Keys, *, path: Path) -> Value:
    """Return what stands at a place, resolved as YAML 1.2 does.

    Raises:
        SourceSyntaxError: the text is not one YAML document.
        AnchorNotFoundError: there is no such place.
    """
    value = parse(text, path).data
    for depth, key in enumerate(keys, start=1):
        held = members(value)
        if key not in held:
            place = _dotted(keys[:depth])
            raise AnchorNotFoundError(path, place, f"write {_dotted(keys)} there")
        value = held[key]
    return value


def has_key(text: str, keys: Keys, *, path: Path) -> bool:
    """Whether a place is written out in the text; merged keys do not count.

    Raises:
        SourceSyntaxError: the text is not one YAML document.
    """
    return len(parse(text, path).chain(keys)) == len(keys)


def line_of(text: str, keys: Keys, *, path: Path) -> int:
    """Return the line of a place, or of the nearest that it would stand in.

    Raises:
        SourceSyntaxError: the text is not one YAML document.
    """
    chain = parse(text, path).chain(keys)
    return _row(text, chain[-1].start) + 1 if chain else 1


def set_value(text: str, keys: Keys, value: Value, *, path: Path) -> str:
    """Write a value over the one that stands at a place, in that one's quotes.

    Raises:
        SourceSyntaxError: the text is not one YAML document.
        AnchorNotFoundError: there is no such place, or a block stands there.
    """
    return set_values(text, {keys: value}, path=path)


def set_values(
    text: str,
    values: Mapping[Keys, Value],
    *,
    path: Path,
    uncommented: Collection[Keys] = (),
) -> str:
    """Write values over those that stand at their places, parsing once for all.

    Args:
        text: the document.
        values: what to write, by place.
        path: named in errors.
        uncommented: places of these that lose the comment behind them.

    Raises:
        SourceSyntaxError: the text is not one YAML document.
        AnchorNotFoundError: a place is not there, or a block stands there.
    """
    document = parse(text, path)
    edits = " and ".join(f"set {_dotted(k)} to {_spell(v)}" for k, v in values.items())
    refusal = _refusal(path, next(iter(values), ()), edits)
    splices: list[tuple[int, int, str]] = []
    expected = document.leaves
    for keys, value in values.items():
        chain = document.chain(keys)
        if len(chain) != len(keys):
            raise _refusal(path, keys, edits)
        if leaves(read_value(text, keys, path=path)) == leaves(value):
            continue
        place = chain[-1].place
        if place.style in {"mapping", "sequence"}:
            raise _refusal(path, keys, edits)
        comment = _TRAILING_COMMENT.match(text, place.end)
        end = comment.end() if comment and keys in uncommented else place.end
        splices.append((place.start, end, _written(text, place, value)))
        expected = _without(expected, keys) | leaves(value, keys)
    after = text
    for start, end, new in sorted(splices, reverse=True):
        after = f"{after[:start]}{new}{after[end:]}"
    return _checked(document, after, expected, refusal) if splices else text


def _written(text: str, place: Place, value: Value) -> str:
    """Return a value as it is written over the one at a place."""
    old = text[place.start : place.end]
    new = _spell(value, place.style)
    if isinstance(value, bool) and old in {"true", "false"}:
        new = new.lower()
    return new if old else f" {new}"


def add_key(text: str, keys: Keys, value: Value, *, path: Path) -> str:
    """Add a key at the end of its block mapping, and the mappings it needs above it.

    Raises:
        SourceSyntaxError: the text is not one YAML document.
        AnchorNotFoundError: no block mapping stands where the key belongs.
        WiringChangedError: the key is there with another value.
    """
    document = parse(text, path)
    chain = document.chain(keys)
    if len(chain) == len(keys):
        if leaves(read_value(text, keys, path=path)) == leaves(value):
            return text
        line = _row(text, chain[-1].start) + 1
        raise WiringChangedError(path, line, _dotted(keys), _spell(value))
    refusal = _refusal(path, keys[:-1], f"add {_dotted(keys)}: {_spell(value)}")
    depth = len(chain)
    for key in reversed(keys[depth + 1 :]):
        value = {str(key): value}
    parent = chain[-1].place if chain else document.root
    row = _row(text, parent.end) + 1
    if parent.style == "mapping":
        column = _column(text, parent.entries[0])
        row = _past_comments(_lines(text), row, column)
    elif chain and parent.style == "absent":
        column = _column(text, chain[-1]) + 2
    else:
        raise refusal
    added = (" " * column + line for line in _block(str(keys[depth]), value))
    expected = _without(document.leaves, keys) | leaves(value, keys[: depth + 1])
    return _checked(document, _insert_lines(text, row, added), expected, refusal)


def remove_key(text: str, keys: Keys, *, path: Path) -> str:
    """Remove a key of a block mapping, with its lines and the comments right above.

    Raises:
        SourceSyntaxError: the text is not one YAML document.
        AnchorNotFoundError: the key does not stand on lines of its own, or is the
            only one of its mapping.
    """
    document = parse(text, path)
    chain = document.chain(keys)
    if len(chain) != len(keys):
        return text
    refusal = _refusal(path, keys, f"remove {_dotted(keys)}")
    parent = chain[-2].place if len(chain) > 1 else document.root
    alone = len(parent.entries) == 1
    if parent.style != "mapping" or alone or _margin(text, chain[-1].start).strip():
        raise refusal
    after = _remove_lines(text, chain[-1])
    return _checked(document, after, _without(document.leaves, keys), refusal)


def drop_comment(text: str, keys: Keys, *, path: Path) -> str:
    """Remove the comment behind the value that stands at a place, if there is one.

    Raises:
        SourceSyntaxError: the text is not one YAML document.
        AnchorNotFoundError: there is no such place.
    """
    document = parse(text, path)
    refusal = _refusal(path, keys, f"remove the comment behind {_dotted(keys)}")
    chain = document.chain(keys)
    if len(chain) != len(keys):
        raise refusal
    end = chain[-1].place.end
    comment = _TRAILING_COMMENT.match(text, end)
    after = text[:end] + text[comment.end() :] if comment else text
    return _checked(document, after, document.leaves, refusal)


def edit_comments(
    text: str, pattern: re.Pattern[str], replacement: str, *, path: Path
) -> str:
    """Substitute a pattern in the comments that stand on lines of their own.

    Raises:
        SourceSyntaxError: the text is not one YAML document.
        AnchorNotFoundError: what looks like such a comment is part of a value.
    """
    document = parse(text, path)
    after = re.sub(
        rf"(?m)^{_COMMENT_LINE.pattern}",
        lambda line: pattern.sub(replacement, line[0]),
        text,
    )
    refusal = AnchorNotFoundError(
        path, "comment outside a value", f"write {replacement} in the comments"
    )
    return _checked(document, after, document.leaves, refusal)


def _dotted(keys: Keys) -> str:
    return ".".join(map(str, keys)) or "the document"


def _refusal(path: Path, keys: Keys, hand_edit: str) -> AnchorNotFoundError:
    anchor = f"{_dotted(keys)} that stands alone in plain block style"
    return AnchorNotFoundError(path, anchor, hand_edit)


def _checked(
    document: Document,
    after: str,
    expected: Mapping[Keys, str],
    refusal: AnchorNotFoundError,
) -> str:
    """Return the edited text if all of it reads as expected."""
    try:
        actual = parse(after, document.path).leaves
    except SourceSyntaxError as error:
        raise refusal from error
    if actual != expected:
        raise refusal
    return after


def _without(held: Mapping[Keys, str], keys: Keys) -> dict[Keys, str]:
    """Return the leaves but for those at, below or instead of a place."""
    return {
        at: leaf
        for at, leaf in held.items()
        if at[: len(keys)] != keys and at != keys[: len(at)]
    }


def _spell(value: Value, style: str = '"') -> str:
    """Return a value in one line, a string in this style where it can be."""
    if isinstance(value, str):
        if style == "plain" and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        if style == "'" and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
        return f'"{"".join(map(_escaped, value))}"'
    if isinstance(value, Mapping):
        pairs = (f"{_spell(key, 'plain')}: {_spell(value[key])}" for key in value)
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_spell, value))}]"
    return "null" if value is None else str(value)


def _escaped(character: str) -> str:
    """Return a character as it stands between double quotes."""
    if character in {'"', "\\"}:
        return f"\\{character}"
    if character.isprintable():
        return character
    return "\\n" if character == "\n" else f"\\U{ord(character):08x}"


def _block(key: str, value: Value) -> Iterator[str]:
    """Yield the lines of a key and its value in block style, from column 0."""
    name = _spell(key, "plain")
    if isinstance(value, Mapping) and value:
        yield f"{name}:"
        for child, below in value.items():
            yield from (f"  {line}" for line in _block(child, below))
    elif isinstance(value, Sequence) and value and not isinstance(value, str):
        yield f"{name}:"
        yield from (f"  - {_spell(item)}" for item in value)
    else:
        yield f"{name}: {_spell(value)}"


def _lines(text: str) -> list[str]:
    """Return the lines, each with its own break."""
    return [line[0] for line in _LINE.finditer(text)]


def _row(text: str, offset: int) -> int:
    """Return the index of the line that an offset lies in."""
    return len(_BREAK.findall(text, 0, offset))


def _column(text: str, entry: Entry) -> int:
    """Return the column of an entry's key; a byte-order mark takes none."""
    return len(_margin(text, entry.start).lstrip("\ufeff"))


def _margin(text: str, offset: int) -> str:
    """Return what stands before an offset on its line."""
    return _BREAK.split(text[:offset])[-1]


def _comment_column(line: str) -> int:
    """Return where the comment starts on a line that is only one, else -1."""
    found = _COMMENT_LINE.match(line)
    return len(found[1]) if found else -1


def _past_comments(lines: Sequence[str], row: int, column: int) -> int:
    """Return the first row from here on that is no comment at this column or deeper."""
    while row < len(lines) and _comment_column(lines[row]) >= column:
        row += 1
    return row


def _remove_lines(text: str, entry: Entry) -> str:
    """Return the text without an entry's own lines, comments and spare blank line."""
    lines, column = _lines(text), _column(text, entry)
    first, last = _row(text, entry.start), _row(text, entry.place.end) + 1
    while first and _comment_column(lines[first - 1]) == column:
        first -= 1
    last = _past_comments(lines, last, column + 1)
    ends = last == len(lines)
    if first and not lines[first - 1].strip() and (ends or not lines[last].strip()):
        first -= 1
    kept = "".join(lines[:first] + lines[last:])
    return kept.rstrip("\r\n") if ends and text[-1] not in "\r\n" else kept


def _insert_lines(text: str, row: int, added: Iterable[str]) -> str:
    """Return the text with lines before a row, broken as the text's own are."""
    found = _BREAK.search(text)
    newline = found[0] if found else "\n"
    before, after = "".join(_lines(text)[:row]), "".join(_lines(text)[row:])
    if after or before[-1:] in {"\r", "\n"}:
        return before + "".join(line + newline for line in added) + after
    return before + "".join(newline + line for line in added)
