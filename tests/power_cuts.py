"""Model of a disk: what was not synced may be lost, torn or out of order."""

from __future__ import annotations

import itertools
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.scale import amount

SECTOR = 512
"""Bytes that a disk writes as a whole, at a multiple of them in the file."""

HEADER = 128
N_CUTS = amount(2, 8)
MOST_IN_FULL = amount(3, 6)
"""Number of loose changes up to which every subset of them is lost."""


@dataclass(frozen=True)
class Change:
    """One change of one file's content or of one folder's names.

    Attributes:
        kind: names, write, truncate, extend; or sync, which makes those before it last.
        node: the file, or the folder, that has to be synced.
        names: what names in the folder lead to from now on, a node or nothing; all of one change are lost or none.
        offset: where a write begins.
        size: of a truncation; least of an extension.
        acknowledged: what the program had been told before.
    """

    kind: str
    node: int
    names: tuple[tuple[str, int | None], ...] = ()
    offset: int = 0
    data: bytes = b""
    size: int = 0
    acknowledged: int = 0


@dataclass
class Log:
    """What a program does to a folder that is empty at first, in order.

    Attributes:
        acknowledged: what it has been told so far; -1 while nothing is promised.
        n_before: number of changes before those in which the power may be cut.
    """

    root: Path
    changes: list[Change] = field(default_factory=list)
    folders: set[int] = field(default_factory=lambda: {0})
    acknowledged: int = 0
    n_before: int = 0

    def __post_init__(self) -> None:
        self.root.mkdir()
        self._nodes, self._fresh = {os.stat(self.root).st_ino: 0}, itertools.count(1)

    def begin(self, *settled: Path) -> None:
        """Let the power be cut from now on; what lies in the folders `settled` was written long ago."""
        for folder in settled:
            for path in (folder, *folder.rglob("*")):
                self._note("sync", self._node(path))
        self.n_before = len(self.changes)

    def _node(self, path: Any) -> int | None:
        return self._nodes.get(os.stat(path).st_ino)

    def _note(self, kind: str, node: int | None, **fields: Any) -> None:
        if node is not None:
            self.changes.append(Change(kind, node, acknowledged=self.acknowledged, **fields))

    def _note_new(self, path: Path, is_folder: bool) -> None:
        above = self._node(path.parent)
        if above is not None:
            # The system may use the number of a removed file again.
            node = self._nodes[os.stat(path).st_ino] = next(self._fresh)
            if is_folder:
                self.folders.add(node)
            self._note("names", above, names=((path.name, node),))

    @contextmanager
    def kept(self) -> Iterator[None]:
        names = ("open", "write", "pwrite", "fsync", "fdatasync", "ftruncate", "replace", "rename", "mkdir", "unlink")
        real = {name: getattr(os, name) for name in (*names, "rmdir")}

        def opening(path: Any, flags: int, *more: Any, dir_fd: int | None = None) -> int:
            is_new = bool(flags & os.O_CREAT) and not _resolved(path, dir_fd).exists()
            descriptor = real["open"](path, flags, *more, dir_fd=dir_fd)
            if is_new:
                self._note_new(_resolved(path, dir_fd), is_folder=False)
            return int(descriptor)

        def writing(descriptor: int, data: Any) -> int:
            offset = os.fstat(descriptor).st_size
            count = int(real["write"](descriptor, data))
            self._note("write", self._node(descriptor), data=bytes(data)[:count], offset=offset)
            return count

        def writing_at(descriptor: int, data: Any, offset: int) -> int:
            count = int(real["pwrite"](descriptor, data, offset))
            self._note("write", self._node(descriptor), data=bytes(data)[:count], offset=offset)
            return count

        def syncing(descriptor: int) -> None:
            real["fsync"](descriptor)
            self._note("sync", self._node(descriptor))

        def truncating(descriptor: int, size: int) -> None:
            real["ftruncate"](descriptor, size)
            self._note("truncate", self._node(descriptor), size=size)

        def renaming(source: Any, target: Any) -> None:
            (above, child), there = (self._node(Path(source).parent), self._node(source)), Path(target)
            real["rename"](source, target)
            new, old = (there.name, child), (Path(source).name, None)
            if above == self._node(there.parent):
                self._note("names", above, names=(new, old))
            else:
                # POSIX promises nothing of two folders: either, or both, or neither may have changed.
                self._note("names", self._node(there.parent), names=(new,))
                self._note("names", above, names=(old,))

        def making(path: Any, *more: Any) -> None:
            real["mkdir"](path, *more)
            self._note_new(Path(path), is_folder=True)

        def removing(kind: str) -> Any:
            def remove(path: Any, *, dir_fd: int | None = None) -> None:
                where = _resolved(path, dir_fd)
                real[kind](path, dir_fd=dir_fd)
                self._note("names", self._node(where.parent), names=((where.name, None),))

            return remove

        wrapped = {
            "open": opening, "write": writing, "pwrite": writing_at, "fsync": syncing, "fdatasync": syncing,
            "ftruncate": truncating, "rename": renaming, "replace": renaming, "mkdir": making,
            "unlink": removing("unlink"), "rmdir": removing("rmdir"),
        }  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            for name, call in wrapped.items():
                patch.setattr(os, name, call)
            yield


def _resolved(path: Any, folder: int | None) -> Path:
    return Path(path) if folder is None else Path(os.readlink(f"/proc/self/fd/{folder}"), path)


class Disk:
    """Files and folders as some changes leave them."""

    def __init__(self, changes: list[Change], folders: set[int]) -> None:
        self._files: dict[int, bytearray] = {}
        self._names: dict[int, dict[str, int]] = {node: {} for node in folders}
        for change in changes:
            self._do(change)

    def _do(self, change: Change) -> None:
        if change.kind == "names":
            for name, node in change.names:
                if node is None:
                    self._names[change.node].pop(name, None)
                else:
                    self._names[change.node][name] = node
            return
        content = self._files.setdefault(change.node, bytearray())
        end = change.offset + len(change.data) if change.kind == "write" else change.size
        if change.kind != "sync":
            content.extend(bytes(max(0, end - len(content))))
        if change.kind == "write":
            content[change.offset : end] = change.data
        elif change.kind == "truncate":
            del content[change.size :]

    def content(self, node: int = 0, path: str = "") -> dict[str, bytes | None]:
        """Contents by path, None for a folder; what lies in a folder that is not there is lost with it."""
        found: dict[str, bytes | None] = {}
        for name, child in sorted(self._names[node].items()):
            if child in self._names:
                found[f"{path}{name}"] = None
                found |= self.content(child, f"{path}{name}/")
            else:
                found[f"{path}{name}"] = bytes(self._files.get(child, b""))
        return found


def put(content: dict[str, bytes | None], root: Path) -> None:
    """Write the contents of a disk to an empty folder."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for path, data in content.items():
        if data is None:
            (root / path).mkdir()
        else:
            (root / path).write_bytes(data)


def loose(changes: list[Change]) -> list[int]:
    """Positions of the changes that no sync has made last."""
    synced = {change.node: position for position, change in enumerate(changes) if change.kind == "sync"}
    return [n for n, change in enumerate(changes) if change.kind != "sync" and synced.get(change.node, -1) < n]


def first_parts(change: Change) -> list[Change]:
    """Parts of a write that ended early; none of a header, which is 128 bytes of one sector and is never torn."""
    size = len(change.data)
    if change.kind != "write" or (change.offset, size) == (0, HEADER):
        return []
    cuts = {1, size - 1, *(size * part // N_CUTS for part in range(1, N_CUTS))} - {0, size}
    return [replace(change, data=change.data[:cut]) for cut in sorted(cuts)]


def torn(change: Change) -> Iterator[list[Change]]:
    """Yield what may be left of a write: a first part of it, or the file's new length and any of the sectors."""
    firsts = first_parts(change)
    if not firsts:
        return
    yield from ([first] for first in firsts)
    end = change.offset + len(change.data)
    borders = [change.offset, *range(change.offset // SECTOR * SECTOR + SECTOR, end, SECTOR), end]
    sectors = [
        replace(change, offset=first, data=change.data[first - change.offset : last - change.offset])
        for first, last in itertools.pairwise(borders)
    ]
    length = replace(change, kind="extend", size=end)
    for n_kept in range(min(len(sectors), 4)):
        for kept in itertools.combinations(sectors[:4], n_kept):
            yield [length, *kept]


def power_cuts(done: list[Change], rng: random.Random, n_random: int) -> Iterator[list[Change]]:
    """Yield what may be left of changes if the power is cut behind them: nothing, all, any or random loose ones."""
    at_risk = loose(done)
    losses: set[frozenset[int]] = {frozenset(), frozenset(at_risk)}
    if len(at_risk) <= MOST_IN_FULL:
        losses |= {frozenset(lost) for n in range(len(at_risk)) for lost in itertools.combinations(at_risk, n)}
    else:
        losses |= {frozenset({one}) for one in at_risk} | {frozenset(at_risk) - {one} for one in at_risk}
        losses |= {frozenset(n for n in at_risk if rng.random() < 0.5) for _ in range(n_random)}
    for lost in sorted(losses, key=sorted):
        yield [change for n, change in enumerate(done) if n not in lost]
    for position in at_risk:
        for parts in torn(done[position]):
            for share in (0, 1, 0.5):
                lost = frozenset(n for n in at_risk if rng.random() < share)
                kept = [
                    ([change] if n not in lost else []) if n != position else parts for n, change in enumerate(done)
                ]
                yield list(itertools.chain.from_iterable(kept))
