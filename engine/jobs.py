"""Job queue with one worker thread, progress and cancellation.

There is at most one computation per key, shared by all clients that request it. The worker is a long-lived thread and
not a process per job, so that the device context, compiled kernels and open files persist. Jobs run in the order of
submission. A client wants one key at a time: its newer request withdraws its older ones, and a job without clients
is dropped from the queue or stopped at its next check.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import replace

from engine.errors import EngineError, JobCancelled
from engine.machine import ASK_FOR_LESS
from engine.values import JobStatus

logger = logging.getLogger(__name__)

REMEMBERED = 256
"""Number of finished jobs whose status is kept."""
LONGEST_QUEUE = 64
"""Number of waiting jobs from which on new ones are refused."""
DEFECT = (
    "This could not be computed, through a defect of the program. The reason is in the log, where the program was "
    "started: please report it, and change the selection or an option meanwhile."
)
NO_MEMORY = f"There was not enough memory to compute this: {ASK_FOR_LESS}."
GIVE_WAY_SECONDS = 0.1


class Job:
    """Handle of a computation for reporting progress and checking for cancellation."""

    def __init__(self, key: str, function: Callable[[Job], object], predicted: float | None) -> None:
        self.key = key
        self._function = function
        self._predicted = predicted
        self._clients: set[str] = set()
        self._abandoned = False  # whether its last client withdrew while it ran
        self._began: float | None = None
        self._status = JobStatus(key, "queued")

    def report(self, stage: str, fraction: float) -> None:
        """Set the stage and the completed fraction of the whole; fractions never decrease."""
        fraction = min(max(fraction, self._status.fraction), 1.0)
        self._status = replace(self._status, stage=stage, fraction=fraction)

    def cancelled(self) -> bool:
        """Return whether no client wants the result any more."""
        return not self._clients

    def check(self) -> None:
        """Raise if the job was cancelled.

        Raises:
            JobCancelled: no client wants the result any more.
        """
        if self.cancelled():
            raise JobCancelled("The computation was cancelled.")

    def _snapshot(self) -> JobStatus:
        status = self._status
        if self._began is None or status.is_over:
            return status
        elapsed = time.monotonic() - self._began
        return replace(status, elapsed=elapsed, remaining=_remaining(elapsed, status.fraction, self._predicted))

    def _finish(self, state: str, message: str = "") -> None:
        elapsed = 0.0 if self._began is None else time.monotonic() - self._began
        fraction = 1.0 if state == "done" else self._status.fraction
        remaining = 0.0 if state == "done" else None
        self._function = lambda job: None  # drops the reference to the study
        self._status = replace(
            self._status, state=state, fraction=fraction, elapsed=elapsed, remaining=remaining, message=message
        )


def _remaining(elapsed: float, fraction: float, predicted: float | None) -> float | None:
    """Return seconds left: the prediction at first, weighted towards the measured rate as the fraction grows."""
    by_prediction = None if predicted is None else max(predicted - elapsed, 0.0)
    if fraction < 0.01:
        return by_prediction
    by_measurement = elapsed * (1 - fraction) / fraction
    if by_prediction is None:
        return by_measurement
    return (1 - fraction) * by_prediction + fraction * by_measurement


class Jobs:
    """Queue, worker thread and table of statuses.

    One condition guards every field; it is never held during a computation or file access.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._table: OrderedDict[str, Job] = OrderedDict()
        self._queue: deque[Job] = deque()
        self._worker: threading.Thread | None = None
        self._closed = False

    def submit(
        self, key: str, function: Callable[[Job], object], client: str = "", predicted: float | None = None
    ) -> JobStatus:
        """Submit a computation, or join the queued or running one of this key, and return its status.

        Args:
            key: name of the result; one computation per key at a time.
            function: computes and stores the result; calls ``report`` and ``check`` of its job.
            client: the requesting client. A named client withdraws from every other key; the empty name never does.
            predicted: expected duration in seconds.
        """
        with self._changed:
            self._supersede(client, key)
            job = self._table.get(key)
            if job is None or job._status.is_over:
                job = self._enqueue(Job(key, function, predicted))
            if not job._status.is_over:
                job._clients.add(client)
            return job._snapshot()

    def status(self, key: str) -> JobStatus | None:
        """Return the status of this key's computation, or None if unknown."""
        with self._changed:
            job = self._table.get(key)
            return None if job is None else job._snapshot()

    def wait(self, key: str, timeout: float | None = None) -> JobStatus | None:
        """Return the status once the computation is over or `timeout` seconds have passed; None if unknown."""
        with self._changed:
            self._changed.wait_for(lambda: key not in self._table or self._table[key]._status.is_over, timeout)
            return self.status(key)

    def cancel(self, key: str, client: str = "") -> JobStatus | None:
        """Withdraw a client's request and return the status; the computation stops if it was the last request."""
        with self._changed:
            job = self._table.get(key)
            if job is None:
                return None
            self._withdraw(job, client)
            return job._snapshot()

    def withdraw(self, client: str) -> None:
        """Withdraw a named client from all jobs, because its current request needs no computation."""
        with self._changed:
            self._supersede(client, "")

    def give_way(self, check: Callable[[], None]) -> None:
        """Return once nothing is queued or running here; for work of another queue that comes second.

        Args:
            check: called ten times a second meanwhile; may raise to stop.
        """
        with self._changed:
            while any(not job._status.is_over for job in self._table.values()):
                self._changed.wait(GIVE_WAY_SECONDS)
                check()

    def close(self, timeout: float = 5.0) -> None:
        """Cancel all jobs and end the worker."""
        with self._changed:
            self._closed = True
            for job in self._table.values():
                for client in tuple(job._clients):
                    self._withdraw(job, client)
            self._changed.notify_all()
            worker = self._worker
        if worker is not None and worker is not threading.current_thread():
            worker.join(timeout)

    def _enqueue(self, job: Job) -> Job:
        self._table.pop(job.key, None)
        self._table[job.key] = job
        if self._closed:
            job._finish("cancelled", "The engine is closed.")
        elif len(self._queue) >= LONGEST_QUEUE:
            job._finish("failed", f"{LONGEST_QUEUE} computations are waiting already: ask again in a moment.")
        else:
            self._queue.append(job)
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="inpca-worker", daemon=True)
                self._worker.start()
            self._changed.notify_all()
        self._forget_old()
        return job

    def _supersede(self, client: str, key: str) -> None:
        """Withdraw a named client from all jobs but that of ``key``."""
        if client:
            for job in self._table.values():
                if job.key != key:
                    self._withdraw(job, client)

    def _withdraw(self, job: Job, client: str) -> None:
        if client not in job._clients:
            return
        job._clients.discard(client)
        if job._clients:
            return
        if job._status.state == "queued":
            self._queue.remove(job)
            job._finish("cancelled")
            self._changed.notify_all()
        else:
            job._abandoned = True

    def _forget_old(self) -> None:
        over = [key for key, job in self._table.items() if job._status.is_over]
        for key in over[: max(len(over) - REMEMBERED, 0)]:
            del self._table[key]

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if self._closed:
                    return
                job = self._queue.popleft()
                job._began = time.monotonic()
                job._abandoned = False
                job._status = JobStatus(job.key, "running")
            state, message = _run(job)
            with self._changed:
                # A client may have submitted again between the last withdrawal and the stop: then the job runs again.
                if state == "cancelled" and job._abandoned and job._clients:
                    job._status = JobStatus(job.key, "queued")
                    job._began = None
                    self._queue.appendleft(job)
                else:
                    job._finish(state, message)
                    job._clients.clear()
                self._changed.notify_all()


def _run(job: Job) -> tuple[str, str]:
    """Run a job and return its state and message; exceptions do not propagate."""
    try:
        job._function(job)
    except JobCancelled:
        return "cancelled", ""
    except EngineError as error:
        logger.warning("The computation %.20s failed: %s", job.key, error)
        return "failed", str(error)
    except MemoryError:
        logger.exception("The computation %.20s ran out of memory.", job.key)
        return "failed", NO_MEMORY
    except BaseException:
        logger.exception("The computation %.20s failed.", job.key)
        return "failed", DEFECT
    return "done", ""
