"""Alignment, tween, camera, scale and time, against float64 references."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes

from tests.browser.conftest import Visit
from tests.small_study import N_CHECKPOINTS, N_RUNS

pytestmark = [pytest.mark.browser, pytest.mark.full]

DRAWN = "JSON.stringify(document.getElementById('picture').data.map(t => [[...t.x], [...t.y], [...t.z]]))"
TRACES = "inpca.pictureTraces(inpca.pictureOf(inpca.state.scene, inpca.state.colouring, inpca.state.isShown))"
WANTED = f"JSON.stringify({TRACES}.map(({{trace: t}}) => [[...t.x], [...t.y], [...t.z]]))"
COUNT_DRAWINGS = """() => {
    const react = Plotly.react;
    window.drawings = [];
    Plotly.react = (...all) => {
        if (all[0].id === 'picture') window.drawings.push(Array.from(all[1][0].x.slice(0, 8)));
        return react(...all);
    };
}"""
ALIGN = """(scenes) => {
    const decoded = scenes.map(({coordinates, shares, counts}) => {
        let [first, total] = [0, 0];
        return {
            study: 's', run_ids: counts.map((_, run) => `r${run}`), n_components: shares.length,
            spans: counts.map((count) => ({first: (first += count) - count, count})),
            arrays: {coordinates: Float32Array.from(coordinates.flat())},
            diagnostics: {
                signature: shares.map(Math.sign),
                explained_variance: shares.map((share) => (total += share)),
            },
        };
    });
    const asItCame = decoded[1].arrays.coordinates.slice();
    const aligned = inpca.orient(decoded[1], decoded[0]);
    const n = aligned.n_components;
    return {
        coordinates: Array.from({length: aligned.arrays.coordinates.length / n},
            (_, model) => [...aligned.arrays.coordinates.slice(model * n, (model + 1) * n)]),
        shares: Array.from({length: n}, (_, k) => inpca.share(aligned, k + 1)),
        ...aligned.alignment, words: inpca.movesInWords(aligned, [1, 2, 3]),
        isUntouched: decoded[1].arrays.coordinates.every((value, at) => value === asItCame[at]),
    };
}"""


def embedding(rng: np.random.Generator, n: int, eigenvalues: list[float]) -> np.ndarray:
    """Return centred coordinates with orthogonal columns, whose sums of squares are the absolute eigenvalues."""
    values = rng.normal(size=(n, len(eigenvalues)))
    basis, _ = np.linalg.qr(values - values.mean(axis=0))
    return (basis * np.sqrt(np.abs(eigenvalues))).astype(np.float32).astype(float)


def align(tab: Visit, before: np.ndarray, after: np.ndarray, eigenvalues: list[float]) -> dict[str, Any]:
    """Return the browser's alignment of `after` to `before`; run 0 is in both, the rest of `after` is new."""
    shares = [value / sum(eigenvalues) for value in eigenvalues]
    scenes = [
        {"coordinates": before.tolist(), "shares": shares, "counts": [len(before)]},
        {"coordinates": after.tolist(), "shares": shares, "counts": [len(before), len(after) - len(before)]},
    ]
    return tab.page.evaluate(ALIGN, scenes)


def centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=0)


def test_alignment_turns_only_what_is_free_to_turn(opened: Visit) -> None:
    rng = np.random.default_rng(0)
    eigenvalues = [9.0, 4.0, -3.98, 3.97, 3.95, -1.0]
    after = embedding(rng, 60, eigenvalues)
    turn = np.eye(6)
    angle = 0.7
    turn[np.ix_([1, 3], [1, 3])] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turn[:, [0, 4]] *= -1
    before = after[:40] @ turn + rng.normal(scale=0.01, size=(40, 6)) + 5.0
    result = align(opened, before, after, eigenvalues)
    assert result["rotated"] == [[2, 4, 5]]
    assert (result["shared"], result["moved"]) == (40, [])
    expected = after.copy()
    block = [1, 3, 4]
    rotation, _ = orthogonal_procrustes(centred(after[:40])[:, block], centred(before)[:, block])
    expected[:, block] = after[:, block] @ rotation
    for k in (0, 2, 5):
        expected[:, k] *= np.sign(centred(after[:40])[:, k] @ centred(before)[:, k])
    np.testing.assert_allclose(result["coordinates"], expected, atol=1e-6)
    signs = np.sign(eigenvalues)
    carried = signs * (np.asarray(result["coordinates"]) ** 2).sum(axis=0) / sum(eigenvalues)
    np.testing.assert_allclose(result["shares"], carried, atol=1e-6)
    assert result["isUntouched"]


def test_components_that_change_places_are_named_not_reordered(opened: Visit) -> None:
    eigenvalues = [9.0, 4.0, 3.0, -1.0]
    after = embedding(np.random.default_rng(1), 50, eigenvalues)
    before = after[:, [0, 2, 1, 3]] * [1, 1, -1, -1]
    result = align(opened, before[:30], after, eigenvalues)
    np.testing.assert_allclose(result["coordinates"], after * [1, -1, 1, -1], atol=1e-6)
    assert result["rotated"] == []
    assert result["moved"] == [[2, 3], [3, 2]]
    assert result["words"] == "component 2 was 3, 3 was 2"


def test_heads_are_where_a_moment_is_first_passed(opened: Visit) -> None:
    rng = np.random.default_rng(2)
    clocks = rng.uniform(size=(20, 9)).astype(np.float32).astype(float)
    clocks[3, 4] = np.nan
    clocks[4] = np.sort(clocks[4])
    moments = [-0.5, 0.0, 0.3, 0.62, float(clocks[0, 5]), 0.999, 2.0]
    heads = opened.page.evaluate(
        """([clocks, moments]) => moments.map((at) => clocks.map((row, run) => inpca.headOf({
            scene: {
                spans: clocks.map((_, index) => ({first: 9 * index, count: 9})),
                arrays: {'model:progress': Float32Array.from(clocks.flat(), (value) => value ?? NaN)},
            },
            moment: {clock: 'progress', at},
        }, run)))""",
        [[[None if np.isnan(value) else value for value in row] for row in clocks], moments],
    )
    for at, found in zip(moments, heads, strict=True):
        for run, (row, head) in enumerate(zip(clocks, found, strict=True)):
            passing = [step for step in range(9) if row[step] >= at]
            step = passing[0] if passing else 8
            expected: float = step
            if passing and step and row[step - 1] < at:
                expected = step - 1 + (at - row[step - 1]) / (row[step] - row[step - 1])
            assert head - 9 * run == pytest.approx(expected, abs=1e-9)


def move_slider(tab: Visit, share: float) -> None:
    tab.page.locator("#time-slider input").fill(str(share))


def test_the_slider_cuts_trajectories_and_sets_the_address(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.settle()
    whole, counts, legend = tab.page.evaluate(DRAWN), tab.counts(), tab.page.inner_text("#legend")
    tab.traffic.requests.clear()
    tab.page.select_option("#time-clock", "epoch")
    move_slider(tab, 0.5)
    tab.page.wait_for_function(f"wanted => {DRAWN} === {WANTED}", arg=None)
    heads = tab.page.evaluate(f"Array.from({TRACES}.findLast(t => t.models).models)")
    last = N_CHECKPOINTS - 1
    assert heads == [run * N_CHECKPOINTS + last / 2 for run in range(N_RUNS)]
    scene = np.array(tab.page.evaluate("Array.from(inpca.state.scene.arrays.coordinates)")).reshape(
        N_RUNS * N_CHECKPOINTS, -1
    )
    middle = (scene[3::N_CHECKPOINTS] + scene[4::N_CHECKPOINTS])[:, :3] / 2
    drawn = tab.page.evaluate(
        "document.getElementById('picture').data.filter(t => t.mode === 'markers' && t.x.length > 2).at(-1)"
    )
    for axis, letter in enumerate("xyz"):
        np.testing.assert_allclose(drawn[letter], middle[:, axis], atol=1e-6)
    assert tab.page.get_attribute("#time-slider input", "aria-valuetext") == "epoch 3.50"
    assert (tab.counts(), tab.page.inner_text("#legend")) == (counts, legend)
    tab.page.wait_for_function("() => location.search.includes('t=3.5')")
    assert tab.traffic.requests == []
    address = tab.page.url
    tab.page.goto("about:blank")
    tab.page.goto(address)
    tab.wait_for_scene()
    assert tab.page.evaluate("inpca.state.moment") == {"clock": "epoch", "at": 3.5}
    tab.page.evaluate("inpca.actions['time-forward']()")
    assert tab.page.evaluate("inpca.state.moment.at") == 4
    tab.page.evaluate("inpca.actions['time-back']()")
    assert tab.page.inner_text("#time-value") == "epoch 3.00"
    move_slider(tab, 1)
    tab.page.wait_for_function("whole => inpca.state.moment === null && " + DRAWN + " === whole", arg=whole)
    assert "t=3" not in tab.page.evaluate("inpca.query()")


def test_playing_ends_whole_and_loops_only_on_request(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.evaluate(
        "() => { window.moments = []; inpca.on('draw', ({moment}) => moments.push(moment?.at ?? Infinity)); }"
    )
    tab.page.select_option("#time-speed", "0.5")
    tab.page.click("#time-play")
    tab.page.wait_for_function("() => moments.length > 3")
    assert tab.page.get_attribute("#time-play", "aria-label") == "Pause"
    tab.page.select_option("#time-speed", "4")
    tab.page.wait_for_function("() => document.getElementById('time-play').ariaLabel === 'Play'")
    moments = tab.page.evaluate("moments")
    assert moments == sorted(moments)
    assert tab.page.evaluate("inpca.state.moment") is None
    tab.page.click("#time-loop")
    tab.page.click("#time-play")
    tab.page.wait_for_function("() => moments.filter((at, draw) => at < moments[draw - 1]).length > 1")
    tab.page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    assert tab.page.get_attribute("#time-play", "aria-label") == "Play"


def test_a_new_embedding_is_reached_stepwise_and_exactly(tab: Visit) -> None:
    key = tab.open().wait_for_scene()
    tab.page.evaluate(COUNT_DRAWINGS)
    tab.page.evaluate("Object.assign(inpca.motion, {pictureMs: 1500, slowMs: 1e9})")
    tab.pill("CNN")
    key = tab.wait_for_scene(other_than=key)
    tab.page.wait_for_function(f"() => {DRAWN} === {WANTED}")
    frames = np.array(tab.page.evaluate("window.drawings"))
    assert len(frames) > 2
    travelled = np.abs(frames - frames[-1]).max(axis=1)
    assert np.all(np.diff(travelled) <= 1e-6), "every frame is nearer to the new picture than the one before"
    # A selection during the motion: the picture ends at the coordinates of the last one.
    tab.page.evaluate("inpca.motion.pictureMs = 20000")
    tab.pill("ViT")
    key = tab.wait_for_key(other_than=key)
    assert tab.page.evaluate(f"{DRAWN} !== {WANTED}")
    tab.page.evaluate("inpca.motion.pictureMs = 300")
    tab.pill("CNN")
    tab.wait_for_scene(other_than=key)
    tab.page.wait_for_function(f"() => {DRAWN} === {WANTED}")
    assert set(tab.page.evaluate("inpca.state.scene.run_ids.map(id => id.split('-')[0])")) == {"vit"}


def test_nothing_moves_by_itself_under_reduced_motion(tab: Visit) -> None:
    tab.page.emulate_media(reduced_motion="reduce")
    key = tab.open().wait_for_scene()
    tab.page.evaluate(COUNT_DRAWINGS)
    tab.page.evaluate("Object.assign(inpca.motion, {pictureMs: 1500, slowMs: 1e9})")
    tab.pill("CNN")
    tab.wait_for_scene(other_than=key)
    assert len(set(map(tuple, tab.page.evaluate("window.drawings")))) <= 2
    assert tab.page.evaluate(f"{DRAWN} === {WANTED}")
    tab.page.click("text=camera ▾")
    assert tab.page.is_disabled("#turn")
    assert "less motion" in tab.page.inner_text("#turn")
    tab.page.evaluate("inpca.picture.turn()")
    assert not tab.page.evaluate("inpca.picture.isTurning()")


def test_turning_moves_only_the_camera_until_any_input(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.evaluate(COUNT_DRAWINGS)
    tab.page.evaluate("() => { window.cameras = []; inpca.on('camera', (camera) => window.cameras.push(camera)); }")
    before = tab.camera()
    tab.page.click("text=camera ▾")
    tab.page.click("#turn")
    tab.page.wait_for_function("() => window.cameras.length > 5")
    tab.page.keyboard.press("Shift")
    after = tab.camera()
    assert not tab.page.evaluate("inpca.picture.isTurning()")
    assert tab.page.evaluate("window.drawings") == []
    assert tab.page.evaluate("cameras.at(-1).eye.x") == pytest.approx(after[0], abs=1e-9)
    offsets = [np.subtract(camera[:3], camera[3:6]) for camera in (before, after)]
    assert np.linalg.norm(offsets[0]) == pytest.approx(np.linalg.norm(offsets[1]))
    assert offsets[0][2] == pytest.approx(offsets[1][2], abs=1e-6)
    assert not np.allclose(offsets[0], offsets[1], atol=1e-3)
    tab.page.evaluate("inpca.draw()")
    tab.settle()
    assert tab.camera() == pytest.approx(after, abs=1e-6)


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_every_preset_shows_the_whole_box_large(tab: Visit, size: tuple[int, int]) -> None:
    tab.page.set_viewport_size({"width": size[0], "height": size[1]})
    tab.open().wait_for_scene()
    tab.page.evaluate("inpca.motion.cameraMs = 1")
    for scale in ("equal", "stretched"):
        if scale == "stretched":
            tab.page.click("#scale")
        assert tab.page.get_attribute("#scale", "aria-pressed") == str(scale == "equal").lower()
        for preset in ("default", "isometric", "x", "y", "z"):
            tab.page.evaluate("preset => inpca.lookFrom(preset).then(inpca.nextFrame).then(inpca.nextFrame)", preset)
            corners = np.array(
                tab.page.evaluate(
                    """() => {
                        const {cameraParams} = document.getElementById('picture')._fullLayout.scene._scene.glplot;
                        const {x, y, z} = document.getElementById('picture')._fullLayout.scene.aspectratio;
                        const {view, projection} = cameraParams;
                        const four = [0, 1, 2, 3];
                        const times = (m, v) => four.map(r => four.reduce((s, c) => s + m[4 * c + r] * v[c], 0));
                        return Array.from({length: 8}, (_, i) => {
                            const corner = [i & 1 ? x : -x, i & 2 ? y : -y, i & 4 ? z : -z].map(side => side / 2);
                            const [a, b, , w] = times(projection, times(view, [...corner, 1]));
                            return [a / w, b / w];
                        });
                    }"""
                )
            )
            spread = np.ptp(corners, axis=0) / 2
            assert np.abs(corners).max() < 0.97, (scale, preset)
            assert spread.max() > 0.7, (scale, preset)
    assert tab.page.inner_text("#scale-badge").startswith("axes stretched")
    ratio = tab.page.evaluate("document.getElementById('picture')._fullLayout.scene.aspectratio")
    assert ratio["x"] == ratio["y"] == ratio["z"]
    tab.page.wait_for_function("() => location.search.includes('scale=stretched')")
    assert parse_qs(urlsplit(tab.page.url).query)["scale"] == ["stretched"]
    tab.page.click("#scale")
    assert tab.page.is_hidden("#scale-badge")


COVERED = """() => {
    const {left, top} = document.getElementById('picture').getBoundingClientRect();
    const places = ['legend', 'pins'].map(id => document.getElementById(id).getBoundingClientRect());
    const pixels = inpca.picture.project(Float64Array.from(inpca.state.scene.arrays.run.keys()));
    let covered = 0;
    for (let at = 0; at < pixels.length; at += 2) {
        const [x, y] = [left + pixels[at], top + pixels[at + 1]];
        if (places.some(box => x > box.left && x < box.right && y > box.top && y < box.bottom)) covered += 1;
    }
    return covered;
}"""
PIN = "n => inpca.pick(inpca.state.scene.run_ids.filter((_, run) => run % 2 === 0).slice(0, n))"


@pytest.mark.parametrize("size", [(1280, 800), (1440, 900), (1920, 1080)])
def test_the_fitted_view_clears_legend_and_pins(tab: Visit, size: tuple[int, int]) -> None:
    tab.page.set_viewport_size({"width": size[0], "height": size[1]})
    tab.open("?c=run:architecture").wait_for_scene()
    eyes = []
    for n_pins in (0, 3, 12):
        tab.page.evaluate(PIN, n_pins)
        tab.settle()
        assert tab.page.locator("#pins .pin").count() == n_pins
        assert tab.page.evaluate(COVERED) == 0, n_pins
        eyes.append(tab.camera())
    assert eyes[2] != eyes[0], "a dozen pins want room"
    tab.page.evaluate(PIN, 3)
    tab.settle()
    assert tab.camera() == pytest.approx(eyes[2], abs=1e-6), "room that was given stays given"
    tab.page.evaluate(PIN, 0)
    tab.page.evaluate("inpca.actions['reset-camera']()")
    tab.settle()
    assert tab.camera() == pytest.approx(eyes[0], abs=1e-6)
    tab.rotate(60)
    chosen = tab.camera()
    tab.page.evaluate(PIN, 12)
    tab.settle()
    assert tab.camera() == pytest.approx(chosen, abs=1e-6), "a camera that was chosen is left alone"
