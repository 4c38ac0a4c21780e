"""Studies: from a folder of recorded runs to tables and predictions.

A study is read as a snapshot. What is recorded later is in the next snapshot; nothing here ever writes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.errors import InvalidSpecError, RunFormatError, SelectionError, StudyError, StudyNotFoundError
from engine.manifest import RUNS_FOLDER, STUDY_FILE, Manifest, ProbeSet, read_manifest
from engine.run_folder import RunFolder, read_run
from engine.run_table import checkpoint_table, is_differing, run_table
from engine.values import Predictions, RunProblem, StudySummary


def open_study(path: str | os.PathLike[str]) -> Study:
    """Read a study's tables; the predictions stay on disk until they are asked for.

    A run that is damaged, half-written or does not fit is left out and listed in `Study.problems`.

    Args:
        path: the study's folder.

    Returns:
        A snapshot of what is committed now.

    Raises:
        StudyNotFoundError: there is no study at `path`.
        StudyFormatError: study.json or a label file is damaged, or of a newer format.
    """
    # Not resolve(): a study reached through a link keeps the name it was asked for by.
    folder = Path(os.path.abspath(path))
    manifest = read_manifest(folder)
    return _study(folder, manifest, {})


def reopen_study(before: Study, unchanged: Collection[str]) -> Study:
    """The next snapshot of a study, for which only new and changed runs are read.

    Args:
        before: the last snapshot, of which study.json and the labels have not changed.
        unchanged: ids of runs whose files have not; they are taken from `before` where it has them.
    """
    known = {run_id: run for run_id, run in before.run_folders.items() if run_id in unchanged}
    return _study(before.path, before.manifest, known)


def _study(folder: Path, manifest: Manifest, known: Mapping[str, RunFolder]) -> Study:
    runs: dict[str, RunFolder] = {}
    problems: list[RunProblem] = []
    for run_path in run_paths(folder):
        try:
            runs[run_path.name] = known.get(run_path.name) or read_run(run_path, manifest)
        except RunFormatError as error:
            problems.append(RunProblem(run_path.name, str(error)))
    return _without_name_clashes(Study(folder, manifest, runs, tuple(problems)))


def list_studies(folder: str | os.PathLike[str]) -> tuple[StudySummary, ...]:
    """One line per study in a folder, sorted by id; a study that cannot be opened is listed with its error.

    Args:
        folder: a folder of study folders. One that does not exist holds no study.
    """
    try:
        paths = sorted(path for path in Path(folder).iterdir() if (path / STUDY_FILE).exists())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(_summary(path) for path in paths if not path.name.startswith("."))


def run_paths(folder: Path) -> list[Path]:
    """The run folders of a study, sorted by run id; names with a leading dot are not runs."""
    try:
        with os.scandir(folder / RUNS_FOLDER) as entries:
            names = sorted(e.name for e in entries if not e.name.startswith(".") and (e.is_dir() or e.is_symlink()))
    except FileNotFoundError:
        return []
    return [folder / RUNS_FOLDER / name for name in names]


@dataclass(frozen=True, eq=False)
class Study:
    """An immutable snapshot of a study: its runs, their checkpoints, and the way to their predictions.

    Attributes:
        path: the study's folder.
        manifest: title, classes and probe sets.
        run_folders: the usable runs by id, in study order (sorted by id).
        problems: runs left out, with the reason.
    """

    path: Path
    manifest: Manifest
    run_folders: Mapping[str, RunFolder]
    problems: tuple[RunProblem, ...]

    @property
    def study_id(self) -> str:
        return self.path.name

    @property
    def title(self) -> str:
        return self.manifest.title

    @property
    def n_classes(self) -> int:
        return self.manifest.n_classes

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.manifest.class_names

    @property
    def splits(self) -> dict[str, ProbeSet]:
        return dict(self.manifest.splits)

    @cached_property
    def hyperparameters(self) -> tuple[str, ...]:
        """Hyperparameter columns of `runs`, in the order the runs first name them."""
        return tuple(dict.fromkeys(name for run in self.run_folders.values() for name in run.hyperparameters))

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Metric columns of `runs` and `checkpoints`."""
        return tuple(dict.fromkeys(name for run in self.run_folders.values() for name in run.journal.metrics))

    @cached_property
    def differing(self) -> tuple[str, ...]:
        """Hyperparameters with more than one distinct value; to lack one counts as a value."""
        return tuple(name for name in self.hyperparameters if is_differing(self._values(name)))

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row per run, indexed by run_id: hyperparameters, n_checkpoints, status, last value of each metric."""
        return run_table(list(self.run_folders.values()), self.hyperparameters, self.metrics)

    @cached_property
    def checkpoints(self) -> pd.DataFrame:
        """One row per model, in run order: run_id, checkpoint, step, epoch, time (seconds since 1970), metrics."""
        return checkpoint_table(list(self.run_folders.values()), self.metrics)

    @cached_property
    def fingerprint(self) -> str:
        """Changes if and only if the study's committed content changes, or the set of problems does."""
        parts = [self.study_id, self.title, *self.class_names]
        parts += [f"{split} {probe.order_hash}" for split, probe in self.manifest.splits.items()]
        parts += [f"{run.run_id} {run.digest}" for run in self.run_folders.values()]
        parts += [f"{problem.run_id} {problem.reason}" for problem in self.problems]
        return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def summary(self) -> StudySummary:
        """This study's line in the study picker."""
        n_checkpoints = sum(run.n_checkpoints for run in self.run_folders.values())
        return StudySummary(self.study_id, self.title, len(self.run_folders), n_checkpoints, len(self.problems))

    def predictions(self, split: str, run_ids: Sequence[str] | None = None) -> Predictions:
        """Read what the models of some runs predict on one split, renormalised in float32.

        Args:
            split: ``"train"`` or ``"test"``, where the study has it.
            run_ids: which runs, in which order; None for all in study order.

        Returns:
            Predictions with (model, sample, class) float32 natural-log probabilities.

        Raises:
            InvalidSpecError: the study has no such split.
            SelectionError: an unknown run, or one named twice.
            RunFormatError: the data of a run are damaged; `without` or `checked` leave such runs out.
        """
        probe = self._probe(split)
        runs = self._selected(run_ids)
        shape = (sum(run.n_checkpoints for run in runs), probe.n_samples, self.n_classes)
        logs = np.empty(shape, np.float32)
        start = 0
        for run in runs:
            logs[start : start + run.n_checkpoints] = run.log_probabilities(split)
            start += run.n_checkpoints
        return Predictions(logs, self._models(runs), probe.labels, split, self.class_names)

    def log_probabilities(
        self, split: str, run_id: str, checkpoints: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """(checkpoint, sample, class) of one run alone, of some checkpoints or all; errors as for `predictions`."""
        self._probe(split)
        return self._selected([run_id])[0].log_probabilities(split, checkpoints)

    def content_ids(self, run_id: str, split: str) -> tuple[str, ...]:
        """One name per checkpoint of a run that changes when its record does; what cache keys are made of."""
        self._probe(split)
        return self._selected([run_id])[0].content_ids(split)

    def without(self, run_id: str, reason: str) -> Study:
        """The same study with one run left out and listed in `problems`."""
        self._selected([run_id])
        runs = {name: run for name, run in self.run_folders.items() if name != run_id}
        problems = sorted((*self.problems, RunProblem(run_id, reason)), key=lambda problem: problem.run_id)
        return dataclasses.replace(self, run_folders=runs, problems=tuple(problems))

    def first(self, n_checkpoints: Mapping[str, int]) -> Study:
        """The same study with no more than so many checkpoints of the named runs, as it was before they grew."""
        runs = {
            run_id: run.first(n_checkpoints[run_id]) if run_id in n_checkpoints else run
            for run_id, run in self.run_folders.items()
        }
        return dataclasses.replace(self, run_folders=runs)

    def continues(self, former: Study) -> bool:
        """Whether all that an earlier snapshot holds is still there; runs may have committed more, and others begun."""
        if (self.class_names, self._order_hashes) != (former.class_names, former._order_hashes):
            return False
        return all(self._continues_run(run) for run in former.run_folders.values())

    def checked(self, run_ids: Iterable[str] | None = None) -> Study:
        """This study without those of the named runs (None: all) whose records are damaged, NaN or no distributions.

        Opening a study does not read its records, because a large study has a hundred gigabytes of them; this does.
        """
        study = self
        for run in self._selected(None if run_ids is None else list(run_ids)):
            try:
                for split in self.manifest.splits:
                    run.log_probabilities(split)
            except RunFormatError as error:
                study = study.without(run.run_id, str(error))
        return study

    @property
    def _order_hashes(self) -> dict[str, str]:
        return {split: probe.order_hash for split, probe in self.manifest.splits.items()}

    def _continues_run(self, former: RunFolder) -> bool:
        run = self.run_folders.get(former.run_id)
        if run is None or run is former:
            return run is former
        n = former.n_checkpoints
        return all(run.content_ids(split)[:n] == former.content_ids(split) for split in self.manifest.splits)

    def _values(self, name: str) -> list[Any]:
        return [run.hyperparameters.get(name) for run in self.run_folders.values()]

    def _models(self, runs: Sequence[RunFolder]) -> pd.DataFrame:
        table = self.checkpoints
        counts = [run.n_checkpoints for run in self.run_folders.values()]
        first = dict(zip(self.run_folders, np.cumsum([0, *counts]), strict=False))
        rows = [row for run in runs for row in range(first[run.run_id], first[run.run_id] + run.n_checkpoints)]
        return table.iloc[rows].reset_index(drop=True)

    def _probe(self, split: str) -> ProbeSet:
        if split not in self.manifest.splits:
            raise InvalidSpecError(
                f"Study {self.study_id} has no split {split!r}; it has {list(self.manifest.splits)}."
            )
        return self.manifest.splits[split]

    def _selected(self, run_ids: Sequence[str] | None) -> list[RunFolder]:
        if run_ids is None:
            return list(self.run_folders.values())
        if isinstance(run_ids, str):
            raise SelectionError(f"run_ids must be a sequence of run ids, received the string {run_ids!r}: wrap it.")
        unknown = [run_id for run_id in run_ids if run_id not in self.run_folders]
        if unknown:
            left_out = {problem.run_id: problem.reason for problem in self.problems}
            why = left_out.get(unknown[0], "it is not in study.runs")
            raise SelectionError(f"Study {self.study_id} has no usable run {unknown[0]!r}: {why}")
        if len(set(run_ids)) != len(run_ids):
            raise SelectionError("A run is selected twice: name each run once.")
        return [self.run_folders[run_id] for run_id in run_ids]


def _without_name_clashes(study: Study) -> Study:
    hyperparameters = set(study.hyperparameters)
    for run in study.run_folders.values():
        if clash := sorted(hyperparameters.intersection(run.journal.metrics)):
            reason = f"Run {run.run_id}: its metric {clash[0]!r} is a hyperparameter of other runs of the study."
            study = study.without(run.run_id, reason)
    return study


def _summary(path: Path) -> StudySummary:
    try:
        return open_study(path).summary
    except (StudyError, OSError) as error:
        if isinstance(error, StudyNotFoundError):
            error = StudyNotFoundError(f"Study {path.name} was removed while it was read.")
        return StudySummary(path.name, path.name, 0, 0, 0, str(error))
