"""Settings of the whole suite."""

from __future__ import annotations

import gc

# Tests make and drop whole syntax trees; looking for cycles among them is a tenth of
# the suite's time.
gc.set_threshold(200_000, 50, 50)
