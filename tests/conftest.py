"""Fixtures that several folders of tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.small_study import record_small_study


@pytest.fixture(scope="session")
def studies_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small, sound study; read only."""
    folder = tmp_path_factory.mktemp("studies")
    record_small_study(folder / "small")
    return folder
