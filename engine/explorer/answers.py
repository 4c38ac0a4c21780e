"""Values by key: in memory, on disk, or computed once."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from engine.arrays import decode, encode
from engine.cache.blobs import BlobCache
from engine.cache.lru import Recent
from engine.errors import CacheError, EngineError, JobCancelled
from engine.jobs import Job, Jobs
from engine.values import JobStatus

logger = logging.getLogger(__name__)

STAND_INS = 1000

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Codec(Generic[Value]):
    """Bytes and size of a kind of value.

    Attributes:
        kind: the kind in a word, for the log and the page.
        keys: pattern of its keys; no other key is looked up.
        magic, build: as of :func:`engine.arrays.decode`.
        n_bytes: value -> approximate size in memory, in bytes.
        seconds: value -> seconds that computing it took.
    """

    kind: str
    keys: re.Pattern[str]
    magic: bytes
    build: Callable[[dict[str, Any]], Value]
    n_bytes: Callable[[Value], int]
    seconds: Callable[[Value], float]

    def encode(self, value: Value) -> bytes:
        return encode(self.magic, value)

    def decode(self, blob: bytes) -> Value:
        return decode(self.magic, blob, self.build)


class Answers(Generic[Value]):
    """Read-through cache of values, with one worker that computes the missing ones.

    Args:
        codec: bytes of a value.
        blobs: disk cache, shared with other processes.
        memory_limit: bytes of recent values in memory.

    Attributes:
        codec: as given.
        jobs: the worker's queue.
        trouble: why a value was not kept although the disk takes others, as a sentence; empty before the first.
    """

    def __init__(self, codec: Codec[Value], blobs: BlobCache, memory_limit: int) -> None:
        self.jobs = Jobs()
        self.codec = codec
        self._blobs = blobs
        self._recent: Recent[Value] = Recent(memory_limit)
        self._stand_ins: Recent[str] = Recent(STAND_INS)
        self.trouble = ""

    def get(self, key: str) -> Value | None:
        """Return the value of a key, or None; damaged bytes on disk count as absent."""
        if not self.codec.keys.fullmatch(key):
            return None
        value = self._recent.get(key)
        if value is None and (blob := self._blobs.get(key)) is not None:
            try:
                value = self.codec.decode(blob)
            except CacheError as refusal:
                logger.warning("The %s %.20s is computed again. %s", self.codec.kind, key, refusal)
                self._blobs.drop(key)
                return None
            self._recent.put(key, value, self.codec.n_bytes(value))
        return value

    def put(self, key: str, value: Value) -> None:
        """Keep a value in memory and on disk."""
        self._recent.put(key, value, self.codec.n_bytes(value))
        try:
            blob = self.codec.encode(value)
            if len(blob) > self._blobs.largest:
                raise CacheError(f"It takes {len(blob):,} bytes, and the cache keeps up to {self._blobs.largest:,}.")
        except CacheError as refusal:
            # The first one stands: a sentence that changed with every value would come back after it was put away.
            self.trouble = self.trouble or (
                f"One {self.codec.kind} at least cannot be kept on disk, and is computed again after a restart. "
                f"{refusal}"
            )
            logger.warning("The %s %.20s is not kept on disk. %s", self.codec.kind, key, refusal)
        else:
            self._blobs.put(key, blob)

    def drop(self, key: str) -> None:
        """Forget a value that cannot be used: the next request computes it."""
        self._recent.drop(key)
        self._blobs.drop(key)

    def stand_in(self, key: str, intact_key: str) -> None:
        """Let the value without a damaged run answer for the key of the selection with it.

        Only :meth:`answer` follows this, for keys already handed out; :meth:`get` does not, so that a request after a
        repair computes the value of all runs.
        """
        self._stand_ins.put(key, intact_key, 1)

    def computed_under(self, key: str) -> str:
        """Return the key of the value that :meth:`answer` returns for this key."""
        return self._stand_ins.get(key) or key

    def answer(self, key: str) -> Value | None:
        """Return the value of a key, or of the key that stands in for it; None if neither is kept."""
        value = self.get(key)
        if value is None and (intact_key := self.computed_under(key)) != key:
            value = self.get(intact_key)
        return value

    def request(
        self, key: str, compute: Callable[[Job], object], client: str = "", seconds: float | None = None
    ) -> JobStatus:
        """Return the status of a value without waiting; ``"done"`` at once if it is kept.

        Args:
            key: key of the value.
            compute: computes the value and keeps it by :meth:`fill`; called by the worker.
            client: name of the client; its newer request withdraws the older ones.
            seconds: predicted seconds.
        """
        if (value := self.get(key)) is not None:
            self.jobs.withdraw(client)
            return JobStatus.done(key, self.codec.seconds(value))
        return self.jobs.submit(key, compute, client, seconds)

    def fill(self, key: str, make: Callable[[], Value], job: Job) -> bool:
        """Compute and keep a value, unless another process on the same cache has; return whether it was computed."""
        with self._blobs.lease(key, job.check):
            if self.get(key) is not None:
                return False
            self.put(key, make())
            return True

    def status(self, key: str) -> JobStatus:
        """Return the status of a value; ``"cancelled"`` for an unknown key."""
        return self.jobs.status(key) or self._kept_status(key)

    def wait(self, key: str, timeout: float | None = None) -> JobStatus:
        """Return the status once the computation is over or ``timeout`` seconds have passed."""
        return self.jobs.wait(key, timeout) or self._kept_status(key)

    def cancel(self, key: str, client: str = "") -> JobStatus:
        """Withdraw a client's request and return the status; without other clients the computation is cancelled."""
        return self.jobs.cancel(key, client) or self._kept_status(key)

    def finish(self, request: Callable[[str], JobStatus]) -> str:
        """Request a value for a client of its own, wait for it, and return its key.

        Raises:
            EngineError: the request was refused or the computation failed, with its message.
            JobCancelled: the jobs were closed meanwhile.
        """
        client = f"finish-{uuid.uuid4().hex}"
        status = request(client)
        try:
            status = self.wait(status.key)
        finally:
            self.cancel(status.key, client)
        if status.state == "cancelled":
            raise JobCancelled("The computation was cancelled: the explorer was closed.")
        if status.state == "failed":
            raise EngineError(status.message)
        return status.key

    def close(self) -> None:
        """Cancel running computations and end the worker."""
        self.jobs.close()

    def _kept_status(self, key: str) -> JobStatus:
        value = self.answer(key)
        return JobStatus.unknown(key) if value is None else JobStatus.done(key, self.codec.seconds(value))
