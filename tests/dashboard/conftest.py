"""Test client of the dashboard on the small study."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from dashboard import create_app
from engine import Explorer
from tests.wire import everything


@pytest.fixture(scope="module")
def explorer(studies_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    explorer = Explorer(studies_folder, device="cpu", cache=tmp_path_factory.mktemp("cache"))
    yield explorer
    explorer.close()


@pytest.fixture(scope="module")
def client(explorer: Explorer) -> FlaskClient:
    return create_app(explorer).server.test_client()


@pytest.fixture
def question(explorer: Explorer) -> dict[str, Any]:
    """Request body for a scene of the whole small study."""
    return everything(explorer)
