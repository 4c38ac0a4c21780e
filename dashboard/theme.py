"""Colours, symbols and plotly templates, light and dark.

Categories use Paul Tol's *bright* scheme (distinguishable under the common colour-vision deficiencies and on both
backgrounds), numbers use cividis or viridis. On an axis, red means imaginary and nothing else.
"""

from __future__ import annotations

from typing import Any

import plotly.colors

CATEGORY_COLORS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#EE7733", "#999933")
OTHER_COLOR = "#8A8F98"
"""Levels beyond the eighth share this colour, named "other" in the legend."""

PIN_COLORS = (
    *("#FF00FF", "#A55A0F", "#3C96C3", "#4B7869", "#B400D2", "#5AA500"),
    *("#FF0FA5", "#5A87F0", "#C300A5", "#C38769", "#E11E69", "#1E9696"),
)
"""Swatches of pinned runs, each also lettered. Farthest-point selection in OKLab, also as seen with protanopia and
deuteranopia, among colours with contrast 3 : 1 against both backgrounds; none is a category colour."""

SEQUENTIAL_SCALE = "Viridis"
SEQUENTIAL_ENDS = (0.12, 0.97)
"""Range of the scale in use; the darkest and lightest ends would each vanish on one of the backgrounds."""
SEQUENTIAL_STEPS = 33

SPACE_LIKE = "#4477AA"
TIME_LIKE = "#D1495B"
SHUFFLED = "#DD7711"
"""Shuffled runs beside the real ones; contrast 3 : 1 against both backgrounds."""

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif'

_SURFACES = {
    False: {
        "paper": "#ffffff",
        "ink": "#1f2933",
        "muted": "#5b6673",
        "grid": "#dfe4ea",
        "wall": "#fbfcfd",
        "reference": "#111827",
    },
    True: {
        "paper": "#1a1f26",
        "ink": "#e6e9ee",
        "muted": "#a3adba",
        "grid": "#3a4250",
        "wall": "#1c2129",
        "reference": "#f3f4f6",
    },
}


def template(dark: bool) -> dict[str, Any]:
    """Plotly template (layout only) of one theme."""
    surface = _SURFACES[dark]
    axis = {
        "gridcolor": surface["grid"],
        "linecolor": surface["grid"],
        "zerolinecolor": surface["muted"],
        "zerolinewidth": 1,
        "automargin": True,
        "ticks": "",
    }
    scene_axis = {
        "gridcolor": surface["grid"],
        "backgroundcolor": surface["wall"],
        "color": surface["muted"],
        "showbackground": True,
        "zeroline": False,
        "showspikes": False,
    }
    return {
        "layout": {
            "font": {"family": FONT, "size": 12, "color": surface["ink"]},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": axis,
            "yaxis": axis,
            "scene": {"xaxis": scene_axis, "yaxis": scene_axis, "zaxis": scene_axis},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": surface["muted"], "activecolor": surface["ink"]},
            "hoverlabel": {"font": {"family": FONT, "size": 12}},
            "colorway": list(CATEGORY_COLORS),
        }
    }


def style() -> dict[str, Any]:
    """Colours and symbols of pictures for the browser, as one JSON value."""
    return {
        "templates": {"light": template(False), "dark": template(True)},
        "surfaces": {"light": _SURFACES[False], "dark": _SURFACES[True]},
        "categories": list(CATEGORY_COLORS),
        "other": OTHER_COLOR,
        "sequential": _sequential_colors(),
        "pins": list(PIN_COLORS),
        "timeLike": TIME_LIKE,
    }


def _sequential_colors() -> list[str]:
    low, high = SEQUENTIAL_ENDS
    shares = [low + (high - low) * index / (SEQUENTIAL_STEPS - 1) for index in range(SEQUENTIAL_STEPS)]
    triples = plotly.colors.sample_colorscale(SEQUENTIAL_SCALE, shares, colortype="tuple")
    return ["#" + "".join(f"{round(255 * channel):02x}" for channel in triple) for triple in triples]
