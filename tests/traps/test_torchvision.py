from __future__ import annotations

import pytest
from snags import snags_of

from rlinf_scaffold.traps.torchvision import trap

ENGINE = "rlinf/hybrid_engines/fsdp/utils.py"
RESNET = "rlinf/models/embodiment/modules/resnet_utils.py"
IMPORT = "from rlinf.models.embodiment.modules.resnet_utils import ResNet10"


@pytest.mark.parametrize(
    ("body", "inner", "extra"),
    [
        ("pass", "", ""),
        ("import torch", "", ""),
        ("from . import here", "", ""),
        ("from rlinf.gone import it", "", ""),
        (IMPORT, "import torch\nfrom torch import nn", ""),
        (f"if model_type == 'alpha':\n        {IMPORT}", "import torchvision", ""),
        (IMPORT, "from torchvision.models import resnet", "torchvision"),
        (IMPORT, "import torch, timm.models", "timm"),
        ("from prismatic.extern import it", "", "prismatic"),
    ],
)
def test_finds_what_every_model_needs(body: str, inner: str, extra: str) -> None:
    code = f"def get_fsdp_wrap_policy(module):\n    {body}\n"
    snags = snags_of(trap, {ENGINE: code, RESNET: inner})
    expected = (
        f"FSDP needs {extra} for every model: {ENGINE}:2 imports it in "
        "get_fsdp_wrap_policy, whatever the model is."
    )
    assert [snag.sentence for snag in snags] == ([expected] if extra else [])
