"""rlinf/workers/sft/: the branch that loads the demonstrations of the model."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.codemods.branches import add_branch
from rlinf_scaffold.codemods.source import edit
from rlinf_scaffold.errors import WiringChangedError
from rlinf_scaffold.rendering import render
from rlinf_scaffold.sft import BUILDER, Chain, dotted, find_chain, sft_module
from rlinf_scaffold.subjects import MODELS
from rlinf_scaffold.surfaces import Job, Surface
from rlinf_scaffold.syntax import alone, is_same_code, links_of

_TEMPLATE = "model/sft_branch.j2"


def _plan(tree: Tree, job: Job) -> Iterator[FileChange]:
    path = job.sft.worker
    if path is None:
        return
    source = tree.read(path) or ""
    chain = find_chain(source, path, job.sft.owner)
    if chain is not None:
        after = _add_branch(source, path, chain, job)
        yield FileChange(path, before=source, after=after)


def _add_branch(source: str, path: PurePosixPath, chain: Chain, job: Job) -> str:
    module = sft_module(job.layout.modules(job.spec).values(), job.spec)
    values = {
        **job.values,
        "test": chain.wording.of(job.spec),
        "module": dotted(module),
        "paths": chain.paths,
    }
    text = render(_TEMPLATE, values)
    for link in links_of(chain.node):
        if f"{MODELS}.{job.spec.member}" in chain.subject.names(link.test):
            if _is_generated(link, chain, values):
                return source
            what = f"the branch of {job.spec.name!r}"
            raise WiringChangedError(path, link.lineno, what, f"\n{text}")
    branch = add_branch(path, BUILDER, chain.index, text, owner=job.sft.owner)
    return edit(source, path, branch)


def _is_generated(link: ast.If, chain: Chain, values: Mapping[str, object]) -> bool:
    """Whether a branch is what is generated, in one of the chain's wordings."""
    if len(chain.subject.names(link.test)) == 1:
        values = {**values, "test": ast.unparse(link.test)}
    return is_same_code(alone(link), render(_TEMPLATE, values))


surface = Surface(
    name="SFT dataloader",
    title="demonstrations loaded by the SFT worker",
    plan=_plan,
)
