"""What must be said of some runs of a selection, for people."""

from __future__ import annotations

from collections.abc import Sequence

from engine.analyses.material import Material

NAMED_RUNS = 3


def some_names(run_ids: Sequence[str]) -> str:
    """A few names and how many more there are."""
    more = f" and {len(run_ids) - NAMED_RUNS} more" if len(run_ids) > NAMED_RUNS else ""
    return ", ".join(run_ids[:NAMED_RUNS]) + more


def unfinished_notes(material: Material) -> tuple[str, ...]:
    """A note on runs that are still being trained or were broken off; none where there is none."""
    status = material.runs["status"]
    unfinished = list(status.index[status != "finished"])
    if not unfinished:
        return ()
    share = f"{len(unfinished)} of {len(status)} runs"
    return (f"{share} are not finished and taken as far as they are: {some_names(unfinished)}.",)
