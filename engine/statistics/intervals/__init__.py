"""Confidence intervals by leaving units out: mean distances, differences of levels, spectra."""
