"""First minutes of use, in a real browser."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import Visit
from tests.small_study import N_RUNS

pytestmark = [pytest.mark.browser, pytest.mark.full]


def test_the_page_shows_an_embedding_by_itself(tab: Visit) -> None:
    tab.open().wait_for_scene()
    assert tab.counts() == f"{N_RUNS} shown / {N_RUNS} embedded / {N_RUNS} runs"
    assert tab.drawn_colors() > 50
    tab.page.wait_for_function("() => document.querySelectorAll('.panel-figure .main-svg').length >= 3")
    assert "CPU" in tab.page.inner_text(".device")


def test_a_filter_embeds_the_selection_again(tab: Visit) -> None:
    before = tab.open().wait_for_scene()
    tab.settle()
    stress = tab.page.inner_text('[data-merit="explained-stress"]')
    tab.pill("CNN")
    after = tab.wait_for_scene(other_than=before)
    assert after != before
    assert tab.counts() == f"10 shown / 10 embedded / {N_RUNS} runs"
    tab.settle()
    assert tab.page.inner_text('[data-merit="explained-stress"]') != stress
    assert tab.page.locator("#run-table .ag-center-cols-container .ag-row").count() <= 10
    assert set(tab.page.evaluate("inpca.state.scene.run_ids.map(id => id.split('-')[0])")) == {"cnn"}


def test_the_camera_survives_five_rotations_and_updates(tab: Visit) -> None:
    key = tab.open().wait_for_scene()
    for round_, level in enumerate(["CNN", "ViT", "fully connected", "CNN", "ViT"]):
        tab.rotate(25 + 10 * round_)
        camera = tab.camera()
        tab.pill(level)
        key = tab.wait_for_scene(other_than=key)
        assert tab.camera() == pytest.approx(camera, abs=1e-6), f"the view jumped in round {round_}"
    tab.page.click("#theme-toggle")
    tab.settle()
    assert tab.camera() == pytest.approx(camera, abs=1e-6)


def test_a_rotation_stays_after_an_update(tab: Visit) -> None:
    key = tab.open().wait_for_scene()
    tab.pill("CNN")
    tab.wait_for_scene(other_than=key)
    before = tab.camera()
    tab.rotate(80)
    assert tab.camera() != pytest.approx(before, abs=1e-2)


def test_colouring_hiding_and_axes_ask_the_server_nothing(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.wait_for_function("() => inpca.state.scene.closer.panels")
    tab.settle()
    tab.traffic.requests.clear()
    tab.page.evaluate("dash_clientside.set_props('color-by', {value: 'model:progress'})")
    tab.page.wait_for_selector(".gradient")
    tab.page.evaluate("dash_clientside.set_props('color-by', {value: 'run:architecture'})")
    tab.page.locator(".legend-entry").first.click()
    tab.page.wait_for_function("() => document.getElementById('counts').textContent.startsWith('20 shown')")
    tab.page.evaluate("dash_clientside.set_props('axis-x', {value: '4'})")
    tab.page.wait_for_function("() => document.getElementById('picture').layout.scene.xaxis.title.text.startsWith('4')")
    tab.settle()
    assert [request.url for request in tab.traffic.requests] == []


def test_a_selection_change_uploads_little(tab: Visit) -> None:
    key = tab.open().wait_for_scene()
    tab.traffic.requests.clear()
    tab.pill("CNN")
    tab.wait_for_scene(other_than=key)
    assert tab.traffic.posts()
    assert all(len(request.post_data or "") < 20_000 for request in tab.traffic.posts())


def test_hovering_a_checkpoint_tells_its_run(tab: Visit) -> None:
    tab.open("?f=architecture:CNN;seed:0;learning_rate:0.1").wait_for_scene()
    x, y = tab.page.evaluate(
        """() => {
            const {left, top} = document.getElementById('picture').getBoundingClientRect();
            const [x, y] = inpca.picture.project([2]);
            return [left + x, top + y];
        }"""
    )
    tab.page.mouse.move(x, y)
    tab.page.wait_for_selector("#detail:not([hidden])")
    text = tab.page.inner_text("#detail")
    first_run = tab.page.evaluate("inpca.state.scene.run_ids[0]")
    assert first_run in text
    for word in ("3 of 8", "progress", "train error", "test error", "learning rate"):
        assert word in text


def test_moving_over_the_picture_finds_a_run(opened: Visit) -> None:
    box = opened.page.locator("#picture").bounding_box()
    assert box is not None
    for step in range(80):
        opened.page.mouse.move(box["x"] + box["width"] * (0.25 + step / 160), box["y"] + box["height"] * 0.5)
        opened.next_frames()
        if opened.page.is_visible("#detail"):
            break
    assert opened.page.is_visible("#detail")


def test_the_upload_button_is_nowhere(opened: Visit) -> None:
    titles = opened.page.evaluate(
        "[...document.querySelectorAll('.modebar-btn')].map(b => `${b.dataset.title} ${b.getAttribute('data-attr')}`)"
    )
    assert titles
    assert not [title for title in titles if re.search("share|cloud|chart studio", title, re.IGNORECASE)]


def test_the_address_carries_the_view(tab: Visit) -> None:
    key = tab.open().wait_for_scene()
    tab.pill("CNN")
    key = tab.wait_for_scene(other_than=key)
    tab.rotate(60)
    tab.page.evaluate("dash_clientside.set_props('color-by', {value: 'run:seed'})")
    tab.page.evaluate("dash_clientside.set_props('axis-z', {value: '4'})")
    tab.page.wait_for_function("() => location.search.includes('ax=1%2C2%2C4') && location.search.includes('cam=')")
    camera, address = tab.camera(), tab.page.url
    tab.page.goto("about:blank")
    tab.page.goto(address)
    assert tab.wait_for_scene() == key
    assert tab.camera() == pytest.approx(camera, abs=2e-3)
    assert tab.page.evaluate("[inpca.state.colorBy, ...inpca.state.axes]") == ["run:seed", 1, 2, 4]


def test_a_range_narrows_the_selection_and_the_address(tab: Visit) -> None:
    key = tab.open().wait_for_scene()
    tab.page.evaluate("inpca.choose('learning_rate', [0, 1])")
    tab.wait_for_scene(other_than=key)
    assert tab.counts() == f"12 shown / 12 embedded / {N_RUNS} runs"
    tab.page.wait_for_function("() => location.search.includes('learning_rate%3A0.001..0.003')")


def test_the_other_split_is_another_embedding(tab: Visit) -> None:
    key = tab.open().wait_for_scene()
    tab.page.locator("#split label", has_text="test").click()
    assert tab.wait_for_scene(other_than=key) != key
    assert tab.page.evaluate("inpca.state.scene.split") == "test"


def test_references_can_be_fitted_in_and_hidden(tab: Visit) -> None:
    key = tab.open().wait_for_scene()
    labels = "document.getElementById('picture').layout.scene.annotations.length"
    assert tab.page.evaluate(labels) == 2
    tab.references("hide")
    tab.page.wait_for_function(f"() => {labels} === 0")
    tab.references("fit")
    tab.wait_for_scene(other_than=key)
    assert tab.page.evaluate("inpca.state.scene.fit_references") is True


def test_picked_runs_can_be_kept_alone(tab: Visit) -> None:
    key = tab.open().wait_for_scene()
    boxes = tab.page.locator("#run-table .ag-pinned-left-cols-container input[type=checkbox]")
    for index in range(3):
        boxes.nth(index).click()
    tab.page.wait_for_function("() => inpca.state.picked.size === 3")
    tab.page.click("#only-picked")
    tab.wait_for_scene(other_than=key)
    assert tab.counts() == f"3 shown / 3 embedded / {N_RUNS} runs"


def test_three_axes_always_show_three_components(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.evaluate("dash_clientside.set_props('axis-x', {value: '2'})")
    tab.page.wait_for_function("() => inpca.state.axes.join() === '2,1,3'")
    tab.settle()
    assert tab.page.evaluate("['x', 'y', 'z'].map(a => document.getElementById(`axis-${a}`).value)") == ["2", "1", "3"]


def test_hiding_runs_does_not_stretch_the_picture(tab: Visit) -> None:
    tab.open().wait_for_scene()
    aspect = "JSON.stringify(document.getElementById('picture')._fullLayout.scene.aspectratio)"
    before = tab.page.evaluate(aspect)
    tab.page.locator(".legend-entry").first.dblclick()
    tab.page.wait_for_function("() => document.getElementById('counts').textContent.startsWith('10 shown')")
    tab.references("hide")
    tab.settle()
    assert tab.page.evaluate(aspect) == before


def test_the_legend_keeps_the_keyboard_s_focus(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.locator(".legend-entry").nth(1).focus()
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_function("() => document.getElementById('counts').textContent.startsWith('20 shown')")
    assert tab.page.evaluate("document.activeElement.className") == "legend-entry"


def test_a_pointed_at_row_is_drawn_strong(opened: Visit) -> None:
    ink = """() => {
        const canvas = document.querySelector('#picture canvas.overlay');
        return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(value => value > 0);
    }"""
    assert not opened.page.evaluate(ink)
    traces = opened.page.evaluate("document.getElementById('picture').data.length")
    opened.page.locator("#run-table .ag-center-cols-container .ag-row .ag-cell").first.hover()
    opened.page.wait_for_function(ink)
    assert opened.page.evaluate("document.getElementById('picture').data.length") == traces
    opened.page.mouse.move(5, 5)
    opened.page.wait_for_function(f"() => !({ink})()")


def test_every_part_can_be_hidden_and_brought_back(opened: Visit) -> None:
    for part, selector in (("filters", "#filters"), ("panels", "#spectrum"), ("table", "#run-table")):
        opened.page.click(f"[data-toggle={part}]")
        assert opened.page.is_hidden(selector)
        assert opened.page.is_visible("#status-line")
    opened.page.wait_for_function(
        "() => document.querySelector('#picture canvas').getBoundingClientRect().width > 1200"
    )
    for part, selector in (("filters", "#filters"), ("panels", "#spectrum"), ("table", "#run-table")):
        opened.page.click(f"[data-toggle={part}]")
        assert opened.page.is_visible(selector)


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080), (2560, 1440), (1000, 720), (768, 1024), (390, 844)])
def test_nothing_overflows(opened: Visit, size: tuple[int, int]) -> None:
    opened.page.set_viewport_size({"width": size[0], "height": size[1]})
    opened.settle()
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    ends = "[...document.querySelectorAll('.topbar > *')].map(part => part.getBoundingClientRect().right)"
    assert max(opened.page.evaluate(ends)) <= size[0]
    assert opened.page.locator("#picture canvas").first.bounding_box()["width"] > 300  # type: ignore[index]
