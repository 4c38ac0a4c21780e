"""Description of the machine of a benchmark."""

from __future__ import annotations

import datetime
import os
import platform
from importlib import metadata
from pathlib import Path

from engine.machine import describe_device, thread_count

LIBRARIES = ("numpy", "scipy", "numba", "torch", "triton")


def describe_machine(device: str) -> list[tuple[str, str]]:
    """Return (name, value) lines: processor, cores, memory, device, libraries, date."""
    libraries = [f"Python {platform.python_version()}", *filter(None, map(_version, LIBRARIES))]
    return [
        ("processor", _processor()),
        ("cores this process may use", str(thread_count())),
        ("memory", _memory()),
        ("device", describe_device(device)),
        ("system", f"{platform.system()} {platform.machine()}"),
        ("libraries", ", ".join(libraries)),
        ("day", datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")),
    ]


def _version(library: str) -> str:
    try:
        return f"{library} {metadata.version(library)}"
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    """Return the processor's model and its widest known vector instructions."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in path.read_text().split("\n\n", 1)[0].splitlines() if ":" in line)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    flags = fields.get("flags", "").split()
    vectors = next((name for name in ("avx512f", "avx2", "avx") if name in flags), "")
    family = f"family {fields['cpu family']} model {fields['model']}" if "cpu family" in fields else ""
    return ", ".join(filter(None, [fields.get("model name", platform.machine()), family, vectors]))


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB"
