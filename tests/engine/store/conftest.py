"""A recorded study of three runs, and copies of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.recording import record_run


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of three runs, two of them sealed; read only."""
    study = tmp_path_factory.mktemp("recorded") / "study"
    record_run(study, "a", 3, lr=1, seed=0, depth=2, name="x", nesterov=True)
    record_run(study, "b", 4, lr=0.5, seed=1, name=None, nesterov=False)
    record_run(study, "c", 2, seal=False, lr=0.1, seed=2, depth=3, name="y", nesterov=False)
    return study


@pytest.fixture
def study(recorded: Path, tmp_path: Path) -> Path:
    """A copy of that study."""
    return Path(shutil.copytree(recorded, tmp_path / "study"))
