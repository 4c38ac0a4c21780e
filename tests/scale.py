"""How much a test tries: a short form that every change passes, and a long one for the night.

``INPCA_NIGHTLY=1 python -m pytest`` runs every test at its long form.
"""

from __future__ import annotations

import os
from typing import TypeVar

NIGHTLY = os.environ.get("INPCA_NIGHTLY", "") not in ("", "0")

Amount = TypeVar("Amount", int, float)


def amount(short: Amount, nightly: Amount) -> Amount:
    """How many cases (or seconds) to try."""
    return nightly if NIGHTLY else short
