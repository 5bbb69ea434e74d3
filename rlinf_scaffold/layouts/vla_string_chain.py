"""String compares on ``model_name``: RLinf v0.1-rc1, October to December 2025.

As before, but the function that dispatches on the processor is now called
``get_vla_model_config_and_processor``.
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
            function="get_vla_model_config_and_processor",
            key="model.model_name",
            members=False,
            binds=("model_config", "input_processor"),
            template="model/get_config_and_processor_branch.j2",
        ),
        Dispatch(
            function="get_model",
            takes_path=True,
            key="model_name",
            members=False,
            given=("torch_dtype",),
            binds=("model",),
            template="model/get_model_branch.j2",
            closed=True,
        ),
    ),
)

layout = Layout(
    name="vla_string_chain",
    title="string compares on model_name, RLinf v0.1-rc1",
    detect=_SHAPE.detect,
    model_types=_SHAPE.model_types,
    register=_SHAPE.register,
    load=_SHAPE.load,
    modules=flat_module,
    type_key="model_name",
    loader_takes_path=True,
)
