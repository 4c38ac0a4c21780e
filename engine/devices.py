"""Which device computes, and its name for people."""

from __future__ import annotations

import os
import re
import sys

from engine.errors import DeviceError

_NAME = re.compile(r"cpu|cuda(:\d{1,2})?|mps")
_GPU_FILES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
"""What a Linux driver for a GPU that torch can use leaves behind (NVIDIA, WSL, ROCm)."""


def choose_device(device: str | None) -> str | None:
    """Return the device to compute on, or None where only torch can tell (and torch takes a second to import).

    Args:
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; None takes CUDA if there is one, else the CPU.

    Raises:
        DeviceError: no such name, or the device asked for is not there.
    """
    if device is None:
        without_gpu = sys.platform == "linux" and not any(os.path.exists(path) for path in _GPU_FILES)
        return "cpu" if without_gpu else None
    if not _NAME.fullmatch(device):
        raise DeviceError(f"The device must be cpu, cuda, cuda:<number> or mps, received {device!r}.")
    return device if device == "cpu" else find_device(device)


def find_device(device: str | None) -> str:
    """Return the full torch name of the device, ``"cuda:0"`` for ``"cuda"``; imports torch.

    Raises:
        DeviceError: the device asked for is not there; names those that are.
    """
    available = _available_devices()
    if device is None:
        return available[1] if len(available) > 1 and available[1].startswith("cuda") else "cpu"
    name = "cuda:0" if device == "cuda" else device
    if name not in available:
        raise DeviceError(f"The device {device!r} is not on this machine: choose one of {', '.join(available)}.")
    return name


def _available_devices() -> list[str]:
    import torch

    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ["cpu", *cuda, *(["mps"] if torch.backends.mps.is_available() else [])]


def describe_device(device: str) -> str:
    """Return words for the status line, such as ``"CPU (2 threads)"`` or ``"CUDA NVIDIA H200"``."""
    if device == "cpu":
        affinity = getattr(os, "sched_getaffinity", None)
        threads = len(affinity(0)) if affinity else os.cpu_count() or 1
        return f"CPU ({threads} thread{'s' if threads > 1 else ''})"
    if device == "mps":
        return "Apple GPU (MPS)"
    import torch

    return f"CUDA {torch.cuda.get_device_name(device)}"
