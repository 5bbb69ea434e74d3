"""Small checkouts written out in tests, and what is found in them."""

from __future__ import annotations

from textwrap import dedent

from rlinf_scaffold.checkout import MemoryTree
from rlinf_scaffold.sites import Site
from rlinf_scaffold.sites.scan import scan
from rlinf_scaffold.sites.vocabulary import read_vocabulary

ENUM = """
from enum import Enum

class SupportedModel(Enum):
    QWEN = ("qwen", "reasoning")
    ALPHA = ("alpha", "embodied")
    BETA = ("beta", "embodied")
    GAMMA = ("gamma", "embodied")
"""
NAMES = 'SUPPORTED_MODEL_ARCHS = ["qwen", "alpha", "beta", "gamma"]\n'
REGISTERED = """
class SupportedModel:
    @classmethod
    def register(cls, value, force=False): ...

SupportedModel.QWEN = SupportedModel.register("qwen", force=True)
SupportedModel.ALPHA = SupportedModel.register("alpha", force=True)
SupportedModel.BETA = SupportedModel.register(value="beta")
SupportedModel.GAMMA = SupportedModel.register("gamma")
EMBODIED_MODEL = set({SupportedModel.ALPHA, SupportedModel.BETA})
EMBODIED_MODEL.add(SupportedModel.GAMMA)
"""
ACTIONS = "rlinf/envs/action_utils.py"
ROLLOUT = "rlinf/workers/rollout/hf/huggingface_worker.py"
ACTOR = "rlinf/workers/actor/fsdp_actor_worker.py"


def written(files: dict[str, str] | None = None, *, config: str = ENUM) -> MemoryTree:
    """Return a checkout with this config and these files, dedented."""
    texts = {path: dedent(text) for path, text in (files or {}).items()}
    return MemoryTree.of({"rlinf/config.py": config, **texts})


def sites_of(
    code: str, *, path: str = "rlinf/one.py", config: str = ENUM, **more: str
) -> tuple[Site, ...]:
    """Return the sites of one file; more files are given by their stem in rlinf/."""
    others = {f"rlinf/{stem}.py": text for stem, text in more.items()}
    tree = written({path: code, **others}, config=config)
    found = scan(tree, read_vocabulary(tree)).sites
    return tuple(site for site in found if str(site.path) == path)


def site_of(code: str, *, path: str = "rlinf/one.py", config: str = ENUM) -> Site:
    """Return the one site of one file."""
    (site,) = sites_of(code, path=path, config=config)
    return site
