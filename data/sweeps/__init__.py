"""Training sweeps of the studies that ship: ``python -m data.sweeps digits``.

In reading order: ``datasets``, ``architectures``, ``design`` (settings of all runs), ``schedule`` (steps of the
checkpoints), ``training`` (one run), ``sweep`` (all runs, resumable).
"""
