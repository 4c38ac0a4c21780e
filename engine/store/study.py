"""Studies: tables and predictions of a folder of recorded runs.

A study is a read-only snapshot; later recordings appear in the next snapshot.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.errors import (
    InvalidSpecError,
    RunFormatError,
    SelectionError,
    StudyError,
    StudyFormatError,
    StudyNotFoundError,
)
from engine.machine import load_optional
from engine.store.documents import drawable, reason_of
from engine.store.hyperparameters import is_differing
from engine.store.manifest import RUNS_FOLDER, STUDY_FILE, Manifest, ProbeSet, read_manifest
from engine.store.run import RunFolder, read_run
from engine.values import Predictions, RunProblem, StudySummary

if TYPE_CHECKING:
    import pandas as pd


def open_study(path: str | os.PathLike[str]) -> Study:
    """Read a study's tables; the predictions stay on disk until requested.

    Runs that are damaged, half-written or do not match the study are left out and listed in `Study.problems`.

    Args:
        path: the study's folder.

    Returns:
        A snapshot of what is committed now.

    Raises:
        StudyNotFoundError: there is no study at `path`.
        StudyFormatError: study.json or a label file is damaged, or of a newer format.
    """
    # abspath and not resolve: a study reached through a symbolic link keeps the requested name.
    folder = Path(os.path.abspath(path))
    manifest = read_manifest(folder)
    return _study(folder, manifest, {})


def reopen_study(before: Study, unchanged: Collection[str]) -> Study:
    """Return the next snapshot of a study, reading only new and changed runs.

    Args:
        before: the last snapshot; its study.json and labels must be unchanged on disk.
        unchanged: ids of runs with unchanged files; taken from `before` if present there.
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
            problems.append(RunProblem(drawable(run_path.name), str(error)))
    return _without_name_clashes(Study(folder, manifest, runs, tuple(problems)))


def list_studies(folder: str | os.PathLike[str]) -> tuple[StudySummary, ...]:
    """Return one summary per study in a folder, sorted by id; a study that cannot be opened is listed with its error.

    Args:
        folder: a folder of study folders; a missing folder holds no study.
    """
    return summaries(folder, lambda study_id: open_study(Path(folder) / study_id))


def summaries(folder: str | os.PathLike[str], read: Callable[[str], Study]) -> tuple[StudySummary, ...]:
    """Return :func:`list_studies` of studies that ``read`` returns by id."""
    found = []
    for study_id in study_ids(folder):
        try:
            found.append(read(study_id).summary)
        except StudyNotFoundError:
            gone = f"Study {drawable(study_id)} was removed while it was read."
            found.append(StudySummary(drawable(study_id), drawable(study_id), 0, 0, 0, gone))
        except Exception as error:
            # One study never stops the others.
            reason = str(error) if isinstance(error, StudyError) else f"{reason_of(error)}."
            found.append(StudySummary(drawable(study_id), drawable(study_id), 0, 0, 0, reason))
    return tuple(found)


def study_ids(folder: str | os.PathLike[str]) -> list[str]:
    """Return the names of the study folders in a folder, sorted; names with a leading dot are not studies."""
    try:
        # Unlike Path.exists, it is False for a folder that may not be read.
        paths = [path for path in Path(folder).iterdir() if os.path.exists(path / STUDY_FILE)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(path.name for path in paths if not path.name.startswith("."))


def run_paths(folder: Path) -> list[Path]:
    """Return the run folders of a study, sorted by run id; names with a leading dot are not runs."""
    try:
        with os.scandir(folder / RUNS_FOLDER) as entries:
            names = sorted(e.name for e in entries if not e.name.startswith(".") and (e.is_dir() or e.is_symlink()))
    except FileNotFoundError:
        return []
    except OSError as error:
        reason = f"Study {drawable(folder.name)}: its folder {RUNS_FOLDER} cannot be read ({error.strerror})."
        raise StudyFormatError(reason, RUNS_FOLDER) from None
    return [folder / RUNS_FOLDER / name for name in names]


@dataclass(frozen=True, eq=False)
class Study:
    """Immutable snapshot of a study: runs, checkpoints and access to predictions.

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
        """Hyperparameters with more than one distinct value; a missing value counts as a value."""
        runs = self.run_folders.values()
        return tuple(n for n in self.hyperparameters if is_differing([run.hyperparameters.get(n) for run in runs]))

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row per run, indexed by run_id: hyperparameters, n_checkpoints, status, last value of each metric."""
        load_optional("pandas", "A table of runs")
        from engine.store.table import run_table

        return run_table(list(self.run_folders.values()), self.hyperparameters, self.metrics)

    @cached_property
    def checkpoints(self) -> pd.DataFrame:
        """One row per model, in run order: run_id, checkpoint, step, epoch, time (seconds since 1970), metrics."""
        load_optional("pandas", "A table of checkpoints")
        from engine.store.table import checkpoint_table

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

    def probe_set(self, split: str) -> ProbeSet:
        """Return the probe set of a split; InvalidSpecError if the study has no such split."""
        if split not in self.manifest.splits:
            raise InvalidSpecError(
                f"The study {self.study_id} has no split {split!r}: it has {', '.join(self.manifest.splits)}."
            )
        return self.manifest.splits[split]

    def predictions(self, split: str, run_ids: Sequence[str] | None = None) -> Predictions:
        """Read the predictions of runs on one split, renormalised in float32.

        Args:
            split: ``"train"`` or ``"test"``, if the study has it.
            run_ids: runs in the order returned; None for all in study order.

        Returns:
            Predictions with (model, sample, class) float32 natural-log probabilities.

        Raises:
            InvalidSpecError: the study has no such split.
            SelectionError: an unknown run, or one named twice.
            RunFormatError: the data of a run are damaged; `without` and `checked` exclude such runs.
        """
        probe = self.probe_set(split)
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
        """Read (checkpoint, sample, class) of one run, some checkpoints or all; raises as `predictions` does."""
        self.probe_set(split)
        return self._selected([run_id])[0].log_probabilities(split, checkpoints)

    def content_ids(self, run_id: str, split: str) -> tuple[str, ...]:
        """Return one id per checkpoint of a run that changes with its record; cache keys are made from them."""
        return self._selected([run_id])[0].content_ids(split)

    def without(self, run_id: str, reason: str) -> Study:
        """Return the study without one run, which is listed in `problems`."""
        self._selected([run_id])
        runs = {name: run for name, run in self.run_folders.items() if name != run_id}
        problems = sorted((*self.problems, RunProblem(run_id, reason)), key=lambda problem: problem.run_id)
        return dataclasses.replace(self, run_folders=runs, problems=tuple(problems))

    def first(self, n_checkpoints: Mapping[str, int]) -> Study:
        """Return the study with the named runs truncated to so many checkpoints, as before they grew."""
        runs = {
            run_id: run.first(n_checkpoints[run_id]) if run_id in n_checkpoints else run
            for run_id, run in self.run_folders.items()
        }
        return dataclasses.replace(self, run_folders=runs)

    def continues(self, former: Study) -> bool:
        """Return whether this snapshot contains all of an earlier one; runs may have grown and new runs begun."""
        if (self.class_names, self._order_hashes) != (former.class_names, former._order_hashes):
            return False
        return all(self._continues_run(run) for run in former.run_folders.values())

    def checked(self, run_ids: Iterable[str] | None = None) -> Study:
        """Return the study without those named runs (None: all) whose records are damaged, NaN or not distributions.

        Opening a study does not read its records (a large study has a hundred gigabytes); this method does.
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

    def _models(self, runs: Sequence[RunFolder]) -> pd.DataFrame:
        table = self.checkpoints
        counts = [run.n_checkpoints for run in self.run_folders.values()]
        first = dict(zip(self.run_folders, np.cumsum([0, *counts]), strict=False))
        rows = [row for run in runs for row in range(first[run.run_id], first[run.run_id] + run.n_checkpoints)]
        return table.iloc[rows].reset_index(drop=True)

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
