"""Figures are read as data: traces, axes and values, not pixels."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from dashboard import figures
from dashboard.figures import PANEL_FIGURES
from dashboard.ids import Panels
from dashboard.text import PANELS
from engine import Embedding, embed, pairwise_distances
from tests.families import coins


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    """Eleven coins: real and imaginary components, known in closed form."""
    return embed(pairwise_distances(coins()), n_components=4)


def spectrum_figure(embedding: Embedding) -> go.Figure:
    return go.Figure(figures.spectrum_figure(embedding))


def explained_stress_figure(embedding: Embedding) -> go.Figure:
    return go.Figure(figures.explained_stress_figure(embedding))


def explained_variance_figure(embedding: Embedding) -> go.Figure:
    return go.Figure(figures.explained_variance_figure(embedding))


def test_every_panel_has_a_figure_words_and_a_place() -> None:
    assert set(PANEL_FIGURES) == set(PANELS) == {str(panel) for panel in Panels}


def test_spectrum_shows_each_component_once_with_its_sign(embedding: Embedding) -> None:
    figure = spectrum_figure(embedding)
    bars = {trace.name: dict(zip(trace.x, trace.y, strict=True)) for trace in figure.data}
    expected = dict(enumerate(embedding.eigenvalues, start=1))
    assert bars["imaginary"]
    assert {**bars["real"], **{k: -value for k, value in bars["imaginary"].items()}} == pytest.approx(expected)


def test_imaginary_components_differ_by_more_than_colour(embedding: Embedding) -> None:
    patterns = {trace.name: trace.marker.pattern.shape for trace in spectrum_figure(embedding).data}
    assert patterns["real"] != patterns["imaginary"]


def test_a_spectrum_without_imaginary_components_has_no_such_trace() -> None:
    points = np.random.default_rng(0).normal(size=(12, 2))
    squared = ((points[:, None] - points[None]) ** 2).sum(-1)
    assert [trace.name for trace in spectrum_figure(embed(squared, n_components=2)).data] == ["real"]


def test_explained_stress_is_drawn_as_computed(embedding: Embedding) -> None:
    (trace,) = explained_stress_figure(embedding).data
    np.testing.assert_array_equal(trace.y, embedding.explained_stress)
    np.testing.assert_array_equal(trace.x, [1, 2, 3, 4])


def test_explained_variance_names_each_of_its_definitions(embedding: Embedding) -> None:
    traces = {trace.name: trace.y for trace in explained_variance_figure(embedding).data}
    assert set(traces) == {"signed", "absolute", "distance"}
    np.testing.assert_array_equal(traces["signed"], embedding.explained_variance)
    np.testing.assert_array_equal(traces["distance"], embedding.explained_distance)


def test_an_axis_always_holds_its_whole_curve(embedding: Embedding) -> None:
    figure = explained_variance_figure(embedding)
    low, high = figure.layout.yaxis.range
    values = np.concatenate([trace.y for trace in figure.data])
    assert low <= values.min()
    assert high >= values.max()
