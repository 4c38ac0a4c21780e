"""Pairs of components, two embeddings side by side, and pages without WebGL."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Route

from tests.browser.conftest import Visit
from tests.small_study import N_RUNS

pytestmark = [pytest.mark.browser, pytest.mark.full]

SECOND_KEY = "document.getElementById('second-head').textContent"
CAMERAS = """[inpca.picture, inpca.secondPicture()].map(({camera}) =>
    ['eye', 'center', 'up'].flatMap(part => ['x', 'y', 'z'].map(axis => camera()[part][axis])))"""


def wait_for_second(tab: Visit, beginning: str) -> None:
    tab.page.wait_for_function(f"text => {SECOND_KEY}.startsWith(text)", arg=beginning, timeout=60_000)
    tab.page.wait_for_function("() => document.getElementById('second-picture')?.data?.length > 3", timeout=60_000)
    tab.settle()


def wait_for_pairs(tab: Visit) -> None:
    tab.page.wait_for_function("() => inpca.pairs()?.panels().length > 0")
    tab.settle()


def place_in_pairs(tab: Visit, panel: int, model: int) -> tuple[float, float]:
    """Return the place of a model in a panel, in pixels of the page."""
    x, y = tab.page.evaluate(
        """([panel, model]) => {
            const pairs = inpca.pairs(), box = pairs.canvas.getBoundingClientRect();
            const [x, y] = pairs.placeOf(pairs.panels()[panel], model);
            return [box.left + x, box.top + y];
        }""",
        [panel, model],
    )
    return x, y


def lonely_model(tab: Visit, panel: int) -> tuple[int, str]:
    """Return the model that is farthest from those of other runs in a panel, and its run."""
    model, run_id = tab.page.evaluate(
        """panel => {
            const { scene } = inpca.state, pairs = inpca.pairs(), { run } = scene.arrays;
            const places = [...run.keys()].map(model => pairs.placeOf(pairs.panels()[panel], model));
            const room = places.map(([x, y], model) => Math.min(...places.map(([otherX, otherY], other) =>
                run[other] === run[model] ? Infinity : Math.hypot(x - otherX, y - otherY))));
            const model = room.indexOf(Math.max(...room));
            return [model, scene.run_ids[run[model]]];
        }""",
        panel,
    )
    return model, run_id


def keep_pixels(tab: Visit) -> int:
    """Store the canvas's pixels in the page and return their number, for `n_changed`."""
    return tab.page.evaluate(
        """() => {
            const { canvas } = inpca.pairs();
            window.snapshots = window.snapshots || [];
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return window.snapshots.push(data) - 1;
        }"""
    )


def n_changed(tab: Visit, one: int, other: int) -> int:
    """Return the number of colour channels that differ by more than the rounding between canvases."""
    return tab.page.evaluate(
        """([one, other]) => {
            const [first, second] = [window.snapshots[one], window.snapshots[other]];
            return first.reduce((sum, value, at) => sum + (Math.abs(value - second[at]) > 8 ? 1 : 0), 0);
        }""",
        [one, other],
    )


@pytest.mark.parametrize("k", [2, 4, 7])
def test_pairs_fill_the_lower_triangle_with_equal_scales(tab: Visit, k: int) -> None:
    tab.open(f"?m=pairs&pc={k}").wait_for_scene()
    wait_for_pairs(tab)
    panels = tab.page.evaluate("inpca.pairs().panels()")
    assert [(one["row"], one["column"]) for one in panels] == [(i, j) for i in range(2, k + 1) for j in range(1, i)]
    n = tab.page.evaluate("inpca.state.scene.n_components")
    values = tab.page.evaluate("[...inpca.state.scene.arrays.coordinates]")
    for index, panel in enumerate(panels):
        places = [place_in_pairs(tab, index, model) for model in (3, 60, 200)]
        scales = []
        for (x0, y0), (x1, y1), (a, b) in [(places[0], places[1], (3, 60)), (places[0], places[2], (3, 200))]:
            dx = values[b * n + panel["column"] - 1] - values[a * n + panel["column"] - 1]
            dy = values[b * n + panel["row"] - 1] - values[a * n + panel["row"] - 1]
            scales += [(x1 - x0) / dx, -(y1 - y0) / dy]
        assert scales == pytest.approx([scales[0]] * 4, rel=1e-3)
    assert f"first {k} components" in (tab.page.get_attribute("#pairs canvas", "aria-label") or "")


def test_pairs_follow_colour_hiding_and_theme_without_requests(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.settle()
    tab.traffic.requests.clear()
    tab.page.click("#view-pairs")
    wait_for_pairs(tab)
    assert tab.page.is_hidden("#picture")
    seen = [keep_pixels(tab)]
    for change in (
        lambda: tab.page.select_option("#paired-components", "3"),
        lambda: tab.page.locator(".legend-entry").first.click(),
        lambda: tab.page.evaluate("dash_clientside.set_props('color-by', {value: 'model:progress'})"),
        lambda: tab.references("hide"),
        lambda: tab.page.click("#theme-toggle"),
    ):
        change()
        tab.settle()
        seen.append(keep_pixels(tab))
        assert n_changed(tab, *seen[-2:]) > 100
    assert tab.traffic.requests == []
    assert "m=pairs" in tab.page.url
    assert "pc=3" in tab.page.url
    tab.page.click("#view-3d")
    tab.settle()
    assert tab.drawn_colors() > 30
    assert "m=pairs" not in tab.page.url


def test_pointing_in_pairs_marks_runs_in_every_panel(tab: Visit) -> None:
    tab.open("?m=pairs").wait_for_scene()
    wait_for_pairs(tab)
    model, owner = lonely_model(tab, 3)
    before = keep_pixels(tab)
    tab.page.evaluate(
        "inpca.heard = []; inpca.on('hover', ({runId, model, source}) => inpca.heard.push([runId, source]))"
    )
    tab.page.mouse.move(*place_in_pairs(tab, 3, model), steps=3)
    tab.next_frames()
    run_id, source = tab.page.evaluate("inpca.heard.at(-1)")
    assert source == "pairs"
    assert run_id == owner
    assert run_id in tab.page.inner_text("#detail")
    assert n_changed(tab, before, keep_pixels(tab)) > 100
    tab.page.mouse.move(5, 300)
    tab.next_frames()
    assert tab.page.is_hidden("#detail")
    assert n_changed(tab, before, keep_pixels(tab)) == 0


def test_a_click_in_pairs_pins_and_marks_runs(tab: Visit) -> None:
    tab.open("?m=pairs").wait_for_scene()
    wait_for_pairs(tab)
    model, owner = lonely_model(tab, 3)
    before = keep_pixels(tab)
    place = place_in_pairs(tab, 3, model)
    tab.page.mouse.click(*place)
    tab.page.wait_for_function("owner => inpca.state.picked.has(owner)", arg=owner)
    tab.page.mouse.move(5, 300)
    tab.next_frames()
    assert n_changed(tab, before, keep_pixels(tab)) > 100
    assert owner in (tab.page.get_attribute("#pins .pin-name", "aria-label") or "")
    tab.page.mouse.click(*place)
    tab.page.wait_for_function("() => inpca.state.picked.size === 0")


def test_pointing_in_the_table_marks_runs_in_pairs(tab: Visit) -> None:
    tab.open("?m=pairs").wait_for_scene()
    wait_for_pairs(tab)
    before = keep_pixels(tab)
    tab.page.locator("#run-table .ag-center-cols-container .ag-row .ag-cell").first.hover()
    tab.page.wait_for_function("() => inpca.state.hovered !== null")
    tab.next_frames()
    assert n_changed(tab, before, keep_pixels(tab)) > 100


def n_like(tab: Visit, place: tuple[float, float], radius: int, color: str) -> int:
    """Return the number of pixels of a colour #rrggbb near a place in the pairs."""
    return tab.page.evaluate(
        """([x, y, radius, color]) => {
            const { canvas } = inpca.pairs(), box = canvas.getBoundingClientRect();
            const context = canvas.getContext("2d");
            const [left, top, side] = [x - box.left - radius, y - box.top - radius, 2 * radius + 1];
            const { data } = context.getImageData(left, top, side, side);
            const wanted = [1, 3, 5].map(at => parseInt(color.slice(at, at + 2), 16));
            let n = 0;
            for (let at = 0; at < data.length; at += 4) {
                n += wanted.every((value, k) => Math.abs(value - data[at + k]) < 12);
            }
            return n;
        }""",
        [*place, radius, color],
    )


def test_pinned_and_highlighted_runs_stand_out_in_pairs(tab: Visit) -> None:
    tab.open("?m=pairs&pc=3&ref=hide").wait_for_scene()
    wait_for_pairs(tab)
    owner, end, middle, ink, pin = tab.page.evaluate(
        """() => {
            const { scene, style, theme } = inpca.state, { first, count } = scene.spans[12];
            return [scene.run_ids[12], first + count - 1, first + 3, style.surfaces[theme].ink, style.pins[0]];
        }"""
    )
    panels = range(3)
    places = [(place_in_pairs(tab, panel, end), place_in_pairs(tab, panel, middle)) for panel in panels]

    def seen(at: int, radius: int, color: str) -> list[int]:
        tab.next_frames()
        return [n_like(tab, places[panel][at], radius, color) for panel in panels]

    tab.page.evaluate("runId => inpca.togglePin(runId)", owner)
    assert min(seen(0, 9, pin)) > 20, "the ring of the letter"
    before = seen(1, 5, ink)
    # As the second picture reports it: the two pictures share only the checkpoint.
    tab.page.evaluate("model => inpca.hover({ model, scene: { ...inpca.state.scene }, source: 'second' })", middle)
    assert min(after - one for after, one in zip(seen(1, 5, ink), before, strict=True)) > 8, (
        "the ring of the checkpoint"
    )
    assert min(seen(0, 9, pin)) > 20, "a pinned run keeps its letter while it is pointed at"
    tab.page.evaluate("runId => inpca.hover({ runId, source: 'table' })", owner)
    tab.page.evaluate("runId => inpca.togglePin(runId)", owner)
    assert min(seen(0, 6, ink)) > 8, "still pointed at in the next drawing, with an end of its own"
    assert max(seen(0, 9, pin)) < 20
    level = tab.page.evaluate("inpca.state.colouring.entries[inpca.state.colouring.entryOfRun(12)].name")
    tab.page.evaluate("inpca.hover({ runId: null, source: 'table' })")
    tab.page.locator(".legend-entry", has_text=level).click()
    assert max(seen(0, 6, ink)) < 8
    tab.page.evaluate("runId => inpca.hover({ runId, source: 'table' })", owner)
    assert min(seen(0, 6, ink)) > 8, "also where the legend hides it, as in the 3D picture"


def test_the_other_split_shares_frame_and_camera(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.click("#view-compare")
    wait_for_second(tab, f"test · {N_RUNS} runs")
    left, right = tab.page.evaluate(
        """['picture', 'second-picture'].map(id => {
            const {scene} = document.getElementById(id).layout;
            return [scene.aspectratio, scene.xaxis.range, scene.yaxis.range, scene.zaxis.range];
        })"""
    )
    assert left == right
    tab.rotate(40)
    first, second = tab.page.evaluate(CAMERAS)
    assert second == pytest.approx(first, abs=1e-6)
    box = tab.page.locator("#second-picture").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.page.mouse.move(x, y)
    tab.page.mouse.down()
    tab.page.mouse.move(x + 60, y + 10, steps=5)
    tab.page.wait_for_function(f"first => String({CAMERAS}[0]) !== String(first)", arg=first)
    tab.wait_for_stillness()
    dragged = tab.page.evaluate(CAMERAS)
    assert dragged[0] == pytest.approx(dragged[1], abs=1e-6), "the left picture follows while the right one is dragged"
    assert dragged[0] != pytest.approx(first, abs=0.05)
    tab.page.mouse.up()
    tab.wait_for_stillness()
    turned = tab.page.evaluate(CAMERAS)
    assert turned[0] == pytest.approx(turned[1], abs=1e-6)
    tab.page.click("#theme-toggle")
    tab.settle()
    for camera in tab.page.evaluate(CAMERAS):
        assert camera == pytest.approx(turned[0], abs=1e-5)
    assert tab.page.evaluate("document.querySelectorAll('.scene canvas').length") <= 4


def test_the_second_embedding_is_aligned_to_the_first(tab: Visit) -> None:
    tab.open("?m=compare&cmp=split:test").wait_for_scene()
    wait_for_second(tab, "test")
    agreement = tab.page.evaluate(
        """(() => {
            const [one, other] = [inpca.state.scene, inpca.state.alongside];
            const at = (scene, model, k) => scene.arrays.coordinates[model * scene.n_components + k];
            return [0, 1, 2].map(k => {
                let sum = 0;
                for (let model = 0; model < one.n_models; model += 1) sum += at(one, model, k) * at(other, model, k);
                return sum;
            });
        })()"""
    )
    assert min(agreement) > 0


def test_pointing_on_the_right_marks_both_pictures_alike(tab: Visit) -> None:
    tab.open("?m=compare&cmp=split:test").wait_for_scene()
    wait_for_second(tab, "test")
    ink = """() => ['picture', 'second-picture'].map(id => {
        const canvas = document.querySelector(`#${id} .overlay`);
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((value, at) => at % 4 === 3 && value > 0).length;
    })"""
    assert tab.page.evaluate(ink) == [0, 0]
    tab.page.evaluate("inpca.on('hover', event => (inpca.heard = event))")
    x, y = tab.page.evaluate(
        """() => {
            const box = document.getElementById('second-picture').getBoundingClientRect();
            const [x, y] = inpca.secondPicture().project(new Int32Array([12 * 8 + 4]));
            return [box.left + x, box.top + y];
        }"""
    )
    tab.page.mouse.move(x, y, steps=3)
    tab.page.wait_for_function("() => inpca.heard?.runId")
    tab.next_frames()
    heard = tab.page.evaluate("inpca.heard")
    assert heard["source"] == "second"
    assert heard["checkpoint"] is not None
    assert heard["runId"] in tab.page.inner_text("#detail")
    assert min(tab.page.evaluate(ink)) > 50


def test_the_card_of_a_point_keeps_its_pane(tab: Visit) -> None:
    tab.open("?m=compare&cmp=split:test").wait_for_scene()
    wait_for_second(tab, "test")
    for pane in ("picture", "second-picture"):
        places = tab.page.evaluate(
            """pane => {
                const [isFirst, box] = [pane === 'picture', document.getElementById(pane).getBoundingClientRect()];
                const picture = isFirst ? inpca.picture : inpca.secondPicture();
                const scene = isFirst ? inpca.state.scene : inpca.state.alongside;
                const models = [...Array(scene.n_models).keys()];
                const pixels = models.map(model => [model, ...picture.project(new Int32Array([model]))]);
                const inOrder = pixels.sort((a, b) => a[1] - b[1]);
                return [inOrder[0], inOrder[inOrder.length >> 1], inOrder.at(-1)].map(([model, x, y]) => {
                    const [px, py] = [box.left + x, box.top + y];
                    const around = { x0: px - 3, x1: px + 3, y0: py - 3, y1: py + 3 };
                    inpca.hover({ model, scene, source: isFirst ? 'picture' : 'second', box: around });
                    const card = document.getElementById('detail').getBoundingClientRect();
                    const covers = card.left < px && px < card.right && card.top < py && py < card.bottom;
                    const [right, below] = [box.right - card.right, box.bottom - card.bottom];
                    return [card.left - box.left, card.top - box.top, right, below, covers];
                });
            }""",
            pane,
        )
        for *room, covers_its_point in places:
            assert min(room) >= 0, (pane, room)
            assert not covers_its_point


def test_a_refused_second_embedding_says_so_there_only(tab: Visit) -> None:
    key = tab.open().wait_for_scene()

    def answer(route: Route) -> None:
        if route.request.post_data_json["split"] == "test":
            route.fulfill(status=400, json={"error": "too damaged to embed", "kind": "SelectionError"})
        else:
            route.continue_()

    tab.page.route("**/api/scenes", answer)
    tab.page.click("#view-compare")
    tab.page.wait_for_selector("#second-notice.error:not([hidden])")
    assert "too damaged" in tab.page.inner_text("#second-notice")
    assert tab.page.is_hidden("#notice")
    tab.pill("CNN")
    tab.wait_for_scene(other_than=key)
    assert tab.counts().startswith("10 shown / 10 embedded")
    tab.traffic.errors[:] = [error for error in tab.traffic.errors if "400" not in error]


def test_a_kept_selection_stays_right_and_in_address(tab: Visit) -> None:
    key = tab.open("?m=compare&f=architecture:CNN").wait_for_scene()
    wait_for_second(tab, "test · 10 runs")
    tab.page.click("#second-selection")
    wait_for_second(tab, "train · 10 runs")
    tab.pill("CNN")
    tab.wait_for_scene(other_than=key)
    tab.settle()
    assert tab.page.inner_text("#first-head").startswith(f"train · {N_RUNS} runs")
    assert tab.page.inner_text("#second-head").startswith("train · 10 runs")
    tab.page.evaluate("dash_clientside.set_props('color-by', {value: 'run:learning_rate'})")
    tab.settle()
    address = tab.page.url
    assert "cmp=sel%3A" in address
    tab.page.goto("about:blank")
    tab.page.goto(address)
    tab.wait_for_scene()
    wait_for_second(tab, "train · 10 runs")
    assert tab.page.evaluate("new Set(inpca.state.alongside.run_ids.map(id => id.split('-')[0])).size") == 1


def test_a_link_to_another_state_spares_the_first(tab: Visit) -> None:
    tab.open("?m=compare&cmp=sel:0123456789ab.AAAA").wait_for_scene()
    tab.page.wait_for_selector("#second-notice:not([hidden])")
    assert "another state" in tab.page.inner_text("#second-notice")
    assert tab.page.is_hidden("#notice")
    tab.page.click("#keep-selection")
    wait_for_second(tab, f"train · {N_RUNS} runs")
    assert tab.page.is_hidden("#second-notice")


def test_a_costly_second_embedding_waits_for_a_click(tab: Visit) -> None:
    tab.open().wait_for_scene()

    def answer(route: Route) -> None:
        body = route.request.post_data_json
        if body["split"] == "test" and body["limit"] < 1e6:
            route.fulfill(json={"state": "expensive", "predicted": 40.0})
        else:
            route.continue_()

    tab.page.route("**/api/scenes", answer)
    tab.page.click("#view-compare")
    tab.page.wait_for_selector("#second-notice:not([hidden])")
    assert "40 s" in tab.page.inner_text("#second-notice")
    assert tab.page.is_hidden("#notice")
    assert tab.page.is_hidden("#stale-badge")
    tab.page.locator("#second-notice button").click()
    wait_for_second(tab, f"test · {N_RUNS} runs")


@pytest.fixture
def without_webgl(tab: Visit) -> Visit:
    """Return a tab in which every request for a WebGL context fails."""
    tab.page.add_init_script(
        """const getContext = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
            return /webgl/.test(kind) ? null : getContext.call(this, kind, ...rest);
        };"""
    )
    return tab


def test_without_webgl_pairs_table_and_panels_work(without_webgl: Visit) -> None:
    key = without_webgl.open("?m=compare").wait_for_scene()
    wait_for_pairs(without_webgl)
    assert "WebGL" in without_webgl.page.inner_text("#graphics-notice")
    assert "hardware acceleration" in without_webgl.page.inner_text("#graphics-notice")
    for button in ("#view-3d", "#view-compare"):
        assert without_webgl.page.is_disabled(button)
        assert "WebGL" in (without_webgl.page.get_attribute(button, "title") or "")
    before = keep_pixels(without_webgl)
    without_webgl.pill("CNN")
    without_webgl.wait_for_scene(other_than=key)
    without_webgl.settle()
    assert without_webgl.counts().startswith("10 shown / 10 embedded")
    assert n_changed(without_webgl, before, keep_pixels(without_webgl)) > 100
    assert without_webgl.page.locator(".panel-figure .main-svg").count() >= 3
    assert without_webgl.page.is_visible("#graphics-notice")
    assert "m=" not in without_webgl.page.url.replace("cam=", "")


def test_a_lost_graphics_context_is_said_and_redrawn(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.rotate(50)
    camera = tab.camera()
    tab.page.evaluate(
        """for (const canvas of document.querySelectorAll('#picture canvas')) {
            canvas.getContext('webgl')?.getExtension('WEBGL_lose_context').loseContext();
        }"""
    )
    tab.page.wait_for_selector("#graphics-notice:not([hidden])")
    assert "graphics context" in tab.page.inner_text("#graphics-notice")
    tab.page.evaluate("inpca.draw()")
    tab.page.click("#graphics-notice button")
    tab.page.wait_for_function("() => document.getElementById('picture')._fullLayout?.scene?._scene?.glplot")
    tab.settle()
    assert tab.page.is_hidden("#graphics-notice")
    assert tab.drawn_colors() > 50
    assert tab.camera() == pytest.approx(camera, abs=1e-4)
    tab.rotate(30)
    assert tab.camera() != pytest.approx(camera, abs=1e-2)


@pytest.mark.parametrize("view", ["pairs", "compare"])
def test_assistive_technology_accepts_the_other_views(tab: Visit, view: str) -> None:
    tab.open(f"?m={view}").wait_for_scene()
    tab.settle()
    found = Axe().run(tab.page).response["violations"]
    serious = [
        (entry["id"], [node["html"][:160] for node in entry["nodes"]][:3])
        for entry in found
        if entry["impact"] in ("serious", "critical")
    ]
    assert serious == []
