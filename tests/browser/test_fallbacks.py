"""The page without its built script, and with a plotly that it does not know."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Route

import dashboard
from tests.browser.conftest import Serving, Visit, Visiting
from tests.small_study import N_RUNS, record_small_study

pytestmark = [pytest.mark.browser, pytest.mark.full]

PLACE = """run => {
    const {spans} = inpca.state.scene;
    const [x, y] = inpca.picture.project([spans[run].first + spans[run].count - 1]);
    const {left, top} = document.getElementById('picture').getBoundingClientRect();
    return [left + x, top + y];
}"""


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a copy of the assets that a server started now takes, with an edited module."""
    folder = tmp_path / "assets"
    shutil.copytree(dashboard.ASSETS, folder)
    monkeypatch.setattr(dashboard, "ASSETS", folder)
    edit(folder, "filtered", "left aside")
    return folder


def edit(assets: Path, before: str, after: str) -> None:
    path = assets / "runs" / "legend.mjs"
    text = path.read_text()
    assert text.count(f'"{before}"') == 1
    path.write_text(text.replace(f'"{before}"', f'"{after}"'))


def test_a_reload_shows_an_edit_without_build(
    edited: Path, serving: Serving, visiting: Visiting, tmp_path: Path
) -> None:
    record_small_study(tmp_path / "studies" / "small")
    tab = visiting(serving(tmp_path / "studies", tmp_path / "cache").url)
    tab.open().wait_for_scene()
    loaded = [request.url for request in tab.traffic.requests if "/modules/" in request.url]
    assert sorted(url.split("/", 5)[5] for url in loaded) == sorted(
        path.relative_to(edited).as_posix() for path in edited.rglob("*.mjs")
    ), "every module once, and nothing built"
    foot = "() => document.querySelector('.legend-foot').firstChild.textContent"
    assert tab.page.evaluate(foot) == "left aside"
    edit(edited, "left aside", "put away")
    tab.page.reload()
    tab.wait_for_scene()
    assert tab.page.evaluate(foot) == "put away"
    tab.page.click("#export-button")
    with tab.page.expect_download(timeout=60_000) as download:
        tab.page.click("#export-pdf")
    assert download.value.path().read_bytes().startswith(b"%PDF"), "a library of its own digest"


@pytest.fixture
def strange(tab: Visit) -> Visit:
    """Return a tab whose plotly calls itself by a version to come."""

    def rename(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text() + ';Plotly.version = "99.0.0";')

    tab.page.route("**/plotly.min.js*", rename)
    return tab


def test_an_unknown_plotly_still_draws_turns_and_highlights(strange: Visit) -> None:
    strange.open("?c=run:architecture").wait_for_scene()
    assert strange.page.evaluate("Plotly.version") == "99.0.0"
    assert strange.drawn_colors() > 20
    before = strange.camera()
    strange.rotate(80)
    assert strange.camera() != before
    for run in (0, N_RUNS - 1):
        # Another run may end at the same pixel.
        strange.page.mouse.move(*strange.page.evaluate(PLACE, run))
        strange.page.wait_for_function("() => inpca.state.hovered !== null")
        strange.page.mouse.move(5, 5)
        strange.page.wait_for_function("() => inpca.state.hovered === null")
    strange.page.evaluate("inpca.lookFrom('x')")
    strange.wait_for_stillness()
    assert strange.camera()[1:3] == pytest.approx([strange.camera()[4], strange.camera()[5]], abs=0.05)
    strange.page.evaluate("inpca.togglePin(inpca.state.scene.run_ids[0])")
    strange.settle()
    assert strange.page.locator("#pins .pin").count() == 1
