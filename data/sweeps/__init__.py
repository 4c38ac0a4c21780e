"""Train the networks of the studies that ship, and record their trajectories: ``python -m data.sweeps digits``.

In reading order: ``datasets`` (what is learned), ``architectures`` (what learns it), ``design`` (which
runs), ``schedule`` (which checkpoints), ``training`` (one run), ``sweep`` (all of them, resumable).
"""
