"""Members of an Enum, builders imported in the chain: RLinf v0.2, to April 2026.

``SupportedModel`` is an Enum with a category for each member, ``get_model`` dispatches on
its members, and each branch imports ``get_model`` from the package that a model is.
"""

from __future__ import annotations

from rlinf_scaffold.dispatch import Dispatch, Shape
from rlinf_scaffold.layouts import Layout
from rlinf_scaffold.supported import ENUM
from rlinf_scaffold.wiring import package

_SHAPE = Shape(
    supported=ENUM,
    dispatches=(
        Dispatch(
            function="get_model",
            key="model_type",
            members=True,
            imports=True,
            binds=("get_model",),
            template="model/import_branch.j2",
            closed=True,
        ),
    ),
)

layout = Layout(
    name="enum_imports",
    title="Enum members, builders imported in the chain, RLinf v0.2",
    detect=_SHAPE.detect,
    model_types=_SHAPE.model_types,
    register=_SHAPE.register,
    load=_SHAPE.load,
    modules=package,
)
