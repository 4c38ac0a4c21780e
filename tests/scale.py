"""Test sizes: quick, full and nightly.

``python -m pytest`` runs the quick tests, ``python -m pytest --full`` all of them; ``INPCA_NIGHTLY=1`` raises the
number of cases per test.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, TypeVar

import pytest

NIGHTLY = os.environ.get("INPCA_NIGHTLY", "") not in ("", "0")

Amount = TypeVar("Amount", int, float)


def amount(short: Amount, nightly: Amount) -> Amount:
    """Number of cases (or seconds) to try."""
    return nightly if NIGHTLY else short


def full_but(quick: Iterable[object], values: Iterable[object]) -> list[Any]:
    """Parameters of a test: the ``quick`` ones always run, the others with ``--full``."""
    quick, values = list(quick), list(values)
    assert all(value in values for value in quick), "a quick value that is none would be left out of both suites"
    return [value if value in quick else pytest.param(value, marks=pytest.mark.full) for value in values]
