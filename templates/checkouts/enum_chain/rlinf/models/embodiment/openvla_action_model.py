# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0


class OpenVLAForRLActionPrediction:
    """Stands where OpenVLA would; the real one needs its own packages."""

    @classmethod
    def from_pretrained(cls, model_path: str, **kwargs):
        raise NotImplementedError("This practice checkout has no OpenVLA.")
