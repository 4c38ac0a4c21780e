"""Changes to the folder of a run that is being recorded, and the moments at which they fall."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any


def delete(run: Path) -> None:
    shutil.rmtree(run)


def move(run: Path) -> None:
    run.rename(run.with_name("moved"))


def replace(run: Path) -> None:
    shutil.copytree(run, run.with_name("other"))
    shutil.rmtree(run)
    run.with_name("other").rename(run)


def cut(run: Path) -> None:
    os.truncate(run / "train.npy", 130)


def scribble(run: Path) -> None:
    with open(run / "journal.jsonl", "ab") as journal:
        journal.write(b"not a line\n")


def once_after(real: Callable[..., Any], action: Callable[[], object], n_calls: int = 1) -> Callable[..., Any]:
    """Call that does something more at its end, the n-th time."""
    calls = iter(range(1, 1000))

    def call(*arguments: Any, **options: Any) -> Any:
        result = real(*arguments, **options)
        if next(calls) == n_calls:
            action()
        return result

    return call
