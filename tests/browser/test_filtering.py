"""Filters: predicted counts, names, removal."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import expect

from engine import Recorder
from tests.browser.conftest import Served, Visit, Visiting, serve
from tests.small_study import ARCHITECTURES, LEARNING_RATES, N_RUNS, SEEDS

pytestmark = [pytest.mark.browser, pytest.mark.full]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield a study of twenty runs that differ in 25 hyperparameters, two with 20 values, and in their error."""
    folder = tmp_path_factory.mktemp("many")
    labels = {"train": np.arange(6) % 2}
    rng = np.random.default_rng(0)
    for run in range(20):
        hyperparameters = {f"option_{index:02}": f"{index}-{(run >> index % 4) & 1}" for index in range(23)}
        hyperparameters |= {"host": f"node-{run:02}", "width": 8 * run}
        with Recorder(folder / "many", hyperparameters=hyperparameters, labels=labels, run_id=f"run-{run}") as recorder:
            for step in range(3):
                recorder.record(step=step, epoch=float(step), train=rng.normal(size=(6, 2)))
    yield from serve(folder, tmp_path_factory.mktemp("cache"))


def pills(tab: Visit, name: str) -> dict[str, int]:
    """Return level -> count on its pill."""
    return tab.page.evaluate(
        """name => {
            const labels = [...document.querySelectorAll(`[data-filter="${name}"] .pill`)];
            const text = (label, part) => label.querySelector(`.pill-${part}`).textContent;
            return Object.fromEntries(labels.map(label => [text(label, 'name'), Number(text(label, 'count'))]));
        }""",
        name,
    )


def bars(tab: Visit, name: str) -> list[tuple[str, float, bool]]:
    """Return (words, solid share, whether outside the filter's own range) of each bar."""
    return tab.page.evaluate(
        """name => [...document.querySelectorAll(`[data-filter="${name}"] .bar`)].map(bar => [
            bar.title,
            bar.firstElementChild.offsetHeight / bar.offsetHeight,
            bar.classList.contains('outside'),
        ])""",
        name,
    )


def set_range(tab: Visit, name: str, ends: list[int]) -> None:
    tab.page.evaluate("([name, ends]) => inpca.choose(name, ends)", [name, ends])


def wait_for_passing(tab: Visit, n_runs: int) -> None:
    tab.page.wait_for_function("n => inpca.count(inpca.state.mask) === n", arg=n_runs)


def test_counts_and_bars_follow_all_other_filters(tab: Visit) -> None:
    tab.open().wait_for_scene()
    per_architecture, per_rate = N_RUNS // len(ARCHITECTURES), N_RUNS // len(LEARNING_RATES)
    assert pills(tab, "architecture") == dict.fromkeys(ARCHITECTURES, per_architecture)
    tab.pill("CNN")
    wait_for_passing(tab, per_architecture)
    assert pills(tab, "architecture") == dict.fromkeys(ARCHITECTURES, per_architecture)
    assert pills(tab, "seed") == {str(seed): len(LEARNING_RATES) for seed in SEEDS}
    for words, solid, outside in bars(tab, "learning_rate"):
        assert words.endswith(f"{len(SEEDS)} of {per_rate} runs")
        assert solid == pytest.approx(1 / len(ARCHITECTURES), abs=0.05)
        assert not outside
    set_range(tab, "learning_rate", [0, 1])
    wait_for_passing(tab, 2 * len(SEEDS))
    assert pills(tab, "seed") == dict.fromkeys(map(str, SEEDS), 2)
    assert pills(tab, "architecture") == dict.fromkeys(ARCHITECTURES, 2 * len(SEEDS))
    assert [outside for _, _, outside in bars(tab, "learning_rate")] == [False, False, True, True, True]
    assert [words.endswith(f"2 of {per_rate} runs") for words, _, _ in bars(tab, "learning_rate")] == [True] * 5


SEARCHES = {
    "": N_RUNS,
    "cnn": 10,
    "CNN seed:1": 5,
    "fully": 10,
    '"fully connected" seed:0': 5,
    'arch:"fully c"': 10,
    "learning_rate:0.01": 6,
    "learning:1e-2": 6,
    "0.01": 6,
    "cnn-0.001-1": 1,
    "momentum:0.9": N_RUNS,
    "nowhere": 0,
    "nowhere:1": 0,
    "cnn vit": 0,
}


def test_words_of_the_search_must_all_occur(opened: Visit) -> None:
    found = opened.page.evaluate(
        """texts => texts.map(text => {
            const constraints = inpca.searchConstraint(inpca.state.study, text);
            return inpca.count(inpca.passingRuns(inpca.state.study, constraints, new Set()));
        })""",
        list(SEARCHES),
    )
    assert dict(zip(SEARCHES, found, strict=True)) == SEARCHES


def test_searching_narrows_table_picture_and_address(tab: Visit) -> None:
    key = tab.open().wait_for_scene()
    tab.page.fill("#search", "vit seed:1")
    tab.wait_for_scene(other_than=key)
    assert tab.counts() == f"5 shown / 5 embedded / {N_RUNS} runs"
    tab.settle()
    assert tab.page.locator("#run-table .ag-center-cols-container .ag-row").count() == 5
    assert pills(tab, "architecture") == {"CNN": 0, "ViT": 5, "fully connected": 0}
    tab.page.wait_for_function("() => location.search.includes('q=vit%20seed%3A1')")
    address = tab.page.url
    tab.page.goto("about:blank")
    tab.page.goto(address)
    tab.wait_for_scene()
    assert tab.page.input_value("#search") == "vit seed:1"
    assert tab.counts() == f"5 shown / 5 embedded / {N_RUNS} runs"
    tab.page.focus("#search")
    tab.page.keyboard.press("Escape")
    wait_for_passing(tab, N_RUNS)
    expect(tab.page.locator("#search")).to_have_value("")


def test_active_filters_are_named_and_dropped_by_keyboard(tab: Visit) -> None:
    tab.open("?f=architecture:CNN,ViT;seed:1&r=learning_rate:0.001..0.003&q=cnn").wait_for_scene()
    chips = tab.page.locator("#active-filters button")
    wait_for_passing(tab, 2)
    assert chips.locator(".active-subject").all_inner_texts() == [
        "architecture",
        "learning rate",
        "seed",
        "search",
    ]
    assert "0.001 to 0.003" in chips.nth(1).inner_text()
    chips.nth(1).focus()
    for left, n_runs in ((3, 5), (2, 10), (1, 20)):
        tab.page.keyboard.press("Enter")
        wait_for_passing(tab, n_runs)
        assert chips.count() == left
        assert tab.page.evaluate("document.activeElement.className") == "active-filter"
    tab.page.keyboard.press("Enter")
    wait_for_passing(tab, N_RUNS)
    assert tab.page.evaluate("document.activeElement.id") == "search"
    assert tab.page.is_disabled("#clear-filters")


def test_filters_reset_alone_and_all_at_once(tab: Visit) -> None:
    tab.open("?f=architecture:CNN;seed:1&q=0.1").wait_for_scene()
    wait_for_passing(tab, 1)
    resets = tab.page.locator("[data-reset]:visible")
    assert resets.count() == 2
    tab.page.locator('[data-filter="architecture"] [data-reset]').click()
    wait_for_passing(tab, 3)
    assert resets.count() == 1
    assert tab.page.evaluate("document.activeElement.className") == "filter-name"
    tab.page.click("#clear-filters")
    wait_for_passing(tab, N_RUNS)
    expect(tab.page.locator("#search")).to_have_value("")
    assert resets.count() == 0


def test_the_search_text_can_be_what_blocks(tab: Visit) -> None:
    tab.open("?f=architecture:CNN&q=nowhere")
    tab.page.wait_for_selector("#notice:not([hidden])")
    assert "Without the search text, 10 would." in tab.page.inner_text("#notice")
    tab.page.locator("#notice button").click()
    tab.wait_for_scene()
    assert tab.counts() == f"10 shown / 10 embedded / {N_RUNS} runs"


def test_without_automatic_a_filter_sends_nothing(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.evaluate("dash_clientside.set_props('automatic', {checked: false})")
    tab.settle()
    tab.traffic.requests.clear()
    tab.pill("CNN")
    wait_for_passing(tab, 10)
    set_range(tab, "learning_rate", [1, 3])
    wait_for_passing(tab, 6)
    tab.page.fill("#search", "seed:0")
    wait_for_passing(tab, 3)
    tab.page.click("#clear-filters")
    wait_for_passing(tab, N_RUNS)
    tab.settle()
    assert [request.url for request in tab.traffic.requests] == []


def test_many_filters_fold_and_stay_as_left(visiting: Visiting, many: Served) -> None:
    tab = visiting(many.url)
    tab.open().wait_for_scene()
    bodies = tab.page.locator(".filter-body")
    assert bodies.count() == 26
    assert tab.page.locator(".filter-body:visible").count() == 10
    late = tab.page.locator('[data-filter="option_20"] .filter-name')
    late.click()
    assert late.get_attribute("aria-expanded") == "true"
    tab.page.locator('[data-filter="option_00"] .filter-name').click()
    tab.page.reload()
    tab.wait_for_scene()
    assert tab.page.is_visible('[data-filter="option_20"] .filter-body')
    assert tab.page.is_hidden('[data-filter="option_00"] .filter-body')
    tab.page.click("#fold-filters")
    assert tab.page.locator(".filter-body:visible").count() == 26
    host = tab.page.locator('[data-filter="host"]')
    assert host.locator(".pill:visible").count() == 14
    host.locator("[data-more]").click()
    assert host.locator(".pill:visible").count() == 20


def test_bars_of_many_values_stay_in_the_rail(visiting: Visiting, many: Served) -> None:
    tab = visiting(many.url)
    tab.open().wait_for_scene()
    fold = tab.page.locator('[data-filter="width"] .filter-name')
    if fold.get_attribute("aria-expanded") == "false":
        fold.click()
    places = tab.page.evaluate(
        """() => {
            const group = document.querySelector('[data-filter="width"]');
            const box = element => element.getBoundingClientRect();
            const {left, right} = box(group.querySelector('.range'));
            const bars = [...group.querySelectorAll('.bar')].map(box);
            return {left, right, bars: bars.map(bar => [bar.left, bar.right])};
        }"""
    )
    bars = np.array(places["bars"])
    assert len(bars) == 20
    assert bars.min() >= places["left"]
    assert bars.max() <= places["right"]
    assert (bars[1:, 0] > bars[:-1, 1]).all(), "each stands alone"
    # A handle is 14 pixels wide: its centre stays 7 pixels from either end.
    stops = np.linspace(places["left"] + 7, places["right"] - 7, 20)
    assert bars.mean(axis=1) == pytest.approx(stops, abs=0.5)
