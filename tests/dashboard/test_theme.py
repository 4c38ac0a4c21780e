"""Colours of pins, and those that pictures and style sheets share."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboard import theme
from dashboard.view_state import MAXIMUM_PINS

STYLES = Path(__file__).parents[2] / "assets" / "styles"
TOKENS = (STYLES / "tokens.css").read_text(encoding="utf-8")
PAIRS = (
    dict(re.findall(r"--([\w-]+): light-dark\((#\w+), #\w+\);", TOKENS)),
    dict(re.findall(r"--([\w-]+): light-dark\(#\w+, (#\w+)\);", TOKENS)),
)
"""Colour tokens by name, light and dark."""
SURFACES = tuple(pairs["surface"] for pairs in PAIRS)
TEXT = ("ink", "muted", "accent", "warn", "error")


def luminance(color: str) -> float:
    """Relative luminance, from its definition in WCAG 2.2."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("color", theme.PIN_COLORS)
def test_pin_swatches_stand_out_in_light_and_dark(color: str, surface: str) -> None:
    assert contrast(color, surface) >= 3.0


def test_pin_colours_differ_from_all_category_colours() -> None:
    assert len(set(theme.PIN_COLORS)) == MAXIMUM_PINS
    assert not set(theme.PIN_COLORS) & {*theme.CATEGORY_COLORS, theme.OTHER_COLOR}


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_pictures_and_style_sheets_share_their_colours(dark: bool) -> None:
    surface = theme.style()["surfaces"]["dark" if dark else "light"]
    assert [surface[name] for name in ("paper", "ink", "muted")] == [
        PAIRS[dark][name] for name in ("surface", "ink", "muted")
    ]
    assert PAIRS[False]["line"] == theme.style()["surfaces"]["light"]["grid"]
    found = re.search(r"--wheel: ([^;]+);", TOKENS)
    assert found is not None
    assert set(found[1].upper().split(", ")) == set(theme.CATEGORY_COLORS[:6])
    found = re.search(r"--font: ([^;]+);", TOKENS)
    assert found is not None
    assert found[1] == theme.FONT


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", TEXT)
@pytest.mark.parametrize("ground", ["surface", "backdrop"])
def test_text_stands_out_from_its_ground(name: str, ground: str, dark: bool) -> None:
    assert contrast(PAIRS[dark][name], PAIRS[dark][ground]) >= 4.5


def test_colours_and_type_sizes_stand_in_tokens_alone() -> None:
    for path in sorted(STYLES.glob("*.css")):
        if path.name != "tokens.css":
            text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
            assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?=[;, )])|font-size: [1-9]|z-index: -", text), path.name
