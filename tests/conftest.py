"""Option ``--full`` and shared fixtures."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Explorer
from tests.awkward_studies import record_awkward_studies
from tests.small_study import record_small_study


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full",
        action="store_true",
        help="run every test. Without it those marked 'full' are left out, except of files (or tests in them) that "
        "the command line names, and when -m names 'full'. Folders are no files: their quick tests run.",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("full") or re.search(r"\bfull\b", config.getoption("markexpr")):
        return
    named = {config.invocation_params.dir / argument.split("::")[0] for argument in config.args}
    files = {path.resolve() for path in named if path.is_file()}
    left_out = [item for item in items if item.get_closest_marker("full") and item.path.resolve() not in files]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        kept = set(items) - set(left_out)
        items[:] = [item for item in items if item in kept]


def pytest_unconfigure() -> None:
    gc.unfreeze()  # or objects frozen below would be reported as leaked at exit


@pytest.fixture(scope="module", autouse=True)
def loaded_modules_are_frozen() -> None:
    """Freeze imported objects: closing an engine runs the garbage collector, which would scan them each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def studies_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with one small valid study; read only."""
    folder = tmp_path_factory.mktemp("studies")
    record_small_study(folder / "small")
    return folder


@pytest.fixture(scope="session")
def analysed_studies(tmp_path_factory: pytest.TempPathFactory, studies_folder: Path) -> Path:
    """Folder with the small study and the degenerate ones; read only."""
    folder = record_awkward_studies(tmp_path_factory.mktemp("analysed"))
    (folder / "small").symlink_to(studies_folder / "small")
    return folder


@pytest.fixture(scope="session")
def shared_explorer(analysed_studies: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """Engine on those studies, shared by all tests, with its cache.

    A test that alters the engine uses options that no other test uses.
    """
    explorer = Explorer(analysed_studies, device="cpu", cache=tmp_path_factory.mktemp("analysed-cache"))
    yield explorer
    explorer.close()
