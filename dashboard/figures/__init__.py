"""Pure functions from engine values to plotly figures: no Dash, no torch, no state.

How to add a panel: write ``<name>_figure(embedding) -> Figure`` in its own module, list it in ``PANEL_FIGURES``,
give it words in ``text.PANELS`` and a name in ``ids.Panels``; the scene's payload carries it to the browser.
"""

from collections.abc import Callable

from dashboard.figures.explained import explained_stress_figure, explained_variance_figure
from dashboard.figures.frame import Figure
from dashboard.figures.spectrum import spectrum_figure
from engine.values import Embedding

PANEL_FIGURES: dict[str, Callable[[Embedding], Figure]] = {
    "spectrum": spectrum_figure,
    "explained-stress": explained_stress_figure,
    "explained-variance": explained_variance_figure,
}

__all__ = ["PANEL_FIGURES", "explained_stress_figure", "explained_variance_figure", "spectrum_figure"]
