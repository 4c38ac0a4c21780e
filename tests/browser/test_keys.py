"""Keyboard operation, without accidental actions."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.full]


def test_keys_move_the_camera_and_the_address_follows(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.focus("#picture")
    before = tab.camera()
    for key in ("ArrowLeft", "Shift+ArrowUp", "+"):
        start = tab.camera()
        tab.page.keyboard.press(key)
        tab.wait_for_stillness()
        assert tab.camera() != pytest.approx(start, abs=1e-3), f"{key} did nothing"
    tab.page.wait_for_function("() => location.search.includes('cam=')")
    tab.page.keyboard.press("3")
    # From above, with a slight tilt that keeps the picture upright.
    tab.page.wait_for_function(
        "() => (({eye, center}) => Math.hypot(eye.x - center.x, eye.y - center.y) < 0.05)(inpca.picture.camera())"
    )
    tab.page.keyboard.press("0")
    tab.wait_for_stillness()
    assert tab.camera() == pytest.approx(before, abs=1e-2)


def test_camera_moves_do_what_they_are_called(opened: Visit) -> None:
    moved = opened.page.evaluate(
        """() => {
            const camera = {eye: {x: 2, y: 1, z: 1}, center: {x: 0, y: 1, z: 0.5}, up: {x: 0, y: 0, z: 1}};
            const {orbit, pan, zoom, lookAlong} = inpca.cameraMoves;
            const span = c => Math.hypot(c.eye.x - c.center.x, c.eye.y - c.center.y, c.eye.z - c.center.z);
            let round = camera;
            for (let turn = 0; turn < 48; turn += 1) round = orbit(round, 1, 0);
            return {
                distance: span(camera),
                orbited: span(orbit(camera, 1, 1)),
                round: round.eye,
                back: orbit(orbit(camera, 0, 1), 0, -1).eye,
                raised: orbit(camera, 0, 1).eye.z,
                panned: span(pan(camera, 1, 1)),
                closer: span(zoom(camera, 1)),
                nearest: span(zoom(camera, 1000)),
                above: lookAlong(camera, 'z').eye,
            };
        }"""
    )
    distance = moved["distance"]
    assert moved["orbited"] == pytest.approx(distance)
    assert moved["panned"] == pytest.approx(distance)
    assert moved["closer"] == pytest.approx(distance / 1.12)
    assert moved["nearest"] == pytest.approx(0.05)
    assert moved["round"] == pytest.approx({"x": 2, "y": 1, "z": 1}), "forty-eight turns are a full circle"
    assert moved["back"] == pytest.approx({"x": 2, "y": 1, "z": 1})
    assert moved["raised"] > 1
    assert moved["above"] == pytest.approx({"x": 0, "y": 1, "z": 0.5 + distance})


def test_keys_are_letters_while_something_is_typed(tab: Visit) -> None:
    tab.open().wait_for_scene()
    scheme = "document.documentElement.dataset.mantineColorScheme"
    before = tab.page.evaluate(scheme)
    tab.page.keyboard.press("/")
    assert tab.page.evaluate("document.activeElement.id") == "search"
    tab.page.keyboard.type("d?0")
    assert tab.page.input_value("#search") == "d?0"
    tab.page.click("#color-by")
    tab.page.keyboard.type("d")
    assert tab.page.evaluate(scheme) == before
    assert tab.page.locator("dialog[open]").count() == 0
    tab.page.keyboard.press("Escape")
    tab.page.focus("#picture")
    tab.page.keyboard.press("d")
    tab.page.wait_for_function(f"before => {scheme} !== before", arg=before)


def test_space_on_a_button_presses_the_button(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.evaluate("() => { inpca.actions['time-play'] = () => (window.played = true); }")
    tab.page.focus("[data-toggle=table]")
    tab.page.keyboard.press("Space")
    assert tab.page.is_hidden("#run-table")
    assert tab.page.evaluate("window.played") is None
    tab.page.focus("#picture")
    tab.page.keyboard.press("Space")
    assert tab.page.evaluate("window.played") is True


def test_the_help_sheet_is_a_dialog_listing_keys(opened: Visit) -> None:
    opened.page.focus("#theme-toggle")
    opened.page.keyboard.press("?")
    sheet = opened.page.get_by_role("dialog", name="Keys and gestures")
    expect(sheet).to_be_visible()
    live = opened.page.evaluate("inpca.keys.filter(k => inpca.actions[k.action]).map(k => k.label)")
    assert set(sheet.locator("#help-keys dd").all_inner_texts()) == set(live)
    assert "embed this selection" in live
    for _ in range(8):
        opened.page.keyboard.press("Tab")
        # Between the last and the first stop the focus is in the browser's toolbar, and activeElement is the body.
        assert opened.page.evaluate(
            "document.activeElement.closest('dialog') !== null || document.activeElement === document.body"
        )
    opened.page.keyboard.press("d")
    assert opened.page.evaluate("inpca.state.theme") == "light"
    opened.page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    assert opened.page.evaluate("document.activeElement.id") == "theme-toggle"


def test_no_two_keys_are_the_same(opened: Visit) -> None:
    keys = opened.page.evaluate("inpca.keys.flatMap(k => [k.key, ...(k.also || [])])")
    assert len(keys) == len(set(keys))


def test_single_keys_can_be_switched_off_for_good(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.click("#help-button")
    tab.page.locator("#single-keys").focus()
    tab.page.keyboard.press("Space")
    tab.page.keyboard.press("Escape")
    tab.page.reload()
    tab.wait_for_scene()
    tab.page.focus("#picture")
    camera = tab.camera()
    for key in ("d", "?", "/", "1", "+"):
        tab.page.keyboard.press(key)
    tab.settle()
    assert tab.page.evaluate("[inpca.state.theme, document.activeElement.id]") == ["light", "picture"]
    assert tab.page.locator("dialog[open]").count() == 0
    assert tab.camera() == camera
    tab.page.keyboard.press("ArrowLeft")
    tab.wait_for_stillness()
    assert tab.camera() != camera
    tab.page.click("#help-button")
    expect(tab.page.locator("#single-keys")).not_to_be_checked()


def test_the_first_stop_skips_to_the_picture(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.settle()
    address = tab.page.url
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.id") == "skip-link"
    tab.page.keyboard.press("Enter")
    assert tab.page.evaluate("document.activeElement.id") == "picture"
    assert tab.page.url == address
