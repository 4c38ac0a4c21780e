"""Whether a study can answer a question, and which of the selected runs take part in the answer."""

from __future__ import annotations

from dataclasses import replace

from engine.errors import InvalidSpecError, SelectionError
from engine.store import Study
from engine.values import MINIMUM_MODELS, EmbeddingSpec


def answerable(spec: EmbeddingSpec, study: Study) -> EmbeddingSpec:
    """Return the question as the study can answer it.

    Its runs are in study order, without those that the study left out as damaged and those without a checkpoint yet.

    Raises:
        InvalidSpecError: a split the study does not have, or an unknown divergence.
        SelectionError: an unknown run, or fewer than three checkpoints; says how many are missing.
    """
    from engine.divergence_table import DIVERGENCES

    if spec.split not in study.splits:
        raise InvalidSpecError(
            f"The study {study.study_id} has no {spec.split} split: it has {', '.join(study.splits)}."
        )
    if spec.divergence not in DIVERGENCES:
        raise InvalidSpecError(f"divergence must be one of {', '.join(DIVERGENCES)}, received {spec.divergence!r}.")
    left_out = {problem.run_id: problem.reason for problem in study.problems}
    unknown = [run_id for run_id in spec.run_ids if run_id not in study.runs.index and run_id not in left_out]
    if unknown:
        names = ", ".join(map(repr, unknown[:3])) + (f" and {len(unknown) - 3} more" if len(unknown) > 3 else "")
        raise SelectionError(f"The study {study.study_id} has no run {names}: select runs that are in its table.")
    wanted = set(spec.run_ids)
    counts = study.runs["n_checkpoints"]
    counts = counts[counts.index.isin(wanted) & (counts > 0)]
    n_models = int(counts.sum())
    if n_models < MINIMUM_MODELS:
        raise SelectionError(_too_few(n_models, [left_out[run_id] for run_id in spec.run_ids if run_id in left_out]))
    return replace(spec, run_ids=tuple(counts.index))


def _too_few(n_models: int, reasons: list[str]) -> str:
    missing = MINIMUM_MODELS - n_models
    damaged = f" {len(reasons)} selected run(s) cannot be used: {reasons[0]}" if reasons else ""
    return (
        f"The selection holds {n_models} checkpoint{'' if n_models == 1 else 's'}, and an embedding needs at least "
        f"{MINIMUM_MODELS}: {missing} more {'is' if missing == 1 else 'are'} missing. Select more runs, or runs with "
        f"more checkpoints.{damaged}"
    )
