"""HDF5 files of one run each: a data set (checkpoint, sample, class), as "Picture of the space of tasks" has them."""

from __future__ import annotations

import json
import math
import os
import select
import subprocess
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from engine import files, optional
from engine.errors import EngineError, ImportSourceError
from engine.importers.array_files import StoredArray
from engine.importers.candidate import Candidate, Checkpoint, Refusal, Request, blaming, run_id_of
from engine.importers.clock import hyperparameters_of, stated_clock

SUFFIXES = (".h5", ".hdf5")
ANSWER_SECONDS = 60
"""How long the reading process may be silent."""

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
    process = _ReadingProcess()
    for path in paths:
        try:
            yield _candidate(path, request, process)
        except EngineError as error:
            yield Refusal(path.name, str(error))


def _candidate(path: Path, request: Request, process: _ReadingProcess) -> Candidate:
    alone = (_DATA_SET,) if len(request.n_samples) == 1 else ()
    arrays = {split: _declared(path, (split, *alone), process) for split in request.n_samples}
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


def _declared(path: Path, names: tuple[str, ...], process: _ReadingProcess) -> StoredArray:
    with blaming(path.name):
        with files.opened(path):  # no link, no pipe
            pass
        declared, _ = process.ask(path, names, None)
        shape, dtype = tuple(int(axis) for axis in declared["shape"]), np.dtype(declared["dtype"])
        if len(shape) != 3 or not math.prod(shape) or dtype.kind != "f":
            what = " or ".join(names)
            raise ValueError(f"its {what} has shape {shape} of {dtype}; (checkpoint, sample, class) floats are read")

    @contextmanager
    def opener() -> Iterator[IO[bytes]]:
        yield cast(IO[bytes], _Records(process, path, names))

    return StoredArray(path.stem, shape, dtype, False, opener)


class _Records:
    """The bytes of a data set, a record of its first axis at a time."""

    def __init__(self, process: _ReadingProcess, path: Path, names: tuple[str, ...]) -> None:
        self._process, self._path, self._names = process, path, names
        self._index = 0

    def read(self, _: int) -> bytes:
        content = self._process.ask(self._path, self._names, self._index)[1]
        self._index += 1
        return content


class _ReadingProcess:
    """One process that reads for all files; started when it is first needed, and again after a file has killed it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, path: Path, names: tuple[str, ...], index: int | None) -> tuple[dict[str, Any], bytes]:
        """Declaration and content; ValueError says what the file did to its reader."""
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-I", str(_READER)]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
            # Nobody knows when the last record is read: the process goes when nothing refers to its reader any more.
            weakref.finalize(self, _end, self._process)
        question = {"path": str(path), "names": names, "index": index}
        try:
            declared, content = self._exchange(self._process, json.dumps(question).encode() + b"\n")
        except (OSError, ValueError, EOFError) as error:
            self.close()
            raise ValueError(f"the HDF5 library did not survive it ({error})") from None
        if "error" in declared:
            words = str(declared["error"])
            is_packed = "filter" in words or "plugin" in words
            raise ValueError(words + ("; for LZ4 or Blosc: pip install hdf5plugin" if is_packed else ""))
        return declared, content

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            _end(self._process)
            self._process = None

    def _exchange(self, process: subprocess.Popen[bytes], question: bytes) -> tuple[dict[str, Any], bytes]:
        if process.stdin is None or process.stdout is None:
            raise OSError("it has no streams")
        process.stdin.write(question)
        process.stdin.flush()
        received = b""
        while b"\n" not in received:
            received += _received(process.stdout.fileno())
        line, _, content = received.partition(b"\n")
        declared = json.loads(line)
        pieces, missing = [content], int(declared["n_bytes"]) - len(content)
        while missing > 0:
            pieces.append(_received(process.stdout.fileno()))
            missing -= len(pieces[-1])
        return declared, b"".join(pieces)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        process.kill()
        process.communicate()


def _received(descriptor: int) -> bytes:
    if not select.select([descriptor], [], [], ANSWER_SECONDS)[0]:
        raise OSError(f"no answer in {ANSWER_SECONDS} s")
    piece = os.read(descriptor, 1 << 20)
    if not piece:
        raise EOFError("it crashed")
    return piece
