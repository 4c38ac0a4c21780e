"""HDF5 files of one run each: a data set (checkpoint, sample, class), as "Picture of the space of tasks" has them."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from engine import files, optional
from engine.errors import EngineError, ImportSourceError
from engine.importers.array_files import StoredArray
from engine.importers.candidate import Candidate, Checkpoint, Refusal, Request, blaming, run_id_of
from engine.importers.clock import hyperparameters_of, stated_clock

SUFFIXES = (".h5", ".hdf5")
ANSWER_SECONDS = 60
"""How long the reading process may take to say what a file declares."""

_READER = Path(__file__).with_name("hdf5_reader.py")
_DATA_SET = "data"


def find_hdf5_files(request: Request) -> Iterator[Candidate | Refusal]:
    """The source is one such file or a folder of them; its data set is called ``data``, or ``train`` and ``test``.

    Probabilities that were rounded to four decimals come in as they are; files with the LZ4 filter need hdf5plugin.
    """
    optional.load("h5py", "Reading HDF5")
    paths = [request.source]
    if request.source.is_dir():
        paths = sorted(p for p in request.source.iterdir() if p.suffix in SUFFIXES and not p.name.startswith("."))
        if not paths:
            raise ImportSourceError(f"{request.source} holds no {' or '.join(SUFFIXES)} file.")
    for path in paths:
        try:
            yield _candidate(path, request)
        except EngineError as error:
            yield Refusal(path.name, str(error))


def _candidate(path: Path, request: Request) -> Candidate:
    alone = (_DATA_SET,) if len(request.n_samples) == 1 else ()
    arrays = {split: _declared(path, (split, *alone)) for split in request.n_samples}
    if len({array.shape[0] for array in arrays.values()}) != 1:
        raise ImportSourceError(f"{path.name}: its splits have different numbers of checkpoints.")
    n_checkpoints = next(iter(arrays.values())).shape[0]
    steps, epochs, notes = stated_clock(n_checkpoints, None, None, request)

    def read() -> Iterator[Checkpoint]:
        records = [array.records() for array in arrays.values()]
        for step, epoch, *values in zip(steps, epochs, *records, strict=True):
            yield Checkpoint(step, epoch, dict(zip(arrays, values, strict=True)))

    run_id = run_id_of(path.stem)
    shapes = {split: (array.shape[1], array.shape[2]) for split, array in arrays.items()}
    hyperparameters = hyperparameters_of(request, run_id, path.stem, path.name)
    return Candidate(run_id, path.name, hyperparameters, shapes, n_checkpoints, read, notes)


def _declared(path: Path, names: tuple[str, ...]) -> StoredArray:
    with blaming(path.name):
        with files.opened(path):  # no link, no pipe
            pass
        command = [sys.executable, "-I", str(_READER)]
        try:
            answer = subprocess.run(
                [*command, "declaration", str(path), *names], capture_output=True, timeout=ANSWER_SECONDS, check=False
            )  # noqa: S603
        except subprocess.TimeoutExpired:
            raise ValueError(f"the HDF5 library gave no answer in {ANSWER_SECONDS} s") from None
        if answer.returncode:
            raise ValueError(_reason(answer.returncode, answer.stderr))
        declared = json.loads(answer.stdout)
        shape, dtype = tuple(int(axis) for axis in declared["shape"]), np.dtype(declared["dtype"])
        if len(shape) != 3 or not math.prod(shape) or dtype.kind != "f":
            raise ValueError(
                f"its {' or '.join(names)} has shape {shape} of {dtype}; (checkpoint, sample, class) floats are read"
            )

    @contextmanager
    def opener() -> Iterator[IO[bytes]]:
        process = subprocess.Popen(
            [*command, "content", str(path), *names], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )  # noqa: S603
        try:
            if process.stdout is None or process.stderr is None:
                raise ImportSourceError(f"{path.name}: the reading process has no output.")
            process.stdout.readline()
            yield process.stdout
        finally:
            process.kill()
            process.communicate()

    return StoredArray(path.stem, shape, dtype, False, opener)


def _reason(code: int, words: bytes) -> str:
    text = words.decode(errors="replace").strip()
    if code < 0:
        return f"the HDF5 library crashed on it (signal {-code})"
    if "filter" in text or "plugin" in text:
        return f"{text[:200]}; if it is packed with LZ4 or Blosc: pip install hdf5plugin"
    return text[:300] or f"the HDF5 library failed with code {code}"
