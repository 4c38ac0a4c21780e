"""All crash states of a study, enumerated from a recording's log.

Each must open with what was acknowledged. A process that dies leaves some prefix of what it wrote. A machine that
dies leaves less: of what was not synced, any part may be missing. Both are enumerated here, the second for durability
"disk", which promises to survive it.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine import Recorder, StudyNotFoundError, open_study
from tests.recording import LABELS, record_step
from tests.scale import amount
from tests.sound import assert_sound

pytestmark = pytest.mark.full

N_STEPS = amount(4, 20)
N_CUTS = amount(2, 8)
NAMES = ("mkdir", "rename", "unlink")
"""Kinds of changes of a folder's entries, which are lost unless the folder is synced."""


@dataclass
class Operation:
    """Something that was done to a folder.

    Attributes:
        kind: mkdir, create, write, truncate, rename, unlink, sync (of a file), sync-folder.
        path: relative to the folder.
        to: where a rename leads.
        offset: where a write begins; None for the end.
        size: of a truncation.
        acknowledged: checkpoints whose commit had returned before.
        inode: of the file or folder that has to be synced, or is; its path may change.
    """

    kind: str
    path: str
    to: str = ""
    offset: int | None = None
    data: bytes = b""
    size: int = 0
    acknowledged: int = 0
    inode: int = 0


@dataclass
class Log:
    """What a recording does to a folder, in order."""

    root: Path
    operations: list[Operation] = field(default_factory=list)
    acknowledged: int = 0

    def _note(self, kind: str, path: str | int | os.PathLike[str], **fields: Any) -> None:
        name = os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else os.fspath(path)
        if Path(name).is_relative_to(self.root):
            relative = str(Path(name).relative_to(self.root))
            if kind in NAMES:
                inode = os.stat(Path(self.root, fields.get("to") or relative).parent).st_ino
            else:
                inode = os.stat(path).st_ino
            self.operations.append(Operation(kind, relative, acknowledged=self.acknowledged, inode=inode, **fields))

    @contextmanager
    def kept(self) -> Iterator[None]:
        real = {name: getattr(os, name) for name in ("open", "write", "pwrite", "fsync", "fdatasync", "ftruncate")}
        real |= {name: getattr(os, name) for name in ("replace", "rename", "mkdir", "unlink")}

        def opening(path: Any, flags: int, *more: Any, **options: Any) -> int:
            is_new = bool(flags & os.O_CREAT) and not os.path.exists(path)
            descriptor = real["open"](path, flags, *more, **options)
            if is_new:
                self._note("create", path)
            return int(descriptor)

        def writing(descriptor: int, data: Any) -> int:
            self._note("write", descriptor, data=bytes(data))
            return int(real["write"](descriptor, data))

        def writing_at(descriptor: int, data: Any, offset: int) -> int:
            self._note("write", descriptor, data=bytes(data), offset=offset)
            return int(real["pwrite"](descriptor, data, offset))

        def syncing(descriptor: int) -> None:
            is_folder = os.path.isdir(os.readlink(f"/proc/self/fd/{descriptor}"))
            real["fsync"](descriptor)
            self._note("sync-folder" if is_folder else "sync", descriptor)

        def truncating(descriptor: int, size: int) -> None:
            real["ftruncate"](descriptor, size)
            self._note("truncate", descriptor, size=size)

        def renaming(source: Any, target: Any) -> None:
            real["rename"](source, target)
            self._note("rename", source, to=str(Path(target).relative_to(self.root)))

        def making(path: Any, *more: Any, **options: Any) -> None:
            real["mkdir"](path, *more, **options)
            self._note("mkdir", path)

        def removing(path: Any, **options: Any) -> None:
            real["unlink"](path, **options)
            self._note("unlink", path)

        wrapped = {
            "open": opening, "write": writing, "pwrite": writing_at, "fsync": syncing, "fdatasync": syncing,
            "ftruncate": truncating, "rename": renaming, "replace": renaming, "mkdir": making, "unlink": removing,
        }  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            for name, call in wrapped.items():
                patch.setattr(os, name, call)
            yield


@dataclass
class Disk:
    """Files and folders as some operations leave them."""

    files: dict[str, bytearray] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)

    def do(self, operation: Operation) -> None:
        path = operation.path
        if operation.kind == "mkdir":
            self.folders.add(path)
        elif operation.kind == "create":
            self.files[path] = bytearray()
        elif operation.kind == "write" and path in self.files:
            content = self.files[path]
            start = len(content) if operation.offset is None else operation.offset
            content.extend(bytes(max(0, start + len(operation.data) - len(content))))
            content[start : start + len(operation.data)] = operation.data
        elif operation.kind == "truncate" and path in self.files:
            content = self.files[path]
            content.extend(bytes(max(0, operation.size - len(content))))
            del content[operation.size :]
        elif operation.kind == "unlink":
            self.files.pop(path, None)
        elif operation.kind == "rename":
            self._rename(path, operation.to)

    def _rename(self, path: str, to: str) -> None:
        if path in self.files:
            self.files[to] = self.files.pop(path)
        elif path in self.folders:
            for name in [name for name in self.files if name.startswith(f"{path}/")]:
                self.files[to + name[len(path) :]] = self.files.pop(name)
            self.folders = {
                to + name[len(path) :] if (name + "/").startswith(f"{path}/") else name for name in self.folders
            }

    def put(self, root: Path) -> None:
        """Write it to a folder; what lies in a folder that is not there is lost with it."""
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        for folder in sorted(self.folders):
            if (root / folder).parent.is_dir():
                (root / folder).mkdir()
        for name, content in self.files.items():
            if (root / name).parent.is_dir():
                (root / name).write_bytes(content)


def begin(root: Path, durability: Any, **options: Any) -> Recorder:
    return Recorder(
        root / "new" / "study", hyperparameters={}, labels=LABELS, run_id="run", durability=durability, **options
    )


def nothing(root: Path) -> None:
    """A first run in a folder that is not there yet."""


def a_failed_run(root: Path) -> None:
    """A run that failed after two checkpoints and is continued: its seal has to go for good."""
    recorder = begin(root, "process")
    record_step(recorder, 0)
    record_step(recorder, 1)
    recorder.close("failed")


def another_run(root: Path) -> None:
    """A study whose first run was recorded without waiting for the disk."""
    with Recorder(root / "new" / "study", hyperparameters={}, labels=LABELS, run_id="other") as recorder:
        record_step(recorder, 0)


BEGINNINGS = [nothing, a_failed_run, another_run]


def logged(root: Path, durability: Any, before: Callable[[Path], None] = nothing) -> tuple[list[Operation], int]:
    """Operations of what lies there before, none of it promised, and of a recording; and how many were before."""
    root.mkdir()
    log = Log(root)
    with log.kept():
        before(root)
        is_promised = not log.operations
        recorder = begin(root, durability, resume=True)
        n_before = 0 if is_promised else len(log.operations)
        log.acknowledged = recorder.n_checkpoints
        while recorder.n_checkpoints < N_STEPS:
            record_step(recorder, recorder.n_checkpoints)
            log.acknowledged += 1
        recorder.close()
    return log.operations, n_before


def replayed(operations: list[Operation]) -> Disk:
    disk = Disk()
    for operation in operations:
        disk.do(operation)
    return disk


def assert_survived(disk: Disk, root: Path, acknowledged: int, where: object) -> None:
    """The study opens with what was acknowledged, or with one checkpoint more; and recording goes on behind it."""
    disk.put(root)
    study = root / "new" / "study"
    if not (study / "runs" / "run").exists():
        assert acknowledged == 0, where
        with suppress(StudyNotFoundError):
            assert open_study(study).problems == (), where
        return
    try:
        count = assert_sound(study, "run", acknowledged, acknowledged + 1)
        if open_study(study).runs.loc["run", "status"] != "finished":
            with begin(root, "process", resume=True) as recorder:
                assert recorder.n_checkpoints == count
                record_step(recorder, count)
            assert_sound(study, "run", count + 1, count + 1)
    except Exception as error:
        error.add_note(str(where))
        raise


def test_every_state_after_a_dying_process_is_sound(tmp_path: Path) -> None:
    operations, _ = logged(tmp_path / "recorded", "process")
    n_states = 0
    for position, operation in enumerate(operations):
        disk = replayed(operations[:position])
        states = [disk]
        # A header is 128 bytes of one page and is never torn; everything else may be, anywhere.
        if operation.kind == "write" and not (operation.offset == 0 and len(operation.data) == 128):
            size = len(operation.data)
            for cut in {1, size - 1, *(size * part // N_CUTS for part in range(1, N_CUTS))} - {0, size}:
                torn = replayed(operations[:position])
                torn.do(Operation("write", operation.path, offset=operation.offset, data=operation.data[:cut]))
                states.append(torn)
        for state in states:
            assert_survived(
                state, tmp_path / "state", operation.acknowledged, (position, operation.kind, operation.path)
            )
        n_states += len(states)
    assert n_states > amount(100, 600)


def unsynced(operations: list[Operation]) -> list[int]:
    """Positions of writes to files, and of changes of names, that no sync has made last."""
    found = []
    for position, operation in enumerate(operations):
        later = operations[position + 1 :]
        if operation.kind in ("write", "truncate"):
            if not any(other.kind == "sync" and other.inode == operation.inode for other in later):
                found.append(position)
        elif operation.kind in NAMES and not any(
            other.kind == "sync-folder" and other.inode == operation.inode for other in later
        ):
            found.append(position)
    return found


@pytest.mark.parametrize("before", BEGINNINGS)
def test_every_state_after_a_power_cut_is_sound(tmp_path: Path, before: Callable[[Path], None]) -> None:
    operations, n_before = logged(tmp_path / "recorded", "disk", before)
    rng, n_states = random.Random(0), 0
    for position, operation in enumerate(operations[n_before:], n_before):
        done = operations[:position]
        # A run that was recorded without waiting for the disk is promised nothing.
        loose = [n for n in unsynced(done) if "other" not in done[n].path]
        # All of it lost, each alone, and some at random; names are lost from some moment on, as a journal does it.
        losses = [set(loose), *({lost} for lost in loose)]
        losses += [{lost for lost in loose if rng.random() < 0.5} for _ in range(2 if len(loose) > 1 else 0)]
        for lost in {frozenset(names_in_order(done, loss)) for loss in losses}:
            kept = [other for number, other in enumerate(done) if number not in lost]
            where = (position, operation.kind, operation.path, sorted(lost))
            assert_survived(replayed(kept), tmp_path / "state", operation.acknowledged, where)
            n_states += 1
    assert n_states > amount(60, 400)


def names_in_order(operations: list[Operation], lost: set[int]) -> set[int]:
    """A file system keeps changes of names in their order: where one is lost, all later ones that are loose are."""
    first = min((n for n in lost if operations[n].kind in NAMES), default=len(operations))
    loose = unsynced(operations)
    return lost | {n for n in loose if n >= first and operations[n].kind in NAMES}
