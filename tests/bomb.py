"""Pickle payload that creates a marker file when unpickled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


class Bomb:
    """Object whose unpickling creates a marker file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return open, (str(self.marker), "w")
