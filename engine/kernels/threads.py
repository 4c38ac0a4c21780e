"""The one pool of threads that compiled loops run in; they release the interpreter lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from typing import Any


def thread_count() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_count(), thread_name_prefix="engine-kernel")


# A forked process has the pool but none of its threads, and would wait for them for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)


def run_all(calls: Iterable[tuple[Callable[..., Any], tuple[Any, ...]]]) -> list[Any]:
    """Run every (function, arguments) and return their results in order."""
    calls = list(calls)
    if len(calls) == 1:
        function, arguments = calls[0]
        return [function(*arguments)]
    futures = [_pool().submit(function, *arguments) for function, arguments in calls]
    return [future.result() for future in futures]


@cache
def _libraries() -> Any:
    import numpy  # noqa: F401 - its BLAS has to be loaded before it can be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[Any]:
    """Keep the linear algebra libraries to the thread that calls them, for the length of a ``with`` block."""
    limits: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limits
