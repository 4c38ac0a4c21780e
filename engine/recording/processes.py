"""One process per writer, and one thread at a time."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NoReturn
from weakref import WeakSet

from engine.errors import RunError


class NeverCopied:
    """Base class of what writes a run: a copy or a pickle would be a second writer."""

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise RunError(
            f"A {type(self).__name__} cannot be copied or pickled: two would write into one run. Make it in the "
            "process that records, after other processes are started."
        )


class OfOneProcess(NeverCopied):
    """Base class of objects that only the process which made them may use.

    A fork has copies of all descriptors, under which two processes would append to one journal; and a child that
    outlives a killed trainer would keep its lock. So `let_go` is called in every forked child.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        _alive.add(self)

    @property
    def is_here(self) -> bool:
        """Whether this is the process that made the object."""
        return self._process == os.getpid()

    def let_go(self) -> None:
        """Close the descriptors of a forked child; nothing is written."""


_alive: WeakSet[OfOneProcess] = WeakSet()
_opening = threading.RLock()


@contextmanager
def unforked() -> Iterator[None]:
    """Let forks by other threads wait: what is opened meanwhile belongs to an `OfOneProcess` before they go on."""
    opening = _opening
    with opening:
        yield


def _before_fork() -> None:
    _opening.acquire()


def _after_fork() -> None:
    _opening.release()


def _in_child() -> None:
    # A new lock: the thread that holds the old one, a parent's, may be counted in it more than once.
    global _opening
    _opening = threading.RLock()
    for each in list(_alive):
        each.let_go()
    _alive.clear()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)


class InTurn:
    """Lock that threads get in the order in which they ask for it.

    An ordinary lock may prefer a later thread, whose larger step would then refuse the earlier one's.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._owner: int | None = None

    def __enter__(self) -> None:
        me = threading.get_ident()
        with self._guard:
            if self._owner == me:
                raise RunError(
                    "A recorder was called while it records in the same thread, as from a signal handler. Nothing is "
                    "recorded; set a flag in the handler and record afterwards."
                )
            if self._owner is None:
                self._owner = me
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        try:
            turn.acquire()
        except BaseException:
            # Ctrl-C while waiting: the turn is given up, or passed on if it came meanwhile.
            with self._guard:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                else:
                    self._pass_on()
            raise
        self._owner = me

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._guard:
            self._pass_on()

    def _pass_on(self) -> None:
        if self._waiting:
            # Until the next thread wakes up it has no owner, and yet is taken: a third one must not come between.
            self._owner = 0
            self._waiting.popleft().release()
        else:
            self._owner = None
