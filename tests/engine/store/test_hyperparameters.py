"""Canonical text of hyperparameter values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine.store.hyperparameters import level_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (pd.NA, "none"),
        (float("nan"), "none"),
        (True, "yes"),
        (False, "no"),
        (32, "32"),
        (32.0, "32"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.3"),
        (1e-5, "1e-05"),
        ("a", "a"),
        ("32.0", "32.0"),
    ],
)
def test_values_have_one_text_in_python_and_numpy(value: object, text: str) -> None:
    assert level_text(value) == text
    if isinstance(value, bool | int | float | str):
        assert level_text(np.array([value])[0]) == text
