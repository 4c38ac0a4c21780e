"""Subprocess that reads HDF5 files: requests on stdin, arrays on stdout.

Started by `engine.formats.readers.hdf5`, because the HDF5 library is a large C parser: if a damaged file makes it
crash, hang or request all memory, only this process is lost. It imports nothing of the engine.

A request is a JSON line {"path", "names", "index"}. It asks for the first of the named data sets that exists: for its
declaration alone if index is null, else also for the record at that index of the first axis. The response
is a JSON line, {"error"} or {"name", "shape", "dtype", "n_bytes"}, followed by n_bytes bytes.
"""

from __future__ import annotations

import contextlib
import json
import math
import resource
import sys
from typing import Any

MEMORY_LIMIT = 1 << 32
LARGEST_INFLATION = 200
"""Most times its stored size that a data set may unpack to, from ``SMALL`` bytes on."""
SMALL = 1 << 22


def answer(path: str, names: list[str], index: int | None) -> tuple[dict[str, Any], bytes]:
    """Return the declaration of a data set, and the bytes of one record unless `index` is None."""
    import h5py

    with contextlib.suppress(ImportError):
        import hdf5plugin  # noqa: F401 - registers LZ4 and other filters

    with h5py.File(path, "r") as file:
        name = next((name for name in names if name in file), names[-1])
        data = file[name]
        if not isinstance(data, h5py.Dataset) or data.dtype.kind not in "fiu" or data.is_virtual or data.external:
            raise ValueError(f"{name!r} is no data set of plain numbers kept in this file")
        n_bytes = math.prod(data.shape) * data.dtype.itemsize
        if n_bytes > max(SMALL, LARGEST_INFLATION * data.id.get_storage_size()):
            raise ValueError(f"{name!r} holds {data.id.get_storage_size():,} bytes and would unpack to {n_bytes:,}")
        dtype = data.dtype.newbyteorder("<")
        content = b"" if index is None else data[index].astype(dtype, copy=False).tobytes()
        return {"name": name, "shape": data.shape, "dtype": dtype.str, "n_bytes": len(content)}, content


def main() -> None:
    """Serve requests until standard input ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    for line in sys.stdin.buffer:
        try:
            declared, content = answer(**json.loads(line))
        except Exception as error:
            declared, content = {"error": f"{type(error).__name__}: {error}"[:500], "n_bytes": 0}, b""
        sys.stdout.buffer.write(json.dumps(declared).encode() + b"\n" + content)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
