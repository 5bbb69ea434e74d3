"""The shape of RLinf's guide to adding a model: string compares on ``model_type``.

``SUPPORTED_MODEL_ARCHS`` lists the names, ``get_model_config_and_processor`` and
``get_model`` dispatch on them, and a model is one flat module.
"""

from __future__ import annotations

from rlinf_scaffold.dispatch import Dispatch, Shape
from rlinf_scaffold.layouts import Layout
from rlinf_scaffold.supported import LIST
from rlinf_scaffold.wiring import flat_module

_SHAPE = Shape(
    supported=LIST,
    dispatches=(
        Dispatch(
            function="get_model_config_and_processor",
            key="model.model_type",
            members=False,
            binds=("model_config", "input_processor"),
            template="model/get_config_and_processor_branch.j2",
        ),
        Dispatch(
            function="get_model",
            key="model_type",
            members=False,
            given=("torch_dtype", "model_path"),
            binds=("model",),
            template="model/get_model_branch.j2",
        ),
    ),
)

layout = Layout(
    name="documented",
    title="string compares on model_type, as in RLinf's guide",
    detect=_SHAPE.detect,
    model_types=_SHAPE.model_types,
    register=_SHAPE.register,
    load=_SHAPE.load,
    modules=flat_module,
    has_guide_keys=True,
)
