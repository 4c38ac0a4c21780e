"""Memory budget, devices, threads, user folders and optional packages of this machine."""

from __future__ import annotations

import importlib
import os
import re
import resource
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal

from engine.errors import DeviceError, MemoryBudgetError, MissingPackageError

MEMORY_SHARE = 0.5
"""Share of the free memory that a computation may take; the rest is for the page cache of distances on disk."""
UNKNOWN_BYTES = 2**31
"""Free memory assumed if the system does not report it, bytes."""
ASK_FOR_LESS = "select fewer runs, close other programs, or raise the budget (memory=...)"
_DEVICE_NAME = re.compile(r"cpu|cuda(:\d{1,2})?|mps")
_GPU_FILES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
"""Device files of Linux drivers for the GPUs that torch supports (NVIDIA, WSL, ROCm)."""


def memory_budget(memory: int | None, kept: int = 0) -> int:
    """Return the bytes a computation may take: ``memory``, or by default a share of the free memory.

    Args:
        memory: budget in bytes, or None.
        kept: allocated bytes that the computation may reuse.
    """
    return int(MEMORY_SHARE * (free_bytes() + kept)) if memory is None else memory


def free_bytes() -> int:
    """Return the bytes that can be allocated without swapping, within the limit of a container."""
    free = [_available(Path("/proc/meminfo")), _left_in_group(Path("/sys/fs/cgroup"))]
    known = [count for count in free if count is not None]
    if known:
        return min(known)
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return UNKNOWN_BYTES


def _available(path: Path) -> int | None:
    """Return the MemAvailable of Linux, bytes; None elsewhere."""
    try:
        lines = path.read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _left_in_group(folder: Path) -> int | None:
    """Return the bytes left to this container (control group); None without a limit."""
    try:
        limit, taken = (int((folder / name).read_text()) for name in ("memory.max", "memory.current"))
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        # The page cache counts as used, but is reclaimed on demand.
        return max(0, limit - taken + int(statistics["inactive_file"]) + int(statistics["active_file"]))
    except (OSError, ValueError, KeyError):
        return None


def check_budget(needed: int, budget: int, purpose: str, remedy: str = ASK_FOR_LESS) -> None:
    """Raise if a computation exceeds the budget, before anything is allocated.

    Args:
        needed: bytes the computation needs.
        budget: bytes it may take.
        purpose: name of the computation, for the message.
        remedy: advice, for the message.

    Raises:
        MemoryBudgetError: ``needed`` exceeds ``budget``.
    """
    if needed > budget:
        raise MemoryBudgetError(
            f"{purpose} takes about {_in_words(needed)} of memory, and the budget is {_in_words(budget)}: {remedy}."
        )


def _in_words(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:.0f} MiB"


def choose_device(device: str | None) -> str | None:
    """Return the device to compute on, or None if only torch can tell (importing torch takes a second).

    Args:
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; None takes CUDA if there is one, else the CPU.

    Raises:
        DeviceError: the name is invalid, or the device is not on this machine.
    """
    if device is None:
        without_gpu = sys.platform == "linux" and not any(os.path.exists(path) for path in _GPU_FILES)
        return "cpu" if without_gpu else None
    if not _DEVICE_NAME.fullmatch(device):
        raise DeviceError(f"The device must be cpu, cuda, cuda:<number> or mps, received {device!r}.")
    return device if device == "cpu" else find_device(device)


def find_device(device: str | None) -> str:
    """Return the full torch name of the device, ``"cuda:0"`` for ``"cuda"``; imports torch.

    Raises:
        DeviceError: the device is not on this machine; the message lists the available ones.
    """
    available = _available_devices()
    if device is None:
        return available[1] if len(available) > 1 and available[1].startswith("cuda") else "cpu"
    name = "cuda:0" if device == "cuda" else device
    if name not in available:
        raise DeviceError(f"The device {device!r} is not on this machine: choose one of {', '.join(available)}.")
    return name


def device_for(device: str | None) -> str:
    """Return the device to compute on, by :func:`choose_device` or else by torch; raises as it."""
    return choose_device(device) or find_device(None)


def _available_devices() -> list[str]:
    try:
        import torch
    except ModuleNotFoundError:
        return ["cpu"]
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ["cpu", *cuda, *(["mps"] if torch.backends.mps.is_available() else [])]


def describe_device(device: str) -> str:
    """Return the device in words for the status line, such as ``"CPU (2 threads)"`` or ``"CUDA NVIDIA H200"``."""
    if device == "cpu":
        threads = thread_count()
        return f"CPU ({threads} thread{'s' if threads > 1 else ''})"
    if device == "mps":
        return "Apple GPU (MPS)"
    import torch

    return f"CUDA {torch.cuda.get_device_name(device)}"


def thread_count() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_count(), thread_name_prefix="engine-kernel")


# A forked process inherits the pool without its threads, and would wait for them for ever.
os.register_at_fork(after_in_child=_pool.cache_clear)


def run_all(calls: Iterable[tuple[Callable[..., Any], tuple[Any, ...]]]) -> list[Any]:
    """Run every (function, arguments) in a pool of one thread per core, and return the results in order."""
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
    """Return a context manager that limits BLAS to the calling thread."""
    limits: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limits


def user_folder(kind: Literal["cache", "data"]) -> Path:
    """Return this program's folder among the user's caches or data, by the system's rules; it is not created here.

    An existing folder in the place of Linux (``~/.cache``, ``~/.local/share``), which once was that of every system, is
    returned on any system, so that what it holds is found again.
    """
    import platformdirs

    name, base = "inpca-explorer", Path.home() / (".cache" if kind == "cache" else ".local/share")
    on_linux = Path(os.environ.get(f"XDG_{kind.upper()}_HOME") or base) / name
    here = platformdirs.user_cache_path if kind == "cache" else platformdirs.user_data_path
    return on_linux if on_linux.is_dir() else here(name, appauthor=False)


@contextmanager
def growth_limited(n_bytes: int) -> Iterator[None]:
    """Let this process grow by at most so many bytes of memory meanwhile; more is a MemoryError. Linux only."""
    try:
        in_use = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    except OSError:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limits = [limit for limit in (soft, hard, in_use + n_bytes) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def load_optional(module: str, purpose: str, package: str = "") -> Any:
    """Return an imported module of an optional package.

    Args:
        module: name of the module.
        purpose: name of the feature that needs it, for the message.
        package: name on PyPI; empty if equal to the module's.

    Raises:
        MissingPackageError: the package is not installed or cannot be imported; with the pip command.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingPackageError(
            f"{purpose} needs the package {module!r}, which cannot be imported ({error}): "
            f"pip install {package or module}"
        ) from None
