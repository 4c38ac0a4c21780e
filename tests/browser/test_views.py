"""Saved views, long selections, the presentation and the tour."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser

from dashboard.saved.views import View, views_bytes
from engine import Recorder
from tests.browser.conftest import Served, Visit, serve, visit
from tests.small_study import N_RUNS, record_small_study

pytestmark = [pytest.mark.browser, pytest.mark.full]

MANY = 70
TOUR = [
    View("first", "All of them", "Thirty runs.", "?v=1&d=small&c=run%3Aarchitecture"),
    View("second", "Only the CNNs", "Ten of them.", "?v=1&d=small&f=architecture%3ACNN&c=run%3Aseed&ax=2%2C1%2C3"),
    View("third", "Test data", "", "?v=1&d=small&split=test&c=model%3Aprogress&cam=1%2C1%2C1%2C0%2C0%2C0%2C0%2C0%2C1"),
]


def record_many_runs(folder: Path) -> None:
    labels = {"train": np.arange(6) % 3}
    for run in range(MANY):
        rng = np.random.default_rng(run)
        with Recorder(folder, hyperparameters={"seed": run}, labels=labels, run_id=f"run-{run:02d}") as recorder:
            for checkpoint in range(2):
                recorder.record(step=checkpoint, epoch=float(checkpoint), train=checkpoint * rng.normal(size=(6, 3)))


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield a small study with a tour, and a study of many runs."""
    folder = tmp_path_factory.mktemp("studies")
    record_small_study(folder / "small")
    (folder / "small" / "tour.json").write_bytes(views_bytes(TOUR))
    record_many_runs(folder / "many")
    yield from serve(folder, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def toured_tab(browser: Browser, toured: Served) -> Iterator[Visit]:
    yield from visit(browser, toured.url)
    for view in toured.saved.views.saved(study := toured.explorer.study("small")):
        toured.saved.views.remove(study, view.view_id)


def save(tab: Visit, title: str, sentence: str = "") -> None:
    if tab.page.is_hidden("#views-menu"):
        tab.page.click("#views-button")
    form = tab.page.locator("#views-menu > .view-form")
    form.get_by_label("Name of the view").fill(title)
    form.get_by_label("What it shows, in a sentence").fill(sentence)
    form.get_by_role("button", name="Save what is on screen").click()
    tab.page.wait_for_function("title => inpca.views.saved.some(view => view.title === title)", arg=title)


def titles(tab: Visit) -> list[str]:
    return tab.page.evaluate("inpca.views.saved.map(view => view.title)")


def settled(tab: Visit) -> dict[str, Any]:
    """Return the state that determines the screen, once the page has settled."""
    tab.settle()
    return tab.page.evaluate(
        """() => {
            const {split, references, colorBy, axes, mask, kept, hidden, picked} = inpca.state;
            const {moment, clock, scale, search, view} = inpca.state;
            const gd = document.getElementById('picture');
            const checked = inputs => [...document.querySelectorAll(`${inputs}:checked`)].map(input => input.value);
            const control = id => document.getElementById(id)?.value;
            return {
                split, references, colorBy, axes, moment, clock, scale, search, view,
                mask: [...mask], kept: [...kept], hidden: [...hidden], picked: [...picked],
                scene: document.getElementById('page').dataset.scene,
                camera: inpca.cameraText(inpca.picture.camera()),
                traces: gd.data.map(trace => [trace.mode, String(trace.x), String(trace.y), String(trace.z)]),
                looks: gd.data.map(trace => JSON.stringify(trace.line ?? trace.marker)),
                titles: ['xaxis', 'yaxis', 'zaxis'].map(axis => gd.layout.scene[axis].title.text),
                controls: ['color-by', 'axis-x', 'axis-y', 'axis-z'].map(control),
                segments: checked('.mantine-SegmentedControl-input'),
                pills: [...document.querySelectorAll('#filters .pill:has(:checked)')].map(pill => pill.innerText),
                thumbs: [...document.querySelectorAll('#filters [type=range]')].map(handle => handle.value),
                legend: document.getElementById('legend').innerText,
                counts: document.getElementById('counts').innerText,
                address: location.search,
            };
        }"""
    )


ELSEWHERE = (
    "?v=1&d=small&split=test&f=architecture:ViT;seed:0&r=learning_rate:0.003..0.03&ref=hide&ax=3,1,4"
    "&c=model:epoch&scale=stretched&q=vit&clk=epoch&t=3&fl=1,2,3,4"
)


@pytest.mark.parametrize(
    "query",
    [
        "?v=1&d=small",
        "?v=1&d=small&f=architecture:CNN&r=learning_rate:0.001..0.01&ref=fit&ax=2,4,1&c=run:seed&q=cnn&t=0.4&fl=2"
        "&cam=0.4,-1.7,1.1,0,0,-0.1,0,0,1",
        "?v=1&d=small&split=test&runs=cnn-0.1-0,vit-0.1-0,vit-0.1-1&c=model:test_error",
    ],
)
def test_a_view_opened_in_place_equals_its_link(toured_tab: Visit, query: str) -> None:
    toured_tab.open(query).wait_for_scene()
    fresh = settled(toured_tab)
    key = toured_tab.open(ELSEWHERE).wait_for_scene()
    toured_tab.page.locator("#run-table .ag-pinned-left-cols-container input[type=checkbox]").first.click()
    toured_tab.rotate(60)
    toured_tab.page.evaluate("window.stillHere = true")
    toured_tab.page.evaluate("query => inpca.openView(query)", query)
    toured_tab.wait_for_scene(other_than=key)
    assert settled(toured_tab) == fresh
    assert toured_tab.page.evaluate("window.stillHere")
    toured_tab.page.go_back()
    toured_tab.page.wait_for_function("() => inpca.state.split === 'test' && inpca.state.axes.join() === '3,1,4'")


def test_a_saved_view_opens_with_everything(toured_tab: Visit) -> None:
    key = toured_tab.open("?v=1&d=small&th=dark").wait_for_scene()
    toured_tab.pill("CNN")
    key = toured_tab.wait_for_scene(other_than=key)
    toured_tab.rotate(40)
    camera = toured_tab.camera()
    save(toured_tab, "CNNs <img src=x onerror=alert(1)>", "Only them.")
    assert "<img" in toured_tab.page.inner_text("#views-menu .view-title")
    assert "th=" not in toured_tab.page.evaluate("inpca.views.saved[0].query")
    toured_tab.page.keyboard.press("Escape")
    assert toured_tab.page.is_hidden("#views-menu")
    assert toured_tab.page.evaluate("document.activeElement.id") == "views-button"
    toured_tab.page.click("#clear-filters")
    toured_tab.page.evaluate("inpca.actions['reset-camera']()")
    toured_tab.wait_for_scene(other_than=key)
    toured_tab.page.click("#views-button")
    toured_tab.page.locator("#views-menu .view-open").first.click()
    toured_tab.page.wait_for_function("key => document.getElementById('page').dataset.scene === key", arg=key)
    toured_tab.settle()
    toured_tab.page.wait_for_function(
        """wanted => ["eye", "center", "up"]
            .flatMap((part) => ["x", "y", "z"].map((axis) => inpca.picture.camera()[part][axis]))
            .every((value, index) => Math.abs(value - wanted[index]) < 2e-3)""",
        arg=camera,
    )
    assert toured_tab.counts() == f"10 shown / 10 embedded / {N_RUNS} runs"
    assert toured_tab.page.evaluate("inpca.state.theme") == "dark"


def test_views_are_ordered_renamed_and_deleted_by_keyboard(toured_tab: Visit) -> None:
    toured_tab.open("?d=small").wait_for_scene()
    for title in ("one", "two", "three"):
        save(toured_tab, title)
    press = toured_tab.page.keyboard.press
    toured_tab.page.get_by_role("button", name="Move up “three”").focus()
    press("Enter")
    toured_tab.page.wait_for_function("() => inpca.views.saved[1].title === 'three'")
    press("Enter")
    toured_tab.page.wait_for_function("() => inpca.views.saved[0].title === 'three'")
    toured_tab.page.get_by_role("button", name="Edit “one”").focus()
    press("Enter")
    toured_tab.page.keyboard.type("st")
    press("Enter")
    toured_tab.page.wait_for_function("() => inpca.views.saved[1].title === 'onest'")
    toured_tab.page.get_by_role("button", name="Delete “onest”").focus()
    press("Enter")
    toured_tab.page.wait_for_function("() => inpca.views.saved.length === 2")
    toured_tab.page.wait_for_function("() => document.activeElement.textContent === 'undo'")
    press("Enter")
    toured_tab.page.wait_for_function("() => inpca.views.saved.length === 3")
    assert titles(toured_tab) == ["three", "onest", "two"]


def test_many_kept_runs_travel_under_a_short_name(toured_tab: Visit) -> None:
    toured_tab.open("?d=many").wait_for_scene()
    key = toured_tab.scene_key()
    toured_tab.page.evaluate(
        "inpca.state.picked = new Set(inpca.state.study.run_ids.slice(0, 65)); inpca.keepOnlyPicked()"
    )
    toured_tab.wait_for_scene(other_than=key)
    toured_tab.page.wait_for_function(
        "() => /[?&]s=[a-z2-7]{10}/.test(location.search) && !location.search.includes('mask=')"
    )
    address = toured_tab.page.url
    assert len(urlsplit(address).query) < 200
    mask = toured_tab.page.evaluate("`${inpca.state.study.fingerprint.slice(0, 12)}.${inpca.keptMask(inpca.state)}`")
    for link in (address, f"{toured_tab.url}?d=many&mask={mask.replace('+', '%2B')}"):
        toured_tab.page.goto("about:blank")
        toured_tab.page.goto(link)
        toured_tab.wait_for_scene()
        assert toured_tab.counts() == f"65 shown / 65 embedded / {MANY} runs"
        assert toured_tab.page.is_hidden("#link-note")
    name = parse_qs(urlsplit(address).query)["s"][0]
    toured_tab.page.goto("about:blank")
    toured_tab.page.goto(address.replace(name, "aaaaaaaaaa") + "&ax=2,1,3")
    toured_tab.wait_for_scene()
    assert "which this server does not keep" in toured_tab.page.inner_text("#link-note")
    assert toured_tab.counts() == f"{MANY} shown / {MANY} embedded / {MANY} runs"
    assert toured_tab.page.evaluate("inpca.state.axes") == [2, 1, 3]


def test_a_presentation_steps_through_views_and_restores_all(toured_tab: Visit) -> None:
    toured_tab.open("?d=small").wait_for_scene()
    widths = "document.getElementById('picture').data[0].line.width"
    narrow = toured_tab.page.evaluate(widths)
    toured_tab.page.evaluate("window.stillHere = true")
    toured_tab.page.focus("#present-toggle")
    toured_tab.page.keyboard.press("Enter")
    toured_tab.page.wait_for_function(f"() => {widths} > 1.4 * {narrow}")
    for selector in (".topbar", ".rail.left", ".rail.right", ".toolbar", ".runs", ".statusbar"):
        assert toured_tab.page.is_hidden(selector), selector
    assert toured_tab.page.is_visible("#legend")
    box = toured_tab.page.locator("#picture canvas").first.bounding_box()
    assert box is not None
    assert box["width"] == 1280
    assert toured_tab.page.inner_text("#caption-title") == "All of them", "the view on screen is a step: begin there"
    for key, title, count in [
        ("Space", "Only the CNNs", "2 / 3"),
        ("ArrowRight", "Test data", "3 / 3"),
        ("ArrowRight", "Test data", "3 / 3"),
        ("ArrowLeft", "Only the CNNs", "2 / 3"),
    ]:
        toured_tab.page.keyboard.press(key)
        toured_tab.page.wait_for_function(
            "title => document.getElementById('caption-title').innerText === title", arg=title
        )
        assert toured_tab.page.inner_text("#caption-count") == count
    toured_tab.page.wait_for_function(
        "() => inpca.state.axes.join() === '2,1,3' && inpca.state.scene.run_ids.length === 10"
    )
    assert toured_tab.page.evaluate("window.stillHere")
    toured_tab.page.keyboard.press("Escape")
    toured_tab.page.wait_for_function(f"() => {widths} === {narrow}")
    assert toured_tab.page.is_visible(".topbar")
    assert toured_tab.page.is_hidden("#caption")
    assert toured_tab.page.evaluate("document.activeElement.id") == "present-toggle"


def test_presenting_an_unsaved_view_leaves_it_on_screen(toured_tab: Visit) -> None:
    key = toured_tab.open("?d=small&f=architecture:ViT").wait_for_scene()
    toured_tab.page.click("#present-toggle")
    toured_tab.settle()
    assert toured_tab.scene_key() == key
    assert toured_tab.page.is_hidden(".caption-text")
    toured_tab.page.keyboard.press("PageDown")
    toured_tab.page.wait_for_function("() => document.getElementById('caption-title').innerText === 'All of them'")


def test_a_newcomer_is_offered_the_tour_once(toured_tab: Visit) -> None:
    toured_tab.open("?d=small").wait_for_scene()
    toured_tab.page.wait_for_selector("#tour-card:not([hidden])")
    toured_tab.page.get_by_role("button", name="Take the tour, 3 steps").click()
    toured_tab.page.wait_for_function("() => document.getElementById('caption-count').innerText === '1 / 3'")
    assert toured_tab.page.is_hidden("#tour-card")
    assert toured_tab.page.is_visible(".rail.left"), "a tour is taken beside the controls"
    toured_tab.page.click("#present-next")
    toured_tab.page.wait_for_function("() => inpca.state.scene.run_ids.length === 10")
    toured_tab.page.click("#present-leave")
    toured_tab.page.reload()
    toured_tab.wait_for_scene()
    toured_tab.page.wait_for_function("() => inpca.views.tour.length === 3")
    assert toured_tab.page.is_hidden("#tour-card")
    toured_tab.page.click("#views-button")
    assert "Only the CNNs" in toured_tab.page.inner_text("#views-menu")


def test_leaving_a_step_hides_its_sentence_until_return(toured_tab: Visit) -> None:
    toured_tab.open("?d=small").wait_for_scene()
    toured_tab.page.evaluate("inpca.takeTour()")
    toured_tab.page.click("#present-next")
    toured_tab.page.wait_for_function("() => inpca.state.scene.run_ids.length === 10")
    toured_tab.rotate(80)
    toured_tab.page.evaluate("inpca.togglePin(inpca.state.scene.run_ids[0])")
    toured_tab.settle()
    assert toured_tab.page.is_visible("#caption-sentence"), "the sentence is as true from another side"
    toured_tab.pill("ViT")
    toured_tab.page.wait_for_selector("#caption-left:not([hidden])")
    assert toured_tab.page.is_hidden("#caption-sentence")
    assert toured_tab.page.inner_text("#caption-title") == "Only the CNNs"
    toured_tab.page.click("#present-return")
    toured_tab.page.wait_for_function("() => inpca.count(inpca.state.mask) === 10")
    toured_tab.settle()
    assert toured_tab.page.is_visible("#caption-sentence")
    assert toured_tab.page.is_hidden("#caption-left")
    assert toured_tab.page.evaluate("document.activeElement.id") == "present-next"


def test_a_broken_views_file_is_named_and_unchanged(toured_tab: Visit, toured: Served) -> None:
    toured_tab.open("?d=small").wait_for_scene()
    save(toured_tab, "whole")
    file = next(toured.explorer.cache_folder.glob("views/small-*/views.json"))
    whole = file.read_bytes()
    broken = whole.replace(b'"title"', b'"tit', 1)
    file.write_bytes(broken)
    toured_tab.page.keyboard.press("Escape")
    toured_tab.page.click("#views-button")
    toured_tab.page.wait_for_selector(".view-problem")
    assert "views.json cannot be read" in toured_tab.page.inner_text("#views-menu")
    assert file.read_bytes() == broken
    file.write_bytes(whole)
    assert [view["title"] for view in json.loads(whole)["views"]] == ["whole"]


OVERLAPS = """() => {
    const all = [...document.querySelectorAll('.foot > *, .corner > *, #caption')];
    const shown = all.filter(element => element.offsetHeight > 0);
    const boxes = shown.map(element => [element.id, element.getBoundingClientRect()]);
    const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    const covered = boxes.flatMap(([id, box], at) =>
        boxes.slice(at + 1).filter(([, other]) => meet(box, other)).map(([other]) => [id, other]));
    return [shown.map(element => element.id), covered];
}"""


@pytest.mark.parametrize("size", [(1280, 800), (768, 1024)])
def test_what_lies_over_the_picture_never_covers_itself(toured_tab: Visit, size: tuple[int, int]) -> None:
    toured_tab.page.set_viewport_size({"width": size[0], "height": size[1]})
    toured_tab.open("?d=small&scale=stretched&ax=9,9,9&c=run:architecture").wait_for_scene()
    toured_tab.page.wait_for_selector("#tour-card:not([hidden])")
    toured_tab.page.evaluate("inpca.pick(inpca.state.scene.run_ids.slice(0, 12))")
    toured_tab.page.evaluate("inpca.showProgress('Distances', 0.4, 12)")
    toured_tab.page.evaluate(
        "Object.assign(document.getElementById('level-of-detail'), {hidden: false, textContent: 'fine'})"
    )
    shown, covered = toured_tab.page.evaluate(OVERLAPS)
    assert {"tour-card", "link-note", "progress", "scale-badge", "level-of-detail", "legend", "pins"} == set(shown)
    assert covered == []
    toured_tab.page.evaluate("inpca.takeTour()")
    toured_tab.settle()
    assert toured_tab.page.evaluate(OVERLAPS)[1] == []


def test_another_study_opens_with_the_same_settings(toured_tab: Visit) -> None:
    toured_tab.open(
        "?d=small&div=hellinger&c=run:seed&ref=hide&scale=stretched&clk=epoch&t=2&ctx=hidden&tab=distances"
        "&f=architecture:ViT&pin=vit-0.1-0&ax=2,1,3"
    ).wait_for_scene()

    def picked(title: str, study: str) -> dict[str, Any]:
        toured_tab.page.click("#study-picker")
        toured_tab.page.get_by_role("option", name=title).click()
        toured_tab.page.wait_for_function("study => inpca.state.scene?.study === study", arg=study)
        toured_tab.settle()
        return toured_tab.page.evaluate(
            """() => {
                const {divergence, references, colorBy, scale, clock, context, tab} = inpca.state;
                const kept = {divergence, references, colorBy, scale, clock, context, tab};
                const {moment, constraints, pins, axes} = inpca.state;
                const menu = document.getElementById('divergence').value;
                return {...kept, menu, own: [moment, constraints.length, pins.length, axes.join()]};
            }"""
        )

    kept = {"divergence": "hellinger", "references": "hide", "scale": "stretched", "clock": "epoch"}
    kept |= {"context": "hidden", "tab": "distances", "menu": "hellinger", "own": [None, 0, 0, "1,2,3"]}
    assert picked("many", "many") == {**kept, "colorBy": "run:seed"}
    assert toured_tab.page.is_hidden("#link-note")
    toured_tab.page.evaluate("dash_clientside.set_props('color-by', {value: 'model:progress'})")
    assert picked("small", "small") == {**kept, "colorBy": "model:progress"}
    # A link determines every setting.
    toured_tab.page.evaluate("inpca.openView('?v=1&d=many')")
    toured_tab.page.wait_for_function("() => inpca.state.scene?.study === 'many'")
    assert toured_tab.page.evaluate("[inpca.state.divergence, inpca.state.scale]") == ["bhattacharyya", "equal"]
