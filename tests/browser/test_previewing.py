"""A selection that takes long is previewed at once, and the exact embedding replaces the preview."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from engine import previews
from tests.browser.conftest import Served, Visit, serve, visit
from tests.small_study import N_RUNS

pytestmark = pytest.mark.browser

RUNNING = {"key": "v1-slow", "state": "running", "stage": "eigenpairs", "fraction": 0.5, "preview": True}
HELD: list[Route] = []
"""Questions about how it is getting on, unanswered so far."""


@pytest.fixture
def previewing(studies_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(previews, "WORTHWHILE_MODELS", 0)
    yield from serve(studies_folder, tmp_path)


def answer_scenes(tab: Visit, status: dict[str, Any]) -> None:
    """Let every question about an embedding be answered with this status."""
    tab.page.route("**/api/scenes**", lambda route: route.fulfill(json=status))
    tab.page.route("**/api/scenes/**", lambda route: route.fulfill(json=status))


def open_measured(browser: Browser, served: Served) -> Iterator[tuple[Visit, str]]:
    for tab in visit(browser, served.url):
        key = tab.open().wait_for_scene()
        assert served.explorer.wait("preview-train-bhattacharyya-small", 60.0).state == "done"
        yield tab, key
        assert tab.traffic.errors == []


def test_the_preview_comes_first_says_so_and_is_replaced(browser: Browser, previewing: Served) -> None:
    for tab, key in open_measured(browser, previewing):
        HELD.clear()
        tab.page.route("**/api/scenes", lambda route: route.fulfill(json=RUNNING))
        tab.page.route("**/api/scenes/v1-slow/status", lambda route: HELD.append(route))
        tab.pill("CNN")
        tab.page.wait_for_function("() => inpca.state.scene.is_preview")
        assert tab.page.inner_text("#stale-badge").startswith("preview, error ≲")
        assert "the exact embedding follows" in tab.page.inner_text("#status-line")
        assert tab.counts() == f"10 shown / 10 embedded / {N_RUNS} runs"
        assert tab.scene_key() == key
        assert tab.drawn_colors() > 30
        tab.page.unroute("**/api/scenes")
        lost = {"key": "v1-slow", "state": "cancelled"}
        tab.page.wait_for_timeout(100)
        for route in HELD:
            route.fulfill(json=lost)
        tab.wait_for_scene(other_than=key)
        assert tab.page.evaluate("inpca.state.scene.is_preview") is False
        assert tab.page.is_hidden("#stale-badge")
        assert "residual" in tab.page.inner_text("#status-line")


def test_what_is_too_expensive_to_follow_by_itself_is_previewed(browser: Browser, previewing: Served) -> None:
    for tab, _ in open_measured(browser, previewing):
        answer_scenes(tab, {"state": "expensive", "predicted": 7.0, "preview": True})
        tab.pill("ViT")
        tab.page.wait_for_function("() => inpca.state.scene.is_preview")
        assert "re-embed for the exact one" in tab.page.inner_text("#status-line")
        assert tab.page.inner_text("#embed-button") == "Re-embed, about 7 s"
        assert tab.page.is_enabled("#embed-button")
