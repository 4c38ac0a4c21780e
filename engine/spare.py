"""Memory of the last selection, kept for the next one.

The system hands out memory page by page and zeroed, and may have to make room first: that takes as long as filling it
with distances, and now and then several times as long.
"""

from __future__ import annotations

import weakref
from collections import deque

import numpy as np
from numpy.typing import NDArray

SPARE_BYTES = 2**29
"""More than this is not kept from the rest of the machine."""
HEADROOM = 8
"""One part in so many is asked for beyond what is needed: the next selection may be a little larger. What is not
touched costs nothing."""

Values = NDArray[np.float32]


class Spare:
    """At most one array that nobody uses; threads may share it.

    Args:
        limit: bytes above which an array is not kept.
    """

    def __init__(self, limit: int = SPARE_BYTES) -> None:
        self._limit = limit
        # Taking and giving are single operations on it: a lock would be in the way of what the garbage collector gives.
        self._arrays: deque[Values] = deque(maxlen=1)

    @property
    def n_bytes(self) -> int:
        """What it keeps."""
        return sum(array.nbytes for array in tuple(self._arrays))

    def take(self, size: int) -> Values:
        """Return an array of at least this many numbers, with anything in them; whoever took it may give it back."""
        try:
            array = self._arrays.pop()
        except IndexError:
            return np.empty(size + size // HEADROOM, dtype=np.float32)
        if len(array) >= size:
            return array
        # It goes before another one comes.
        del array
        return np.empty(size + size // HEADROOM, dtype=np.float32)

    def give(self, array: Values) -> None:
        """Keep an array that :meth:`take` returned and that nobody uses any more."""
        if array.nbytes <= self._limit:
            self._arrays.append(array)

    def give_after(self, user: object, array: Values) -> None:
        """Keep an array once its only user is gone."""
        weakref.finalize(user, self.give, array).atexit = False

    def clear(self) -> None:
        """Keep nothing."""
        self._arrays.clear()
