"""What a trap finds in a checkout that is written out in a test."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from trees import TREES, job_for
from written import written

from rlinf_scaffold.engine import read_engine
from rlinf_scaffold.sft import Sft
from rlinf_scaffold.sites.scan import scan
from rlinf_scaffold.sites.vocabulary import read_vocabulary
from rlinf_scaffold.spec import ModelSpec
from rlinf_scaffold.surfaces import Job
from rlinf_scaffold.traps import Ground, Snag, Trap


@cache
def _job() -> Job:
    return job_for(TREES["registry"], ModelSpec(name="foo"))


def snags_of(
    trap: Trap, files: dict[str, str], *, action_dim: int = 7, sft: Sft | None = None
) -> list[Snag]:
    """Return what a trap finds for the model foo in a checkout with these files."""
    tree = written(files)
    vocabulary = read_vocabulary(tree)
    spec = ModelSpec(name="foo", action_dim=action_dim)
    job = replace(
        _job(),
        spec=spec,
        engine=read_engine(tree),
        sft=_job().sft if sft is None else sft,
    )
    sites = scan(tree, vocabulary).sites
    return list(trap.find(Ground(tree, job, sites, frozenset(vocabulary.embodied))))


def sentences_of(
    trap: Trap, files: dict[str, str], *, action_dim: int = 7
) -> list[str]:
    """Return the same in words."""
    return [snag.sentence for snag in snags_of(trap, files, action_dim=action_dim)]
