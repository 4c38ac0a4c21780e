"""Calls that one request for a scene makes, with all distances on disk."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from flask.testing import FlaskClient

from engine.distances.distance_store import DistanceStore
from engine.distances.tiles.file import TileFile
from engine.explorer.builder import SceneBuilder
from engine.store.study import Study
from tests.small_study import N_RUNS
from tests.wire import finished, mask

COUNTED = {
    "work": (SceneBuilder, "work"),
    "build": (SceneBuilder, "build"),
    "missing": (DistanceStore, "missing"),
    "refresh": (TileFile, "_refresh"),
    "content ids": (Study, "content_ids"),
}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    counts: Counter[str] = Counter()
    for name, (home, method) in COUNTED.items():
        original = getattr(home, method)

        def counted(*arguments: Any, name: str = name, original: Any = original, **options: Any) -> Any:
            counts[name] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(home, method, counted)
    return counts


def test_a_request_is_resolved_once(client: FlaskClient, question: dict[str, Any], calls: Counter[str]) -> None:
    finished(client, question)
    assert calls["content ids"] == N_RUNS, "whatever is missing"
    calls.clear()
    part = question | {"mask": mask(list(range(10)))}
    assert finished(client, part)["state"] == "done"
    assert calls["build"] == 1, "a new scene of stored distances"
    assert {name: calls[name] for name in ("work", "missing", "refresh")} == {"work": 1, "missing": 1, "refresh": 1}
    assert calls["content ids"] == 10
    calls.clear()
    assert finished(client, part)["state"] == "done"
    assert (calls["work"], calls["refresh"], calls["content ids"]) == (0, 0, 10), "a scene that is kept"
