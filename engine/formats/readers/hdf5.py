"""Reader of HDF5 files of one run each, in a separate process."""

from __future__ import annotations

import json
import math
import os
import select
import subprocess
import sys
import weakref
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from engine import machine
from engine.formats.array_files import StoredArray
from engine.formats.candidates import Candidate, Refusal, Request, blaming, each_file
from engine.formats.readers.runs import whole_run
from engine.formats.records import BLOCK_BYTES
from engine.store import files

SUFFIXES = (".h5", ".hdf5")
ANSWER_SECONDS = 60
"""Seconds of silence after which the reading process is killed."""

_READER = Path(__file__).with_name("hdf5_process.py")
_DATA_SET = "data"


def find_hdf5_files(request: Request) -> Iterator[Candidate | Refusal]:
    """Yield a candidate per file, or a refusal with the reason; data sets have the axes (checkpoint, sample, class).

    The source is a file or a folder of files. The data set is called ``data``, or there are ``train`` and ``test``, as
    in the files published with "A picture of the space of typical learnable tasks" (Ramesh et al., 2023).
    Probabilities rounded to four decimals are imported as they are; the LZ4 filter needs hdf5plugin.
    """
    machine.load_optional("h5py", "Reading HDF5")
    process = _ReadingProcess()

    def examine(path: Path, request: Request) -> Candidate:
        alone = (_DATA_SET,) if len(request.n_samples) == 1 else ()
        arrays = {split: _declared(path, (split, *alone), process) for split in request.n_samples}
        return whole_run(path.stem, path.name, arrays, request)

    return each_file(request, SUFFIXES, examine)


def _declared(path: Path, names: tuple[str, ...], process: _ReadingProcess) -> StoredArray:
    """Return the first existing one of the named data sets as an array whose records are read on demand."""
    with blaming(path.name):
        with files.opened(path):  # no link, no pipe
            pass
        declared, _ = process.ask(path, names, None)
        shape, dtype = tuple(int(axis) for axis in declared["shape"]), np.dtype(declared["dtype"])
        if len(shape) != 3 or not math.prod(shape) or dtype.kind != "f":
            what = " or ".join(names)
            raise ValueError(f"its {what} has shape {shape} of {dtype}; (checkpoint, sample, class) floats are read")

    n_rows = max(BLOCK_BYTES // (shape[2] * dtype.itemsize), 1)

    def blocks() -> Iterator[bytes]:
        for record in range(shape[0]):
            for start in range(0, shape[1], n_rows):
                yield process.ask(path, names, (record, start, min(start + n_rows, shape[1])))[1]

    return StoredArray(path.stem, shape, dtype, False, lambda: nullcontext(cast(IO[bytes], _Pieces(blocks()))))


class _Pieces:
    """Stream of pieces that are made one at a time, when they are read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, n_bytes: int) -> memoryview:
        """Return up to so many bytes, none at the end."""
        while not self._rest and (piece := next(self._pieces, b"")):
            self._rest = memoryview(piece)
        taken, self._rest = self._rest[:n_bytes], self._rest[n_bytes:]
        return taken


class _ReadingProcess:
    """Single reading process for all files; started on first use, and restarted after a file has crashed it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(
        self, path: Path, names: tuple[str, ...], rows: tuple[int, int, int] | None
    ) -> tuple[dict[str, Any], bytes]:
        """Return declaration and content; ValueError states how the file failed."""
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-I", str(_READER)]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
            # No reader knows which record is the last, so the process ends when this object is garbage-collected.
            weakref.finalize(self, _end, self._process)
        question = {"path": str(path), "names": names, "rows": rows}
        try:
            declared, content = _exchange(self._process, json.dumps(question).encode() + b"\n")
        except (OSError, ValueError, EOFError) as error:
            _end(self._process)
            raise ValueError(f"the HDF5 library failed on it ({error})") from None
        if "error" in declared:
            words = str(declared["error"])
            if "filter returned failure" in words:
                words += "; a chunk is damaged, or unpacks to far more than it declares"
            elif "filter" in words or "plugin" in words:
                words += "; for LZ4 or Blosc: pip install hdf5plugin"
            raise ValueError(words)
        return declared, content


def _exchange(process: subprocess.Popen[bytes], question: bytes) -> tuple[dict[str, Any], bytes]:
    stdin, stdout = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout).fileno()
    stdin.write(question)
    stdin.flush()
    received = b""
    while b"\n" not in received:
        received += _received(stdout)
    line, _, content = received.partition(b"\n")
    declared = json.loads(line)
    pieces, missing = [content], int(declared["n_bytes"]) - len(content)
    while missing > 0:
        pieces.append(_received(stdout))
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
