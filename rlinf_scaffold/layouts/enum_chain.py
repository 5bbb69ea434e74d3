"""Members of an Enum, models built in the chain: RLinf v0.1, December 2025.

``SupportedModel`` is an Enum with a category for each member,
``get_vla_model_config_and_processor`` and ``get_model`` dispatch on its members, and a
model is one flat module.
"""

from __future__ import annotations

from rlinf_scaffold.dispatch import Dispatch, Shape
from rlinf_scaffold.layouts import Layout
from rlinf_scaffold.supported import ENUM
from rlinf_scaffold.wiring import flat_module

_SHAPE = Shape(
    supported=ENUM,
    dispatches=(
        Dispatch(
            function="get_vla_model_config_and_processor",
            key="model.model_type",
            members=True,
            binds=("model_config", "input_processor"),
            template="model/get_config_and_processor_branch.j2",
        ),
        Dispatch(
            function="get_model",
            key="model_type",
            members=True,
            given=("torch_dtype", "model_path"),
            binds=("model",),
            template="model/get_model_branch.j2",
            closed=True,
        ),
    ),
)

layout = Layout(
    name="enum_chain",
    title="Enum members, models built in the chain, RLinf v0.1",
    detect=_SHAPE.detect,
    model_types=_SHAPE.model_types,
    register=_SHAPE.register,
    load=_SHAPE.load,
    modules=flat_module,
)
