"""Where analyses are asked for: computed once by a worker of their own, kept, and handed out."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from engine.cache import BlobCache
from engine.errors import CacheError, EngineError, InvalidSpecError, JobCancelled, RunFormatError, SceneNotReadyError
from engine.jobs import Job, Jobs
from engine.recent import Recent
from engine.selection import answerable
from engine.values import EmbeddingSpec, JobStatus

if TYPE_CHECKING:
    from engine.analyses import Analysis, Finding
    from engine.distances import DistanceStore
    from engine.run_progress import RunProgress
    from engine.store import Study

logger = logging.getLogger(__name__)

MEMORY_LIMIT = 2**27
KEYS_KNOWN = 4096

_KEY = re.compile(r"analysis-[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class AnalysisSpec:
    """The question "what does this analysis find in these runs?".

    Attributes:
        kind: key of ``ANALYSES``.
        selection: study, split, runs and divergence.
        options: (key, value) of every option, in the analysis' order.
    """

    kind: str
    selection: EmbeddingSpec
    options: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Tools:
    """What analyses are computed with."""

    distances: DistanceStore
    run_progress: RunProgress


class AnalysisDesk:
    """Takes questions and hands out findings.

    Args:
        find_study: the current snapshot of a study, by id.
        find_tools: what to compute with; called in the worker, since finding a device takes a moment.
        leave_out_damaged: (study id, run ids) -> the study without those of them that turn out damaged.
        blobs: where findings survive a restart.
        memory: bytes that may be taken; None takes half of what is free.
    """

    def __init__(
        self,
        find_study: Callable[[str], Study],
        find_tools: Callable[[], Tools],
        leave_out_damaged: Callable[[str, Iterable[str]], Study],
        blobs: BlobCache,
        memory: int | None = None,
    ) -> None:
        self._find_study = find_study
        self._find_tools = find_tools
        self._leave_out_damaged = leave_out_damaged
        self._blobs = blobs
        self._memory = memory
        # A worker of their own: an embedding must not wait behind a figure that takes seconds.
        self._jobs = Jobs()
        self._recent: Recent[Finding] = Recent(MEMORY_LIMIT)
        self._asked: Recent[AnalysisSpec] = Recent(KEYS_KNOWN)

    def parse(
        self, kind: str, selection: EmbeddingSpec, options: Mapping[str, Any], study: Study | None = None
    ) -> AnalysisSpec:
        """Return the question, its options complete and its selection as the study can answer it.

        Args:
            kind: key of ``ANALYSES``.
            selection: study, split, runs and divergence.
            options: value of some of its options, by key.
            study: the snapshot that is asked about; None for the current one.

        Raises:
            InvalidSpecError: no such analysis or option.
            SelectionError: fewer than three checkpoints.
        """
        from engine.analyses.material import offer_of

        analysis = _find(kind)
        study = study or self._find_study(selection.study_id)
        # Only what a finding depends on: the same question however the picture beside it is made.
        selection = answerable(replace(selection, n_components=20, fit_references=False), study)
        return AnalysisSpec(kind, selection, analysis.parse(options, offer_of(study, selection.run_ids)))

    def alternatives(self, spec: AnalysisSpec, study: Study | None = None) -> dict[str, tuple[tuple[str, str], ...]]:
        """(value, words) of what each option could be for these runs, by the option's key."""
        from engine.analyses.material import offer_of

        study, chosen = study or self._find_study(spec.selection.study_id), dict(spec.options)
        offer = offer_of(study, spec.selection.run_ids)
        return {option.key: option.alternatives(offer, chosen) for option in _find(spec.kind).options}

    def request(self, spec: AnalysisSpec, client: str = "", study: Study | None = None) -> JobStatus:
        """Ask for a finding without waiting; ``"done"`` at once where it is kept.

        Args:
            spec: of :meth:`parse`.
            client: who asks; its newer question withdraws the older ones.
            study: the snapshot that is asked about; None for the current one.
        """
        study = study or self._find_study(spec.selection.study_id)
        key = _key_of(spec, study)
        self._asked.put(key, spec, 1)
        if self._kept(key) is not None:
            self._jobs.withdraw(client)
            return JobStatus.done(key)
        return self._jobs.submit(key, lambda job: self._compute(key, spec, study, job), client)

    def wait(self, key: str, timeout: float | None = None) -> JobStatus:
        """Block until the computation is over or ``timeout`` seconds have passed."""
        status = self._jobs.wait(key, timeout)
        if status is not None:
            return status
        if self._kept(key) is not None:
            return JobStatus.done(key)
        return JobStatus.unknown(key)

    def cancel(self, key: str, client: str = "") -> JobStatus:
        """Withdraw a client's interest; the computation stops when it was the last one."""
        return self._jobs.cancel(key, client) or self.wait(key, 0)

    def finding(self, key: str) -> tuple[AnalysisSpec, Finding]:
        """The question and the finding of a key.

        Raises:
            SceneNotReadyError: it was never asked for, is still being computed, or was evicted.
        """
        spec, finding = self._asked.get(key), self._kept(key)
        if spec is None or finding is None:
            raise SceneNotReadyError(f"No finding is kept under the key {key[:80]!r}: ask for the figure again.")
        return spec, finding

    def find(self, kind: str, selection: EmbeddingSpec, **options: Any) -> Finding:
        """The finding, computed now or taken from the cache; blocks until it is there.

        Raises:
            EngineError: as :meth:`parse`, or whatever the computation failed with.
            JobCancelled: the desk was closed meanwhile.
        """
        status = self.request(self.parse(kind, selection, options))
        status = self.wait(status.key)
        if status.state == "cancelled":
            raise JobCancelled("The computation was cancelled.")
        if status.state == "failed":
            raise EngineError(status.message)
        return self.finding(status.key)[1]

    def close(self) -> None:
        """Cancel what runs and end the worker."""
        self._jobs.close()

    def _kept(self, key: str) -> Finding | None:
        from engine.analyses.finding import decode_finding

        if not _KEY.fullmatch(key):
            return None
        finding = self._recent.get(key)
        if finding is None and (blob := self._blobs.get(key)) is not None:
            try:
                finding = decode_finding(blob)
            except CacheError as refusal:
                logger.warning("The finding %.20s is computed again. %s", key, refusal)
                return None
            self._recent.put(key, finding, finding.n_bytes)
        return finding

    def _compute(self, key: str, spec: AnalysisSpec, study: Study, job: Job) -> None:
        with self._blobs.lease(key, job.check):
            if self._kept(key) is None:
                self._compute_now(key, spec, study, job)

    def _compute_now(self, key: str, spec: AnalysisSpec, study: Study, job: Job) -> None:
        from engine.analyses import Basis, Material
        from engine.analyses.finding import encode_finding

        began = time.perf_counter()
        tools, selection = self._find_tools(), spec.selection
        material = Material(
            study, selection.split, selection.run_ids, selection.divergence,
            distances=tools.distances, run_progress=tools.run_progress, blobs=self._blobs, job=job,
            memory=self._memory,
        )  # fmt: skip
        material.report(0.0)
        try:
            finding = _find(spec.kind).run(material, dict(spec.options))
        except RunFormatError:
            # Whoever asks again gets the figure without it.
            self._leave_out_damaged(selection.study_id, selection.run_ids)
            raise
        basis = Basis(
            n_runs=len(material.run_ids),
            n_checkpoints=int(material.counts.sum()),
            n_samples=material.n_samples,
            n_configurations=int(material.configurations.max()) + 1,
            n_seeds=material.n_seeds,
            seconds=time.perf_counter() - began,
        )
        finding = replace(finding, basis=basis)
        self._recent.put(key, finding, finding.n_bytes)
        self._blobs.put(key, encode_finding(finding))


def _find(kind: str) -> Analysis:
    from engine.analyses import ANALYSES

    if kind not in ANALYSES:
        raise InvalidSpecError(f"There is no figure {kind[:40]!r}: there are {', '.join(ANALYSES)}.")
    return ANALYSES[kind]


def _key_of(spec: AnalysisSpec, study: Study) -> str:
    """The same question on the same data has the same key; hyperparameters are data here."""
    from engine.analyses.material import MATERIAL_VERSION

    selection = spec.selection
    runs = study.runs.loc[list(selection.run_ids), list(study.hyperparameters)]
    question = {
        "kind": [spec.kind, _find(spec.kind).version, MATERIAL_VERSION],
        "options": spec.options,
        "divergence": selection.divergence,
        "split": selection.split,
        # Of all splits: figures that compare them depend on more than the one that is on screen.
        "content": [[study.content_ids(run_id, split) for split in study.splits] for run_id in selection.run_ids],
        "runs": [selection.run_ids, [[repr(value) for value in row] for row in runs.itertuples(index=False)]],
        "labels": [study.splits[split].order_hash for split in study.splits],
    }
    canonical = json.dumps(question, sort_keys=True, separators=(",", ":"))
    return f"analysis-{hashlib.sha256(canonical.encode()).hexdigest()}"
