from __future__ import annotations

import pytest
from written import ACTOR, NAMES, ROLLOUT, written

from rlinf_scaffold.sites.scan import scan
from rlinf_scaffold.sites.verdicts import Verdict, embodied_types, judge
from rlinf_scaffold.sites.vocabulary import read_vocabulary

FILES = {
    ROLLOUT: """
        def predict(self, mode):
            if model_type in ("alpha", "beta"):
                kwargs = {"mode": mode}
                if model_type == "beta":
                    beta()
            if model_type == "qwen":
                qwen()
    """,
    ACTOR: """
        def train(self):
            if model_type == "alpha" and self.on:
                one()
            if model_type != "alpha":
                raise KeyError
            if model_type == "alpha":
                k["prev_logprobs"] = 1

        def act(self):
            self.model("sac_forward", t=model_type == "alpha")
            return {"alpha": one}.get(model_type)
    """,
    "rlinf/models/__init__.py": """
        def get_model(cfg):
            if cfg.model_type == "alpha":
                return one()
            return None
    """,
    "rlinf/models/embodiment/beta/__init__.py": """
        def get_model(cfg):
            assert cfg.model_type == "beta"
    """,
}


def verdicts(name: str, *, generated: bool, config: str = "") -> list[Verdict]:
    tree = written(FILES, config=config) if config else written(FILES)
    vocabulary = read_vocabulary(tree)
    sites = scan(tree, vocabulary).sites
    return list(judge(sites, name, vocabulary, generated=generated))


def outcomes(found: list[Verdict]) -> list[tuple[int, str, str]]:
    return [(it.site.line, it.outcome, it.sentence) for it in found]


def test_a_model_to_be_generated() -> None:
    assert outcomes(verdicts("foo", generated=True)) == [
        (3, "ok", "scaffolding adds what loads the model"),
        (3, "elsewhere", "code of another model"),
        (3, "unknown", "left out of: one()"),
        (5, "crash", "raises KeyError where this is called"),
        (
            7,
            "ok",
            "it computes log-probabilities itself, and those of the rollout stay",
        ),
        (
            11,
            "crash",
            "what calls this asks for a forward pass that the policy does not have",
        ),
        (
            12,
            "crash",
            "what calls this asks for a forward pass that the policy does not have",
        ),
        (
            3,
            "ok",
            "it gets the sampling parameters and no mode, which it acts on; named "
            "models get mode alone and lose temperature and top-k",
        ),
        (5, "elsewhere", "within what others take at line 3"),
        (7, "elsewhere", "tells apart models that do not act"),
    ]


def test_a_generated_model_that_is_named() -> None:
    found = verdicts("alpha", generated=True)
    assert outcomes(found)[2:6] == [
        (3, "unknown", "one(), if the rest of the test holds"),
        (5, "ok", "not refused, as others are"),
        (7, "ok", "k['prev_logprobs'] = 1"),
        (
            11,
            "crash",
            "what calls this asks for a forward pass that the policy does not have",
        ),
    ]
    assert [it.is_named for it in found] == [
        True,
        False,
        *([True] * 5),
        True,
        False,
        False,
    ]


def test_a_model_of_the_checkout_is_only_described() -> None:
    found = verdicts("beta", generated=False)
    assert {it.outcome for it in found} == {"", "elsewhere"}
    assert outcomes(found)[1:4] == [
        (3, "", "passes"),
        (3, "", "nothing"),
        (5, "", "raises KeyError"),
    ]
    assert outcomes(found)[7:9] == [
        (3, "", "kwargs = {'mode': mode}; if model_type == 'beta': beta()"),
        (5, "", "beta()"),
    ]


@pytest.mark.parametrize(
    ("config", "expected"),
    [("", {"alpha", "beta", "gamma"}), (NAMES, {"alpha"})],
)
def test_what_is_loaded_acts_where_no_more_is_said(
    config: str, expected: set[str]
) -> None:
    tree = written(FILES, config=config) if config else written(FILES)
    vocabulary = read_vocabulary(tree)
    assert embodied_types(scan(tree, vocabulary).sites, vocabulary) == expected
