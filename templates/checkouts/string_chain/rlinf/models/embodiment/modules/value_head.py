# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0

from torch import nn


class ValueHead(nn.Module):
    """Hidden states [..., hidden_size] to values [..., output_dim]."""

    def __init__(self, hidden_size, output_dim=1):
        super().__init__()
        self.head_l1 = nn.Linear(hidden_size, 512)
        self.head_l2 = nn.Linear(512, 128)
        self.head_l3 = nn.Linear(128, output_dim, bias=False)
        self.activation = nn.GELU()
        for hidden in (self.head_l1, self.head_l2):
            nn.init.kaiming_normal_(hidden.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(hidden.bias)
        nn.init.normal_(self.head_l3.weight, std=0.02)

    def forward(self, x):
        for hidden in (self.head_l1, self.head_l2):
            x = self.activation(hidden(x))
        return self.head_l3(x)
