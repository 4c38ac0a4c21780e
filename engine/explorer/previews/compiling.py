"""Compilation of the kernels by an example, here or in another process.

Numba keeps compiled code on disk, beside the modules. The first compilation on a machine takes some ten seconds and
holds the interpreter's lock, which blocks all other threads. A second process therefore runs the example, and this one
loads the compiled code from disk.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np

logger = logging.getLogger(__name__)

N_RUNS, N_CHECKPOINTS = 3, 70
"""More models together than the dense eigensolver takes, so that the iteration is compiled too."""
NEAR, NEARER = 6e-2, 1e-3
"""Amplitude of noise on log-probabilities for near pairs, whose distance is repaired in float32 and in float64."""
ENGINE = str(__package__).rpartition(".explorer")[0]
"""Package of this module: ``engine``, or ``inpca`` where it is installed."""
KERNELS = {
    "cache.checksums": ("find_damaged",),
    "trajectories.numba_loops": ("_project", "_enclose"),
    "distances.kernels.roots": ("_scale",),
    "distances.kernels.vector_ir": ("fill_tile",),
    "distances.kernels.near_pairs": ("_add_logs",),
    "distances.kernels.numba_tile": ("_count_capped",),
    "distances.tiles.passes": ("read_tiles", "place_tiles", "place_in_blocks", "add_sums"),
    "distances.tiles.products": ("multiply_blocks",),
}
"""Compiled functions of a scene that call the others, by module of the engine; the example calls all of them."""
LONGEST_SECONDS = 180.0
"""Timeout of the process, far above any compilation; after it the kernels are compiled at first use."""
LOOK_SECONDS = 0.1
POLITENESS = 5
"""Niceness of the process, which gives way to the one that answers requests."""
LAST_WORDS = 500


def are_compiled() -> bool:
    """Return whether all kernels of a scene are on disk for these sources, for any argument types; imports numba."""
    return all(
        _is_kept(getattr(import_module(f"{ENGINE}.{module}"), function))
        for module, functions in KERNELS.items()
        for function in functions
    )


def _is_kept(kernel: object) -> bool:
    try:
        # Private: numba has no public query of its cache.
        return bool(kernel._cache._cache_file._load_index())  # type: ignore[attr-defined]
    except Exception:
        # Not a compiled function, or another version of numba: the kernel is compiled when it is called.
        return True


def compile_apart(folder: Path, check: Callable[[], None]) -> None:
    """Compile the kernels in another process, onto disk; if that fails, they are compiled at first use.

    Args:
        folder: folder for temporary tiles of the example.
        check: called a few times a second; an exception ends the process.
    """
    root = str(Path(__file__).resolve().parents[3])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-P", "-m", f"{__package__}.compiling", str(folder)]
    try:
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # keyboard interrupts reach only this process, which ends the other one
            env={**os.environ, "PYTHONPATH": paths},
        )
    except OSError as reason:
        logger.warning("Kernels are compiled by this process: another one cannot be started (%s).", reason)
        return
    began = time.monotonic()
    words: bytes | None = None
    try:
        while words is None and time.monotonic() < began + LONGEST_SECONDS:
            check()
            try:
                words = process.communicate(timeout=LOOK_SECONDS)[1]
            except subprocess.TimeoutExpired:
                continue
    finally:
        if process.returncode is None:
            process.kill()
            process.communicate()
    if process.returncode:
        said = (words or b"it took too long").decode(errors="replace").strip()[-LAST_WORDS:]
        logger.warning("Kernels are compiled by this process: another one could not (%s).", said)


def warm_up(folder: Path, device: str | None) -> None:
    """Run a small example through every step from predictions to reference points.

    Args:
        folder: folder for temporary tiles of the example.
        device: device for the distances.
    """
    from engine.distances.pairwise import pairwise_distances
    from engine.distances.tiles.file import Tile, TileFile
    from engine.distances.tiles.packed import Spare
    from engine.distances.tiles.streamed import TiledDistances
    from engine.embedding.inpca import embed, project
    from engine.trajectories.geodesics import progress

    random = np.random.default_rng(0)
    logits = np.log(random.dirichlet(np.ones(10), size=(N_RUNS * N_CHECKPOINTS, 16)).astype(np.float32))
    progress(logits[:4], np.arange(16) % 10)
    for model, noise in ((1, NEAR), (2, NEARER)):
        logits[model] = logits[0] + noise * (random.random(logits[0].shape, dtype=np.float32) - 0.5)
    # One class with probability zero: overlaps of such a model with others may be capped.
    logits[3, :, 0] = -np.inf
    logits[:4] -= np.log(np.exp(logits[:4]).sum(axis=2, keepdims=True))
    values = pairwise_distances(logits, device=device).values.astype(np.float32)
    runs = {str(run): slice(run * N_CHECKPOINTS, (run + 1) * N_CHECKPOINTS) for run in range(N_RUNS)}
    counts = np.full(N_RUNS, N_CHECKPOINTS)
    with _scratch(folder) as name:
        file = TileFile(Path(name))
        file.add([Tile(a, b, values[runs[a], runs[b]], 0) for a in runs for b in runs if b <= a])
        rectangle = file.gather(["0"], list(runs), counts[:1], counts)
        found = file.symmetric(list(runs), counts)
        if rectangle is None or found is None:
            return
        packed = TiledDistances(found[0], len(values), "bhattacharyya", 0, "").pack(counts, Spare())
        if packed is not None:
            project(embed(packed, 3), rectangle[0])


def _scratch(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a temporary folder inside ``folder``, or among the system's if none can be made there."""
    try:
        return tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True)
    except OSError:
        return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


def main() -> None:
    """Compile the CPU kernels, which scenes on every device need."""
    os.nice(POLITENESS)
    warm_up(Path(sys.argv[1]), "cpu")


if __name__ == "__main__":
    main()
