"""Plotly figures from engine values, by pure functions: no Dash, no torch.

A panel about components is a function of them that returns a figure, a row in ``PANEL_FIGURES`` and words in
``text.PANELS`` (docs/extending.md). A panel that needs more than the embedding has its own route in ``routes.panels``,
like the Shepard diagram.
"""

from collections.abc import Callable

from dashboard.figures.explained import explained_distance_figure, explained_stress_figure, explained_variance_figure
from dashboard.figures.frame import Components, Figure
from dashboard.figures.spectrum import spectrum_figure

PANEL_FIGURES: dict[str, Callable[[Components], Figure]] = {
    "spectrum": spectrum_figure,
    "explained-stress": explained_stress_figure,
    "explained-variance": explained_variance_figure,
    "explained-distance": explained_distance_figure,
}
"""The panels about components, in their order on the page; a key is the id of the panel's place there."""
