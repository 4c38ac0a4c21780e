"""Visit through the main functions of the page in Firefox."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

import pytest

from tests.browser.bidi import Tab
from tests.browser.conftest import PUT_OFF, Served, do_without
from tests.browser.firefox import firefox_tab, missing
from tests.small_study import N_CHECKPOINTS, N_RUNS

pytestmark = [pytest.mark.browser, pytest.mark.full]

VIEWPORT = (1280, 800)
N_PANELS = 6
"""Pairs of the four components that the pairs view shows first."""
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """Yield a tab of Firefox; at its end asserts that it had no error and no failed or foreign request."""
    if packages := missing():
        do_without(f"No {' and no '.join(packages)} on the path.", " ".join(packages))
    with firefox_tab(tmp_path_factory.mktemp("firefox")) as tab:
        tab.preload(PUT_OFF)
        tab.resize(*VIEWPORT)
        yield tab
        assert tab.troubles() == []


def settle(tab: Tab) -> None:
    """Wait until the page has no pending task."""
    tab.evaluate("putOff.begin(null)")
    tab.wait_until("putOff.isOver()")


def wait_for_picture(tab: Tab, other_than: str = "") -> str:
    """Return the key of an embedding other than the named one, once its picture is drawn."""
    tab.wait_until(f"![undefined, '', {other_than!r}].includes(document.getElementById('page')?.dataset.scene)")
    settle(tab)
    return tab.evaluate("document.getElementById('page').dataset.scene")


def n_vivid_colors(tab: Tab, selector: str) -> int:
    """Return the number of distinct colours, without greys, of an element on the screen; 0 without trajectories."""
    data = base64.b64encode(tab.screenshot(selector)).decode()
    return tab.evaluate(
        f"""(async () => {{
            const image = new Image();
            image.src = 'data:image/png;base64,{data}';
            await image.decode();
            const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
            context.drawImage(image, 0, 0);
            const {{data}} = context.getImageData(0, 0, image.width, image.height);
            const seen = new Set();
            for (let at = 0; at < data.length; at += 4) {{
                const color = data.slice(at, at + 3);
                if (Math.max(...color) - Math.min(...color) > 60) seen.add(color.join());
            }}
            return seen.size;
        }})()"""
    )


def counts(tab: Tab) -> str:
    return tab.evaluate("document.getElementById('counts').innerText")


def camera(tab: Tab) -> list[float]:
    """Return the camera in the address; empty if the address has none."""
    text = tab.evaluate("new URLSearchParams(location.search).get('cam')")
    return [float(number) for number in text.split(",")] if text else []


def test_a_visit_sees_the_same_in_firefox(firefox: Tab, served: Served) -> None:
    tab = firefox
    tab.open(f"{served.url}?c=run:architecture")
    whole = wait_for_picture(tab)
    assert counts(tab) == f"{N_RUNS} shown / {N_RUNS} embedded / {N_RUNS} runs"
    assert n_vivid_colors(tab, "#picture canvas") > 100

    before = tab.screenshot("#picture canvas")
    assert camera(tab) == []
    tab.drag("#picture", 60, 15)
    tab.wait_until("new URLSearchParams(location.search).has('cam')")
    settle(tab)
    turned = camera(tab)
    assert len(turned) == 9
    assert tab.screenshot("#picture canvas") != before

    tab.click("#filters .pill")
    wait_for_picture(tab, other_than=whole)
    assert counts(tab) == f"10 shown / 10 embedded / {N_RUNS} runs"
    assert camera(tab) == pytest.approx(turned, abs=2e-3), "what was turned stays turned"
    assert n_vivid_colors(tab, "#picture canvas") > 20

    tab.click("#view-pairs")
    tab.wait_until("!document.getElementById('picture').checkVisibility()")
    settle(tab)
    assert n_vivid_colors(tab, "#pairs canvas") > 20

    tab.click("#export-button")
    svg = ElementTree.parse(tab.download(lambda: tab.click("#export-svg"))).getroot()
    assert {"architecture", "CNN", "Small study"} <= {element.text for element in svg.iter(f"{SVG}text")}
    paths = [element.get("d", "") for element in svg.iter(f"{SVG}path")]
    trajectories = [path for path in paths if path.count("L") == N_CHECKPOINTS - 1]
    assert len(trajectories) == N_PANELS * 10
    tab.wait_until("document.getElementById('export-status').innerText.includes('Saved')")
