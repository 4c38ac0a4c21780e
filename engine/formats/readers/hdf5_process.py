"""Subprocess that reads HDF5 files: requests on stdin, arrays on stdout.

Started by `engine.formats.readers.hdf5`, because the HDF5 library is a large C parser: if a damaged file makes it
crash, hang or request all memory, only this process is lost. It imports nothing of the engine.

A request is a JSON line {"path", "names", "rows"}. It asks for the first of the named data sets that exists: for its
declaration alone if rows is null, else, for [index, start, stop], also for these rows of the record at that index of
the first axis. The response is a JSON line, {"error"} or {"name", "shape", "dtype", "n_bytes"}, followed by n_bytes
bytes.
"""

from __future__ import annotations

import contextlib
import json
import math
import resource
import sys
from pathlib import Path
from typing import Any

MEMORY_LIMIT = 3 << 26
"""Bytes by which the process may grow; a chunk of the largest size and its filters take about 170 MB."""
LARGEST_CHUNK = 1 << 25
"""Size limit in bytes of a chunk, which the library unpacks as a whole for any number in it."""
LARGEST_INFLATION = 200
"""Most times its stored size that a data set may unpack to, from ``SMALL`` bytes on."""
SMALL = 1 << 22


def answer(path: str, names: list[str], rows: list[int] | None) -> tuple[dict[str, Any], bytes]:
    """Return the declaration of a data set, and the bytes of some rows unless `rows` is None."""
    import h5py

    with h5py.File(path, "r") as file:
        name = next((name for name in names if name in file), names[-1])
        data = file[name]
        if not isinstance(data, h5py.Dataset) or data.dtype.kind not in "fiu" or data.is_virtual or data.external:
            raise ValueError(f"{name!r} is no data set of plain numbers kept in this file")
        n_bytes = math.prod(data.shape) * data.dtype.itemsize
        if n_bytes > max(SMALL, LARGEST_INFLATION * data.id.get_storage_size()):
            raise ValueError(
                f"{name!r} holds {data.id.get_storage_size():,} bytes and would unpack to {n_bytes:,}: more than "
                f"{LARGEST_INFLATION} times as much is taken for a bomb. If it is yours, keep it uncompressed"
            )
        chunk_bytes = math.prod(data.chunks or ()) * data.dtype.itemsize
        if chunk_bytes > LARGEST_CHUNK:
            raise ValueError(
                f"{name!r} is kept in chunks of {chunk_bytes:,} bytes; at most {LARGEST_CHUNK:,} are read: keep it in "
                f"smaller ones (h5repack -l {name}:CHUNK=1x1000x10 OLD NEW)"
            )
        dtype = data.dtype.newbyteorder("<")
        content = b""
        if rows is not None:
            index, start, stop = rows
            content = data[index, start:stop].astype(dtype, copy=False).tobytes()
        return {"name": name, "shape": data.shape, "dtype": dtype.str, "n_bytes": len(content)}, content


def limit_memory() -> None:
    """Let the address space of this process grow by no more than the limit."""
    with contextlib.suppress(OSError):  # no Linux
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY_LIMIT
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    """Serve requests until standard input ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import h5py  # noqa: F401 - before the limit, which counts from here

    with contextlib.suppress(ImportError):
        import hdf5plugin  # noqa: F401 - registers LZ4 and other filters
    limit_memory()
    for line in sys.stdin.buffer:
        try:
            declared, content = answer(**json.loads(line))
        except Exception as error:
            declared, content = {"error": f"{type(error).__name__}: {error}"[:500], "n_bytes": 0}, b""
        sys.stdout.buffer.write(json.dumps(declared).encode() + b"\n" + content)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
