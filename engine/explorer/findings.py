"""Findings of analyses by key: computed once, cached on disk."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from engine.cache.blobs import BlobCache, content_key
from engine.cache.lru import Recent
from engine.distances.selection import Selection
from engine.errors import InvalidSpecError, RunFormatError, SceneNotReadyError
from engine.explorer.answers import Answers, Codec
from engine.explorer.plan import answerable
from engine.jobs import Job
from engine.values import EmbeddingSpec, JobStatus

if TYPE_CHECKING:
    from engine.analyses import Analysis, Finding
    from engine.explorer.builder import SceneBuilder
    from engine.store.study import Study

MEMORY_LIMIT = 2**27
KEYS_KNOWN = 4096

_KEY = re.compile(r"analysis-[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class AnalysisSpec:
    """One analysis of one selection.

    Attributes:
        kind: key of ``ANALYSES``.
        selection: study, split, runs and divergence.
        options: (key, value) of every option, in the order of the analysis.
    """

    kind: str
    selection: EmbeddingSpec
    options: tuple[tuple[str, Any], ...]


class Findings:
    """Findings by key, computed by a worker of their own: an embedding must not wait behind a figure of seconds.

    Args:
        find_study: study id -> current snapshot.
        find_builder: returns the holder of distances and progress; called in the worker, since finding a device takes
            a moment.
        leave_out_damaged: (study id, run ids) -> study without those of the runs that are damaged.
        blobs: disk cache of findings.
        memory: memory budget in bytes; None for half of the free memory.

    Attributes:
        answers: the findings kept.
        wait, cancel, close: as those of :class:`Answers`.
    """

    def __init__(
        self,
        find_study: Callable[[str], Study],
        find_builder: Callable[[], SceneBuilder],
        leave_out_damaged: Callable[[str, Iterable[str]], Study],
        blobs: BlobCache,
        memory: int | None = None,
    ) -> None:
        self._find_study = find_study
        self._find_builder = find_builder
        self._leave_out_damaged = leave_out_damaged
        self._blobs = blobs
        self._memory = memory
        self.answers = Answers(_codec(), blobs, MEMORY_LIMIT)
        self._asked: Recent[AnalysisSpec] = Recent(KEYS_KNOWN)
        self._redone: Recent[bool] = Recent(KEYS_KNOWN)
        self.wait, self.cancel, self.close = self.answers.wait, self.answers.cancel, self.answers.close

    def parse(
        self, kind: str, selection: EmbeddingSpec, options: Mapping[str, Any], study: Study | None = None
    ) -> AnalysisSpec:
        """Return the analysis with all options, and its selection reduced to the usable runs.

        Args:
            kind: key of ``ANALYSES``.
            selection: study, split, runs and divergence.
            options: values of some options, by key.
            study: snapshot to analyse; None for the current one.

        Raises:
            InvalidSpecError: no such analysis or option.
            SelectionError: fewer than three checkpoints.
        """
        from engine.analyses.material import offer_of

        analysis = _find(kind)
        study = study or self._find_study(selection.study_id)
        # A finding depends on neither: with both fixed, its key is the same for every embedding of the selection.
        selection = answerable(replace(selection, n_components=20, fit_references=False), study)
        return AnalysisSpec(kind, selection, analysis.parse(options, offer_of(study, selection.run_ids)))

    def alternatives(self, spec: AnalysisSpec, study: Study | None = None) -> dict[str, tuple[tuple[str, str], ...]]:
        """Return the (value, words) choices of each option for these runs, by the option's key."""
        from engine.analyses.material import offer_of

        study, chosen = study or self._find_study(spec.selection.study_id), dict(spec.options)
        offer = offer_of(study, spec.selection.run_ids)
        return {option.key: option.alternatives(offer, chosen) for option in _find(spec.kind).options}

    def asked(self, spec: AnalysisSpec, study: Study | None = None) -> dict[str, str]:
        """Return the words before the control of each option, a question where its value is in doubt, by its key."""
        from engine.analyses.material import offer_of

        study, chosen = study or self._find_study(spec.selection.study_id), dict(spec.options)
        offer = offer_of(study, spec.selection.run_ids)
        return {option.key: option.asked(offer, chosen) for option in _find(spec.kind).options}

    def request(self, spec: AnalysisSpec, client: str = "", study: Study | None = None) -> JobStatus:
        """Return the status of the computation of a finding without waiting; ``"done"`` at once if it is cached.

        Args:
            spec: analysis from :meth:`parse`.
            client: name of the client; its newer request withdraws the older ones.
            study: snapshot to analyse; None for the current one.
        """
        study = study or self._find_study(spec.selection.study_id)
        key = _key_of(spec, study)
        self._asked.put(key, spec, 1)
        return self.answers.request(
            key, lambda job: self.answers.fill(key, lambda: self._find_out(spec, study, job), job), client
        )

    def finding(self, key: str) -> tuple[AnalysisSpec, Finding]:
        """Return the analysis and the finding of a key.

        Raises:
            SceneNotReadyError: the finding was never requested, is still being computed, or was evicted.
        """
        spec, finding = self._asked.get(key), self.answers.get(key)
        if spec is None or finding is None:
            raise SceneNotReadyError(f"No finding is kept under the key {key[:80]!r}: ask for the figure again.")
        return spec, finding

    def note_drawn(self, key: str) -> None:
        """Note that a finding was drawn: if it cannot be later, it is computed again."""
        self._redone.drop(key)

    def compute_again(self, key: str) -> bool:
        """Forget a finding that cannot be drawn; False if it could not be just before: computing is no help then."""
        if self._redone.get(key):
            return False
        self._redone.put(key, True, 1)
        self.answers.drop(key)
        return True

    def find(self, kind: str, selection: EmbeddingSpec, **options: Any) -> Finding:
        """Return the finding from the cache, or compute it; blocks.

        Raises:
            EngineError: as :meth:`parse`, or the error of the computation.
            JobCancelled: the desk was closed meanwhile.
        """
        spec = self.parse(kind, selection, options)
        return self.finding(self.answers.finish(lambda client: self.request(spec, client)))[1]

    def _find_out(self, spec: AnalysisSpec, study: Study, job: Job) -> Finding:
        from engine.analyses import Basis, Material
        from engine.analyses.options import REPLICATES
        from engine.analyses.replicates import AUTOMATIC

        began, options = time.perf_counter(), dict(spec.options)
        builder, selection = self._find_builder(), spec.selection
        material = Material(
            Selection.of(study, selection.split, selection.run_ids), selection.divergence,
            distances=builder.distances, run_progress=builder.progress, blobs=self._blobs, job=job,
            memory=self._memory, replicates=str(options.get(REPLICATES.key, AUTOMATIC)),
        )  # fmt: skip
        material.report(0.0)
        try:
            finding = _find(spec.kind).run(material, options)
        except RunFormatError:
            # The next request gets the figure without the damaged run.
            self._leave_out_damaged(selection.study_id, selection.run_ids)
            raise
        if REPLICATES.key in options:
            role = material.replicates
            finding = replace(finding, notes=(*filter(None, [role.question]), *finding.notes, role.sentence))
        basis = Basis(
            n_runs=len(material.run_ids),
            n_checkpoints=int(material.counts.sum()),
            n_samples=material.n_samples,
            n_configurations=int(material.configurations.max()) + 1,
            n_seeds=material.n_seeds,
            seconds=time.perf_counter() - began,
        )
        return replace(finding, basis=basis)


def _codec() -> Codec[Finding]:
    # Imported here: analyses load the numerical packages, which the first page must not wait for.
    from engine.analyses import Finding
    from engine.analyses.finding import MAGIC

    return Codec("figure", _KEY, MAGIC, Finding.of, lambda f: f.n_bytes, lambda f: f.basis.seconds)


def _find(kind: str) -> Analysis:
    from engine.analyses import ANALYSES

    if kind not in ANALYSES:
        raise InvalidSpecError(f"There is no figure {kind[:40]!r}: there are {', '.join(ANALYSES)}.")
    return ANALYSES[kind]


def _key_of(spec: AnalysisSpec, study: Study) -> str:
    """Return the content-addressed key of an analysis; hyperparameters are part of the content."""
    from engine.analyses.material import MATERIAL_VERSION, replicates_of

    selection = spec.selection
    runs = study.runs.loc[list(selection.run_ids), list(study.hyperparameters)]
    question = {
        "kind": [spec.kind, _find(spec.kind).version, MATERIAL_VERSION],
        "options": spec.options,
        # Found among all runs of the study, not only among these.
        "replicates": asdict(replicates_of(study)),
        "divergence": selection.divergence,
        "split": selection.split,
        # Content of all splits: some figures compare splits.
        "content": [[study.content_ids(run_id, split) for split in study.splits] for run_id in selection.run_ids],
        "runs": [selection.run_ids, [[repr(value) for value in row] for row in runs.itertuples(index=False)]],
        "labels": [study.splits[split].order_hash for split in study.splits],
    }
    return content_key("analysis", question)
