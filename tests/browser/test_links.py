"""Linked views of one run: hovering, pinning, context, level of detail."""

from __future__ import annotations

import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import Served, Visit, Visiting
from tests.browser.synthetic import show_synthetic
from tests.small_study import N_RUNS

pytestmark = [pytest.mark.browser, pytest.mark.full]

COUNT_DRAWINGS = """() => {
    const react = Plotly.react;
    window.drawings = 0;
    Plotly.react = (element, ...rest) => {
        if (element.id === 'picture') window.drawings += 1;
        return react(element, ...rest);
    };
}"""
INK = """() => {
    const canvas = document.querySelector('#picture canvas.overlay');
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let n = 0;
    for (let at = 3; at < data.length; at += 4) n += data[at] > 0;
    return n;
}"""
GROUPS = """() => document.getElementById('picture').data
    .filter(trace => trace.mode === 'lines' && trace.uid !== 'geodesic')
    .map(trace => [trace.uid.split('-')[0], trace.line.width])"""


def place_of(tab: Visit, run: int, checkpoint: int) -> tuple[float, float]:
    """Return the place of a run's checkpoint in the window, in pixels."""
    x, y = tab.page.evaluate(
        """([run, checkpoint]) => {
            const {left, top} = document.getElementById('picture').getBoundingClientRect();
            const [x, y] = inpca.picture.project([inpca.state.scene.spans[run].first + checkpoint]);
            return [left + x, top + y];
        }""",
        [run, checkpoint],
    )
    return x, y


def hover_run(tab: Visit, run: int, checkpoint: int = 7) -> None:
    tab.page.mouse.move(*place_of(tab, run, checkpoint))
    tab.page.wait_for_function("() => inpca.state.hovered !== null")


def click_run(tab: Visit, run: int, checkpoint: int = 7) -> None:
    tab.page.mouse.click(*place_of(tab, run, checkpoint))
    # The growing list of pins moves the picture.
    tab.wait_for_stillness()


def picked(tab: Visit) -> list[str]:
    return sorted(tab.page.evaluate("[...inpca.state.picked]"))


def selected_rows(tab: Visit) -> list[str]:
    return sorted(tab.page.evaluate("inpca.table.getSelectedNodes().map(node => node.data.run_id)"))


def test_a_checkpoint_is_drawn_where_its_projection_says(tab: Visit) -> None:
    tab.open("?runs=vit-0.1-1&ref=hide").wait_for_scene()
    for turn in (0, 70):
        if turn:
            tab.rotate(turn)
        drawn, wanted = tab.page.evaluate(
            """async () => {
                const element = document.getElementById('picture');
                const [width, height] = [element.clientWidth, element.clientHeight];
                const image = new Image();
                image.src = await Plotly.toImage(element, {format: 'png', width, height, scale: 1});
                await image.decode();
                const context = Object.assign(document.createElement('canvas'), {width, height}).getContext('2d');
                context.drawImage(image, 0, 0);
                const {scene, colouring} = inpca.state;
                const [x, y] = inpca.picture.project([scene.spans[0].count - 1]);
                return [[...context.getImageData(Math.round(x), Math.round(y), 1, 1).data], colouring.entries[0].color];
            }"""
        )
        assert drawn[:3] == pytest.approx([int(wanted[at : at + 2], 16) for at in (1, 3, 5)], abs=12)


def test_hovering_shows_a_run_everywhere_without_redrawing(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.settle()
    tab.page.evaluate(COUNT_DRAWINGS)
    tab.traffic.requests.clear()
    before = tab.page.evaluate(INK)
    hover_run(tab, 2, checkpoint=5)
    name = tab.page.evaluate("inpca.state.hovered")
    assert name in tab.page.inner_text("#detail")
    marked = tab.page.locator(".ag-row.is-hovered")
    assert set(marked.evaluate_all("rows => rows.map(row => row.getAttribute('row-id'))")) <= {name}
    assert tab.page.evaluate(INK) > before
    tab.page.mouse.move(5, 5)
    tab.page.wait_for_function("() => inpca.state.hovered === null")
    assert tab.page.evaluate(INK) == before
    assert tab.page.is_hidden("#detail")
    assert tab.page.evaluate("window.drawings") == 0
    assert tab.traffic.requests == []


def test_the_highlight_follows_the_camera(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.evaluate("inpca.hover({runId: inpca.state.scene.run_ids[4], source: 'test'})")
    look = "document.querySelector('#picture canvas.overlay').toDataURL()"
    before = tab.page.evaluate(look)
    box = tab.page.locator("#picture").bounding_box()
    assert box is not None
    tab.page.mouse.move(box["x"] + 300, box["y"] + 60)
    tab.page.evaluate("inpca.hover({runId: inpca.state.scene.run_ids[4], source: 'test'})")
    assert tab.page.evaluate(look) == before
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + 380, box["y"] + 80, steps=4)
    tab.page.wait_for_function(f"before => {look} !== before", arg=before)
    tab.page.mouse.up()


def test_pins_and_the_table_s_selection_are_one(tab: Visit) -> None:
    tab.open().wait_for_scene()
    click_run(tab, 2)
    click_run(tab, 17)
    assert len(picked(tab)) == 2
    assert selected_rows(tab) == picked(tab)
    assert tab.page.locator("#pins .pin").count() == 2
    assert ["picked", 7] in tab.page.evaluate(GROUPS)
    tab.page.wait_for_function("() => /pin=[^&]+%2C/.test(location.search)")
    tab.page.locator("#run-table .ag-pinned-left-cols-container input[type=checkbox]").nth(0).click()
    tab.page.wait_for_function("() => inpca.state.pins.length === 3")
    assert tab.page.locator(".ag-pinned-left-cols-container .ag-row").first.get_attribute("class").count("pin-") == 1  # type: ignore[union-attr]
    before, letters = picked(tab), tab.page.locator("#pins .pin").evaluate_all("all => all.map(pin => pin.className)")
    tab.settle()
    tab.page.reload()
    tab.wait_for_scene()
    tab.settle()
    assert picked(tab) == selected_rows(tab) == before
    assert tab.page.locator("#pins .pin").evaluate_all("all => all.map(pin => pin.className)") == letters
    tab.page.locator("#pins .pin-remove").first.click()
    tab.page.wait_for_function("() => inpca.state.pins.length === 2")
    assert selected_rows(tab) == picked(tab)
    tab.page.keyboard.press("Escape")
    tab.page.wait_for_function("() => inpca.state.picked.size === 0")
    assert selected_rows(tab) == []
    assert tab.page.is_hidden("#pins")


def test_a_second_click_unpins(tab: Visit) -> None:
    tab.open().wait_for_scene()
    click_run(tab, 5)
    assert len(picked(tab)) == 1
    click_run(tab, 5)
    assert picked(tab) == []


def test_a_large_selection_says_it_has_no_swatches(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.evaluate("inpca.state.scene.run_ids.slice(0, 13).forEach(inpca.togglePin)")
    assert len(picked(tab)) == 12
    assert tab.page.locator("#pins .pin").count() == 12
    tab.page.locator("#run-table .ag-header input[type=checkbox]").click()
    tab.page.wait_for_function(f"() => inpca.state.picked.size === {N_RUNS}")
    assert f"{N_RUNS} runs selected" in tab.page.inner_text("#pins")
    assert tab.page.locator("#pins .pin").count() == 0
    tab.page.wait_for_function("() => !location.search.includes('pin=')")


def test_a_chip_scrolls_the_table_to_its_run(tab: Visit) -> None:
    tab.open().wait_for_scene()
    name = tab.page.evaluate("inpca.table.getDisplayedRowAtIndex(29).data.run_id")
    tab.page.evaluate("name => inpca.togglePin(name)", name)
    row = f'.ag-pinned-left-cols-container .ag-row[row-id="{name}"]'
    assert tab.page.locator(row).count() == 0 or not tab.page.locator(row).is_visible()
    tab.page.locator("#pins .pin-name").click()
    tab.page.wait_for_selector(f"{row}.is-hovered.pin-1")


@pytest.mark.parametrize("view", ["3d", "pairs", "compare"])
def test_long_names_of_pins_keep_their_end(tab: Visit, view: str) -> None:
    tab.open(f"?m={view}").wait_for_scene()
    name = f"{'network-' * 8}seed17"
    draw = "pin => inpca.drawPins(document.getElementById('pins'), [pin], 1, () => true, {})"
    tab.page.evaluate(draw, {"runId": name, "slot": 0, "letter": "A"})
    assert (tab.page.text_content("#pins .cut-name") or "") == name
    whole, end, room = tab.page.locator("#pins .cut-name").evaluate(
        "bdi => [bdi.getBoundingClientRect().right <= bdi.parentElement.getBoundingClientRect().right"
        " && bdi.scrollWidth <= bdi.clientWidth, bdi.lastChild.textContent, bdi.firstChild.clientWidth]"
    )
    assert (whole, end) == (True, "-seed17")
    assert room > 20, "and some of its beginning"


def test_hidden_runs_are_faint_or_gone_without_hover(tab: Visit) -> None:
    tab.open().wait_for_scene()
    assert tab.page.is_hidden(".legend-foot")
    tab.page.locator(".legend-entry").first.click()
    tab.page.wait_for_function("() => document.getElementById('counts').textContent.startsWith('20 shown')")
    tab.settle()
    groups = tab.page.evaluate(GROUPS)
    assert groups[0][0] == "context"
    assert groups[0][1] < min(width for role, width in groups if role == "shown")
    first = tab.page.evaluate("inpca.state.scene.run_ids.findIndex((_, run) => !inpca.state.isShown(run))")
    for checkpoint in (3, 5, 7):
        tab.page.mouse.move(*place_of(tab, first, checkpoint))
        tab.next_frames()
        assert tab.page.evaluate(
            """() => {
                const {hovered, scene, isShown} = inpca.state;
                return hovered === null || isShown(scene.run_ids.indexOf(hovered));
            }"""
        )
    tab.page.locator(".legend-foot .segment", has_text="hidden").click()
    tab.settle()
    assert {role for role, _ in tab.page.evaluate(GROUPS)} == {"shown"}
    assert re.search(r"[?&]ctx=hidden", tab.page.url)


def simplified(points: np.ndarray, tolerance: float) -> list[int]:
    """Return the Douglas-Peucker simplification by definition: split where the path is farthest from its chord."""

    def split(first: int, last: int) -> list[int]:
        if last - first < 2:
            return []
        start, chord = points[first], points[last] - points[first]
        offsets = points[first + 1 : last] - start
        along = np.clip(offsets @ chord / (chord @ chord), 0.0, 1.0)
        away = np.linalg.norm(offsets - along[:, None] * chord, axis=1)
        worst = first + 1 + int(np.argmax(away))
        if away.max() < tolerance:
            return []
        return [*split(first, worst), worst, *split(worst, last)]

    return [0, *split(0, len(points) - 1), len(points) - 1]


def test_a_long_study_is_simplified_and_says_so(tab: Visit) -> None:
    tab.open().wait_for_scene()
    assert tab.page.is_hidden("#level-of-detail")
    show_synthetic(tab, runs=400, checkpoints=66)
    words = tab.page.inner_text("#level-of-detail")
    assert re.fullmatch(r"[\d,]+ of 26,400 vertices drawn, simplified to [\d.]+ % of the picture", words)
    count = """() => document.getElementById('picture').data
        .filter(trace => trace.mode === 'lines' && trace.uid !== 'geodesic')
        .reduce((sum, trace) => sum + trace.x.filter(Number.isFinite).length, 0)"""
    assert int(words.split()[0].replace(",", "")) == tab.page.evaluate(count)
    assert 19_000 < tab.page.evaluate(count) <= 20_000
    tolerance, points, kept = tab.page.evaluate(
        """() => {
            const {scene, colouring, axes} = inpca.state;
            const picture = inpca.pictureOf(scene, colouring, inpca.state.isShown);
            const runs = [0, 7, 399];
            const kept = runs.map(run => Array.from(
                inpca.verticesOf(picture, run), model => model - scene.spans[run].first));
            const points = runs.map(run => Array.from({length: 66}, (_, step) => axes.map(
                k => scene.arrays.coordinates[(scene.spans[run].first + step) * scene.n_components + k - 1])));
            return [inpca.detailOf(picture).tolerance, points, kept];
        }"""
    )
    for path, vertices in zip(points, kept, strict=True):
        assert vertices == simplified(np.array(path), tolerance)
        assert 2 < len(vertices) < 66
    tab.page.evaluate("inpca.togglePin('run-0007')")
    tab.settle()
    pinned = "document.getElementById('picture').data.find(trace => trace.uid.startsWith('picked-')).x.length"
    assert tab.page.evaluate(pinned) == 66
    tab.page.click("#level-of-detail")
    tab.page.wait_for_function(f"() => ({count})() === 26400")
    assert tab.page.inner_text("#level-of-detail").startswith("all 26,400 vertices drawn")
    tab.page.click("#level-of-detail")
    tab.page.wait_for_function(f"() => ({count})() <= 20066")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pins_context_and_the_chip_are_accessible(visiting: Visiting, served: Served, scheme: str) -> None:
    tab = visiting(served.url, color_scheme=scheme)
    tab.open().wait_for_scene()
    show_synthetic(tab, runs=400, checkpoints=66)
    tab.page.evaluate("[0, 1, 2].forEach(run => inpca.togglePin(inpca.state.scene.run_ids[run]))")
    tab.page.locator(".legend-entry").first.click()
    tab.settle()
    assert tab.page.locator("#pins .pin.away").count() == 1
    found = Axe().run(tab.page).response["violations"]
    assert [entry["id"] for entry in found if entry["impact"] in ("serious", "critical")] == []


def test_pinned_runs_can_be_shown_alone(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.evaluate("[0, 1].forEach(run => inpca.togglePin(inpca.state.scene.run_ids[run]))")
    tab.page.locator("#picture").focus()
    tab.page.keyboard.press("h")
    tab.page.wait_for_function("() => document.getElementById('counts').textContent.startsWith('2 shown')")
    assert tab.counts() == f"2 shown / {N_RUNS} embedded / {N_RUNS} runs"
    tab.page.keyboard.press("Escape")
    tab.page.wait_for_function(f"() => document.getElementById('counts').textContent.startsWith('{N_RUNS} shown')")
