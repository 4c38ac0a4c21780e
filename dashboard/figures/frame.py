"""Common layout of panels: small type, narrow margins, component axis, legend inside.

Figures are plain values with lists of numbers, ``{"data": [...], "layout": {...}}``, as plotly.js draws them. Building
plotly's Figure objects would cost as much as the embedding. A figure about components may also carry ``merit``, the
number quoted in its panel's title.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard import theme
from engine.explorer.measures import SPECTRUM_COMPONENTS, Spectrum
from engine.values import Embedding, FloatArray

Figure = dict[str, Any]
Trace = dict[str, Any]
Components = Embedding | Spectrum
"""Data of the component panels: a scene's embedding first, the longer spectrum once it is solved."""

MARK_COLOR = "#8A8F98"
"""Colour of guide lines; readable on both backgrounds."""
MARGIN = {"l": 6, "r": 6, "t": 4, "b": 4}
SMALL = {"size": 10}


def panel_layout(components: Components, x_title: str, legend_corner: str, y_axis: dict[str, Any]) -> dict[str, Any]:
    """Layout of a panel with component numbers on the x axis.

    Args:
        components: sets the x range, which includes components not solved for yet, so that the axis does not jump.
        x_title: title of the x axis.
        legend_corner: ``"top"`` or ``"bottom"``, on the right, clear of the curves.
        y_axis: properties of the y axis.
    """
    room = max(components.n_components, min(SPECTRUM_COMPONENTS, components.n_models - 1))
    return {
        "legend": legend(legend_corner),
        "margin": MARGIN,
        "font": SMALL,
        "xaxis": {"title": axis_title(x_title), "range": [0.3, room + 0.7], "nticks": 8},
        "yaxis": y_axis,
    }


def legend(corner: str) -> dict[str, Any]:
    """Legend inside the plot, at the top or bottom right."""
    place = {"x": 1, "xanchor": "right", "y": 1.02 if corner == "top" else 0.02, "yanchor": corner}
    return {"orientation": "h", **place, "bgcolor": "rgba(0,0,0,0)"}


def axis_title(text: str) -> dict[str, Any]:
    """Axis title in small type, close to the axis."""
    return {"text": text, "standoff": 2, "font": SMALL}


def scatter(x: Any, y: Any, mode: str = "lines", **properties: Any) -> Trace:
    """Plotly trace of points or lines."""
    return {"type": "scatter", "mode": mode, "x": x, "y": y, **properties}


def shuffled_band(draws: FloatArray, x_name: str, y_name: str, y_format: str) -> list[Trace]:
    """Range of a quantity of shuffled runs over numbers of components, filled, and its mean as a line.

    Args:
        draws: (shuffle, component); components that no shuffle has, with zeros or NaN, are left out.
        x_name, y_name, y_format: for the hover text.
    """
    chosen = np.flatnonzero((draws > 0).all(axis=0))
    low, mean, high = (draws[:, chosen].min(axis=0), draws[:, chosen].mean(axis=0), draws[:, chosen].max(axis=0))
    places = (chosen + 1).tolist()
    line = {"color": theme.SHUFFLED, "width": 1.5, "dash": "dot"}
    return [
        area(places, numbers(low), numbers(high), theme.SHUFFLED, 0.3),
        scatter(
            places,
            numbers(mean),
            "lines",
            name="shuffled runs",
            legendrank=1001,
            line=line,
            customdata=np.stack([low, high], axis=1).tolist(),
            hovertemplate=(
                f"{x_name} %{{x}}, shuffled runs<br>{y_name} from %{{customdata[0]:{y_format}}} to "
                f"%{{customdata[1]:{y_format}}}<extra></extra>"
            ),
        ),
    ]


def area(x: list[Any], low: list[Any], high: list[Any], color: str, opacity: float) -> Trace:
    """Filled area between two curves, without an outline; it is not pointed at."""
    looks: Trace = {"fill": "toself", "fillcolor": color, "opacity": opacity, "line": {"width": 0, "color": color}}
    return scatter([*x, *x[::-1]], [*low, *high[::-1]], hoverinfo="skip", showlegend=False, **looks)


def guide(x: Any, y: Any, dash: str = "dash", **properties: Any) -> Trace:
    """Thin line to compare data with; it is not pointed at."""
    line = {"dash": dash, "width": 1, "color": MARK_COLOR}
    return scatter(x, y, line=line, hoverinfo="skip", **properties)


def bars(x: Any, y: Any, **properties: Any) -> Trace:
    """Plotly trace of bars."""
    return {"type": "bar", "x": x, "y": y, **properties}


def heat_map(x: Any, y: Any, z: Any, title: str, **properties: Any) -> Trace:
    """Plotly trace of cells from zero in the sequential colours, with a titled colour bar."""
    bar = {"thickness": 10, "outlinewidth": 0, "title": {"text": title, "side": "right"}}
    colors = {"zmin": 0, "colorscale": theme.SEQUENTIAL_SCALE, "colorbar": bar}
    return {"type": "heatmap", "x": x, "y": y, "z": z, **colors, **properties}


def finite(values: Any) -> list[float | None]:
    """Values for JSON, with None for missing or infinite ones."""
    return [float(value) if np.isfinite(value) else None for value in values]


def numbers(values: Any, digits: int = 6) -> list[float | None]:
    """Values for JSON: significant digits, None for missing or non-finite values."""
    array = np.asarray(values, dtype=float)
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in array]
