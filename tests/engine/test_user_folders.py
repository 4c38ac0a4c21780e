"""Folders among the user's files, on the three systems."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest
from platformdirs import windows
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows

from engine.cache.blobs import prepare_cache_folder
from engine.machine import user_folder

PLACES = [
    (Unix, ".cache/inpca-explorer", ".local/share/inpca-explorer"),
    (MacOS, "Library/Caches/inpca-explorer", "Library/Application Support/inpca-explorer"),
    (Windows, "AppData/Local/inpca-explorer/Cache", "AppData/Local/inpca-explorer"),
]
LINUX_PLACES = PLACES[0][1:]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "AppData" / "Local"))
    monkeypatch.setattr(windows, "get_win_folder", windows.get_win_folder_from_env_vars)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return tmp_path


@pytest.mark.parametrize(("system", "cache", "data"), PLACES)
def test_each_system_has_its_own_folders(
    system: type, cache: str, data: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platformdirs, "PlatformDirs", system)
    assert prepare_cache_folder(None)[0] == home / cache
    assert user_folder("data") == home / data


@pytest.mark.parametrize("system", [place[0] for place in PLACES])
def test_folders_of_earlier_versions_stay_in_use(system: type, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "PlatformDirs", system)
    for place in LINUX_PLACES:
        (home / place).mkdir(parents=True)
    assert [prepare_cache_folder(None)[0], user_folder("data")] == [home / place for place in LINUX_PLACES]


@pytest.mark.parametrize("system", [place[0] for place in PLACES])
@pytest.mark.parametrize("kind", ["cache", "data"])
def test_an_existing_folder_of_xdg_is_used(
    system: type, kind: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platformdirs, "PlatformDirs", system)
    monkeypatch.setenv(f"XDG_{kind.upper()}_HOME", str(home / "elsewhere"))
    (home / "elsewhere" / "inpca-explorer").mkdir(parents=True)
    assert user_folder(kind) == home / "elsewhere" / "inpca-explorer"  # type: ignore[arg-type]
