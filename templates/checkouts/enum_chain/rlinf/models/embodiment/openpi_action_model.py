# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0


class OpenPi0ForRLActionPrediction:
    """Stands where OpenPI would; the real one needs its own packages."""

    @classmethod
    def from_pretrained(cls, model_path: str):
        raise NotImplementedError("This practice checkout has no OpenPI.")
