"""Pure functions from engine values to plotly figures: no Dash, no torch, no state.

How to add a panel about components: write ``<name>_figure(components) -> Figure`` in its own module, list it in
``PANEL_FIGURES``, give it words in ``text.PANELS`` and a name in ``ids.Panels``; the scene's payload carries it to the
browser. A panel that takes more than the embedding has a route of its own in ``routes.panels``, as the Shepard diagram.
"""

from collections.abc import Callable

from dashboard.figures.explained import (
    explained_distance_figure,
    explained_stress_figure,
    explained_variance_figure,
)
from dashboard.figures.frame import Components, Figure
from dashboard.figures.shepard import shepard_figure
from dashboard.figures.spectrum import spectrum_figure

PANEL_FIGURES: dict[str, Callable[[Components], Figure]] = {
    "spectrum": spectrum_figure,
    "explained-stress": explained_stress_figure,
    "explained-variance": explained_variance_figure,
    "explained-distance": explained_distance_figure,
}

__all__ = [
    "PANEL_FIGURES",
    "explained_distance_figure",
    "explained_stress_figure",
    "explained_variance_figure",
    "shepard_figure",
    "spectrum_figure",
]
