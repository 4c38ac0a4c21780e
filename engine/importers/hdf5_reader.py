"""Reads one HDF5 data set and writes it to standard output: a JSON line with shape and dtype, then the numbers.

A program of its own, started by `engine.importers.hdf5_files`, because the HDF5 library is a large C parser: where a
damaged file makes it crash, hang or ask for all memory, only this process is lost. It imports nothing of the engine.
"""

from __future__ import annotations

import contextlib
import json
import math
import resource
import sys

MEMORY_LIMIT = 1 << 32
SECONDS_LIMIT = 600
"""Processor time; reading is far quicker."""
LARGEST_INFLATION = 200
SMALL = 1 << 22


def main(mode: str, path: str, *names: str) -> None:
    """Write the declaration, and unless it alone is asked for, the content in pieces of the first axis."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_LIMIT, SECONDS_LIMIT))
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
        print(json.dumps({"shape": data.shape, "dtype": dtype.str}), flush=True)
        if mode == "content":
            for index in range(data.shape[0]):
                sys.stdout.buffer.write(data[index].astype(dtype, copy=False).tobytes())
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:
        print(f"{type(error).__name__}: {error}"[:500], file=sys.stderr)
        sys.exit(3)
