"""rlinf/models/embodiment/model_utils.py: how workers prepare what the model sees.

Only where workers do: since v0.1-rc1 a policy reads observations itself.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rlinf_scaffold.changes import FileChange
from rlinf_scaffold.checkout import Tree
from rlinf_scaffold.codemods.branches import add_branch
from rlinf_scaffold.codemods.source import edit
from rlinf_scaffold.contracts import MODEL_FUNCTIONS
from rlinf_scaffold.errors import AnchorNotFoundError, WiringChangedError
from rlinf_scaffold.rendering import render
from rlinf_scaffold.subjects import Subject
from rlinf_scaffold.surfaces import Job, Surface
from rlinf_scaffold.syntax import alone, find_function, is_same_code, links_of, parse

_FUNCTION = "prepare_observations"
_SUBJECT = Subject("model_name", {})


def _plan(tree: Tree, job: Job) -> Iterator[FileChange]:
    if not job.contract.prepares_observations:
        return
    source = tree.read(MODEL_FUNCTIONS) or ""
    text = render("model/prepare_observations_branch.j2", job.values)
    after = _add_branch(source, job.spec.name, text)
    yield FileChange(MODEL_FUNCTIONS, before=source, after=after)


def _add_branch(source: str, name: str, text: str) -> str:
    function = find_function(parse(source, MODEL_FUNCTIONS).body, _FUNCTION)
    ifs = [
        line for line in (function.body if function else ()) if isinstance(line, ast.If)
    ]
    for index, chain in enumerate(ifs):
        links = links_of(chain)
        if not any(_SUBJECT.names(x.test) for x in links):
            continue
        for link in links:
            if name in _SUBJECT.names(link.test):
                if is_same_code(alone(link), text):
                    return source
                what = f"the branch of {name!r}"
                expected = f"\n{text}"
                raise WiringChangedError(MODEL_FUNCTIONS, link.lineno, what, expected)
        branch = add_branch(MODEL_FUNCTIONS, _FUNCTION, index, text)
        return edit(source, MODEL_FUNCTIONS, branch)
    raise AnchorNotFoundError(
        MODEL_FUNCTIONS,
        f"if/elif chain on model_name in {_FUNCTION}()",
        f"add this branch to {_FUNCTION}():\n{text}",
    )


surface = Surface(
    name="observations",
    title="observations prepared by workers",
    plan=_plan,
)
