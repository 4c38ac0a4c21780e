"""Groups of runs made ready for their distances: from packed panels where these serve, else from predictions."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from engine.blocks import Group, Source
from engine.divergences import Models, prepare
from engine.panels import PackedRun, PanelFolder
from engine.split_forms import LogModels, log_models
from engine.values import FloatArray

KEPT_BYTES = 2**27
"""Log-probabilities of single models that are kept: near pairs come from the same few models in block after block."""


class RunModels:
    """Makes groups of runs ready for one device.

    Args:
        device: ``"cpu"``, ``"cuda"``, ...
        panels: where packed panels are kept; they are the CPU's.
    """

    def __init__(self, device: str, panels: PanelFolder) -> None:
        self._device = device
        self._panels = panels
        self._logs: OrderedDict[tuple[str, int], FloatArray] = OrderedDict()
        self._n_bytes = 0

    def prepare(self, group: Group) -> Models:
        """Return the models of a group of runs."""
        if self._device != "cpu":
            return prepare(np.concatenate([source.load(None) for source in group]), self._device)
        from engine.kernels.numba_tile import NumbaKernel, join
        from engine.kernels.threads import run_all

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
        """Return the models of a group of runs as their log-probabilities."""
        return log_models(np.concatenate([source.load(None) for source in group]), self._device)

    def _read(self, group: Group, starts: NDArray[np.int64], models: NDArray[np.int64]) -> FloatArray:
        """Return (model, sample, class) log-probabilities of some models of a group."""
        which = np.searchsorted(starts, models, side="right") - 1
        parts: list[FloatArray] = []
        for run in np.unique(which):
            source = group[run]
            checkpoints = [int(index) for index in models[which == run] - starts[run]]
            unknown = [index for index in checkpoints if (source.name, index) not in self._logs]
            read = dict(zip(unknown, source.load(unknown), strict=True)) if unknown else {}
            parts += [read[k] if k in read else self._logs[source.name, k] for k in checkpoints]
            for index, logs in read.items():
                self._keep((source.name, index), logs.copy())
        return np.stack(parts)

    def _keep(self, key: tuple[str, int], logs: FloatArray) -> None:
        self._logs[key] = logs
        self._n_bytes += logs.nbytes
        while self._n_bytes > KEPT_BYTES:
            self._n_bytes -= self._logs.popitem(last=False)[1].nbytes


def _pack(source: Source) -> PackedRun:
    models = prepare(source.load(None), "cpu")
    return PackedRun(models.panels, tuple(models.one_hot.tolist()), tuple(models.alike.round(6).tolist()))
