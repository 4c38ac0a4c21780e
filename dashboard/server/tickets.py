"""One-time tokens: each admits one browser, once, within an hour."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time

SECONDS = 3600.0


class Tickets:
    """Tokens that have been issued and not used yet.

    Kept as digests, so that the time of a look-up tells nothing about a token.

    Args:
        seconds: time after which an unused token is void.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._ends: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def issue(self) -> str:
        """New token; those that are void by now are forgotten."""
        token, now = secrets.token_urlsafe(24), time.monotonic()
        with self._lock:
            self._ends = {digest: end for digest, end in self._ends.items() if end > now}
            self._ends[_digest(token)] = now + self._seconds
        return token

    def redeem(self, token: str) -> bool:
        """Whether the token is valid; from now on it is not."""
        with self._lock:
            return self._ends.pop(_digest(token), 0.0) > time.monotonic()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
