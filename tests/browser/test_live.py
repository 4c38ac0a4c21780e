"""Live updates of a study that grows while its page is open."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from engine import Recorder
from hatch_build import make_package
from tests.browser.conftest import Served, Visit, serve
from tests.small_study import N_CHECKPOINTS, N_CLASSES, N_RUNS, N_SAMPLES, record_small_study

pytestmark = [pytest.mark.browser, pytest.mark.full]

ROOT = Path(__file__).resolve().parents[2]
N_MODELS = N_RUNS * N_CHECKPOINTS
FIGURES_READY = (
    "() => !document.getElementById('figure-page').dataset.waiting && document.querySelector('.figure-card')"
)


class Training:
    """A run of the small study that is recorded while a page is open."""

    def __init__(self, study: Path, run_id: str, architecture: str) -> None:
        hyperparameters = {"architecture": architecture, "learning_rate": 0.01, "seed": 0, "momentum": 0.9}
        self.labels = {split: np.arange(n) % N_CLASSES for split, n in N_SAMPLES.items()}
        self.recorder = Recorder(study, hyperparameters=hyperparameters, labels=self.labels, run_id=run_id)
        self.rng = np.random.default_rng(7)

    def step(self) -> None:
        """Commit a checkpoint."""
        at = self.recorder.n_checkpoints
        predictions = {
            split: 0.8 * at * np.eye(N_CLASSES)[labels] + 0.2 * self.rng.normal(size=(len(labels), N_CLASSES))
            for split, labels in self.labels.items()
        }
        self.recorder.record(step=10 * at, epoch=float(at), **predictions)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield a folder of studies, to which each test adds its own."""
    yield from serve(tmp_path_factory.mktemp("studies"), tmp_path_factory.mktemp("cache"))


@pytest.fixture
def study(served: Served, request: pytest.FixtureRequest) -> Path:
    return record_small_study(served.explorer._catalogue.folder / request.node.name)


@pytest.fixture
def live(tab: Visit, study: Path) -> Visit:
    """Yield a tab on the test's own study."""
    tab.url += f"?d={study.name}&"
    return tab


def drawn_checkpoints(tab: Visit) -> int:
    return tab.page.evaluate("window.drawnModels ?? 0")


def watch_drawings(tab: Visit) -> None:
    tab.page.evaluate(
        """() => {
            window.drawnModels = inpca.state.scene.n_models;
            inpca.on('drawn', ({ scene }) => (window.drawnModels = scene.n_models));
        }"""
    )


def wait_for_drawn(tab: Visit, n_models: int, timeout: float = 20_000) -> None:
    tab.page.wait_for_function("n => window.drawnModels === n", arg=n_models, timeout=timeout)


def wait_for_beats(tab: Visit, n: int = 2) -> None:
    """Wait until the page has received n pulses and settled."""
    for _ in range(n):
        with tab.page.expect_response("**/pulse?*"):
            pass
    tab.settle()


def test_a_begun_study_takes_up_its_first_run(live: Visit, study: Path) -> None:
    shutil.rmtree(study / "runs")
    live.open()
    expect(live.page.locator("#notice")).to_contain_text("No runs here yet")
    assert live.page.inner_text("#filters") == ""
    training = Training(study, "cnn-live", "CNN")
    for _ in range(3):
        training.step()
    expect(live.page.locator("#live-news")).to_have_text("1 new run, 3 new checkpoints", timeout=20_000)
    live.page.click("#live-show")
    live.wait_for_scene()
    expect(live.page.locator("#notice")).to_be_hidden()
    expect(live.page.locator("#filters")).to_have_text("This study has one run: there is nothing to filter by.")


def test_news_is_announced_and_shown_on_request(live: Visit, study: Path) -> None:
    training = Training(study, "cnn-live", "CNN")
    training.step()
    live.open().wait_for_scene()
    watch_drawings(live)
    expect(live.page.locator("#live-summary")).to_have_text("1 recording")
    assert live.page.is_hidden("#live-news")
    training.step()
    training.step()
    expect(live.page.locator("#live-news")).to_have_text("2 new checkpoints")
    wait_for_beats(live)
    assert drawn_checkpoints(live) == N_MODELS + 1, "frozen: nothing comes in by itself"
    live.page.click("#live-show")
    wait_for_drawn(live, N_MODELS + 3)
    expect(live.page.locator("#live-news")).to_be_hidden()
    row = "inpca.table.getRowNode('cnn-live').data"
    assert live.page.evaluate(f"[{row}.n_checkpoints, {row}.status]") == [3, "running"]
    training.recorder.close()
    expect(live.page.locator("#live-news")).to_have_text("changed on disk")
    expect(live.page.locator("#live-summary")).to_have_text("")
    live.page.click("#live-show")
    live.page.wait_for_function(f"() => {row}.status === 'finished'")
    expect(live.page.locator("#live")).to_be_hidden()


def test_a_frozen_page_stays_frozen_whatever_is_asked(live: Visit, study: Path) -> None:
    training = Training(study, "cnn-live", "CNN")
    for _ in range(3):
        training.step()
    live.open("f=architecture:CNN").wait_for_scene()
    watch_drawings(live)
    n_cnn = N_MODELS // 3
    assert drawn_checkpoints(live) == n_cnn + 3
    other = Training(study, "aaa-live", "ViT")
    training.step()
    other.step()
    news = live.page.locator("#live-news")
    expect(news).to_have_text("1 new run, 2 new checkpoints")
    live.pill("ViT")
    wait_for_drawn(live, 2 * n_cnn + 3)
    live.page.click("#view-figures")
    live.page.wait_for_function(FIGURES_READY)
    live.page.click("#view-figures")
    live.page.locator("#split label", has_text="test").click()
    live.page.wait_for_function("() => inpca.state.scene.split === 'test'")
    assert live.page.evaluate("inpca.state.scene.n_models") == 2 * n_cnn + 3
    expect(news).to_have_text("1 new run, 2 new checkpoints")
    live.page.click("#live-show")
    live.page.wait_for_function(f"() => inpca.state.scene.n_models === {2 * n_cnn + 5}")


SCRIPT = """
import sys

import inpca
import numpy as np

study, *counts = sys.argv[1:]
labels = {split: np.arange(int(n)) % 4 for split, n in zip(("train", "test"), counts, strict=True)}
with inpca.Recorder(study, hyperparameters={"architecture": "CNN"}, labels=labels, run_id="from-a-script") as recorder:
    for step, _ in enumerate(sys.stdin):
        recorder.record(step=step, **{split: 0.8 * step * np.eye(4)[these] for split, these in labels.items()})
"""


def test_a_script_with_the_package_is_live(live: Visit, study: Path, tmp_path: Path) -> None:
    make_package(ROOT, tmp_path / "installed" / "inpca")
    (tmp_path / "engine.py").write_text("raise AssertionError('this module is none of the package')\n")
    (tmp_path / "train.py").write_text(SCRIPT)
    live.open().wait_for_scene()
    watch_drawings(live)
    training = subprocess.Popen(
        [sys.executable, "train.py", study, *map(str, N_SAMPLES.values())],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "installed"), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
    )
    training.communicate(b"step\n" * 3, timeout=120)
    assert training.returncode == 0
    expect(live.page.locator("#live-news")).to_have_text("1 new run, 3 new checkpoints")
    live.page.click("#live-show")
    wait_for_drawn(live, N_MODELS + 3)
    row = "inpca.table.getRowNode('from-a-script').data"
    assert live.page.evaluate(f"[{row}.n_checkpoints, {row}.status]") == [3, "finished"]


CHOSEN = """() => ({
    camera: ['eye', 'center', 'up'].flatMap(p => ['x', 'y', 'z'].map(a => inpca.picture.camera()[p][a])),
    pins: inpca.state.pins.map(pin => [pin.runId, pin.letter]),
    hidden: [...inpca.state.hidden],
    axes: inpca.state.axes,
    search: document.getElementById('search').value,
    levels: inpca.state.constraints.filter(c => c.kind === 'levels').map(c => [c.name, [...c.chosen]]),
    checked: [...document.querySelectorAll('#filters input:checked')]
        .map(box => box.parentElement.querySelector('bdi').title),
    top: Math.round(document.querySelector('#run-table .ag-body-viewport').scrollTop),
    rail: Math.round(document.querySelector('.rail.left').scrollTop),
    focus: document.activeElement.parentElement?.querySelector('bdi')?.title ?? document.activeElement.id,
    // Signs of components beyond those that are drawn may be others when the data are.
    query: inpca.query().replace(/&fl=[^&]*/, ''),
    history: history.length,
})"""


def test_following_brings_a_checkpoint_in_and_keeps_everything(live: Visit, study: Path) -> None:
    training = Training(study, "cnn-live", "CNN")
    training.step()
    live.page.set_viewport_size({"width": 1280, "height": 560})
    live.open("f=seed:0&pin=cnn-0.01-0,vit-0.1-0&ax=2,1,3").wait_for_scene()
    watch_drawings(live)
    selected = drawn_checkpoints(live)
    live.page.locator(".legend-entry", has_text="ViT").click()
    live.rotate(120)
    live.page.evaluate("document.querySelector('#run-table .ag-body-viewport').scrollTop = 80")
    live.page.evaluate("document.querySelector('.rail.left').scrollTop = 60")
    live.page.locator('[data-filter="seed"] input').first.focus()
    live.page.evaluate("document.querySelector('.rail.left').scrollTop = 60")
    before = live.page.evaluate(CHOSEN)
    assert (before["hidden"], before["top"]) == (["ViT"], 80)
    live.page.evaluate("document.getElementById('live-follow').click()")
    beats = []
    for n in range(1, 4):
        with live.page.expect_request("**/growth"):
            training.step()
            felt = len(live.traffic.pulses)
        beats.append(len(live.traffic.pulses) - felt)
        wait_for_drawn(live, selected + n)
        live.settle()
    expect(live.page.locator("#embed-button")).to_be_disabled()
    assert live.page.is_hidden("#stale-badge")
    after = live.page.evaluate(CHOSEN)
    assert after == {**before, "camera": pytest.approx(before["camera"], abs=1e-6)}
    assert live.page.evaluate("localStorage.getItem('inpca.follow')") == "true"
    # One beat may be under way at the commit, and one more may not have reached this process; beats are 0.5 s apart if
    # the server answers at once, and 5 s if no run is being recorded.
    assert min(beats) <= 3, beats
    assert live.page.evaluate("putOff.beatMs()") < 5000


def test_new_levels_and_values_come_into_the_filters(live: Visit, study: Path) -> None:
    live.open("r=learning_rate:0.003..0.03").wait_for_scene()
    watch_drawings(live)
    n_before = drawn_checkpoints(live)
    live.page.evaluate("document.getElementById('live-follow').click()")
    assert live.page.is_hidden("#live"), "everything is finished"
    live.page.locator('[data-filter="architecture"] .pill', has_text="ViT").locator("input").focus()
    training = Training(study, "mixer-live", "Mixer")
    for _ in range(3):
        training.step()
    live.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    wait_for_drawn(live, n_before + 3)
    pills = live.page.locator('[data-filter="architecture"] .pill-name')
    assert pills.all_inner_texts() == ["CNN", "Mixer", "ViT", "fully connected"]
    assert live.page.evaluate("document.activeElement.parentElement.querySelector('bdi').title") == "ViT"
    assert live.counts().endswith(f"/ {N_RUNS + 1} runs")
    assert live.page.locator(".legend-entry", has_text="Mixer").count() == 1
    assert "r=learning_rate%3A0.003..0.03" in live.page.evaluate("inpca.query()")
    live.pill("Mixer")
    live.page.wait_for_function("() => inpca.count(inpca.state.mask) === 1")


def test_nothing_moves_under_the_readers_hands(live: Visit, study: Path) -> None:
    training = Training(study, "cnn-live", "CNN")
    training.step()
    live.open().wait_for_scene()
    watch_drawings(live)
    live.page.evaluate("document.getElementById('live-follow').click()")
    live.page.mouse.move(640, 300)
    live.page.mouse.down()
    training.step()
    expect(live.page.locator("#live-news")).to_have_text("1 new checkpoint")
    wait_for_beats(live)
    assert drawn_checkpoints(live) == N_MODELS + 1
    live.page.mouse.up()
    wait_for_drawn(live, N_MODELS + 2)
    live.page.click("#time-play")
    training.step()
    expect(live.page.locator("#live-news")).to_have_text("1 new checkpoint")
    live.page.click("#time-play")
    wait_for_drawn(live, N_MODELS + 3)
    assert live.page.is_hidden("#live-mark")
    live.page.click("#present-toggle")
    training.step()
    wait_for_beats(live)
    assert drawn_checkpoints(live) == N_MODELS + 3
    mark = live.page.locator("#live-mark")
    expect(mark).to_have_text("frozen")
    live.page.keyboard.press("l")
    wait_for_drawn(live, N_MODELS + 4)
    expect(mark).to_have_text("live")
    live.page.wait_for_selector("#page[data-asleep]")
    live.settle()
    expect(mark).to_have_css("opacity", "1")
    mark.click()
    expect(mark).to_have_text("frozen")
    training.recorder.close()
    expect(mark).to_be_hidden()


def test_a_silent_run_is_stalled_until_it_resumes(live: Visit, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(study, "cnn-live", "CNN")
    # Recorded ten minutes ago, by the times in the journal.
    with monkeypatch.context() as past:
        past.setattr("engine.recording.writer.time.time", lambda: time.time_ns() / 1e9 - 600)
        for _ in range(4):
            training.step()
    live.open("c=run:status").wait_for_scene()
    status = "() => inpca.table?.getRowNode('cnn-live')?.data.status === '{}'"
    live.page.wait_for_function(status.format("stalled"))
    expect(live.page.locator("#live-summary")).to_have_text("1 stalled")
    expect(live.page.locator("#stalled-runs")).to_contain_text("cnn-live")
    expect(live.page.locator("#stalled-runs")).to_contain_text("no checkpoint for 10 min")
    assert live.page.locator(".legend-entry", has_text="stalled").count() == 1
    live.page.fill("#search", "status:stalled")
    live.page.wait_for_function("() => inpca.count(inpca.state.mask) === 1")
    live.page.fill("#search", "")
    # The scene of all runs may still be under way: the page's requests are for the snapshot it has.
    training.step()
    # With no run being recorded, the page requests the pulse every 5 s, and when its tab becomes visible.
    live.beat()
    expect(live.page.locator("#live-news")).to_have_text("1 new checkpoint")
    live.page.click("#live-show")
    live.page.wait_for_function(status.format("running"))
    expect(live.page.locator("#stalled-runs")).to_have_text("")


def test_a_kept_selection_survives_runs_added_in_between(live: Visit, study: Path) -> None:
    training = Training(study, "aaa-live", "CNN")
    training.step()
    live.open("f=architecture:ViT&m=compare").wait_for_scene()
    live.page.click("#second-selection")
    wanted = live.page.evaluate("inpca.decodeMask(inpca.state.comparison.mask, inpca.state.study)")
    assert len(wanted) == N_RUNS // 3
    other = Training(study, "aaa-another", "CNN")
    other.step()
    live.page.click("#live-show")
    live.page.wait_for_function(f"() => inpca.state.study.run_ids.length === {N_RUNS + 2}")
    assert live.page.evaluate("inpca.decodeMask(inpca.state.comparison.mask, inpca.state.study)") == wanted


def test_an_open_figure_keeps_its_options_and_grows(live: Visit, study: Path) -> None:
    training = Training(study, "cnn-live", "CNN")
    for _ in range(4):
        training.step()
    live.open("m=figures&fig=progress-curves").wait_for_scene()
    live.page.wait_for_function(FIGURES_READY)
    asked = len([request for request in live.traffic.posts() if "api/analyses" in request.url])
    figure = live.page.evaluate("[inpca.state.figure, inpca.state.figureOptions]")
    live.page.evaluate("document.getElementById('live-follow').click()")
    training.step()
    live.page.wait_for_function(f"() => inpca.state.scene.n_models === {N_MODELS + 5}")
    live.page.wait_for_function(FIGURES_READY)
    assert len([request for request in live.traffic.posts() if "api/analyses" in request.url]) == asked + 1
    assert live.page.evaluate("[inpca.state.figure, inpca.state.figureOptions]") == figure


def test_a_hidden_tab_asks_for_nothing(live: Visit, study: Path) -> None:
    training = Training(study, "cnn-live", "CNN")
    training.step()
    live.open().wait_for_scene()
    wait_for_beats(live)
    live.page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    live.traffic.pulses.clear()
    live.page.wait_for_function("() => putOff.hasNoPulse()")
    live.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert live.page.evaluate("putOff.hasNoPulse()"), "nor does anything else make it ask"
    assert live.traffic.pulses == []
    with live.page.expect_request("**/pulse?*"):
        live.page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
