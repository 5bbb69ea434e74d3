"""Scaffold a HuggingFace model into an RLinf checkout and prove that it trains."""

from __future__ import annotations

__version__ = "0.1.0"
