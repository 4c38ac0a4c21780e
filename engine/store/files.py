"""File primitives: no symbolic links, bounded reads, atomic replacement.

Functions raise OSError or ValueError with the file's name in the text; callers add the run or study.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import EngineError, RunError

DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
BEFORE_REPAIR = ".before-repair"
"""End of the name under which a repair keeps what it replaces."""

_PART = 1 << 20


@contextmanager
def opened(path: Path) -> Iterator[tuple[int, int]]:
    """Open a regular file for reading without following a link; yields (file descriptor, size in bytes)."""
    # O_NONBLOCK keeps a planted FIFO from blocking the reader; it has no effect on regular files.
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
    """Read a whole small file; ValueError before any allocation if it is larger than `limit` bytes."""
    with opened(path) as (descriptor, size):
        if size > limit:
            raise ValueError(f"{path.name} has {size} bytes, and at most {limit} are read")
        # One byte more than the size: a file of the expected length then needs no second read to find its end.
        content = os.pread(descriptor, size + 1, 0)
        while len(content) > size:
            size = 2 * len(content)
            content += os.pread(descriptor, size + 1 - len(content), len(content))
            if len(content) > limit:
                raise ValueError(f"{path.name} grew past {limit} bytes while it was read")
        return content


def write_at(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of `data` at `offset`, repeating short writes."""
    view = memoryview(data).cast("B")
    done = 0
    while done < len(view):
        done += os.pwrite(descriptor, view[done:], offset + done)


def append(descriptor: int, data: bytes) -> None:
    """Append all of `data` to a file opened with O_APPEND; normally one call."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def replace(path: Path, data: bytes, *, durable: bool) -> None:
    """Write `data` to `path` atomically: readers see the old file or the new one, never a part."""
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


def make_folders(folder: Path, *, durable: bool) -> None:
    """Make a folder and those above it where they are missing; durable: also their names survive a power cut."""
    folder.mkdir(parents=True, exist_ok=True)
    if not durable:
        return
    # Those above may have been made a moment ago, by a script or a recorder that did not wait for the disk.
    device = folder.stat().st_dev
    for above in folder.parents:
        if above.stat().st_dev != device or not os.access(above, os.R_OK):
            break
        sync_folder(above)


def remove(path: Path, *, durable: bool) -> None:
    """Remove a file if it is there; durable: it does not come back after a power cut."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    if durable:
        sync_folder(path.parent)


def move_new(folder: Path, target: Path) -> bool:
    """Move a folder to `target` if nothing exists there; return whether it was moved."""
    try:
        os.rename(folder, target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
        return False
    return True


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with opened(path) as (descriptor, _):
        return sha256_of(descriptor)


def sha256_of(descriptor: int) -> str:
    """Return the SHA-256 of an open file, whatever its name is by now."""
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        stream.seek(0)
        return hashlib.file_digest(stream, "sha256").hexdigest()


def free_name(path: Path, ending: str) -> Path:
    """Return ``<name><ending>``, numbered if that exists."""
    names = (path.with_name(f"{path.name}{ending}{number}") for number in ("", *map(str, range(2, 1000))))
    return next(name for name in names if not os.path.lexists(name))


def keep_rest(descriptor: int, offset: int, head: bytes, target: Path) -> None:
    """Write `head` and all of an open file from `offset` on to a new file, atomically and flushed to the disk."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    copy = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            write_at(copy, head, 0)
            done = 0
            while part := os.pread(descriptor, _PART, offset + done):
                write_at(copy, part, len(head) + done)
                done += len(part)
            os.fsync(copy)
        finally:
            os.close(copy)
        os.rename(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def shared(name: str, n_names: int) -> str:
    """Return why a file with several names (hard links) is not written to, and what to do."""
    return (
        f"{name} has {n_names} names (hard links, as cp -al makes for a backup): writing to it would change the others "
        "as well. Nothing is written: delete the other names, or put a copy of the run's folder (cp -r) in its place "
        "and resume that."
    )


def sync_content(folder: Path) -> None:
    """Flush a folder's files and entries, also those written without a flush."""
    for path in folder.iterdir():
        if path.is_file() and not path.is_symlink():
            with opened(path) as (descriptor, _):
                os.fsync(descriptor)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Flush the folder's entries, so that created and removed names survive a power cut."""
    descriptor = os.open(folder, DIRECTORY_FLAGS)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def disk_errors_named(what: str, remedy: str) -> Iterator[None]:
    """Raise an OSError as a `RunError` that states what failed, the system's reason and the remedy."""
    try:
        yield
    except OSError as error:
        # Some of the engine's errors are also OSErrors; they already name the cause.
        if isinstance(error, EngineError):
            raise
        raise RunError(f"{what} ({error.strerror or error}){remedy}") from error


@contextmanager
def temporary_folder(place: Path, prefix: str) -> Iterator[Path]:
    """Make a private, locked folder and remove it at the end, and first those that killed processes have left there."""
    for path in place.glob(f"{prefix}*"):
        if path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.getuid():
            with folder_lock(path, wait=False) as is_abandoned:
                if is_abandoned:
                    shutil.rmtree(path, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    try:
        with folder_lock(folder, wait=False):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def folder_lock(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """Lock a folder exclusively among processes, which the system undoes if the holder dies; yields whether it is ours.

    It is, unless another process holds it and this one does not wait.
    """
    descriptor = os.open(folder, DIRECTORY_FLAGS)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            is_ours = True
        except BlockingIOError:
            is_ours = False
        yield is_ours
    finally:
        os.close(descriptor)
