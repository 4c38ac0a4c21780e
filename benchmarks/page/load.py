"""Load test of a served dashboard: ``python -m benchmarks load --output docs/load.md``.

Writes ``docs/load.md``. Sessions use HTTP, as browsers do: each changes its selection every second, waits for the
embedding of its own selection and fetches it; occasionally it opens a panel. Then a soak test: random actions for
minutes, while the memory and the file descriptors of the server are monitored. The server is the app in a separate
process.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.payloads.scene import MAGIC
from engine import arrays

ROOT = Path(__file__).resolve().parents[2]
N_OWN = 50
"""Number of selections private to sessions in the soak test: all their cache entries exist after the warm-up, so memory
that grows afterwards is leaked."""
N_SHARED = 12
"""Number of selections shared by sessions: requested at the same time, each must be computed once."""
WARM_UP_SHARE = 0.25
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Server:
    """Server in a separate process."""

    port: int
    pid: int

    def memory(self) -> int:
        """Return the resident memory in bytes."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE_BYTES

    def descriptors(self) -> int:
        """Return the number of open file descriptors without connections, which vary with the sessions."""
        links = []
        for path in Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                links.append(os.readlink(path))
            except OSError:
                continue
        return sum(not link.startswith("socket:") for link in links)


@contextmanager
def app_server(studies: Path, folder: Path) -> Iterator[Server]:
    """Start the app by its command line, and yield the server until the block ends."""
    command = [sys.executable, "app.py", "--studies", str(studies), "--port", "0", "--device", "cpu"]
    command += ["--cache", str(folder / "cache"), "--views", str(folder / "views")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield Server(int(re.search(r":(\d+)/", line)[1]), process.pid)  # type: ignore[index]
    finally:
        process.kill()
        process.wait()


@dataclass
class Tally:
    """Observations of all sessions."""

    codes: Counter[int] = field(default_factory=Counter)
    cached: list[float] = field(default_factory=list)
    computed: list[float] = field(default_factory=list)
    crossed: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    computations: dict[str, set[float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Session:
    """HTTP client of one browser session.

    Args:
        port: port of the server.
        name: name of the session on the server.
        study: response to opening the study.
        tally: collects the observations.
    """

    def __init__(self, port: int, name: str, study: dict[str, Any], tally: Tally) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._name, self._study, self._tally = name, study, tally

    def ask(self, path: str, body: Any = None) -> bytes:
        """Send one request and return the body of the response."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        raw = None if body is None else json.dumps(body)
        self._connection.request("GET" if body is None else "POST", path, raw, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        with self._tally.lock:
            self._tally.codes[answer.status] += 1
        return content

    def embed(self, mask: str) -> None:
        """Request the embedding of a selection, wait for it and check that it is of this selection."""
        study = self._study
        question = {
            "study": study["study"],
            "fingerprint": study["fingerprint"],
            "split": study["split"],
            "mask": mask,
            "fit_references": False,
            "limit": 1e9,
            "client": self._name,
        }
        began = time.perf_counter()
        status = json.loads(self.ask("/api/scenes", question))
        # A cached answer has no stage; sessions that share a computation receive the same elapsed time.
        was_there = status.get("state") == "done" and not status["stage"]
        while status.get("state") in ("queued", "running"):
            status = json.loads(self.ask(f"/api/scenes/{status['key']}/status"))
        if status.get("state") != "done":
            raise RuntimeError(f"An embedding failed: {status}")
        scene = self.ask(f"/api/scenes/{status['key']}.bin")
        took = time.perf_counter() - began
        run_ids = header_of(scene)["run_ids"]
        with self._tally.lock:
            (self._tally.cached if was_there else self._tally.computed).append(took)
            self._tally.keys[mask] = status["key"]
            if status["stage"]:
                self._tally.computations.setdefault(status["key"], set()).add(status["elapsed"])
            if run_ids != chosen_runs(mask, study["run_ids"]):
                self._tally.crossed.append(f"{self._name} asked for {mask} and got {run_ids[:3]}")

    def look_closer(self, mask: str) -> None:
        """Open a panel of a selection that has an embedding."""
        self.ask(f"/api/scenes/{self._tally.keys[mask]}/components")


def header_of(scene: bytes) -> dict[str, Any]:
    """Return the header of an encoded scene."""
    return arrays.decode(MAGIC, scene, dict)


def mask_of(chosen: list[int], n_runs: int) -> str:
    """Return a selection in the page's encoding."""
    bits = np.zeros(n_runs, dtype=np.uint8)
    bits[chosen] = 1
    return base64.b64encode(np.packbits(bits, bitorder="little").tobytes()).decode()


def chosen_runs(mask: str, run_ids: list[str]) -> list[str]:
    """Return the runs of a selection."""
    bits = np.unpackbits(np.frombuffer(base64.b64decode(mask), np.uint8), bitorder="little")
    return [run_id for run_id, bit in zip(run_ids, bits, strict=False) if bit]


def opened_study(port: int, study: str) -> dict[str, Any]:
    """Return the response to opening a study."""
    session = Session(port, "opening", {}, Tally())
    call = next(c for c in json.loads(session.ask("/_dash-dependencies")) if c["clientside_function"] is None)
    names = [name.rsplit(".", 1) for name in call["output"].strip(".").split("...")]
    body = {
        "output": call["output"],
        "outputs": [{"id": name, "property": part} for name, part in names],
        "inputs": [{**i, "value": f"?d={study}" if i["id"] == "location" else None} for i in call["inputs"]],
        "state": [{**state, "value": "train" if state["id"] == "split" else None} for state in call["state"]],
        "changedPropIds": [],
    }
    payload = json.loads(session.ask("/_dash-update-component", body))["response"]["study-data"]["data"]
    return {
        "study": study,
        "split": "train",
        "fingerprint": payload["fingerprint"],
        "run_ids": payload["run_ids"],
    }


def run_sessions(
    server: Server, study: dict[str, Any], n_sessions: int, seconds: float, pause: float, n_own: int | None = None
) -> Tally:
    """Run sessions concurrently, each with its own clock and random generator.

    Args:
        server: the server.
        study: from :func:`opened_study`.
        n_sessions: number of concurrent sessions.
        seconds: duration.
        pause: least seconds between two selections of a session.
        n_own: number of different selections besides the shared ones; None for any number.
    """
    tally, n_runs = Tally(), len(study["run_ids"])
    luck = random.Random(0)
    shared = [mask_of(luck.sample(range(n_runs), luck.randint(3, n_runs)), n_runs) for _ in range(N_SHARED)]
    until = time.monotonic() + seconds
    troubles: list[str] = []

    def live(number: int) -> None:
        rng = random.Random(number)
        session = Session(server.port, f"session-{number}", study, tally)
        try:
            while time.monotonic() < until:
                began = time.monotonic()
                dice = rng if n_own is None else random.Random(f"own {rng.randrange(n_own)}")
                own = mask_of(dice.sample(range(n_runs), dice.randint(3, n_runs)), n_runs)
                mask = own if rng.random() < 0.2 else rng.choice(shared)
                session.embed(mask)
                if rng.random() < 0.1:
                    session.look_closer(mask)
                time.sleep(max(0.0, pause - (time.monotonic() - began)))
        except Exception as error:
            troubles.append(f"session {number}: {type(error).__name__}: {error}")

    threads = [threading.Thread(target=live, args=(number,)) for number in range(n_sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise RuntimeError("; ".join(troubles[:3]))
    return tally


def watch(server: Server, seconds: float, samples: list[tuple[float, int, int]]) -> threading.Thread:
    """Sample (seconds, bytes, descriptors) of the server a hundred times during `seconds`."""

    def look() -> None:
        began = time.monotonic()
        while (at := time.monotonic() - began) < seconds:
            samples.append((at, server.memory(), server.descriptors()))
            time.sleep(seconds / 100)

    thread = threading.Thread(target=look)
    thread.start()
    return thread


def growth(samples: list[tuple[float, int, int]]) -> tuple[float, int, int]:
    """Return the relative growth of memory after the warm-up (medians of first and last fifth), and the descriptors."""
    kept = np.array(samples[int(WARM_UP_SHARE * len(samples)) :], dtype=float)
    fifth = max(1, len(kept) // 5)
    first, last = np.median(kept[:fifth], axis=0), np.median(kept[-fifth:], axis=0)
    return float(last[1] / first[1] - 1), int(first[2]), int(last[2])


def computed_once(tally: Tally) -> bool:
    """Return whether all requests for a selection shared one computation."""
    return all(len(times) == 1 for times in tally.computations.values())


def measure(studies: str, study: str, sessions: int, seconds: float, soak: float) -> tuple[str, bool]:
    """Return the page ``docs/load.md``, and whether the bounds hold."""
    with tempfile.TemporaryDirectory() as folder, app_server(Path(studies), Path(folder)) as server:
        opened = opened_study(server.port, study)
        # Kernels are compiled and distances computed once per cache.
        n_runs = len(opened["run_ids"])
        Session(server.port, "first", opened, Tally()).embed(mask_of(list(range(n_runs)), n_runs))
        tally = run_sessions(server, opened, sessions, seconds, 1.0)
        samples: list[tuple[float, int, int]] = []
        if soak:
            watcher = watch(server, soak, samples)
            soaked = run_sessions(server, opened, max(1, sessions // 2), soak, 1.0, N_OWN)
            watcher.join()
            tally.codes += soaked.codes
            tally.crossed += soaked.crossed
    table = table_of(tally, samples, f"{sessions} sessions x {seconds:g} s", soak)
    bad = [code for code in tally.codes if code >= 400]
    return document(table, study, n_runs), not (bad or tally.crossed or not computed_once(tally))


def table_of(tally: Tally, samples: list[tuple[float, int, int]], load: str, soak: float) -> str:
    """Return the measurements as a Markdown table."""
    rows = [
        ("load", load),
        ("answers", f"{sum(tally.codes.values()):,}"),
        ("answers of 400 and above", str(sum(n for code, n in tally.codes.items() if code >= 400))),
        ("embeddings of another selection than asked for", str(len(tally.crossed))),
        ("selections asked for", f"{sum(map(len, (tally.cached, tally.computed))):,} ({len(tally.keys):,} distinct)"),
        ("each computed once", "yes" if computed_once(tally) else "no"),
    ]
    for name, times in (("kept already", tally.cached), ("computed or joined", tally.computed)):
        if times:
            middle, high = np.quantile(times, [0.5, 0.95])
            rows.append((f"selection to picture, {name}: median / p95", f"{1e3 * middle:.0f} / {1e3 * high:.0f} ms"))
    if samples:
        grown, before, after = growth(samples)
        rows += [
            ("soak", f"{soak:g} s"),
            ("memory of the server at the end", f"{samples[-1][1] / 2**20:.0f} MiB ({grown:+.1%} after the warm-up)"),
            ("open files beside connections, before / after", f"{before} / {after}"),
        ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def document(table: str, study: str, n_runs: int) -> str:
    """Return the page ``docs/load.md``."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return f"""# Under load

What one server carries: sessions over HTTP on `{study}` ({n_runs} runs), each changing its selection every second,
four of five selections out of {N_SHARED} that all have in common, the rest its own; then a soak with half as many,
whose own selections are out of {N_OWN}. Measured on {machine}, with the sessions on the same machine, by
`python -m benchmarks load --output docs/load.md`.

{table}
"""
