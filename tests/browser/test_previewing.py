"""Preview of a slow selection, and the exact embedding after it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from engine.explorer.previews import compiling, factors
from tests.browser.conftest import Served, Visit, serve, visit
from tests.small_study import N_RUNS

pytestmark = [pytest.mark.browser, pytest.mark.full]

RUNNING = {"key": "v1-slow", "state": "running", "stage": "eigenpairs", "fraction": 0.5, "preview": True}
HELD: list[Route] = []
"""Requests for the status, not yet answered."""


@pytest.fixture
def previewing(studies_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(factors, "WORTHWHILE_MODELS", 0)
    yield from serve(studies_folder, tmp_path)


def answer_scenes(tab: Visit, status: dict[str, Any]) -> None:
    """Answer every request for a scene or its status with ``status``."""
    tab.page.route("**/api/scenes**", lambda route: route.fulfill(json=status))
    tab.page.route("**/api/scenes/**", lambda route: route.fulfill(json=status))


def open_measured(browser: Browser, served: Served) -> Iterator[tuple[Visit, str]]:
    for tab in visit(browser, served.url):
        key = tab.open().wait_for_scene()
        assert served.explorer.wait("preview-train-bhattacharyya-small", 60.0).state == "done"
        yield tab, key


def test_the_preview_comes_first_marked_and_is_replaced(browser: Browser, previewing: Served) -> None:
    for tab, key in open_measured(browser, previewing):
        HELD.clear()
        tab.page.route("**/api/scenes", lambda route: route.fulfill(json=RUNNING))
        tab.page.route("**/api/scenes/v1-slow/status", lambda route: HELD.append(route))
        with tab.page.expect_request("**/api/scenes/v1-slow/status"):
            tab.pill("CNN")
        tab.page.wait_for_function("() => inpca.state.scene.is_preview && !inpca.picture.isMoving()")
        assert tab.page.inner_text("#stale-badge").startswith("preview, error ≲")
        assert "the exact embedding follows" in tab.page.inner_text("#status-line")
        assert tab.counts() == f"10 shown / 10 embedded / {N_RUNS} runs"
        assert tab.scene_key() == key
        assert tab.drawn_colors() > 30
        tab.page.unroute("**/api/scenes")
        lost = {"key": "v1-slow", "state": "cancelled"}
        assert HELD
        for route in HELD:
            route.fulfill(json=lost)
        tab.wait_for_scene(other_than=key)
        assert tab.page.evaluate("inpca.state.scene.is_preview") is False
        assert tab.page.is_hidden("#stale-badge")
        assert "residual" in tab.page.inner_text("#status-line")


def test_costly_selections_are_previewed_without_a_click(browser: Browser, previewing: Served) -> None:
    for tab, _ in open_measured(browser, previewing):
        answer_scenes(tab, {"state": "expensive", "predicted": 7.0, "preview": True})
        tab.pill("ViT")
        tab.page.wait_for_function("() => inpca.state.scene.is_preview")
        assert "re-embed for the exact one" in tab.page.inner_text("#status-line")
        assert tab.page.inner_text("#embed-button") == "Re-embed, about 7 s"
        assert tab.page.is_enabled("#embed-button")


def test_while_kernels_compile_a_preview_precedes_the_scene(
    browser: Browser, studies_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = threading.Event()
    monkeypatch.setattr(compiling, "are_compiled", compiled.is_set)
    monkeypatch.setattr(compiling, "compile_apart", lambda folder, check: compiled.wait(60.0))
    for served in serve(studies_folder, tmp_path):
        for tab in visit(browser, served.url):
            tab.open().page.wait_for_function("() => window.inpca?.state?.scene?.is_preview")
            assert tab.scene_key() == ""
            assert tab.counts() == f"{N_RUNS} shown / {N_RUNS} embedded / {N_RUNS} runs"
            assert "the exact embedding follows" in tab.page.inner_text("#status-line")
            assert tab.drawn_colors() > 30
            compiled.set()
            tab.wait_for_scene()
            assert tab.page.evaluate("inpca.state.scene.is_preview") is False
            assert tab.page.is_hidden("#stale-badge")
            assert tab.traffic.errors == []
