"""On-disk cache of packed panels, the CPU kernel's input, per run.

Distances from a new run to the existing ones need the predictions of all runs. Read from the study, predictions are
decoded, exponentiated, scaled and transposed, which takes longer than the arithmetic itself. Packed panels are read
into private memory and checked there: a mapped file that another program cuts short ends the process (SIGBUS), and one
that it changes gives wrong distances.

Panels are float32 (float16 would move distances by 1e-5), twice the size of predictions stored as float16: 0.36 GB for
5,000 models of 1,797 samples and 10 classes. They make adding a run four times as fast. The folder is bounded by
``PANEL_BYTES``, and by ``SHARE_OF_ROOM`` of its own size plus the disk's free space. Panels not used for an hour are
deleted for new ones; if none can be deleted, panels are made from the predictions each time.

A file holds one run, in the format of :mod:`engine.arrays`, whose arrays are aligned as the kernel needs them. It is
named by the run's contents, so it is never stale, and moved into place when complete, so it is never torn. A file that
is damaged or has another layout is made again, with a warning. Deleting files or the folder only costs time.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.arrays import aligned_bytes, decode, encode
from engine.cache.lru import Recent
from engine.distances.kernels.contract import Models
from engine.distances.prepared import prepare
from engine.distances.split import LogModels, log_models
from engine.distances.tiles.blocks import Group
from engine.distances.tiles.sources import Source
from engine.errors import CacheError
from engine.machine import memory_budget
from engine.store import files
from engine.values import FloatArray

if TYPE_CHECKING:
    from engine.distances.kernels.numba_tile import NumbaPanels

logger = logging.getLogger(__name__)

PANEL_BYTES = 2**33
"""Limit on a folder of panels, bytes."""
SHARE_OF_ROOM = 0.25
"""Limit on a folder of panels, as a share of its size plus the free space of its disk."""
MEMORY_BYTES = 2**29
"""Limit on the panels that stay in memory, bytes: those that the next blocks of runs need again."""
SHARE_OF_MEMORY = 0.25
"""Limit on the panels that stay in memory, as a share of the memory budget, which distances take beside them."""
IN_USE_SECONDS = 3600.0
"""Panels read or written within this time are not deleted for others."""
LAYOUT = "16 lanes, 4 samples"
"""Version of the panel layout; files with another one are made again."""
_MAGIC = b"PANELS2\n"
KEPT_BYTES = 2**27
"""Limit on the log-probabilities kept in memory, bytes: consecutive blocks recompute pairs of the same few models."""


@dataclass(frozen=True, slots=True, eq=False)
class PackedRun:
    """Packed panels of one run; attributes as of :class:`.Models`."""

    panels: NumbaPanels
    one_hot: tuple[int, ...]
    alike: tuple[float, ...]


class PanelFolder:
    """Folder of packed panels, shared between threads and processes.

    Args:
        folder: created if missing; may be deleted at any time.
        limit: limit on its size in bytes.
        memory: memory budget in bytes; None for half of the free memory at the time.

    Attributes:
        recall: name -> panels of a run if this process has them in memory, else None.
    """

    def __init__(self, folder: Path, limit: int = PANEL_BYTES, memory: int | None = None) -> None:
        self._folder = folder
        self._limit = limit
        self._memory = memory
        self._lock = threading.Lock()
        self._n_bytes: int | None = None
        self._open: Recent[PackedRun] = Recent(MEMORY_BYTES)
        self.recall = self._open.get

    def read(self, name: str) -> PackedRun | None:
        """Return the panels of a run, or None if the file is absent or damaged."""
        if (known := self.recall(name)) is not None:
            return known
        path = self._folder / f"{name}.packed"
        if not path.exists():
            return None
        try:
            with files.opened(path) as (descriptor, size):
                blob = aligned_bytes(size)
                files.read_into(descriptor, blob.data, 0, path.name)
                run = decode(_MAGIC, blob.data, _build)
                # The modification time is the time of last use, read by _makes_room.
                os.utime(descriptor)
        except (ValueError, OSError, CacheError) as reason:
            logger.warning("Packed panels in %s are made again: %s", self._folder, reason)
            return None
        self._open.size_limit = panel_budget(self._memory, self._open.n_bytes)
        if size <= self._open.size_limit:
            self._open.put(name, run, size)
        return run

    def write(self, name: str, run: PackedRun) -> None:
        """Write the panels of a run if there is room."""
        panels = run.panels
        fields = {
            "layout": LAYOUT,
            "models": panels.n_models,
            "samples": panels.n_samples,
            "classes": panels.panels[0].shape[1],
            "smallest": panels.smallest,
            "one_hot": run.one_hot,
            "alike": run.alike,
            "packed": np.concatenate([panel.ravel() for panel in panels.panels]),
        }
        blob = encode(_MAGIC, fields)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._lock:
                if self._makes_room(len(blob)):
                    files.replace(self._folder / f"{name}.packed", blob, durable=False)
        except OSError as reason:
            # Panels can be recomputed, so a failed write is only logged.
            logger.warning("Packed panels cannot be kept in %s (%s).", self._folder, reason.strerror)

    def _makes_room(self, n_bytes: int) -> bool:
        """Whether ``n_bytes`` fit, after deleting old panels if needed."""
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


def panel_budget(memory: int | None, kept: int = 0) -> int:
    """Return the bytes of panels to keep in memory, of a budget as for :func:`.memory_budget`."""
    return min(MEMORY_BYTES, int(SHARE_OF_MEMORY * memory_budget(memory, kept)))


def _build(fields: dict[str, Any]) -> PackedRun:
    from engine.distances.kernels.numba_tile import packed_size, split, wrap

    if fields["layout"] != LAYOUT:
        raise ValueError(f"the layout is {fields['layout']}, not {LAYOUT}")
    packed, n_models, n_samples, n_classes = (fields[name] for name in ("packed", "models", "samples", "classes"))
    # The kernel trusts these sizes: it reads by address.
    if packed.dtype != np.float32 or packed.shape != (packed_size(n_models, n_samples, n_classes),):
        raise ValueError(f"there are {packed.size} floats, and the models have others")
    panels = split(packed, n_samples, n_classes)
    smallest = np.full(len(panels), fields["smallest"], dtype=np.float32)
    return PackedRun(wrap(panels, n_models, n_samples, smallest), tuple(fields["one_hot"]), tuple(fields["alike"]))


class RunModels:
    """Loader of groups of runs for one device.

    Args:
        device: ``"cpu"``, ``"cuda"``, ...
        panels: folder of packed panels; used on the CPU only.
    """

    def __init__(self, device: str, panels: PanelFolder) -> None:
        self._device = device
        self._panels = panels
        self._logs: Recent[FloatArray] = Recent(KEPT_BYTES)

    def prepare(self, group: Group) -> Models:
        """Return the packed models of a group of runs."""
        if self._device != "cpu":
            return prepare(np.concatenate([source.load(None) for source in group]), self._device)
        from engine.distances.kernels.numba_tile import NumbaKernel, join
        from engine.machine import run_all

        found = [self._panels.recall(source.name) for source in group]
        unknown = [place for place, run in enumerate(found) if run is None]
        for place, run in zip(unknown, run_all([(self._panels.read, (group[k].name,)) for k in unknown]), strict=True):
            found[place] = run
        runs = [run or _pack(source) for source, run in zip(group, found, strict=True)]
        new = [(source.name, run) for source, run, old in zip(group, runs, found, strict=True) if old is None]
        run_all([(self._panels.write, item) for item in new])
        counts = np.array([run.panels.n_models for run in runs])
        starts = np.cumsum(counts) - counts
        one_hot = [start + index for start, run in zip(starts, runs, strict=True) for index in run.one_hot]

        def log_probabilities(models: NDArray[np.int64], samples: slice) -> FloatArray:
            return self._read(group, starts, models)[:, samples]

        shape = runs[0].panels.n_samples, runs[0].panels.panels[0].shape[1]
        panels = join([run.panels for run in runs])
        alike = np.concatenate([run.alike for run in runs])
        return Models(NumbaKernel(), panels, np.array(one_hot, dtype=np.int64), shape, alike, log_probabilities)

    def read(self, group: Group) -> LogModels:
        """Return the models of a group of runs as log-probabilities."""
        return log_models(np.concatenate([source.load(None) for source in group]), self._device)

    def _read(self, group: Group, starts: NDArray[np.int64], models: NDArray[np.int64]) -> FloatArray:
        """Return (model, sample, class) log-probabilities of some models of a group."""
        which = np.searchsorted(starts, models, side="right") - 1
        parts: list[FloatArray] = []
        for run in np.unique(which):
            source = group[run]
            checkpoints = [int(index) for index in models[which == run] - starts[run]]
            found = {k: logs for k in checkpoints if (logs := self._logs.get(f"{source.name}/{k}")) is not None}
            if unknown := [k for k in checkpoints if k not in found]:
                found |= zip(unknown, source.load(unknown), strict=True)
            for k in unknown:
                self._logs.put(f"{source.name}/{k}", found[k].copy(), found[k].nbytes)
            parts += [found[k] for k in checkpoints]
        return np.stack(parts)


def _pack(source: Source) -> PackedRun:
    models = prepare(source.load(None), "cpu")
    return PackedRun(models.panels, tuple(models.one_hot.tolist()), tuple(models.alike.round(6).tolist()))
