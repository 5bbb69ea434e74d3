# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}


class ValueHead(nn.Module):
    """Hidden states [..., input_dim] to values [..., output_dim]."""

    def __init__(
        self,
        input_dim: int,
        hidden_sizes=(512, 128),
        output_dim: int = 1,
        activation: str = "gelu",
        bias_last: bool = False,
    ):
        super().__init__()
        name = activation.lower()
        if name not in ACTIVATIONS:
            raise ValueError(f"'{activation}' is none of {', '.join(ACTIVATIONS)}.")
        widths = (input_dim, *hidden_sizes)
        layers = []
        for width, next_width in zip(widths, widths[1:]):
            layers += [nn.Linear(width, next_width), ACTIVATIONS[name]()]
        layers.append(nn.Linear(widths[-1], output_dim, bias=bias_last))
        self.mlp = nn.Sequential(*layers)
        self._init_weights(name)

    def _init_weights(self, nonlinearity: str) -> None:
        *hidden, last = [m for m in self.mlp if isinstance(m, nn.Linear)]
        for linear in hidden:
            # Raises for "gelu" wherever torch really runs its initialisers, as
            # RLinf's own head does: a policy that is built from scratch says "relu".
            nn.init.kaiming_normal_(
                linear.weight, mode="fan_out", nonlinearity=nonlinearity
            )
        nn.init.normal_(last.weight, std=0.02)
        for linear in (*hidden, last):
            if linear.bias is not None:
                nn.init.zeros_(linear.bias)

    def forward(self, x):
        return self.mlp(x)
