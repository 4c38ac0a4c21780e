"""Manifest of a study: study.json and the labels of its probe sets."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.errors import RunMismatchError, StudyFormatError, StudyNotFoundError
from engine.store import files
from engine.store.documents import NOT_DRAWABLE, document_bytes, drawable, read_document, reason_of
from engine.store.encoding import HEADER_BYTES, as_array, header_bytes, length_in_header
from engine.values import SPLITS

T = TypeVar("T")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""Valid ids of runs and studies: folder names valid on every system, never paths."""

STUDY_FILE = "study.json"
RUNS_FOLDER = "runs"
LABEL_DTYPE = np.dtype("<i8")
MOST_SAMPLES = 8_000_000
"""Of a probe set: six times the training set of ImageNet."""
LABELS_LIMIT = HEADER_BYTES + MOST_SAMPLES * LABEL_DTYPE.itemsize
"""Size limit of a label file in bytes."""
MOST_CLASSES = 80_000
"""Of a study: the names of about as many have room in its study.json."""


@dataclass(frozen=True, slots=True, eq=False)
class ProbeSet:
    """Fixed, un-augmented samples on which every checkpoint of a study is evaluated.

    Attributes:
        n_samples: number of samples.
        labels: (sample,) int64, the true classes.
        order_hash: SHA-256 of the labels in order. It distinguishes probe sets only by their labels: two orders of the
            same samples with equal label sequences have equal hashes.
    """

    n_samples: int
    labels: NDArray[np.int64]
    order_hash: str

    @classmethod
    def of(cls, labels: Any, split: str) -> ProbeSet:
        """Return the probe set with these labels; ValueError unless they are a (sample,) array of integers >= 0."""
        array = as_array(labels)
        if array.ndim != 1 or array.dtype.kind not in "iu" or not len(array) or array.min() < 0:
            raise ValueError(
                f"The {split} labels must be a non-empty (sample,) array of integers 0..n_classes-1, received "
                f"shape {array.shape} and dtype {array.dtype}."
            )
        if len(array) > MOST_SAMPLES:
            raise ValueError(f"The {split} labels are {len(array):,}, and a probe set has at most {MOST_SAMPLES:,}.")
        array = np.array(array, LABEL_DTYPE, order="C")
        array.flags.writeable = False
        return cls(len(array), array, hashlib.sha256(array.data).hexdigest())


@dataclass(frozen=True, slots=True, eq=False)
class Manifest:
    """Title, classes and probe sets shared by all runs of a study.

    Attributes:
        title: display title.
        class_names: (class,) display names.
        splits: probe sets by split name, train first.
        created: ISO 8601, UTC.
    """

    title: str
    class_names: tuple[str, ...]
    splits: Mapping[str, ProbeSet]
    created: str

    @property
    def n_classes(self) -> int:
        return len(self.class_names)


def labels_file(split: str) -> str:
    """Return the name of a split's label file."""
    return f"{split}_labels.npy"


def new_manifest(
    labels: Mapping[str, Any], *, title: str, class_names: tuple[str, ...] | None, n_classes: int | None
) -> Manifest:
    """Return the manifest declared by a first run; ValueError names the invalid argument and the rule."""
    if not labels or not set(labels) <= set(SPLITS):
        raise ValueError(f"labels must be a mapping with one or both of {SPLITS}, received {sorted(map(str, labels))}.")
    splits = {split: ProbeSet.of(labels[split], split) for split in SPLITS if split in labels}
    largest = max(int(probe.labels.max()) for probe in splits.values())
    for text in (title, *(class_names or ())):
        if drawable(text) != text:
            raise ValueError(f"Each of title and class_names {NOT_DRAWABLE}, received {text!r}.")
    if class_names is None:
        count = n_classes or largest + 1
        if count > MOST_CLASSES:
            raise ValueError(f"There would be {count:,} classes, and a study has at most {MOST_CLASSES:,}.")
        class_names = tuple(str(index) for index in range(count))
    elif n_classes not in (None, len(class_names)):
        raise ValueError(f"n_classes is {n_classes}, but {len(class_names)} class_names are given.")
    if len(class_names) < 2 or largest >= len(class_names):
        raise ValueError(f"The labels reach class {largest}, but there are {len(class_names)} classes (two or more).")
    return Manifest(title, class_names, splits, datetime.now(UTC).isoformat(timespec="seconds"))


def write_manifest(folder: Path, manifest: Manifest, *, durable: bool) -> None:
    """Write the label files, then study.json, which makes the folder a study."""
    for split, probe in manifest.splits.items():
        raw = header_bytes(LABEL_DTYPE, (probe.n_samples,)) + probe.labels.tobytes()
        files.replace(folder / labels_file(split), raw, durable=durable)
    fields = {
        "title": manifest.title,
        "n_classes": manifest.n_classes,
        "class_names": list(manifest.class_names),
        "splits": {
            split: {"n_samples": probe.n_samples, "labels": labels_file(split), "order_sha256": probe.order_hash}
            for split, probe in manifest.splits.items()
        },
        "created": manifest.created,
    }
    files.replace(folder / STUDY_FILE, document_bytes("study", fields), durable=durable)


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a study, from study.json and the label files, all checked.

    Raises:
        StudyNotFoundError: the folder does not exist or holds no study.
        StudyFormatError: damaged, edited or of a newer format; the text names the file.
    """
    if not (folder / STUDY_FILE).exists() and not (folder / STUDY_FILE).is_symlink():
        what = "holds no study.json" if folder.is_dir() else "is no folder"
        raise StudyNotFoundError(
            f"No study at {folder}: it {what}. Give the folder of one study; recording a run with "
            f"{__name__.partition('.')[0]}.Recorder into a new folder makes one."
        )
    if not NAME.fullmatch(folder.name):
        raise StudyFormatError(
            f"Study {drawable(folder.name)}: a study's folder name must match {NAME.pattern}. Rename the folder.",
            STUDY_FILE,
        )
    file = STUDY_FILE
    try:
        fields = read_document(folder / STUDY_FILE, "study")
        names = tuple(_expect(fields, "class_names", list))
        if not all(isinstance(name, str) for name in names) or len(names) != fields.get("n_classes") or len(names) < 2:
            raise ValueError(f"{STUDY_FILE} must name each of its n_classes (two or more) classes")
        declared = _expect(fields, "splits", dict)
        if not declared or not declared.keys() <= set(SPLITS):
            raise ValueError(f"{STUDY_FILE} must have one or both splits of {SPLITS}, it has {sorted(declared)}")
        title, created = _expect(fields, "title", str), _expect(fields, "created", str)
        probes = {}
        for split in SPLITS:
            if split in declared:
                file = labels_file(split)
                probes[split] = _read_labels(folder, split, declared[split], len(names))
        return Manifest(title, names, probes, created)
    except Exception as error:
        reason = f"Study {drawable(folder.name)}: {reason_of(error)}. Restore the file from a copy of the study."
        raise StudyFormatError(reason, file) from None


def join_study(study: Path, declared: Manifest, *, durable: bool) -> Manifest:
    """Return the manifest of the study in this folder, which must match `declared`, or create the study from it.

    Raises:
        RunMismatchError: labels, splits or classes differ from the study's.
        StudyFormatError: the study is damaged, or the folder holds other files.
    """
    files.make_folders(study, durable=durable)
    # Two recorders may start at once: the first to get the lock creates the study, the other must match it.
    with files.folder_lock(study):
        try:
            manifest = read_manifest(study)
        except StudyNotFoundError:
            refuse_foreign_files(study)
            _remove_leftovers(study)
            write_manifest(study, declared, durable=durable)
            manifest = declared
        else:
            if durable:
                files.sync_content(study)
    _check_match(manifest, declared, str(study))
    return manifest


def _remove_leftovers(study: Path) -> None:
    """Remove what a process that was killed has written of a study's own files; the caller holds the folder's lock."""
    for name in (STUDY_FILE, *(labels_file(split) for split in SPLITS)):
        for path in study.glob(f".{name}.*.tmp"):
            path.unlink(missing_ok=True)


def refuse_foreign_files(folder: Path) -> None:
    """Check that a folder without study.json holds nothing but what a study that was being made may have left.

    Raises:
        StudyFormatError: it holds other files.
    """
    ours = {RUNS_FOLDER, *(labels_file(split) for split in SPLITS)}
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in ours and not path.name.startswith("."))
    if foreign:
        raise StudyFormatError(
            f"{folder} holds no {STUDY_FILE} but other files ({', '.join(foreign[:3])}): a study is made in an empty "
            "folder. Give another path."
        )


def _check_match(study: Manifest, run: Manifest, where: str) -> None:
    """Raise RunMismatchError if the run's probe sets or classes differ from the study's."""
    if study.splits.keys() != run.splits.keys():
        reason = f"the study has splits {list(study.splits)}, the run {list(run.splits)}"
    elif study.n_classes < run.n_classes:
        reason = f"the study has {study.n_classes} classes, the run {run.n_classes}"
    else:
        differing = [s for s, probe in study.splits.items() if probe.order_hash != run.splits[s].order_hash]
        if not differing:
            return
        first = differing[0]
        reason = (
            f"the {first} labels differ from the study's ({run.splits[first].n_samples} samples, the study has "
            f"{study.splits[first].n_samples}); a study has one probe set in one order"
        )
    raise RunMismatchError(f"The run does not fit the study at {where}: {reason}. Record it into a study of its own.")


def _read_labels(folder: Path, split: str, declared: Any, n_classes: int) -> ProbeSet:
    name = labels_file(split)
    if not isinstance(declared, dict) or declared.get("labels") != name:
        raise ValueError(f"{STUDY_FILE} must give {name!r} as the label file of split {split}")
    raw = files.read_bytes(folder / name, LABELS_LIMIT)
    n_samples = length_in_header(raw[:HEADER_BYTES], LABEL_DTYPE, (), name)
    if n_samples != declared.get("n_samples") or len(raw) != HEADER_BYTES + n_samples * LABEL_DTYPE.itemsize:
        raise ValueError(
            f"{name} has {len(raw)} bytes and declares {n_samples} labels, {STUDY_FILE} {declared.get('n_samples')}"
        )
    probe = ProbeSet.of(np.frombuffer(raw, LABEL_DTYPE, offset=HEADER_BYTES), split)
    if probe.order_hash != declared.get("order_sha256"):
        raise ValueError(f"{name} is damaged: its labels do not have the SHA-256 that {STUDY_FILE} declares")
    if probe.labels.max() >= n_classes:
        raise ValueError(f"{name} holds class {probe.labels.max()}, {STUDY_FILE} has {n_classes} classes")
    return probe


def _expect(fields: Mapping[str, Any], name: str, kind: type[T]) -> T:
    value = fields.get(name)
    if not isinstance(value, kind):
        raise ValueError(f"{STUDY_FILE} must have a field {name!r} of type {kind.__name__}, it has {value!r}")
    return value
