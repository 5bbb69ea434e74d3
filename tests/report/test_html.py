from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from showing import (
    AGREEING,
    FAILING,
    LEARNING,
    LOADING,
    PROVED,
    SHARDING,
    SHIMS,
    WHOLE,
    proof,
    report_on,
    units,
)

from rlinf_scaffold.errors import NotScaffoldedError
from rlinf_scaffold.processes import run
from rlinf_scaffold.report.html import smoke_page
from rlinf_scaffold.smoke.junit import Evidence, Proof
from rlinf_scaffold.smoke.run import SmokeReport

CHECKOUT = Path("/home/ada/RLinf")
EVIL = "<script>alert('x')</script>\"&amp;{{ 1 }}</svg></style>"
VOID = {"meta", "link"}
# Where a browser may be told to load something from, or to run something.
LOADING_ATTRIBUTES = {"src", "href", "srcset", "action", "data", "poster", "style"}


class Page(HTMLParser):
    """What a page has, by tag: attributes and text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.texts.setdefault(self.open[-1], []).append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.attributes if name == tag]

    @property
    def words(self) -> str:
        texts = {tag: it for tag, it in self.texts.items() if tag != "style"}
        return " ".join(word for words in texts.values() for word in words)


def page(*proofs: Proof, **more: object) -> Page:
    report = replace(report_on(*proofs), **more)  # type: ignore[arg-type]
    return Page(smoke_page({"foo": report}, CHECKOUT))


def evil(value: object) -> object:
    """Return data with all of its texts replaced by one that breaks out of markup."""
    if isinstance(value, str):
        return EVIL
    if isinstance(value, dict):
        return {key: evil(it) for key, it in value.items()}
    return [evil(it) for it in value] if isinstance(value, list) else value


def evil_proofs() -> Iterator[Proof]:
    for number, it in enumerate(PROVED):
        shown = [Evidence(e.kind, dict(evil(dict(e.data)))) for e in it.evidence]  # type: ignore[call-overload]
        yield replace(
            it,
            name=f"{EVIL} [{EVIL}]",
            section=EVIL,
            outcome=("passed", "failed", "skipped", "error")[number % 4],
            measured=EVIL,
            bound=EVIL,
            cause=EVIL,
            message=f"{EVIL}!",
            evidence=tuple(shown),
        )


def test_a_page_of_nothing_says_so() -> None:
    words = page().words
    assert "Not proved" in words
    assert "0 of 0 proofs passed" in words
    assert "What was measured" not in words


def test_a_page_has_all_that_was_proved() -> None:
    made = page(*PROVED)
    assert made.open == []
    assert made.texts["title"][0] == "foo: proved"
    assert made.texts["strong"] == ["Proved"]
    assert made.texts["h1"] == ["foo"]
    assert made.texts["h2"] == [
        *("What was measured", "Every proof", "What does not apply"),
        "What was adapted to this machine",
    ]
    assert made.texts["h3"] == [
        *("Rollout and training agree", "It learns", "FSDP units: fsdp, fsdp2"),
        *("FSDP units: fsdp2-large", "Memory per rank", "Where the time goes"),
        *(LOADING, AGREEING, SHARDING, LEARNING),
    ]
    assert len(made.all("svg")) == 6
    for it in ("torch 2.13.0", str(CHECKOUT), "2 ranks, gloo on cpu", SHIMS[0]):
        assert it in made.words


def test_what_does_not_hold_comes_first_with_its_cause() -> None:
    made = page(*FAILING)
    assert made.texts["h2"][0] == "What does not hold"
    assert made.texts["h3"][:2] == [
        "training computes what the rollout had",
        "the model is cut",
    ]
    assert made.texts["span"][1] == "top-k 5, <min>"
    assert made.texts["dd"][5:8] == [
        *("0.871", "<= 1e-05", "one side ignores the temperature"),
    ]
    assert made.texts["pre"] == ["RuntimeError: a rank went away"]
    assert made.texts["title"][0] == "foo: not proved"


def test_a_model_in_one_unit_is_called_out() -> None:
    warned = page(proof("a", SHARDING, units("fsdp", WHOLE)))
    assert [it.get("class") for it in warned.all("figure")] == ["warning"]
    assert "in one unit" in warned.words
    assert [it.get("class") for it in page(*PROVED).all("figure")] == [None] * 6


def test_pairs_that_are_no_numbers_are_called_out_without_a_picture() -> None:
    data = {"sampling": "a", "rollout": [None], "training": [-1]}
    made = page(proof("a", AGREEING, Evidence("parity", data)))
    assert [it.get("class") for it in made.all("figure")] == ["warning"]
    assert "1 of 1 pairs are no numbers" in made.words
    assert made.all("svg") == []


def test_a_run_that_was_ended_says_what_ended_it() -> None:
    fault = NotScaffoldedError("foo", [])
    made = page(timed_out=True, trouble=("one", "<two>"), fault=fault, log=None)
    assert made.texts["pre"] == ["one\n<two>"]
    assert str(fault) in made.words
    assert "it ran out of time" in made.words
    assert "Log" not in made.texts["dt"]


def test_a_curve_without_rewards_has_none_to_tell() -> None:
    data = {"algorithm": "ppo", "rewards": [], "bound": 1, "random": 0}
    assert page(proof("a", LEARNING, Evidence("curve", data))).texts["td"][:3] == [
        *("0", "none", "none"),
    ]


@pytest.mark.parametrize(
    ("name", "claim", "case"),
    [
        ("it loads", "it loads", []),
        ("it trains [fsdp-lora]", "it trains", ["fsdp-lora"]),
        ("it trains [fsdp[0]] on 2 ranks", "it trains", ["fsdp[0], on 2 ranks"]),
    ],
)
def test_a_case_stands_apart_from_its_claim(
    name: str, claim: str, case: list[str]
) -> None:
    made = page(proof(name, "a", cause=None))
    assert made.texts["th"][-1] == claim
    assert [it for it in made.texts["span"][2:] if it in (*case, name)] == case


def test_a_proof_on_other_ranks_is_in_the_section_of_its_own() -> None:
    proofs = [proof(name, section) for name, section in ("ab", "cd", "eb")]
    assert page(*proofs).texts["h3"] == ["Where the time goes", "b", "d"]


def test_several_models_share_a_page() -> None:
    reports = {"foo": report_on(*PROVED), "bar": report_on(*FAILING)}
    made = Page(smoke_page(reports, CHECKOUT))
    assert made.texts["title"][0] == "foo, bar: not proved"
    assert made.texts["strong"] == ["Proved", "Not proved"]


def test_nothing_from_a_run_is_markup() -> None:
    good, made = page(*PROVED), page(*evil_proofs())
    report = report_on(*evil_proofs(), trouble=(EVIL,))
    made = Page(smoke_page({EVIL: report}, Path(EVIL)))
    assert made.open == []
    assert made.all("script") == []
    kinds = {name for name, _ in made.attributes}
    assert kinds <= {name for name, _ in good.attributes} | {"pre"}
    assert {*made.texts["h1"]} == {EVIL}
    assert EVIL in made.texts["desc"][0] or EVIL in made.words


REPORTS = {
    "proved": report_on(*PROVED),
    "failed": report_on(*FAILING),
    "hostile": report_on(*evil_proofs()),
    "ended": report_on(trouble=("time was over",)),
}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_a_page_loads_nothing_and_runs_nothing(report: SmokeReport) -> None:
    source = smoke_page({"foo": report}, CHECKOUT)
    made = Page(source)
    for _, attributes in made.attributes:
        assert not any(name.startswith("on") for name in attributes)
        loading = {attributes[it] for it in LOADING_ATTRIBUTES & {*attributes}}
        assert loading <= {"data:,"}
    (style,) = made.texts["style"]
    assert not re.search(r"url\(|@import|@font-face", style)
    assert "default-src 'none'" in str(made.all("meta")[2]["content"])
    assert "http:" not in source
    assert "https:" not in source


def test_a_page_can_be_read_by_who_does_not_see_it() -> None:
    made = page(*PROVED, *FAILING)
    assert made.all("html") == [{"lang": "en"}]
    assert {it.get("role") for it in made.all("svg")} == {"img"}
    assert len(made.texts["desc"]) == len(made.all("svg"))
    assert {it.get("scope") for it in made.all("th")} == {"col", "row"}


def colours(source: str) -> Iterator[dict[str, str]]:
    """Yield the page's colours by name, in light and in dark."""
    for block in re.findall(r":root \{([^}]*)\}", source):
        yield dict(re.findall(r"--([\w-]+): (#\w{6})", block))


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_told_apart(scheme: int) -> None:
    named = [*colours(smoke_page({}, CHECKOUT))][scheme]
    text = [("ink", "paper"), ("ink", "raised"), ("soft", "paper"), ("soft", "raised")]
    washed = [(kind, f"{kind}-wash") for kind in ("good", "bad", "care")]
    labels = [("ink", f"t{number}") for number in range(6)]
    others = [
        ("ink", "chip"),
        ("good", "raised"),
        ("bad", "raised"),
        ("care", "raised"),
    ]
    for ink, paper in (*text, *washed, *labels, *others):
        assert contrast(named[ink], named[paper]) >= 4.5, (ink, paper)
    for number in range(6):
        assert contrast(named[f"c{number}"], named["raised"]) >= 3


def browser() -> str:
    """Return a Chromium that is installed, else skip."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    return found


def opened(source: str, folder: Path) -> tuple[str, list[str]]:
    """Return what a browser makes of a page and says of it, and what the page asks for.

    The browser has questions of its own, which it cannot ask here either.
    """
    page, log = folder / "page.html", folder / "net.json"
    page.write_text(source, "utf-8")
    finished = run(
        [
            *(browser(), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *("--no-first-run", "--disable-background-networking"),
            *("--disable-component-update", "--disable-dev-shm-usage"),
            *("--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr"),
            *(f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}"),
            *("--virtual-time-budget=2000", page.as_uri()),
        ],
        cwd=folder,
        timeout=120,
    )
    assert finished.returncode == 0, finished.output
    return finished.output, [*dict.fromkeys(requests(log.read_text("utf-8")))]


def requests(log: str) -> Iterator[str]:
    """Yield the addresses that a page asked for, of which the log has a line each."""
    for line in log.splitlines():
        if '"initiator":' in line and '"initiator":"not an origin"' not in line:
            yield from re.findall(r'"url":"([^"]+)"', line)


@pytest.mark.parametrize("kind", REPORTS)
def test_a_browser_shows_it_without_asking_the_network(
    kind: str, tmp_path: Path
) -> None:
    source = smoke_page({"foo": REPORTS[kind]}, CHECKOUT)
    output, asked = opened(source, tmp_path)
    assert asked == []
    assert "CONSOLE" not in output
    assert output.count("<svg ") == len(Page(source).all("svg"))


def test_a_browser_would_tell_if_it_asked_or_complained(tmp_path: Path) -> None:
    image = "<img src='http://127.0.0.1:9/x.png'>"
    output, asked = opened(f"{image}<script>console.error(1)</script>", tmp_path)
    assert asked == ["http://127.0.0.1:9/x.png"]
    assert "CONSOLE" in output
