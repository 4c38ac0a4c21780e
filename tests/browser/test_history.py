"""The browser's history: an entry for every deliberate step, and the same picture on the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Served, Visit, serve, visit
from tests.browser.test_views import settled
from tests.small_study import record_small_study

pytestmark = [pytest.mark.browser, pytest.mark.full]

BEFORE = "data:text/html,<title>before</title>"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield two studies."""
    folder = tmp_path_factory.mktemp("studies")
    record_small_study(folder / "first", "First study")
    record_small_study(folder / "second", "Second study")
    yield from serve(folder, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def tab(browser: Browser, two: Served) -> Iterator[Visit]:
    yield from visit(browser, two.url)


def set_control(name: str, value: str) -> Callable[[Visit], None]:
    return lambda tab: tab.page.evaluate("([name, value]) => dash_clientside.set_props(name, {value})", [name, value])


def click(selector: str) -> Callable[[Visit], None]:
    return lambda tab: tab.page.click(selector)


def slide(tab: Visit) -> None:
    """Move a range's handle by key, with pauses longer and shorter than those of the address."""
    handle = tab.page.locator('[data-filter="learning_rate"] input[type=range]').first
    handle.focus()
    handle.press("ArrowRight")
    handle.press("ArrowRight")
    tab.settle()
    handle.press("ArrowLeft")


def search(tab: Visit) -> None:
    tab.page.focus("#search")
    for letter in "cnn":
        tab.page.keyboard.press(letter)
        tab.settle()


def second_figure(tab: Visit) -> None:
    tab.page.locator("#figure-list .figure-entry").nth(1).click()


def turn(tab: Visit) -> None:
    tab.page.evaluate("inpca.actions['orbit-left']()")
    tab.settle()


STEPS: dict[str, Callable[[Visit], None]] = {
    "study": set_control("study-picker", "second"),
    "split": lambda tab: tab.page.locator("#split label", has_text="test").click(),
    "filter": lambda tab: tab.pill("CNN"),
    "range": slide,
    "search": search,
    "colour": set_control("color-by", "run:seed"),
    "axes": set_control("axis-x", "3"),
    "view": click("#view-pairs"),
    "compare": click("#view-compare"),
    "figures": click("#view-figures"),
    "figure": second_figure,
}


def entries(tab: Visit) -> int:
    return tab.page.evaluate("history.length")


def screen(tab: Visit) -> dict[str, Any]:
    """Return what the screen shows, once it has settled, with the open figure and the comparison."""
    shown = settled(tab)
    more = tab.page.evaluate(
        """() => ({
            study: inpca.state.study.study,
            figure: [inpca.state.figure, document.getElementById('figure-page').dataset.shown],
            comparison: inpca.state.view === 'compare' ? inpca.state.comparison : null,
            title: document.title,
        })"""
    )
    if shown["view"] in ("pairs", "figures"):
        # The 3D picture rests while it is not to be seen.
        for key in ("traces", "looks", "titles"):
            del shown[key]
    if shown["view"] != "figures":
        more["figure"] = None
    return {**shown, **more}


def differing(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {key: (one[key], other.get(key)) for key in one if one[key] != other.get(key)}


def test_every_step_is_one_entry_and_returns(tab: Visit) -> None:
    tab.page.goto(BEFORE)
    tab.open("?d=first").wait_for_scene()
    tab.settle()
    shown, began = [], entries(tab)
    for number, (name, step) in enumerate(STEPS.items(), 1):
        turn(tab)
        turn(tab)
        shown.append(screen(tab))
        step(tab)
        tab.settle()
        assert entries(tab) == began + number, name
    shown.append(screen(tab))
    tab.page.evaluate("window.stillHere = true")
    for name, wanted in zip(["", *reversed(STEPS)], reversed(shown), strict=True):
        if name:
            tab.page.go_back()
        assert differing(wanted, screen(tab)) == {}, f"back from {name}"
    for name, wanted in zip(STEPS, shown[1:], strict=True):
        tab.page.go_forward()
        assert differing(wanted, screen(tab)) == {}, f"forward to {name}"
    assert entries(tab) == began + len(STEPS)
    assert tab.page.evaluate("window.stillHere")
    tab.page.evaluate("steps => history.go(-steps)", len(STEPS))
    assert differing(shown[0], screen(tab)) == {}
    tab.page.go_back()
    assert tab.page.url == BEFORE


def test_camera_time_and_pins_add_no_entry(tab: Visit) -> None:
    tab.open("?d=first").wait_for_scene()
    tab.settle()
    began = entries(tab)
    tab.rotate(60)
    tab.page.locator("#time-slider input").press("ArrowLeft")
    tab.page.evaluate("inpca.togglePin(inpca.state.scene.run_ids[3])")
    tab.page.locator('[data-tab="distances"]').click()
    tab.page.click("#theme-toggle")
    tab.page.locator(".legend-entry").first.click()
    tab.settle()
    for key in ("cam", "t", "pin", "tab", "th"):
        assert f"{key}=" in tab.page.url
    assert entries(tab) == began


def test_hidden_levels_and_pins_return_with_their_entry(tab: Visit) -> None:
    tab.open("?d=first").wait_for_scene()
    tab.page.locator(".legend-entry").first.click()
    tab.page.evaluate("[1, 4].forEach(run => inpca.togglePin(inpca.state.scene.run_ids[run]))")
    tab.page.evaluate("inpca.actions['hide-others']()")
    shown = screen(tab)
    assert (len(shown["hidden"]), len(shown["picked"])) == (1, 2)
    set_control("color-by", "run:seed")(tab)
    tab.page.evaluate("inpca.togglePin(inpca.state.scene.run_ids[5])")
    tab.settle()
    tab.page.go_back()
    assert differing(shown, screen(tab)) == {}


def test_an_opened_view_is_one_entry(tab: Visit) -> None:
    tab.open("?d=first&ax=3,1,4").wait_for_scene()
    shown = screen(tab)
    began = entries(tab)
    for number, query in enumerate(("?v=1&d=first&split=test", "?v=1&d=second&f=architecture:CNN"), 1):
        tab.page.evaluate("query => inpca.openView(query)", query)
        tab.settle()
        assert entries(tab) == began + number
    assert tab.page.evaluate("inpca.state.study.study") == "second"
    tab.page.evaluate("history.go(-2)")
    assert differing(shown, screen(tab)) == {}


def test_fast_presses_end_at_the_last_entry(tab: Visit) -> None:
    tab.open("?d=first").wait_for_scene()
    shown = [screen(tab)]
    for step in [STEPS[name] for name in ("study", "split", "filter", "axes", "view")]:
        step(tab)
        shown.append(screen(tab))
    at = len(shown) - 1
    for moves in ([-1, -1, -1], [-1, 1, 1, -1, 1, 1], [-2, -2, 1]):
        tab.page.evaluate(
            """async moves => {
                for (const move of moves) {
                    const popped = new Promise(resolve => addEventListener('popstate', resolve, {once: true}));
                    history.go(move);
                    await popped;
                }
            }""",
            moves,
        )
        at += sum(moves)
        assert differing(shown[at], screen(tab)) == {}


def test_a_step_after_going_back_drops_what_followed(tab: Visit) -> None:
    key = tab.open("?d=first").wait_for_scene()
    tab.settle()
    began = entries(tab)
    tab.pill("CNN")
    tab.wait_for_scene(other_than=key)
    set_control("axis-x", "2")(tab)
    tab.settle()
    tab.page.go_back()
    tab.page.go_back()
    tab.settle()
    tab.page.locator('#filters [data-filter="architecture"] input').first.focus()
    tab.page.keyboard.press("Space")
    tab.settle()
    assert entries(tab) == began + 1
    tab.page.go_back()
    tab.settle()
    assert tab.page.evaluate("document.activeElement.closest('[data-filter]')?.dataset.filter") == "architecture"
    assert tab.scene_key() == key


def test_a_study_that_is_gone_is_named(tab: Visit) -> None:
    tab.open("?d=first").wait_for_scene()
    tab.settle()
    tab.page.evaluate("history.replaceState(history.state, '', '?v=1&d=gone')")
    set_control("study-picker", "second")(tab)
    tab.page.wait_for_function("() => inpca.state.study.study === 'second'")
    tab.settle()
    tab.page.go_back()
    tab.page.wait_for_selector("#link-note:not([hidden])")
    assert "There is no study 'gone' here" in tab.page.inner_text("#link-note")
