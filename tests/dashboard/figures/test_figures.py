"""Figures as data: traces, axes and values, not pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from dashboard import figures
from dashboard.figures import PANEL_FIGURES, panel_figures
from dashboard.figures.shepard import shepard_figure
from dashboard.text import PANELS
from engine import Embedding, embed, pairwise_distances
from engine.embedding.shepard import shepard_diagram
from engine.statistics.shuffled_spectra import ShuffledSpectra
from tests.families import coins


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    """Embedding of eleven coins: real and imaginary components in closed form."""
    return embed(pairwise_distances(coins()), n_components=4)


def spectrum_figure(embedding: Embedding) -> go.Figure:
    return go.Figure(figures.spectrum_figure(embedding))


def explained_stress_figure(embedding: Embedding) -> go.Figure:
    return go.Figure(figures.explained_stress_figure(embedding))


def explained_variance_figure(embedding: Embedding) -> go.Figure:
    return go.Figure(figures.explained_variance_figure(embedding))


def test_every_panel_has_a_figure_and_words() -> None:
    assert set(PANELS) == {*PANEL_FIGURES, "shepard", "run-distances"}


def test_a_title_carries_the_number_of_its_picture(embedding: Embedding) -> None:
    merits = {name: make(embedding)["merit"] for name, make in PANEL_FIGURES.items()}
    n_imaginary = int((embedding.signature < 0).sum())
    assert merits["spectrum"] == f"{n_imaginary} of {embedding.n_components} imaginary"
    for measure in ("stress", "variance", "distance"):
        value = getattr(embedding, f"explained_{measure}")[2]
        assert merits[f"explained-{measure}"] == f"top 3: {value:.3f}"


def test_spectrum_shows_each_component_once_with_its_sign(embedding: Embedding) -> None:
    figure = spectrum_figure(embedding)
    bars = {trace.name: dict(zip(trace.x, trace.y, strict=True)) for trace in figure.data}
    expected = dict(enumerate(embedding.eigenvalues, start=1))
    assert bars["imaginary"]
    assert {**bars["real"], **{k: -value for k, value in bars["imaginary"].items()}} == pytest.approx(expected)


def test_imaginary_components_differ_by_more_than_colour(embedding: Embedding) -> None:
    patterns = {trace.name: trace.marker.pattern.shape for trace in spectrum_figure(embedding).data}
    assert patterns["real"] != patterns["imaginary"]


def test_a_spectrum_without_imaginary_components_lacks_their_trace() -> None:
    points = np.random.default_rng(0).normal(size=(12, 2))
    squared = ((points[:, None] - points[None]) ** 2).sum(-1)
    assert [trace.name for trace in spectrum_figure(embed(squared, n_components=2)).data] == ["real"]


def test_explained_stress_is_drawn_as_computed(embedding: Embedding) -> None:
    (trace,) = explained_stress_figure(embedding).data
    np.testing.assert_array_equal(trace.y, embedding.explained_stress)
    np.testing.assert_array_equal(trace.x, [1, 2, 3, 4])


def test_explained_variance_names_each_of_its_definitions(embedding: Embedding) -> None:
    traces = {trace.name: trace.y for trace in explained_variance_figure(embedding).data}
    assert set(traces) == {"signed", "absolute"}
    np.testing.assert_array_equal(traces["signed"], embedding.explained_variance)
    np.testing.assert_array_equal(traces["absolute"], embedding.explained_variance_absolute)


def test_explained_distance_has_a_panel_of_its_own(embedding: Embedding) -> None:
    (trace,) = go.Figure(figures.explained_distance_figure(embedding)).data
    np.testing.assert_array_equal(trace.y, embedding.explained_distance)


@pytest.mark.parametrize("name", ["explained-stress", "explained-variance", "explained-distance"])
def test_every_curve_marks_three_components(embedding: Embedding, name: str) -> None:
    (line,) = go.Figure(PANEL_FIGURES[name](embedding)).layout.shapes
    assert (line.x0, line.x1) == (3, 3)


def test_an_axis_leaves_room_for_later_components(embedding: Embedding) -> None:
    low, high = spectrum_figure(embedding).layout.xaxis.range
    assert low < 1
    assert 10 < high < 11, "eleven coins have at most ten components"


def test_the_shepard_diagram_separates_pairs_within_a_run() -> None:
    distances = pairwise_distances(coins()).values
    embedding, runs = embed(distances, n_components=2), np.array(["a"] * 6 + ["b"] * 5)
    diagram = shepard_diagram(distances, embedding.coordinates, embedding.signature, np.array([6, 5]))
    figure = go.Figure(shepard_figure(diagram, runs, "nats"))
    line, across, within = figure.data
    assert list(line.x) == list(line.y)
    for trace, is_within in ((across, False), (within, True)):
        pairs = np.array(trace.customdata)
        rows, columns = diagram.sample.rows[pairs], diagram.sample.columns[pairs]
        assert (runs[rows] == runs[columns]).tolist() == [is_within] * len(pairs)
        np.testing.assert_allclose(trace.x, diagram.sample.distances[pairs], rtol=1e-4)
        np.testing.assert_allclose(trace.y, diagram.sample.embedded[pairs], rtol=1e-4)
    assert len(across.x) + len(within.x) == diagram.n_pairs == 55
    assert "nats" in figure.layout.xaxis.title.text


def test_an_axis_always_holds_its_whole_curve(embedding: Embedding) -> None:
    figure = explained_variance_figure(embedding)
    low, high = figure.layout.yaxis.range
    values = np.concatenate([trace.y for trace in figure.data])
    assert low <= values.min()
    assert high >= values.max()


@pytest.fixture(scope="module")
def shuffled() -> ShuffledSpectra:
    """Two shuffles of twelve runs; one has three components only."""
    eigenvalues = np.array([[0.7, -0.06, 0.004, 0.001], [0.71, -0.05, 0.003, 0.0]])
    return ShuffledSpectra(12, True, eigenvalues, np.array([[0.9, 0.98, 0.99, 1.0], [0.92, 0.97, 1.0, 1.0]]))


def test_shuffled_runs_have_a_band_and_a_mean(embedding: Embedding, shuffled: ShuffledSpectra) -> None:
    spectrum, stress = (panel_figures(embedding, shuffled)[name] for name in ("spectrum", "explained-stress"))
    area, mean = spectrum["data"][:2]
    # Four places to and fro; the last component is not drawn, since one shuffle has none on a logarithmic axis.
    assert (area["x"], area["y"]) == ([1, 2, 3, 3, 2, 1], [0.7, 0.05, 0.003, 0.004, 0.06, 0.71])
    assert (mean["name"], mean["x"]) == ("shuffled runs", [1, 2, 3])
    assert mean["y"] == pytest.approx([0.705, 0.055, 0.0035])
    (real, area, mean) = stress["data"]
    assert real["y"] == embedding.explained_stress.tolist()
    assert mean["y"] == pytest.approx([0.91, 0.975, 0.995, 1.0])
    assert mean["customdata"][0] == [0.9, 0.92]
    for figure in (spectrum, stress):
        assert go.Figure(figure["data"], figure["layout"])


def test_a_title_carries_both_numbers_and_a_verdict(embedding: Embedding, shuffled: ShuffledSpectra) -> None:
    shuffled = replace(shuffled, eigenvalues=np.array([[0.7, -0.06, 0.004, 0.001]] * 2))
    panels = panel_figures(embedding, shuffled)
    assert panels["explained-stress"]["merit"] == f"top 3: {embedding.explained_stress[2]:.3f} · shuffled runs 0.995"
    assert panels["spectrum"]["verdict"] == "Component 3 above shuffled runs."
    few = panel_figures(embedding, replace(shuffled, n_runs=9))["spectrum"]["verdict"]
    assert few == "Too few runs to say what is above shuffled runs: 9, and 10 are needed."
    assert panel_figures(embedding) == {name: make(embedding) for name, make in PANEL_FIGURES.items()}
    assert {name for name, figure in panels.items() if figure != panel_figures(embedding)[name]} == {
        "spectrum",
        "explained-stress",
    }
