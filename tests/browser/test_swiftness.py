"""Work the page avoids: compiled shaders, repeated requests, Dash updates."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.full]

COUNT_COMPILATIONS = """() => {
    const { gl } = document.getElementById('picture')._fullLayout.scene._scene.glplot;
    window.asked = { compileShader: 0, linkProgram: 0 };
    for (const name of Object.keys(asked)) {
        const make = gl[name].bind(gl);
        gl[name] = (what) => {
            asked[name] += 1;
            return make(what);
        };
    }
}"""


def test_a_change_compiles_no_shader_again(tab: Visit) -> None:
    key = tab.open().wait_for_scene()
    tab.pill("CNN")
    key = tab.wait_for_scene(other_than=key)
    tab.page.evaluate(COUNT_COMPILATIONS)
    tab.pill("ViT")
    key = tab.wait_for_scene(other_than=key)
    tab.page.evaluate("inpca.choose('seed', ['0'])")
    tab.wait_for_scene(other_than=key)
    tab.page.evaluate("inpca.paint(inpca.state.colorBy, [2, 3, 4])")
    tab.settle()
    assert tab.page.evaluate("asked.compileShader") == 0
    assert tab.drawn_colors() > 10


def test_a_selection_seen_before_needs_no_request(tab: Visit) -> None:
    first = tab.open().wait_for_scene()
    tab.pill("CNN")
    tab.wait_for_scene(other_than=first)
    tab.traffic.requests.clear()
    tab.pill("CNN")
    tab.page.wait_for_function("key => document.getElementById('page').dataset.scene === key", arg=first)
    # The panels' comparison with shuffled runs may still be asked for or withdrawn: the picture waits for neither.
    assert [request.url for request in tab.traffic.posts() if "/api/shuffled" not in request.url] == []
    assert tab.page.evaluate("inpca.state.scene.run_ids.length") == tab.page.evaluate(
        "inpca.state.study.run_ids.length"
    )


def test_a_filter_changes_no_component_of_dash(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.evaluate("dash_clientside.set_props('automatic', {checked: false})")
    tab.settle()
    tab.page.evaluate(
        """() => {
            window.told = [];
            const { set_props } = dash_clientside;
            dash_clientside.set_props = (id, properties) => {
                told.push(id);
                set_props(id, properties);
            };
        }"""
    )
    tab.pill("CNN")
    tab.page.wait_for_function("() => inpca.state.constraints.length === 1")
    assert tab.page.is_enabled("#embed-button")
    assert tab.page.evaluate("told") == []


def test_a_range_has_keyboard_handles_and_follows_clicks(tab: Visit) -> None:
    tab.open().wait_for_scene()
    lowest = tab.page.get_by_role("slider", name="learning rate, lowest")
    lowest.focus()
    tab.page.keyboard.press("ArrowRight")
    assert tab.page.evaluate("inpca.state.choices.get('learning_rate')") == [1, 4]
    assert lowest.get_attribute("aria-valuetext") == "0.003"
    tab.page.keyboard.press("End")
    assert tab.page.evaluate("inpca.state.choices.get('learning_rate')") == [4, 4]
    tab.page.keyboard.press("Home")
    box = tab.page.locator("[data-filter=learning_rate] .range").bounding_box()
    assert box is not None
    tab.page.mouse.click(box["x"] + 0.74 * box["width"], box["y"] + box["height"] / 2)
    assert tab.page.evaluate("inpca.state.choices.get('learning_rate')") == [0, 3]


def test_the_toolbar_is_one_row(opened: Visit) -> None:
    tops = opened.page.evaluate(
        """[...document.querySelector('.toolbar').children]
            .filter(child => child.offsetParent)
            .map(child => { const box = child.getBoundingClientRect(); return box.top + box.height / 2; })"""
    )
    assert max(tops) - min(tops) < 4
