"""The figures view: requests when visible, links, caching."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from engine import ANALYSES
from tests.browser.conftest import Visit, put_back
from tests.small_study import N_RUNS

pytestmark = [pytest.mark.browser, pytest.mark.full]


def wait_for_figure(tab: Visit, other_than: str | None = None) -> str:
    tab.page.wait_for_function(
        "other => ![undefined, other].includes(document.getElementById('figure-page').dataset.shown)",
        arg=other_than,
        timeout=60_000,
    )
    tab.settle()
    return tab.page.get_attribute("#figure-page", "data-shown") or ""


def open_figures(tab: Visit, query: str = "") -> str:
    tab.open(f"?v=1&m=figures{query}")
    tab.wait_for_scene()
    return wait_for_figure(tab)


@pytest.fixture
def opened(standing: Visit) -> Visit:
    """Return the shared tab on the first of the figures."""
    put_back(standing, "?v=1&m=figures")
    wait_for_figure(standing)
    return standing


def colors_of_runs(tab: Visit) -> dict[str, str]:
    return tab.page.evaluate(
        """() => Object.fromEntries(document.querySelector('.figure-chart').data
            .filter((trace) => trace.meta?.role === 'runs')
            .flatMap(({ meta, line }) => meta.runIds.filter(Boolean).map((runId) => [runId, line.color])))"""
    )


def test_figures_are_requested_once_when_first_looked_at(tab: Visit) -> None:
    tab.open()
    tab.wait_for_scene()
    assert not [request for request in tab.traffic.requests if "api/analyses" in request.url]
    tab.page.click("#view-figures")
    wait_for_figure(tab)
    tab.page.click("#view-3d")
    tab.page.click("#view-figures")
    tab.settle()
    assert len([request for request in tab.traffic.posts() if request.url.endswith("api/analyses")]) == 1
    assert "m=figures" in tab.page.url


def test_runs_have_legend_colours_and_hidden_ones_go(tab: Visit) -> None:
    open_figures(tab)
    before = colors_of_runs(tab)
    assert len(before) == N_RUNS
    assert len(set(before.values())) == 3
    tab.page.locator("#legend button", has_text="ViT").first.click()
    tab.settle()
    after = colors_of_runs(tab)
    assert len(after) == N_RUNS * 2 // 3
    assert not [run_id for run_id in after if run_id.startswith("vit")]
    assert all(before[run_id] == color for run_id, color in after.items())


def test_pointing_and_pinning_go_both_ways(opened: Visit) -> None:
    run_id = opened.page.evaluate("inpca.state.scene.run_ids[4]")
    opened.page.evaluate("runId => inpca.hover({ runId, source: 'table' })", run_id)
    opened.page.wait_for_function(
        "() => document.querySelectorAll('.figure-marks path, .figure-marks circle').length >= 2"
    )
    point = opened.page.evaluate(
        """() => { const element = document.querySelector('.figure-chart');
            const trace = element.data.find(({ meta }) => meta?.role === 'runs');
            const { xaxis, yaxis, _size } = element._fullLayout;
            const box = element.getBoundingClientRect();
            const at = trace.x.length - 2;
            return { run: trace.meta.runIds[at], x: box.x + _size.l + xaxis.d2p(trace.x[at]),
                y: box.y + _size.t + yaxis.d2p(trace.y[at]) }; }"""
    )
    opened.page.mouse.move(point["x"] - 3, point["y"] + 3)
    opened.page.mouse.move(point["x"], point["y"], steps=3)
    opened.page.wait_for_function(
        "() => inpca.state.hovered !== null && document.getElementById('figure-readout').textContent"
    )
    hovered = opened.page.evaluate("inpca.state.hovered")
    assert hovered in opened.page.inner_text("#figure-readout")
    opened.page.mouse.click(point["x"], point["y"])
    opened.page.wait_for_function("() => inpca.state.picked.size === 1")
    opened.page.evaluate("inpca.pick([])")


def test_choices_travel_in_the_address_both_ways(tab: Visit) -> None:
    first = open_figures(tab)
    tab.page.select_option("[data-option=definition]", "mean")
    second = wait_for_figure(tab, first)
    assert second != first
    tab.settle()
    query = tab.page.url.split("?")[1]
    tab.open(f"?{query}")
    tab.wait_for_scene()
    assert wait_for_figure(tab) == second
    assert tab.page.input_value("[data-option=definition]") == "mean"


def test_the_role_of_repetitions_outlasts_a_figure(tab: Visit) -> None:
    """What is chosen in one figure holds in the next, and when the study is opened again."""
    shown = open_figures(tab, "&fig=tube")
    assert tab.page.input_value("[data-option=replicates]") == "found"
    assert tab.page.inner_text("[data-option=replicates] option:checked") == "seed (by name)"
    tab.page.click("[data-figure=null]")
    shown = wait_for_figure(tab, other_than=shown)
    tab.page.select_option("[data-option=replicates]", "none")
    wait_for_figure(tab, other_than=shown)
    assert "replicates" in tab.page.evaluate("decodeURIComponent(location.search)")
    assert "runs that differ in anything are configurations" in tab.page.inner_text("#figure-notes")
    # One that groups no runs has no use for it, and no complaint.
    tab.page.click("[data-figure=progress]")
    tab.settle()
    assert tab.page.is_hidden("#figure-trouble")
    tab.open("?v=1&m=figures&fig=weights")
    tab.wait_for_scene()
    wait_for_figure(tab)
    assert tab.page.input_value("[data-option=replicates]") == "none"


def test_a_figure_follows_the_selection(tab: Visit) -> None:
    first = open_figures(tab)
    assert f"{N_RUNS} runs" in tab.page.inner_text("#figure-basis")
    tab.pill("CNN")
    wait_for_figure(tab, first)
    assert "10 runs" in tab.page.inner_text("#figure-basis")


def test_a_figure_can_be_taken_away(opened: Visit) -> None:
    with opened.page.expect_download() as taken:
        opened.page.locator("#figure-take-away a").first.click()
    text = taken.value.path().read_text()
    assert text.startswith("run_id,checkpoint,epoch,step,progress")
    with opened.page.expect_download() as picture:
        opened.page.get_by_role("button", name="Save Progress while training as SVG").click()
    assert "<svg" in picture.value.path().read_text()[:200]


def test_a_link_with_an_inapplicable_option_says_so(tab: Visit) -> None:
    tab.open("?v=1&m=figures&fig=progress&fo=" + "%7B%22definition%22%3A%22by%20heart%22%7D")
    tab.wait_for_scene()
    tab.page.wait_for_function("() => !document.getElementById('figure-trouble').hidden")
    assert "definition must be one of" in tab.page.inner_text("#figure-trouble")
    tab.traffic.errors.clear()  # the refusal's status code, which browsers log
    tab.page.get_by_role("button", name="with the defaults").click()
    wait_for_figure(tab)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_figures_view_is_for_everyone(opened: Visit, theme: str) -> None:
    opened.page.evaluate("theme => inpca.chooseTheme(theme)", theme)
    opened.page.wait_for_function("theme => inpca.state.theme === theme", arg=theme)
    opened.settle()
    results = Axe().run(opened.page)
    serious = [entry for entry in results.response["violations"] if entry["impact"] in ("serious", "critical")]
    assert not serious, [(entry["id"], [node["html"][:120] for node in entry["nodes"][:3]]) for entry in serious]


def test_every_figure_of_the_list_can_be_reached(opened: Visit) -> None:
    entries = opened.page.locator(".figure-entry").all()
    assert len(entries) == len(ANALYSES)
    for entry in entries:
        # Playwright raises if another element covers it.
        entry.click(trial=True)


def test_the_list_fills_the_room_beside_the_legend(opened: Visit) -> None:
    bottom = "selector => document.querySelector(selector).getBoundingClientRect().bottom"
    top = "document.querySelector('.corner').getBoundingClientRect().top"
    assert opened.page.evaluate(bottom, "#figure-list") == pytest.approx(opened.page.evaluate(top), abs=1.5)
    before = opened.page.evaluate(top)
    opened.page.evaluate("inpca.togglePin(inpca.state.scene.run_ids[0])")
    opened.settle()
    assert opened.page.evaluate(top) < before, "pins take room from the list"
    assert opened.page.evaluate(bottom, "#figure-list") == pytest.approx(opened.page.evaluate(top), abs=1.5)
    opened.page.evaluate("inpca.pick([])")


def test_bars_have_the_colour_of_their_value(tab: Visit) -> None:
    open_figures(tab, "&fig=outliers&fo=" + "%7B%22threshold%22%3A0.1%7D")
    bars = tab.page.evaluate(
        """() => document.querySelector('.figure-chart').data.filter(({ type }) => type === 'bar')
            .map(({ meta, marker }) => [meta.level, marker.color])"""
    )
    legend = tab.page.evaluate("() => inpca.state.colouring.entries.map(({ name, color }) => [name, color])")
    assert sorted(bars) == sorted(legend)
    assert len(bars) == 3
