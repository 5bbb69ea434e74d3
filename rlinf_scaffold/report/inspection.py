"""What `inspect` found, as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from string import ascii_lowercase
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.markup import escape
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rlinf_scaffold.commands.inspect import Axis, Inspection, Judged
    from rlinf_scaffold.roster import Roster, Wired
    from rlinf_scaffold.sites import Line
    from rlinf_scaffold.sites.verdicts import Verdict

_ROLES = (
    *("registered", "embodied", "loader", "code", "model YAML", "recipes"),
    *(
        "mode list",
        "rollout",
        "actor",
        "async actor",
        "actions",
        "SFT",
        "FSDP",
        "other",
    ),
)
_FILES = frozenset({"code", "model YAML", "recipes"})
_MODELS = "rlinf/models/"
_OUTCOMES = {
    "crash": "red",
    "silent": "yellow",
    "unknown": "magenta",
    "ok": "green",
}
_ELSEWHERE = "elsewhere"
_NAMES = 8
_PLACES = 4
_UNBOUNDED = 10_000


@dataclass(frozen=True, slots=True)
class _Fitting:
    """A table, and what explains it, where it fits; else the same as a list."""

    table: RenderableType
    legend: RenderableType
    instead: RenderableType

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        unbounded = options.update_width(_UNBOUNDED)
        width = Measurement.get(console, unbounded, self.table).maximum
        if width <= options.max_width:
            yield self.table
            yield self.legend
        else:
            yield self.instead


def inspection_text(inspection: Inspection) -> RenderableType:
    """Return what the checkout is, and its models or how one of them fares."""
    parts: list[RenderableType] = [_head(inspection), *map(_axis, inspection.axes)]
    if inspection.judged is not None:
        parts.extend(_judged(inspection.judged, inspection.roster))
    else:
        parts.extend(_roster(inspection.roster))
    parts.extend(Text(f"not read: {it}", style="yellow") for it in inspection.unread)
    return Group(*parts)


def _head(inspection: Inspection) -> Text:
    line = Text.from_markup(f"[bold]{escape(str(inspection.checkout.root))}[/]")
    revision = inspection.revision
    if revision is None:
        return line.append(", not in git")
    line.append(f", revision {revision.commit[:12]}")
    count = revision.uncommitted
    files = "file" if count == 1 else "files"
    return line.append(f" and {count} uncommitted {files}" if count else ", clean")


def _axis(axis: Axis) -> RenderableType:
    if axis.error is not None:
        error = Text(f"{axis.axis}: ").append(str(axis.error), style="red")
        return Group(error, *_listed(axis.reasons))
    name = f"{axis.axis}: [bold]{escape(axis.name)}[/] ({escape(axis.title)})"
    return Group(Text.from_markup(name), *_listed(axis.reasons))


def _listed(sentences: Iterable[str]) -> Iterator[RenderableType]:
    for sentence in sentences:
        yield Padding(Text(f"- {sentence}"), (0, 0, 0, 2), expand=False)


def _roster(roster: Roster) -> Iterator[RenderableType]:
    roles = [it for it in _ROLES if any(it in model.places for model in roster.models)]
    keys = {role: _keys(role, roster.models) for role in roles}
    if roster.models:
        yield Text()
        table = _roster_table(roster.models, keys)
        legend = Group(*_listed(_legend(keys)))
        yield _Fitting(table, legend, Group(*_roster_list(roster.models)))
    if roster.others:
        others = (f"{name} ({line})" for name, line in sorted(roster.others.items()))
        yield Text(f"also registered: {', '.join(others)}")
    if roster.gaps:
        yield Text("\nforgotten:", style="bold")
        yield from _listed(map(str, roster.gaps))


def _roster_list(models: Sequence[Wired]) -> Iterator[RenderableType]:
    for model in models:
        yield Text(model.name, style="bold")
        yield from _listed(_places(model))


def _keys(role: str, models: Sequence[Wired]) -> Mapping[PurePosixPath, str]:
    """Return a letter for each file of a column, or none where there is only one."""
    paths = sorted({it.path for model in models for it in model.places.get(role, ())})
    if role in _FILES or len(paths) == 1:
        return dict.fromkeys(paths, "")
    return dict(zip(paths, _letters(), strict=False))


def _letters() -> Iterator[str]:
    for first in ("", *ascii_lowercase):
        yield from (first + letter for letter in ascii_lowercase)


def _roster_table(
    models: Sequence[Wired], keys: Mapping[str, Mapping[PurePosixPath, str]]
) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("model", *keys):
        table.add_column(heading, overflow="fold")
    for model in models:
        cells = (_cell(role, model.places.get(role, ()), keys[role]) for role in keys)
        table.add_row(Text(model.name, style="bold"), *map(Text, cells))
    return table


def _cell(role: str, lines: Sequence[Line], keys: Mapping[PurePosixPath, str]) -> str:
    """Return where a model stands in a column's files, as short as it is still exact."""
    paths = list(dict.fromkeys(line.path for line in lines))
    if not paths:
        return "-"
    if role == "recipes":
        return str(len(paths))
    if role == "code":
        return " ".join(_short(path) for path in paths)
    if role == "model YAML":
        return " ".join(dict.fromkeys(path.stem for path in paths))
    cells = (
        keys[path] + ",".join(str(line.number) for line in lines if line.path == path)
        for path in paths
    )
    return " ".join(cells)


def _short(path: PurePosixPath) -> str:
    name = str(path.parent if path.name == "__init__.py" else path)
    return name.removeprefix(_MODELS)


def _legend(keys: Mapping[str, Mapping[PurePosixPath, str]]) -> Iterator[str]:
    """Yield which files the numbers of the columns are lines of."""
    roles: dict[str, list[str]] = {}
    for role, files in keys.items():
        if role not in _FILES:
            named = (
                f"{key}={path}" if key else str(path) for path, key in files.items()
            )
            roles.setdefault(", ".join(named), []).append(role)
    for files_named, sharing in roles.items():
        yield f"{', '.join(sharing)}: lines of {files_named}"


def _judged(judged: Judged, roster: Roster) -> Iterator[RenderableType]:
    yield Text()
    yield Text(_standing(judged), style="bold")
    for model in roster.models:
        if model.name == judged.name:
            yield from _listed(_places(model))
    yield from _listed(it.said for it in roster.gaps if judged.name in it.models)
    here = [it for it in judged.verdicts if it.outcome != _ELSEWHERE]
    if here:
        yield Text()
        yield from _generated(here) if judged.generated else _existing(here)
    away = len(judged.verdicts) - len(here)
    if away:
        yield Text(f"{away} more places where it does not come: see --format json")


def _standing(judged: Judged) -> str:
    if not judged.generated:
        return f"{judged.name} is wired here by hand"
    if judged.known:
        return f"{judged.name} was scaffolded here"
    return f"{judged.name} is not wired here; judged as what new-model would generate"


def _places(model: Wired) -> Iterator[str]:
    for role in _ROLES:
        if lines := model.places.get(role, ()):
            places = list(_by_file(lines)) if role != "code" else _paths(lines)
            more = f" and {len(places) - _PLACES} more" if len(places) > _PLACES else ""
            yield f"{role}: {', '.join(places[:_PLACES])}{more}"


def _paths(lines: Iterable[Line]) -> list[str]:
    return list(dict.fromkeys(str(line.path) for line in lines))


def _by_file(lines: Sequence[Line]) -> Iterator[str]:
    for path in _paths(lines):
        numbers = (str(it.number) for it in lines if str(it.path) == path)
        yield f"{path}:{','.join(numbers)}"


def _generated(verdicts: Sequence[Verdict]) -> Iterator[RenderableType]:
    """Yield what each site means for the model, the worst first."""
    ranks = list(_OUTCOMES)
    for verdict in sorted(verdicts, key=lambda it: ranks.index(it.outcome)):
        about = f"{verdict.about}: " if verdict.about else ""
        yield Text.assemble(
            (f"{verdict.outcome:8}", _OUTCOMES[verdict.outcome]), _place(verdict)
        )
        yield from _below(f"{about}{verdict.sentence}", _naming(verdict))


def _existing(verdicts: Sequence[Verdict]) -> Iterator[RenderableType]:
    """Yield what is done for the model at each site."""
    for verdict in verdicts:
        yield Text(f"{'named' if verdict.is_named else '-':8}") + _place(verdict)
        yield from _below(verdict.sentence, _naming(verdict))


def _below(*lines: str) -> Iterator[RenderableType]:
    for line in lines:
        yield Padding(Text(line), (0, 0, 0, 8), expand=False)


def _place(verdict: Verdict) -> Text:
    site = verdict.site
    return Text(f"{site.where} {site.function}".rstrip())


def _naming(verdict: Verdict) -> str:
    named = verdict.site.named
    more = f" and {len(named) - _NAMES} more" if len(named) > _NAMES else ""
    return f"named there: {', '.join(named[:_NAMES])}{more}"
