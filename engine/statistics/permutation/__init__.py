r"""Permutation tests on a divergence matrix.

Each training is compared with all others, so the entries of such a matrix are dependent, and a p-value from a table
would be wrong. The tests instead estimate how often chance does as well: the values of the hyperparameter are permuted
among the units, whole rows and columns at a time.
"""

from __future__ import annotations
