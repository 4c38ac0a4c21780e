"""Bytes on disk, carefully: no links followed, sizes checked before reading, replacement all at once.

These functions raise OSError or ValueError with the file's name in the text; callers add the run or study.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextmanager
def opened(path: Path) -> Iterator[tuple[int, int]]:
    """Open a regular file for reading without following a link; yields (file descriptor, size in bytes)."""
    # O_NONBLOCK keeps a planted FIFO from hanging the reader; for regular files it means nothing.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ValueError(f"{path.name} is missing") from None
    except OSError as error:
        if path.is_symlink():
            raise ValueError(f"{path.name} is a symbolic link, and links are not followed") from None
        raise ValueError(f"{path.name} cannot be opened ({error.strerror})") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{path.name} is not a regular file")
        yield descriptor, status.st_size
    finally:
        os.close(descriptor)


def read_into(descriptor: int, buffer: memoryview, offset: int, name: str) -> None:
    """Fill `buffer` from `offset`; positional reads, so that threads may share a descriptor."""
    done = 0
    while done < len(buffer):
        count = os.preadv(descriptor, [buffer[done:]], offset + done)
        if count == 0:
            raise ValueError(f"{name} ends at byte {offset + done}, {len(buffer) - done} bytes too early")
        done += count


def read_bytes(path: Path, limit: int) -> bytes:
    """The whole of a small file; larger than `limit` bytes is refused before anything is allocated."""
    with opened(path) as (descriptor, size):
        if size > limit:
            raise ValueError(f"{path.name} has {size} bytes, and at most {limit} are read")
        # A byte more than there are: a file that ends where it should then needs no second call to say so.
        content = os.pread(descriptor, size + 1, 0)
        while len(content) > size:
            size = 2 * len(content)
            content += os.pread(descriptor, size + 1 - len(content), len(content))
            if len(content) > limit:
                raise ValueError(f"{path.name} grew past {limit} bytes while it was read")
        return content


def write_at(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of `data` at `offset`, however many calls that takes."""
    view = memoryview(data).cast("B")
    done = 0
    while done < len(view):
        done += os.pwrite(descriptor, view[done:], offset + done)


def append(descriptor: int, data: bytes) -> None:
    """Write all of `data` at the end of a file opened with O_APPEND; normally one call."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def replace(path: Path, data: bytes, *, durable: bool) -> None:
    """Put `data` at `path` all at once: readers see the old file or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            write_at(descriptor, data, 0)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def move_new(folder: Path, target: Path) -> bool:
    """Move a folder to where nothing is; False, and nothing is moved, where something is."""
    try:
        os.rename(folder, target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Make names created in or removed from a folder survive a power cut."""
    descriptor = os.open(folder, DIRECTORY_FLAGS)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder exclusively among processes; released by the system if the holder dies."""
    descriptor = os.open(folder, DIRECTORY_FLAGS)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
