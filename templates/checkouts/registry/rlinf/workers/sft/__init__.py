# Copyright 2026 The rlinf-scaffold authors.
# SPDX-License-Identifier: Apache-2.0
