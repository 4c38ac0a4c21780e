"""Load script against a server in this process: measurements and session isolation."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.page import load
from dashboard import create_app
from dashboard.server.waitress import make_server
from engine import Explorer
from tests.scale import amount
from tests.small_study import N_RUNS

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def server(studies_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    explorer = Explorer(studies_folder, device="cpu", cache=tmp_path_factory.mktemp("cache"))
    server = make_server(create_app(explorer), "127.0.0.1", 0)
    threading.Thread(target=server.run, daemon=True).start()
    yield load.Server(server.effective_port, os.getpid())
    server.close()
    explorer.close()


def test_concurrent_sessions_get_their_selections_each_computed_once(server: Any) -> None:
    study = load.opened_study(server.port, "small")
    assert len(study["run_ids"]) == N_RUNS
    load.Session(server.port, "first", study, load.Tally()).embed(load.mask_of([0, 1, 2], N_RUNS))
    tally = load.run_sessions(server, study, amount(6, 20), amount(2.0, 60.0), amount(0.1, 1.0))
    assert set(tally.codes) == {200}
    assert tally.crossed == []
    assert load.computed_once(tally)
    assert tally.computations
    assert len(tally.keys) > 3
    again = load.Tally()
    load.Session(server.port, "again", study, again).embed(next(iter(tally.keys)))
    assert (len(again.cached), len(again.computed), again.computations) == (1, 0, {})


def test_another_session_s_embedding_would_be_noticed(server: Any, monkeypatch: Any) -> None:
    study, tally = load.opened_study(server.port, "small"), load.Tally()
    session = load.Session(server.port, "one", study, tally)
    monkeypatch.setattr(load, "header_of", lambda scene: {"run_ids": study["run_ids"][:2]})
    session.embed(load.mask_of([0, 1, 2], N_RUNS))
    assert len(tally.crossed) == 1


def test_a_soak_measures_growth_after_the_warm_up(server: Any) -> None:
    samples: list[Any] = []
    load.watch(server, 0.2, samples).join()
    assert samples[0][1] > 10 * 2**20
    assert samples[0][2] >= 1
    grown, before, after = load.growth([(n, 100 + max(0, n - 50), 7 + n // 90) for n in range(100)])
    assert grown == pytest.approx(0.42)
    assert (before, after) == (7, 8)
    table = load.table_of(load.Tally(), samples, "nothing", 1.0)
    assert "| load | nothing |" in load.document(table, "small", 3)
