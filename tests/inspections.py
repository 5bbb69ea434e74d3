"""An inspection of a small checkout, for the reports."""

from __future__ import annotations

from pathlib import Path

from written import ACTIONS, ACTOR, ENUM, ROLLOUT, written

from rlinf_scaffold.checkout import Checkout
from rlinf_scaffold.commands.inspect import Axis, Inspection, Judged
from rlinf_scaffold.errors import SourceSyntaxError, UnknownLayoutError
from rlinf_scaffold.git import Revision
from rlinf_scaffold.roster import read_roster
from rlinf_scaffold.sites.scan import scan
from rlinf_scaffold.sites.verdicts import judge
from rlinf_scaffold.sites.vocabulary import read_vocabulary

REVISION = Revision("0123456789abcdef", 2)
FILES = {
    "rlinf/models/__init__.py": """
        def get_model(cfg):
            if cfg.model_type == "alpha":
                from rlinf.models.embodiment.alpha import Alpha
                return Alpha()
            elif cfg.model_type == "beta":
                return elsewhere()
    """,
    "rlinf/models/embodiment/alpha/__init__.py": "",
    ACTIONS: """
        def prepare_actions_for_arm(a, model_type):
            if model_type == "alpha":
                a[..., -1] = 2 * a[..., -1] - 1
            elif model_type == "beta":
                a = None
            if model_type == "qwen":
                a = 1
    """,
    ACTOR: """
        def train(self):
            if model_type == "alpha" and self.on:
                one()
    """,
    "rlinf/workers/actor/other.py": "def f():\n    assert model_type == 'alpha'\n",
    ROLLOUT: "def f():\n    if model_type == 'alpha':\n        k = {'mode': 1}\n",
    "examples/embodiment/config/model/alpha_big.yaml": "model_type: alpha\n",
    "examples/embodiment/config/a.yaml": "- model/alpha_big@actor.model\n",
    "rlinf/broken.py": "SupportedModel (\n",
}
AXES = (
    Axis(axis="registration", name="registry", title="[one]", reasons=("a at b.py:1",)),
    Axis(axis="YAML", error=UnknownLayoutError("YAML", ["mend [this]"])),
)


def inspection_of(
    name: str | None = None,
    *,
    files: dict[str, str] = FILES,
    revision: Revision | None = REVISION,
    config: str = ENUM,
) -> Inspection:
    """Return what is found in a checkout with these files."""
    tree = written(files, config=config)
    vocabulary = read_vocabulary(tree)
    found = scan(tree, vocabulary)
    unread: tuple[SourceSyntaxError, ...] = found.unread
    judged = None
    if name is not None:
        known = name in vocabulary.types
        verdicts = judge(found.sites, name, vocabulary, generated=not known)
        judged = Judged(name=name, known=known, generated=not known, verdicts=verdicts)
    return Inspection(
        checkout=Checkout(Path("/rl")),
        revision=revision,
        axes=AXES,
        roster=read_roster(tree, vocabulary, found.sites),
        judged=judged,
        unread=unread,
    )
