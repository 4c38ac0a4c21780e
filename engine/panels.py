r"""Packed panels on disk: the square roots of a run as the CPU's tile reads them, beside the distances.

Distances between a new run and those that are there need all of their predictions once. Read from the study, these
would have to be decoded, exponentiated, scaled and transposed first, which takes longer than the arithmetic itself.
Packed, they are mapped into memory and used: copied, they would fill fresh pages, which takes longer again.

They are float32 (float16 would move distances by 1e-5) and so take twice the room of predictions stored as float16:
0.36 GB for 5,000 models of 1,797 samples and 10 classes. That buys a factor of four on every run that is added, no
more, so it is bounded: ``PANEL_BYTES``, and a quarter of the disk's room. What was not used for an hour makes way for
the new; where nothing can, panels are made from the predictions each time.

A file holds a run. It is named by the run's contents, so it is never stale, and moved into place when it is complete,
so that it is never torn. Its first line is ``<crc> <body>\n`` with the CRC-32 of the body: JSON of the layout, the
shape, the panels' CRC-32 and what else is known of the models. The panels follow at the next multiple of 64 bytes. A
file that is cut short, does not match its CRC or has another layout is said and made again. Deleting files, or the
folder, only costs time.
"""

from __future__ import annotations

import json
import logging
import mmap
import os
import shutil
import threading
import time
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine import files

if TYPE_CHECKING:
    from engine.kernels.numba_tile import NumbaPanels

logger = logging.getLogger(__name__)

PANEL_BYTES = 2**33
"""Most that a folder of panels holds."""
SHARE_OF_ROOM = 0.25
"""Most of what it holds together with what its disk has free."""
OPEN_RUNS = 1024
"""Runs that stay mapped, and are not checked again. Mapped pages are the system's to take back."""
IN_USE_SECONDS = 3600.0
"""Panels read or written within this time do not make way for others."""
LAYOUT = "16 lanes, 4 samples"
"""Change it with the layout of a panel: files of another one are made again."""
_MAPPED = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
_HEADER_BYTES = 2**16
_ALIGNMENT = 64


@dataclass(frozen=True, slots=True, eq=False)
class PackedRun:
    """One run, packed.

    Attributes:
        panels: of all its models.
        one_hot: indices of the models that are certain of every sample.
        alike: per model, the share of pairs of samples that it answers alike.
    """

    panels: NumbaPanels
    one_hot: tuple[int, ...]
    alike: tuple[float, ...]


class PanelFolder:
    """The panels of some runs, shared between threads and processes.

    Args:
        folder: created where it is missing; may vanish at any time.
        limit: bytes it may take.
    """

    def __init__(self, folder: Path, limit: int = PANEL_BYTES) -> None:
        self._folder = folder
        self._limit = limit
        self._lock = threading.Lock()
        self._n_bytes: int | None = None
        self._open: OrderedDict[str, PackedRun] = OrderedDict()

    def recall(self, name: str) -> PackedRun | None:
        """Return the panels of a run that this process has read before, or None."""
        with self._lock:
            if name in self._open:
                self._open.move_to_end(name)
            return self._open.get(name)

    def read(self, name: str) -> PackedRun | None:
        """Return the panels of a run, or None where there are none that are whole."""
        if (known := self.recall(name)) is not None:
            return known
        path = self._path(name)
        if not path.exists():
            return None
        try:
            with files.opened(path) as (descriptor, size):
                run = _read(name, descriptor, size)
        except (ValueError, KeyError, OSError) as reason:
            logger.warning("Packed panels in %s are made again: %s.", self._folder, reason)
            return None
        with self._lock:
            self._open[name] = run
            while len(self._open) > OPEN_RUNS:
                self._open.popitem(last=False)
        return run

    def write(self, name: str, run: PackedRun) -> None:
        """Keep the panels of a run, where there is room."""
        raw = b"".join(panel.data for panel in run.panels.panels)
        fields = {
            "layout": LAYOUT,
            "models": run.panels.n_models,
            "samples": run.panels.n_samples,
            "classes": run.panels.panels[0].shape[1],
            "smallest": run.panels.smallest,
            "one_hot": run.one_hot,
            "alike": run.alike,
            "crc": zlib.crc32(raw),
        }
        body = json.dumps(fields, separators=(",", ":")).encode()
        line = b"%08x %s\n" % (zlib.crc32(body), body)
        line += bytes(-len(line) % _ALIGNMENT)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._lock:
                if len(line) <= _HEADER_BYTES and self._makes_room(len(line) + len(raw)):
                    files.replace(self._path(name), line + raw, durable=False)
        except OSError as reason:
            # What it holds can be computed: not to keep it is no failure.
            logger.warning("Packed panels cannot be kept in %s (%s).", self._folder, reason.strerror)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.panels"

    def _makes_room(self, n_bytes: int) -> bool:
        """Whether so many bytes fit; old panels make way for them."""
        if self._n_bytes is None or self._n_bytes + n_bytes > self._limit:
            with os.scandir(self._folder) as entries:
                kept = sorted((e.stat().st_mtime, e.stat().st_size, e.path) for e in entries if e.is_file())
            self._n_bytes = sum(size for _, size, _ in kept)
            room = min(self._limit, SHARE_OF_ROOM * (self._n_bytes + shutil.disk_usage(self._folder).free))
            for used, size, path in kept:
                if self._n_bytes + n_bytes <= room or time.time() - used < IN_USE_SECONDS:
                    break
                Path(path).unlink(missing_ok=True)
                self._n_bytes -= size
            if self._n_bytes + n_bytes > room:
                return False
        self._n_bytes += n_bytes
        return True


def _read(name: str, descriptor: int, size: int) -> PackedRun:
    from engine.kernels.numba_tile import packed_size, split, wrap

    line = os.pread(descriptor, _HEADER_BYTES, 0).split(b"\n", 1)[0]
    if line[:9] != b"%08x " % zlib.crc32(line[9:]):
        raise ValueError(f"{name} has a damaged first line")
    header = json.loads(line[9:])
    if header["layout"] != LAYOUT:
        raise ValueError(f"{name} has the layout {header['layout']}, not {LAYOUT}")
    start = len(line) + 1
    start += -start % _ALIGNMENT
    n_floats = packed_size(header["models"], header["samples"], header["classes"])
    if size != start + 4 * n_floats:
        raise ValueError(f"{name} has {size} bytes, not {start + 4 * n_floats}")
    mapped = mmap.mmap(descriptor, size, flags=_MAPPED, prot=mmap.PROT_READ)
    packed = np.frombuffer(mapped, dtype="<f4", offset=start)
    if zlib.crc32(packed.data) != header["crc"]:
        raise ValueError(f"{name} does not match its checksum")
    # The time of its last use, for those that look for room.
    os.utime(descriptor)
    panels = split(packed, header["samples"], header["classes"])
    smallest = np.full(len(panels), header["smallest"], dtype=np.float32)
    packed_panels = wrap(panels, header["models"], header["samples"], smallest)
    return PackedRun(packed_panels, tuple(header["one_hot"]), tuple(header["alike"]))
