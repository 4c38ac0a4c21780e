"""Compiling and loading beforehand what the first picture needs, so that it does not wait for it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

N_RUNS, N_CHECKPOINTS = 3, 70
"""Together more models than are solved for as a whole, so that the iteration is compiled too."""


def warm_up(folder: Path, device: str | None) -> None:
    """Run a small example through everything between predictions and a picture.

    Args:
        folder: where tiles of the example may lie for a moment.
        device: where distances are computed.
    """
    from engine.divergences import pairwise_distances
    from engine.geodesics import progress
    from engine.inpca import embed, project
    from engine.spare import Spare
    from engine.tile_file import Tile, TileFile
    from engine.tiled_distances import TiledDistances

    random = np.random.default_rng(0)
    logits = np.log(random.dirichlet(np.ones(10), size=(N_RUNS * N_CHECKPOINTS, 16)).astype(np.float32))
    progress(logits[:4], np.arange(16) % 10)
    values = pairwise_distances(logits, device=device).values.astype(np.float32)
    runs = {str(run): slice(run * N_CHECKPOINTS, (run + 1) * N_CHECKPOINTS) for run in range(N_RUNS)}
    counts = np.full(N_RUNS, N_CHECKPOINTS)
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as name:
        file = TileFile(Path(name))
        file.add([Tile(a, b, values[runs[a], runs[b]], 0) for a in runs for b in runs if b <= a])
        rectangle = file.gather(["0"], list(runs), counts[:1], counts)
        found = file.symmetric(list(runs), counts)
        if rectangle is None or found is None:
            return
        packed = TiledDistances(found[0], len(values), "bhattacharyya", 0, "").pack(counts, Spare())
        if packed is not None:
            project(embed(packed, 3), rectangle[0])
