"""Statistics of runs: factors, permutation tests, importance, intervals, sample size."""
