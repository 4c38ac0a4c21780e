"""Panels of the right rail: tabs, spectrum, Shepard diagram, heat map."""

from __future__ import annotations

import threading

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import Served, Visit, Visiting
from tests.small_study import N_CHECKPOINTS, N_RUNS
from tests.waiting import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.full]

LETTERS = "document.getElementById('spectrum').data.at(-1)"
VERDICT = "document.getElementById('spectrum-hint').textContent"
N_PAIRS = N_RUNS * N_CHECKPOINTS * (N_RUNS * N_CHECKPOINTS - 1) // 2


def open_distances(tab: Visit) -> None:
    tab.open("?tab=distances").wait_for_scene()
    tab.page.wait_for_selector(".worst-pair")
    tab.page.wait_for_selector(".heat-cells canvas")


BAR = """k => {
    const element = document.getElementById('spectrum');
    const { xaxis, yaxis } = element._fullLayout;
    const box = element.getBoundingClientRect();
    return [box.x + xaxis._offset + xaxis.l2p(k), box.y + yaxis._offset + yaxis._length - 3].map(Math.round);
}"""
SWEEP_AND_CLICK = f"""([from, to]) => {{
    const layer = document.querySelector('#spectrum .nsewdrag');
    const send = (kind, component, target = layer) => {{
        const [clientX, clientY] = ({BAR})(component);
        target.dispatchEvent(new MouseEvent(kind, {{ clientX, clientY, bubbles: true, cancelable: true, view: self }}));
    }};
    for (const component of [from, to]) send('mousemove', component);
    send('mousedown', to);
    send('mouseup', to, document);
}}"""


def bar(tab: Visit, component: int) -> tuple[float, float]:
    """Return a place on the bar of a component, just above the axis, in pixels of the page."""
    return tuple(tab.page.evaluate(BAR, component))


def wait_for_shepard(tab: Visit, title: str) -> None:
    merit = "document.querySelector('[data-merit=shepard]').textContent"
    tab.page.wait_for_function(f"title => {merit}.startsWith(title)", arg=title)


def further(tab: Visit) -> None:
    tab.page.wait_for_function("() => inpca.state.scene?.closer.panels")
    tab.settle()


def test_fifty_components_follow_the_picture(opened: Visit) -> None:
    further(opened)
    assert opened.page.evaluate("document.getElementById('explained-distance').data[0].x.length") == 50
    assert opened.page.evaluate("inpca.state.scene.n_components") == 20
    assert opened.page.inner_text('[data-merit="spectrum"]').split(" imaginary")[0].endswith("of 50")
    assert "1 to 20" in opened.page.inner_text("#spectrum-hint")


def test_panels_of_a_known_embedding_need_no_request(tab: Visit) -> None:
    asked: list[str] = []
    tab.page.on("request", lambda request: request.url.endswith("/components") and asked.append(request.url))
    whole = tab.open().wait_for_scene()
    further(tab)
    tab.pill("cnn")
    part = tab.wait_for_scene(other_than=whole)
    further(tab)
    tab.pill("cnn")
    assert tab.wait_for_scene(other_than=part) == whole
    further(tab)
    assert len(asked) == len(set(asked)) == 2


def test_shuffled_runs_follow_the_standing_picture(tab: Visit) -> None:
    moving: list[bool] = []
    tab.page.on(
        "request",
        lambda request: (
            request.url.endswith("/api/shuffled")
            and moving.append(
                tab.page.evaluate("inpca.picture.isMoving() || !document.querySelector('#page[data-scene]')")
            )
        ),
    )
    tab.open().wait_for_scene()
    tab.page.wait_for_function(f"() => {VERDICT}.includes('Components 2, 3')")
    assert "1 to 20" in tab.page.inner_text("#spectrum-hint")
    shown, shuffled = tab.page.inner_text('[data-merit="explained-stress"]').split(" · shuffled runs ")
    assert shown.startswith("top 3: 0.")
    assert 0 < float(shuffled) < 1
    names = "id => document.getElementById(id).data.filter(t => t.showlegend !== false).map(t => t.name)"
    tab.page.wait_for_function(f"id => ({names})(id).includes('shuffled runs')", arg="spectrum")
    assert tab.page.evaluate(names, "explained-stress") == ["stress", "shuffled runs"]
    assert tab.page.evaluate(f"{LETTERS}.x") == [1, 2, 3], "letters stand on bars, not on the band"
    heights = tab.page.evaluate("document.getElementById('spectrum').data.filter(t => t.type === 'bar')[0].y[0]")
    assert tab.page.evaluate(f"{LETTERS}.y[0]") == heights
    tab.settle()
    assert moving == [False]


def test_another_selection_withdraws_shuffled_runs(tab: Visit, served: Served) -> None:
    whole = tab.open("?q=0.003").wait_for_scene()
    tab.page.wait_for_function(f"() => {VERDICT}.includes('above shuffled')")
    began, go_on = threading.Event(), threading.Event()
    jobs = served.explorer.comparisons._answers.jobs
    # A job that holds the worker: the next comparison waits behind it.
    jobs.submit("held", lambda job: (began.set(), go_on.wait(60)), "someone")
    began.wait(60)
    try:
        tab.pill("cnn")
        part = tab.wait_for_scene(other_than=whole)
        wait_for(lambda: served.explorer.comparisons.wait(part, 0).state == "queued")
        assert "can be put on an axis" in tab.page.inner_text("#spectrum-hint"), "the panels do not wait"
        tab.pill("cnn")
        tab.wait_for_scene(other_than=part)
        wait_for(lambda: served.explorer.comparisons.wait(part, 0).state == "cancelled")
        assert "above shuffled" in tab.page.inner_text("#spectrum-hint"), "the whole has been compared before"
    finally:
        go_on.set()


def test_one_run_is_told_why_nothing_is_compared(tab: Visit) -> None:
    tab.open("?q=cnn-0.001-0").wait_for_scene()
    tab.page.wait_for_function(f"() => {VERDICT}.includes('Select more runs')")
    assert "shuffled" not in tab.page.inner_text('[data-merit="explained-stress"]')


def test_clicking_a_bar_moves_the_next_axis_there(tab: Visit) -> None:
    tab.open().wait_for_scene()
    further(tab)
    assert tab.page.evaluate(f"{LETTERS}.x") == [1, 2, 3]
    for component, expected in ((7, "7,2,3"), (9, "7,9,3"), (7, "3,9,7")):
        tab.page.mouse.click(*bar(tab, component))
        tab.page.wait_for_function("expected => inpca.state.axes.join() === expected", arg=expected)
        tab.settle()
    assert tab.page.evaluate(f"{LETTERS}.x") == [3, 9, 7], "the third takes z, and x what z showed"
    assert tab.page.evaluate(f"{LETTERS}.text") == ["<b>x</b>", "<b>y</b>", "<b>z</b>"]
    tab.page.mouse.click(*bar(tab, 31))
    tab.settle()
    assert tab.page.evaluate("inpca.state.axes") == [3, 9, 7], "component 31 has no coordinates"


def test_a_click_after_a_move_takes_its_bar(opened: Visit) -> None:
    further(opened)
    for left, clicked in ((4, 7), (12, 9)):
        opened.page.evaluate(SWEEP_AND_CLICK, [left, clicked])
        opened.page.wait_for_function("clicked => inpca.state.axes.includes(clicked)", arg=clicked)
        opened.settle()
    assert sorted(opened.page.evaluate("inpca.state.axes")) == [3, 7, 9]


def test_arrow_keys_walk_the_tabs_kept_in_address(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.focus("#tab-components")
    tab.page.keyboard.press("ArrowRight")
    assert tab.page.evaluate("document.activeElement.id") == "tab-distances"
    assert tab.page.get_attribute("#tab-distances", "aria-selected") == "true"
    assert tab.page.is_visible("#shepard")
    assert tab.page.is_hidden("#spectrum")
    tab.page.wait_for_function("() => location.search.includes('tab=distances')")
    tab.page.reload()
    tab.wait_for_scene()
    assert tab.page.is_visible("#shepard")
    tab.page.focus("#tab-distances")
    tab.page.keyboard.press("ArrowRight")
    tab.settle()
    assert tab.page.is_visible("#spectrum .main-svg >> nth=0"), "charts are drawn when they come into sight"


def test_distances_are_asked_for_only_when_looked_at(tab: Visit) -> None:
    tab.open().wait_for_scene()
    further(tab)
    asked = [request.url.rsplit("/", 1)[1] for request in tab.traffic.requests if "api/scenes/" in request.url]
    assert "components" in asked
    assert not [name for name in asked if "run-distances" in name or name == "1,2,3"]
    # As with more checkpoints than are read without a click.
    tab.page.evaluate("inpca.heavy.models = 0")
    tab.page.click("#tab-distances")
    tab.page.wait_for_selector(".worst-pair")
    assert tab.page.locator(".heat-cells").count() == 0
    tab.page.locator("[data-hint='run-distances'] button").click()
    tab.page.wait_for_selector(".heat-cells canvas")


def test_a_definition_opens_by_keyboard_beside_the_chart(opened: Visit) -> None:
    button = opened.page.locator(".explained-stress-panel .what-is")
    button.focus()
    opened.page.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    assert "whole ‖W‖" in opened.page.inner_text(".explained-stress-panel .definition")
    opened.settle()
    charts = "[...document.querySelectorAll('#panels-components .panel-figure')]"
    for room, drawn in opened.page.evaluate(f"{charts}.map(chart => [chart.clientHeight, chart._fullLayout.height])"):
        assert room == drawn
    opened.page.keyboard.press("Enter")
    assert opened.page.is_hidden(".explained-stress-panel .definition")


def test_the_shepard_diagram_follows_axes_and_names_pairs(tab: Visit) -> None:
    open_distances(tab)
    assert f"All {N_PAIRS:,} pairs compared" in tab.page.inner_text('[data-hint="shepard"]')
    merit = tab.page.inner_text('[data-merit="shepard"]')
    distance = tab.page.evaluate("inpca.state.scene.diagnostics.explained_distance[2]")
    assert merit == f"of 1 to 3: {distance:.3f}", "over all pairs it is the explained distance"
    tab.page.evaluate("dash_clientside.set_props('axis-x', {value: '8'})")
    wait_for_shepard(tab, "of 2, 3, 8")
    tab.page.select_option("#shepard-components", "10")
    wait_for_shepard(tab, "of 1 to 10")
    tab.page.locator(".worst-pair").first.click()
    tab.page.wait_for_function("() => inpca.state.picked.size >= 1")
    names = tab.page.locator(".worst-pair").first.locator("bdi").all_inner_texts()
    assert set(tab.page.evaluate("[...inpca.state.picked]")) == set(names)
    tab.page.wait_for_function("() => document.querySelector('.shepard-marks circle')")


def test_pointing_at_a_run_marks_both_panels(tab: Visit) -> None:
    open_distances(tab)
    tab.page.locator("#run-table .ag-center-cols-container .ag-row .ag-cell").first.hover()
    run = tab.page.evaluate("inpca.state.hovered")
    tab.page.wait_for_function("() => document.querySelector('.shepard-marks circle')")
    assert tab.page.locator(".heat-band.row.hovered").count() == 1
    position = tab.page.evaluate("parseFloat(document.querySelector('.heat-band.row').style.top)") * N_RUNS / 100
    # In this order the first ten runs have the first colour.
    assert tab.page.evaluate("inpca.state.scene.run_ids")[round(position)] == run


def test_arrow_keys_walk_the_heat_map_picking_runs(tab: Visit) -> None:
    open_distances(tab)
    tab.page.focus("#run-distances")
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        tab.page.keyboard.press(key)
    first, second = tab.page.evaluate("inpca.state.scene.run_ids.slice(0, 2)")
    assert tab.page.inner_text('[data-hint="run-distances"]').startswith(f"{second} within itself")
    assert tab.page.evaluate("inpca.state.hovered") == second
    tab.page.keyboard.press("ArrowUp")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_function("() => inpca.state.picked.size === 2")
    assert set(tab.page.evaluate("[...inpca.state.picked]")) == {first, second}


def test_filtered_runs_leave_the_heat_map(tab: Visit) -> None:
    open_distances(tab)
    tab.page.locator(".legend-entry").first.click()
    tab.page.wait_for_function("() => document.querySelector('[data-merit=run-distances]').textContent === '20 runs'")
    assert tab.page.evaluate("document.querySelector('.heat-cells canvas').width") == 20


def test_every_tab_is_wholly_reachable_in_every_window(tab: Visit) -> None:
    open_distances(tab)
    for name in ("distances", "components"):
        tab.page.click(f"#tab-{name}")
        for width, height in ((1280, 800), (1920, 1080), (768, 1024)):
            tab.page.set_viewport_size({"width": width, "height": height})
            tab.settle()
            assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
            last = tab.page.locator(f"#panels-{name} .panel").last
            last.scroll_into_view_if_needed()
            box, rail = last.bounding_box(), tab.page.locator(".rail.right").bounding_box()
            assert box is not None
            assert rail is not None
            assert rail["x"] <= box["x"]
            assert box["x"] + box["width"] <= rail["x"] + rail["width"] + 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_assistive_technology_finds_nothing_serious(visiting: Visiting, served: Served, scheme: str) -> None:
    tab = visiting(served.url, color_scheme=scheme)
    open_distances(tab)
    for button in tab.page.locator("#panels-distances .what-is").all():
        button.click()
    found = Axe().run(tab.page, ".rail.right").response["violations"]
    assert [
        (entry["id"], [node["html"][:160] for node in entry["nodes"]][:3])
        for entry in found
        if entry["impact"] in ("serious", "critical")
    ] == []
