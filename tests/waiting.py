"""Polling for a condition set by another thread or process, with timeout."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 120.0


def wait_for(condition: Callable[[], object]) -> None:
    """Return once the condition holds; AssertionError after the timeout."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)
