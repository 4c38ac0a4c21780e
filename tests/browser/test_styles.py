"""Layers of the page's styles, and the libraries' controls in its themes."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Served, Visit, Visiting

UNLAYERED = """() => [...document.head.querySelectorAll("style")].flatMap(({sheet}) => [...sheet.cssRules])
    .filter(rule => !(rule instanceof CSSLayerBlockRule))
    .filter(rule => /^(\\.m_|\\.ag-|\\.dash-|button|input|body)/.test(rule.cssText))
    .map(rule => rule.cssText.slice(0, 60))"""
LAYERS = """() => [...document.querySelector("link[href*='styles/page-']").sheet.cssRules]
    .filter(rule => rule instanceof CSSLayerStatementRule).flatMap(rule => rule.nameList.slice(0, 2))"""
LIGHT = """() => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
    const luminance = color => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
        return alpha < 128 ? null : (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
    };
    const own = "select, textarea, input:not([type=checkbox], [type=radio], [type=range])";
    return [...document.querySelectorAll(`${own}, [class*='mantine-'], [class*='ag-']`)]
        .filter(part => part.checkVisibility() && !part.matches("[class*='Switch']"))
        .map(part => [part.className, luminance(getComputedStyle(part).backgroundColor)])
        .filter(([, light]) => light !== null);
}"""


def test_libraries_lie_in_the_lowest_layer(tab: Visit) -> None:
    tab.open().wait_for_scene()
    assert tab.page.evaluate(UNLAYERED) == []
    assert tab.page.evaluate(LAYERS) == ["vendor", "tokens"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_control_has_the_ground_of_its_theme(visiting: Visiting, served: Served, scheme: str) -> None:
    tab = visiting(served.url, color_scheme=scheme)
    tab.open().wait_for_scene()
    tab.page.click("#color-by")
    tab.page.locator(".mantine-Select-option:visible").first.wait_for()
    grounds = tab.page.evaluate(LIGHT)
    assert len(grounds) > 20
    wrong = [name for name, light in grounds if (light < 0.7 if scheme == "light" else light > 0.3)]
    assert wrong == []
