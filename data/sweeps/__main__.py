"""Command line of the sweeps: ``python -m data.sweeps digits`` records a study."""

from __future__ import annotations

import argparse
from pathlib import Path

from data.sweeps.datasets import DATASETS
from data.sweeps.design import LEVELS, design_runs
from data.sweeps.sweep import SweepProgress, pending_runs, run_sweep

STUDIES = Path(__file__).resolve().parents[1] / "studies"


def main() -> None:
    """Parse the arguments, train the missing runs, and print progress."""
    parser = argparse.ArgumentParser(prog="python -m data.sweeps", description=__doc__)
    parser.add_argument("study", choices=sorted(DATASETS))
    parser.add_argument("--output", type=Path, help="folder of the study (default: data/studies/<study>)")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each (default: 2)")
    parser.add_argument("--runs", type=int, metavar="N", help="only every n-th run, N in all, for a quick look")
    arguments = parser.parse_args()

    designs = design_runs(LEVELS[arguments.study])
    if arguments.runs is not None:
        if not 1 <= arguments.runs <= len(designs):
            parser.error(f"--runs must lie in 1..{len(designs)}, received {arguments.runs}.")
        designs = tuple(designs[place * len(designs) // arguments.runs] for place in range(arguments.runs))
    if arguments.workers < 1:
        parser.error(f"--workers must be at least 1, received {arguments.workers}.")
    path = arguments.output or STUDIES / arguments.study
    n_pending = len(pending_runs(designs, path))
    print(f"{path}: {len(designs) - n_pending} of {len(designs)} runs are finished, {n_pending} to go.", flush=True)
    run_sweep(arguments.study, designs, path, n_workers=arguments.workers, report=_print_progress)


def _print_progress(progress: SweepProgress) -> None:
    print(
        f"{progress.n_done:3d}/{progress.n_runs}  elapsed {_clock(progress.elapsed)}"
        f"  remaining {_clock(progress.remaining)}  {progress.run_id}",
        flush=True,
    )


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


if __name__ == "__main__":
    main()
