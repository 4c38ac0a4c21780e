"""Distances on disk that are damaged between two passes of one computation: measured anew, unseen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine import EmbeddingSpec, Explorer, open_study
from engine.distances.distance_store import DistanceStore
from engine.distances.selection import Selection
from engine.distances.tiles.streamed import TiledDistances
from engine.errors import EngineError
from engine.explorer.previews.factors import Previews
from tests import oracles
from tests.recording import flip

LITTLE_MEMORY = 2_050_000
"""Bytes in which 240 models can be embedded, but not gathered."""


@pytest.fixture
def damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], list[int]]:
    """Have a bit of every file of tiles flip after the first calls of a pass; returns the list of its calls."""

    def install(name: str, times: int) -> list[int]:
        really, calls = getattr(TiledDistances, name), list[int]()

        def passed(tiles: TiledDistances, *arguments: object) -> object:
            found = really(tiles, *arguments)
            calls.append(len(calls))
            for path in tmp_path.rglob("tiles.f32") if len(calls) <= times else ():
                flip(path, path.stat().st_size // 2, 0x20)
            return found

        monkeypatch.setattr(TiledDistances, name, passed)
        return calls

    return install


def test_a_streamed_embedding_is_computed_again(
    studies_folder: Path, tmp_path: Path, damage: Callable[[str, int], list[int]]
) -> None:
    calls = damage("add_up", 1)
    explorer = Explorer(studies_folder, device="cpu", cache=tmp_path, memory=LITTLE_MEMORY)
    study = explorer.study("small")
    try:
        scene = explorer.embed(EmbeddingSpec("small", "train", tuple(study.runs.index)))
    finally:
        explorer.close()
    assert (scene.is_streamed, len(calls)) == (True, 2)
    exact = oracles.bhattacharyya(study.predictions("train").log_probabilities)
    assert scene.embedding.explained_stress[2] == pytest.approx(oracles.explained(exact, 3)[0], abs=1e-4)


def test_a_disk_that_goes_on_failing_is_named(
    studies_folder: Path, tmp_path: Path, damage: Callable[[str, int], list[int]]
) -> None:
    damage("add_up", 99)
    explorer = Explorer(studies_folder, device="cpu", cache=tmp_path, memory=LITTLE_MEMORY)
    try:
        with pytest.raises(EngineError, match="damaged or cut short while they were being read"):
            explorer.embed(EmbeddingSpec("small", "train", tuple(explorer.study("small").runs.index)))
    finally:
        explorer.close()


def test_a_preview_is_made_again(studies_folder: Path, tmp_path: Path, damage: Callable[[str, int], list[int]]) -> None:
    study = open_study(studies_folder / "small")
    selection = Selection.of(study, "train", list(study.runs.index))
    calls = damage("sums_by_run", 1)
    previews = Previews(DistanceStore(tmp_path, "cpu"))
    previews.make(selection, "bhattacharyya", lambda: None)
    assert len(calls) == 2
    preview = previews.find(selection, "bhattacharyya")
    assert preview is not None
    exact = oracles.bhattacharyya(study.predictions("train").log_probabilities)
    found = preview.embed(selection.run_ids, 3).eigenvalues
    assert found == pytest.approx(oracles.eigenpairs(exact)[0][:3], abs=1e-4)
