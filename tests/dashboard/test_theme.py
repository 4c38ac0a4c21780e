"""Colours that must be told apart from what they lie on."""

from __future__ import annotations

import pytest

from dashboard import theme
from dashboard.view_state import MAXIMUM_PINS

SURFACES = ("#ffffff", "#1a1f26")


def luminance(color: str) -> float:
    """Relative luminance, from its definition in WCAG 2.2."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("color", theme.PIN_COLORS)
def test_a_pin_s_swatch_stands_out_in_light_and_dark(color: str, surface: str) -> None:
    low, high = sorted([luminance(color), luminance(surface)])
    assert (high + 0.05) / (low + 0.05) >= 3.0


def test_every_pin_has_a_colour_that_no_category_has() -> None:
    assert len(set(theme.PIN_COLORS)) == MAXIMUM_PINS
    assert not set(theme.PIN_COLORS) & {*theme.CATEGORY_COLORS, theme.OTHER_COLOR}
