"""The figures view in a real browser: asked for when it is looked at, in the picture's colours, linked, and kept."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from engine import ANALYSES
from tests.browser.conftest import Visit
from tests.small_study import N_RUNS

pytestmark = pytest.mark.browser


def wait_for_figure(tab: Visit, other_than: str | None = None) -> str:
    tab.page.wait_for_function(
        "other => ![undefined, other].includes(document.getElementById('figure-page').dataset.shown)",
        arg=other_than,
        timeout=60_000,
    )
    tab.page.wait_for_timeout(200)
    return tab.page.get_attribute("#figure-page", "data-shown") or ""


def open_figures(tab: Visit, query: str = "") -> str:
    tab.open(f"?v=1&m=figures{query}")
    tab.wait_for_scene()
    return wait_for_figure(tab)


def colors_of_runs(tab: Visit) -> dict[str, str]:
    return tab.page.evaluate(
        """() => Object.fromEntries(document.querySelector('.figure-chart').data
            .filter((trace) => trace.meta?.role === 'runs')
            .flatMap(({ meta, line }) => meta.runIds.filter(Boolean).map((runId) => [runId, line.color])))"""
    )


def test_nothing_is_asked_before_it_is_looked_at_and_then_once(tab: Visit) -> None:
    tab.open()
    tab.wait_for_scene()
    assert not [request for request in tab.traffic.requests if "api/analyses" in request.url]
    tab.page.click("#view-figures")
    wait_for_figure(tab)
    tab.page.click("#view-3d")
    tab.page.click("#view-figures")
    tab.page.wait_for_timeout(400)
    assert len([request for request in tab.traffic.posts() if request.url.endswith("api/analyses")]) == 1
    assert "m=figures" in tab.page.url


def test_runs_have_the_colours_of_the_legend_and_hidden_ones_go(tab: Visit) -> None:
    open_figures(tab)
    before = colors_of_runs(tab)
    assert len(before) == N_RUNS
    assert len(set(before.values())) == 3
    tab.page.locator("#legend button", has_text="ViT").first.click()
    tab.page.wait_for_timeout(300)
    after = colors_of_runs(tab)
    assert len(after) == N_RUNS * 2 // 3
    assert not [run_id for run_id in after if run_id.startswith("vit")]
    assert all(before[run_id] == color for run_id, color in after.items())


def test_pointing_and_pinning_go_both_ways(tab: Visit) -> None:
    open_figures(tab)
    run_id = tab.page.evaluate("inpca.state.scene.run_ids[4]")
    tab.page.evaluate("runId => inpca.hover({ runId, source: 'table' })", run_id)
    tab.page.wait_for_function(
        "() => document.querySelectorAll('.figure-marks path, .figure-marks circle').length >= 2"
    )
    point = tab.page.evaluate(
        """() => { const element = document.querySelector('.figure-chart');
            const trace = element.data.find(({ meta }) => meta?.role === 'runs');
            const { xaxis, yaxis, _size } = element._fullLayout;
            const box = element.getBoundingClientRect();
            const at = trace.x.length - 2;
            return { run: trace.meta.runIds[at], x: box.x + _size.l + xaxis.d2p(trace.x[at]),
                y: box.y + _size.t + yaxis.d2p(trace.y[at]) }; }"""
    )
    tab.page.mouse.move(point["x"] - 3, point["y"] + 3)
    tab.page.mouse.move(point["x"], point["y"], steps=3)
    tab.page.wait_for_function(
        "() => inpca.state.hovered !== null && document.getElementById('figure-readout').textContent"
    )
    hovered = tab.page.evaluate("inpca.state.hovered")
    assert hovered in tab.page.inner_text("#figure-readout")
    tab.page.mouse.click(point["x"], point["y"])
    tab.page.wait_for_function("() => inpca.state.picked.size === 1")


def test_a_choice_is_in_the_address_and_a_link_opens_it(tab: Visit) -> None:
    first = open_figures(tab)
    tab.page.select_option("[data-option=definition]", "mean")
    second = wait_for_figure(tab, first)
    assert second != first
    tab.page.wait_for_timeout(500)
    query = tab.page.url.split("?")[1]
    tab.open(f"?{query}")
    tab.wait_for_scene()
    assert wait_for_figure(tab) == second
    assert tab.page.input_value("[data-option=definition]") == "mean"


def test_a_figure_follows_the_selection(tab: Visit) -> None:
    first = open_figures(tab)
    assert f"{N_RUNS} runs" in tab.page.inner_text("#figure-basis")
    tab.pill("CNN")
    wait_for_figure(tab, first)
    assert "10 runs" in tab.page.inner_text("#figure-basis")


def test_a_figure_can_be_taken_away(tab: Visit) -> None:
    open_figures(tab)
    with tab.page.expect_download() as taken:
        tab.page.locator("#figure-take-away a").first.click()
    text = taken.value.path().read_text()
    assert text.startswith("run_id,checkpoint,epoch,step,progress")
    with tab.page.expect_download() as picture:
        tab.page.get_by_role("button", name="Save Progress while training as SVG").click()
    assert "<svg" in picture.value.path().read_text()[:200]


def test_a_link_with_an_option_that_does_not_apply_says_so_and_can_go_on(tab: Visit) -> None:
    tab.open("?v=1&m=figures&fig=progress&fo=" + "%7B%22definition%22%3A%22by%20heart%22%7D")
    tab.wait_for_scene()
    tab.page.wait_for_function("() => !document.getElementById('figure-trouble').hidden")
    assert "definition must be one of" in tab.page.inner_text("#figure-trouble")
    tab.traffic.errors.clear()  # the refusal's status code, which browsers log
    tab.page.get_by_role("button", name="with the defaults").click()
    wait_for_figure(tab)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_figures_view_is_for_everyone(tab: Visit, theme: str) -> None:
    open_figures(tab, f"&th={theme}")
    results = Axe().run(tab.page)
    serious = [entry for entry in results.response["violations"] if entry["impact"] in ("serious", "critical")]
    assert not serious, [(entry["id"], [node["html"][:120] for node in entry["nodes"][:3]]) for entry in serious]


def test_every_figure_of_the_list_can_be_reached(tab: Visit) -> None:
    open_figures(tab)
    entries = tab.page.locator(".figure-entry").all()
    assert len(entries) == len(ANALYSES)
    for entry in entries:
        # Playwright raises where something lies over it.
        entry.click(trial=True)


def test_the_list_has_all_the_room_that_the_legend_leaves(tab: Visit) -> None:
    open_figures(tab)
    bottom = "selector => document.querySelector(selector).getBoundingClientRect().bottom"
    top = "document.querySelector('.corner').getBoundingClientRect().top"
    assert tab.page.evaluate(bottom, "#figure-list") == pytest.approx(tab.page.evaluate(top), abs=1.5)
    before = tab.page.evaluate(top)
    tab.page.evaluate("inpca.togglePin(inpca.state.scene.run_ids[0])")
    tab.page.wait_for_timeout(300)
    assert tab.page.evaluate(top) < before, "pins take room from the list"
    assert tab.page.evaluate(bottom, "#figure-list") == pytest.approx(tab.page.evaluate(top), abs=1.5)


def test_bars_of_a_value_have_the_colour_of_the_value(tab: Visit) -> None:
    open_figures(tab, "&fig=outliers&fo=" + "%7B%22threshold%22%3A0.1%7D")
    bars = tab.page.evaluate(
        """() => document.querySelector('.figure-chart').data.filter(({ type }) => type === 'bar')
            .map(({ meta, marker }) => [meta.level, marker.color])"""
    )
    legend = tab.page.evaluate("() => inpca.state.colouring.entries.map(({ name, color }) => [name, color])")
    assert sorted(bars) == sorted(legend)
    assert len(bars) == 3
