"""An engine on the small study, and a client of the dashboard on it, one for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from dashboard import create_app
from engine import Explorer


@pytest.fixture(scope="module")
def explorer(studies_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    explorer = Explorer(studies_folder, device="cpu", cache=tmp_path_factory.mktemp("cache"))
    yield explorer
    explorer.close()


@pytest.fixture(scope="module")
def client(explorer: Explorer) -> FlaskClient:
    return create_app(explorer).server.test_client()
