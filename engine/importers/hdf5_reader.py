"""Answers questions about HDF5 files on standard input with numbers on standard output.

A program of its own, started by `engine.importers.hdf5_files`, because the HDF5 library is a large C parser: where a
damaged file makes it crash, hang or ask for all memory, only this process is lost. It imports nothing of the engine.

A question is a JSON line {"path", "names", "index"}: the first of the named data sets that is there, as a whole (index
null) or at one place of its first axis. The answer is a JSON line, {"error"} or {"name", "shape", "dtype", "n_bytes"},
and the bytes it announces.
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
SMALL = 1 << 22


def answer(path: str, names: list[str], index: int | None) -> tuple[dict[str, Any], bytes]:
    """What a file declares, and one of its records where that is asked for."""
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
    """Answer until nobody asks any more."""
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
