"""Plotly figures from engine values, by pure functions: no Dash, no torch.

A panel about components is a function of them that returns a figure, a row in ``PANEL_FIGURES`` and words in
``text.PANELS`` (docs/extending.md). A panel that needs more than the embedding has its own route in ``routes.panels``,
like the Shepard diagram.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dashboard.figures.explained import explained_distance_figure, explained_stress_figure, explained_variance_figure
from dashboard.figures.frame import Components, Figure
from dashboard.figures.spectrum import spectrum_figure

if TYPE_CHECKING:
    from engine.statistics.shuffled_spectra import ShuffledSpectra

PANEL_FIGURES: dict[str, Callable[[Components], Figure]] = {
    "spectrum": spectrum_figure,
    "explained-stress": explained_stress_figure,
    "explained-variance": explained_variance_figure,
    "explained-distance": explained_distance_figure,
}
"""The panels about components, in their order on the page; a key is the id of the panel's place there."""


def panel_figures(components: Components, shuffled: ShuffledSpectra | None = None) -> dict[str, Figure]:
    """Figures of all panels about components, two of them with the range of shuffled runs if there are any."""
    figures = {name: make(components) for name, make in PANEL_FIGURES.items()}
    if shuffled is not None:
        figures["spectrum"] = spectrum_figure(components, shuffled)
        figures["explained-stress"] = explained_stress_figure(components, shuffled)
    return figures
