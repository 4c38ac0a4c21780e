"""Calibration of intervals and tests: simulated studies whose truth is known."""

from benchmarks.calibration.page import LONG, SHORT, calibration_page

__all__ = ["LONG", "SHORT", "calibration_page"]
