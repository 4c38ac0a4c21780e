"""Short visit through the main functions of the page."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Visit
from tests.small_study import N_RUNS

pytestmark = pytest.mark.browser


def test_a_visit_sees_what_it_asks_for(tab: Visit) -> None:
    whole = tab.open().wait_for_scene()
    assert tab.counts() == f"{N_RUNS} shown / {N_RUNS} embedded / {N_RUNS} runs"
    assert tab.drawn_colors() > 50
    tab.rotate(60)
    camera = tab.camera()
    tab.pill("CNN")
    part = tab.wait_for_scene(other_than=whole)
    assert tab.counts() == f"10 shown / 10 embedded / {N_RUNS} runs"
    assert tab.camera() == pytest.approx(camera, abs=1e-6), "what was turned stays turned"
    tab.page.click("#view-pairs")
    tab.page.wait_for_function("() => inpca.pairs()?.panels().length === 6")
    assert tab.page.is_hidden("#picture")
    tab.page.click("#view-3d")
    tab.settle()
    assert tab.page.is_visible("#picture")
    address = tab.page.url
    tab.page.goto("about:blank")
    tab.page.goto(address)
    assert tab.wait_for_scene() == part
    assert tab.camera() == pytest.approx(camera, abs=2e-3), "an address rounds the camera"
    assert tab.drawn_colors() > 30
