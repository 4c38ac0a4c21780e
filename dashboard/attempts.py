"""How often somebody may try a wrong token."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque

ALLOWED = 20
SECONDS = 60.0
MOST_SENDERS = 1024


class Attempts:
    """Counts failures per sender over the last minute.

    Args:
        allowed: failures after which a sender waits.
        seconds: how long a failure counts.
    """

    def __init__(self, allowed: int = ALLOWED, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._allowed = allowed
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def may_try(self, sender: str) -> bool:
        """Whether this sender has failures left."""
        with self._lock:
            times = self._failures.get(sender, deque())
            while times and times[0] < time.monotonic() - self.seconds:
                times.popleft()
            return len(times) < self._allowed

    def failed(self, sender: str) -> None:
        """Count a failure; the senders that failed longest ago are forgotten where there are too many."""
        with self._lock:
            self._failures.setdefault(sender, deque(maxlen=self._allowed)).append(time.monotonic())
            self._failures.move_to_end(sender)
            while len(self._failures) > MOST_SENDERS:
                self._failures.popitem(last=False)
