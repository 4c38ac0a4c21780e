"""Statistics of runs: factors, permutation tests, importance, bootstrap, sample size."""
