"""How much memory there is, and how much of it a computation may take."""

from __future__ import annotations

import os
from pathlib import Path

from engine.errors import MemoryBudgetError

SHARE = 0.5
"""Of what is free: the rest is for the page cache, in which the distances on disk lie."""
UNKNOWN_BYTES = 2**31
"""Where the system does not say what is free."""
ASK_FOR_LESS = "select fewer runs, close other programs, or raise the budget (memory=...)"


def memory_budget(memory: int | None, kept: int = 0) -> int:
    """Return the bytes a computation may take: as told, else a share of what is free now.

    Args:
        memory: as told, or None.
        kept: bytes that are taken, but at the computation's disposal.
    """
    return int(SHARE * (free_bytes() + kept)) if memory is None else memory


def free_bytes() -> int:
    """Return how much memory can be taken without swapping, within the limit of a container."""
    free = [_available(Path("/proc/meminfo")), _left_in_group(Path("/sys/fs/cgroup"))]
    known = [count for count in free if count is not None]
    if known:
        return min(known)
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return UNKNOWN_BYTES


def _available(path: Path) -> int | None:
    try:
        lines = path.read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _left_in_group(folder: Path) -> int | None:
    try:
        limit, taken = (int((folder / name).read_text()) for name in ("memory.max", "memory.current"))
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        # The page cache counts as taken, but gives way.
        return max(0, limit - taken + int(statistics["inactive_file"]) + int(statistics["active_file"]))
    except (OSError, ValueError, KeyError):
        return None


def check_budget(needed: int, budget: int, purpose: str, remedy: str = ASK_FOR_LESS) -> None:
    """Raise where a computation cannot do with the budget, before anything is allocated.

    Args:
        needed: bytes.
        budget: bytes.
        purpose: what needs them.
        remedy: what to do.

    Raises:
        MemoryBudgetError: it needs more.
    """
    if needed > budget:
        raise MemoryBudgetError(
            f"{purpose} takes about {_words(needed)} of memory, and the budget is {_words(budget)}: {remedy}."
        )


def _words(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:.0f} MiB"
