"""The facade: studies in, scenes out, computed once and kept.

``request`` never blocks; whoever asks for the same question about the same data shares one computation. The only lock
here guards the making of the distance store; no lock is held while a scene is computed.
"""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections.abc import Sequence

from engine.analysis_desk import AnalysisDesk, Tools
from engine.cache import BlobCache, prepare_cache_folder
from engine.catalogue import Catalogue
from engine.costs import Costs
from engine.devices import choose_device, describe_device, find_device
from engine.errors import (
    EngineError,
    JobCancelled,
    RunFormatError,
    SceneNotReadyError,
)
from engine.jobs import Job, Jobs
from engine.keepsakes import keepsake_folder
from engine.kept_selections import SelectionStore
from engine.recipe import Recipe, recipe_of
from engine.scene_builder import POSITIONS, SceneBuilder, scene_key, study_as_embedded
from engine.scene_measures import RunDistances, SceneMeasures, SceneShepard, Spectrum
from engine.scenes import SceneCache
from engine.selection import answerable
from engine.store import Study
from engine.values import EmbeddingSpec, JobStatus, PreviewScene, Scene, StudySummary
from engine.views import ViewStore

logger = logging.getLogger(__name__)

PREVIEW_CLIENT = "the explorer itself, for previews"


class Explorer:
    """What the dashboard and notebooks talk to.

    Args:
        studies: a folder of study folders.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; None takes CUDA if there is one, else the CPU.
        cache: a folder for distances and scenes, by default in the user's cache directory; deleting it at any
            time only costs time.
        memory: bytes that distances in memory may take; by default half of what is free at the time. Above, they are
            multiplied straight from the disk, and the scene says so.
        views: a folder for what people keep, by default in the user's data directory; created when something is kept.

    Attributes:
        views: saved views of each study.
        selections: selections that links name.
        analyses: where every other figure of a selection is asked for.

    Raises:
        DeviceError: the device asked for is not there.
        CacheError: the cache folder cannot be created.
    """

    def __init__(
        self,
        studies: str | os.PathLike[str],
        device: str | None = None,
        cache: str | os.PathLike[str] | None = None,
        memory: int | None = None,
        views: str | os.PathLike[str] | None = None,
    ) -> None:
        kept = keepsake_folder(views)
        self.views = ViewStore(kept)
        self.selections = SelectionStore(kept)
        self._memory = memory
        self._device_wanted = device
        self._device = choose_device(device)
        self.cache_folder = prepare_cache_folder(cache)
        self._catalogue = Catalogue(studies)
        self._blobs = BlobCache(self.cache_folder / "scenes")
        self._scenes = SceneCache(self._blobs)
        self._costs = Costs()
        self._jobs = Jobs()
        self._builder: SceneBuilder | None = None
        self._measures: SceneMeasures | None = None
        self._making_builder = threading.Lock()
        self.analyses = AnalysisDesk(
            self.study, self._analysis_tools, self._catalogue.leave_out_damaged, self._blobs, memory
        )

    @property
    def device(self) -> str:
        """Words for the status line, such as ``"CPU (2 threads)"``."""
        return "looking for a GPU" if self._device is None else describe_device(self._device)

    def list_studies(self) -> tuple[StudySummary, ...]:
        """One line per study; one that cannot be opened is listed with its error."""
        return self._catalogue.summaries()

    def study(self, study_id: str, fingerprint: str | None = None) -> Study:
        """A snapshot of a study; runs found damaged are in its ``problems``.

        Args:
            study_id: name of its folder.
            fingerprint: of the snapshot that is meant, as long as it is held; None for the current one.

        Raises:
            StudyNotFoundError: no study of this id.
            StudyFormatError: it cannot be opened.
            StaleStudyError: the snapshot that is meant is not held any more, or something of it is gone from the disk.
        """
        if fingerprint is None:
            return self._catalogue.study(study_id)
        return self._catalogue.study_as(study_id, fingerprint)

    def hold(self, study: Study) -> None:
        """Hold a snapshot that somebody looks at; those that nobody has held for longest go first."""
        self._catalogue.hold(study)

    def request(self, spec: EmbeddingSpec, client: str = "", study: Study | None = None) -> JobStatus:
        """Ask for a scene without waiting; ``"done"`` at once where it is kept.

        Args:
            spec: the question. Runs left out of the study as damaged are left out of the question.
            client: who asks. A named client wants one scene at a time: its newer request withdraws the older ones,
                so a page that shows two scenes asks under two names.
            study: the snapshot that is asked about, of :meth:`study`; None for the current one.

        Raises:
            StudyNotFoundError, StudyFormatError: see :meth:`study`.
            SelectionError: an unknown run, or fewer than three checkpoints.
            InvalidSpecError: a split the study does not have, or an unknown divergence.
        """
        study = study or self.study(spec.study_id)
        spec = answerable(spec, study)
        key = scene_key(spec, study)
        if (scene := self._scenes.get(key)) is not None:
            self._jobs.withdraw(client)
            return JobStatus.done(scene.key, scene.seconds)
        # Before the builder is there, asking it would mean to wait for the device to be found.
        seconds = None if self._builder is None else self._seconds(spec, study)
        # What nobody waits for gives way; it is taken up again behind the scene.
        self._jobs.withdraw(PREVIEW_CLIENT)
        return self._jobs.submit(key, lambda job: self._compute(key, spec, study, job), client, seconds)

    def preview(self, spec: EmbeddingSpec, study: Study | None = None) -> PreviewScene | None:
        """What can be shown of a scene within milliseconds, until :meth:`request` has led to it; None if nothing can.

        It is approximate, and never kept. There is one as soon as all distances of a study have been there for a
        moment; then it takes a few milliseconds, whatever the selection.

        Raises:
            EngineError: as :meth:`request`.
        """
        study = study or self.study(spec.study_id)
        spec = answerable(spec, study)
        builder = self._builder
        return None if builder is None else builder.preview(scene_key(spec, study), spec, study)

    def can_preview(self, spec: EmbeddingSpec, study: Study | None = None) -> bool:
        """Whether :meth:`preview` would have something to show now.

        Raises:
            EngineError: as :meth:`request`.
        """
        study = study or self.study(spec.study_id)
        return self._builder is not None and self._builder.can_preview(answerable(spec, study), study)

    def wait(self, key: str, timeout: float | None = None) -> JobStatus:
        """Block until the computation is over or ``timeout`` seconds have passed."""
        return self._jobs.wait(key, timeout) or self.status(key)

    def status(self, key: str) -> JobStatus:
        """How the computation of a scene is getting on; ``"cancelled"`` where nothing is known of it."""
        status = self._jobs.status(key)
        if status is None:
            scene = self._scenes.answer(key)
            status = JobStatus.done(scene.key, scene.seconds) if scene else JobStatus.unknown(key)
        return status

    def cancel(self, key: str, client: str = "") -> JobStatus:
        """Withdraw a client's interest; the computation stops when it was the last one."""
        return self._jobs.cancel(key, client) or self.status(key)

    def scene(self, key: str) -> Scene:
        """The scene of a key.

        Raises:
            SceneNotReadyError: it was never asked for, is still being computed, or was evicted.
        """
        scene = self._scenes.answer(key)
        if scene is None:
            raise SceneNotReadyError(f"No scene is kept under the key {key[:80]!r}: request its embedding again.")
        return scene

    def recipe(self, key: str) -> Recipe:
        """What it takes to have the numbers of a scene again: see :mod:`engine.recipe`.

        Raises:
            SceneNotReadyError: no scene of this key, or what was embedded is not on disk any more.
        """
        scene = self.scene(key)
        return recipe_of(scene, self._study_of(scene, key))

    def embed(self, spec: EmbeddingSpec) -> Scene:
        """The scene, computed now or taken from the cache; blocks until it is there.

        Raises:
            EngineError: whatever :meth:`request` raises, or the computation failed with.
            JobCancelled: the explorer was closed meanwhile.
        """
        client = f"embed-{uuid.uuid4().hex}"
        status = self.request(spec, client)
        try:
            status = self.wait(status.key)
        finally:
            self.cancel(status.key, client)
        if status.state == "cancelled":
            raise JobCancelled("The computation was cancelled: the explorer was closed.")
        if status.state == "failed":
            raise EngineError(status.message)
        return self.scene(status.key)

    def predicted_seconds(self, spec: EmbeddingSpec, study: Study | None = None) -> float:
        """Seconds that a request for this scene would take, from what the same work took before; 0 where it is kept.

        Raises:
            EngineError: as :meth:`request`.
        """
        study = study or self.study(spec.study_id)
        spec = answerable(spec, study)
        if self._scenes.get(scene_key(spec, study)) is not None:
            return 0.0
        return self._seconds(spec, study)

    def spectrum(self, key: str) -> Spectrum:
        """More components of a scene than it has coordinates for; blocks until they are solved for.

        Raises:
            SceneNotReadyError: as :meth:`scene`, or its runs have changed since.
            CacheError, MemoryBudgetError: its distances cannot be read.
        """
        measures, scene, study = self._closer(key)
        return measures.spectrum(scene, study)

    def shepard(self, key: str, components: Sequence[int]) -> SceneShepard:
        """Distances against embedded distances in some components of a scene, counted from one; blocks.

        Raises:
            InvalidSpecError: the scene has no such component; else as :meth:`spectrum`.
        """
        measures, scene, study = self._closer(key)
        return measures.shepard(scene, study, components)

    def run_distances(self, key: str) -> RunDistances:
        """Mean distances between the runs of a scene; blocks. Raises as :meth:`spectrum`."""
        measures, scene, study = self._closer(key)
        return measures.run_distances(scene, study)

    def troubles(self) -> tuple[str, ...]:
        """What should be mended here although all answers are right, a sentence each."""
        return tuple(filter(None, [self._blobs.trouble]))

    def warm_up(self) -> None:
        """Find the device, import what computes and compile the kernels, in the worker and without waiting."""
        self._jobs.submit("warm-up", self._warm_up, "the explorer itself")

    def close(self) -> None:
        """Cancel what runs, end the worker and let go of the cache."""
        self._jobs.close()
        self.analyses.close()
        self._blobs.close()

    def _closer(self, key: str) -> tuple[SceneMeasures, Scene, Study]:
        """A scene, what measures it, and the study as it was then."""
        scene = self.scene(key)
        study = self._study_of(scene, key)
        self._scene_builder()
        assert self._measures is not None
        return self._measures, scene, study

    def _study_of(self, scene: Scene, key: str) -> Study:
        study = study_as_embedded(scene, self._scenes.computed_under(key), self.study(scene.spec.study_id))
        if study is None:
            raise SceneNotReadyError("The runs have changed on disk since they were embedded: embed them again.")
        return study

    def _seconds(self, spec: EmbeddingSpec, study: Study) -> float:
        return sum(self._costs.predict(self._scene_builder().work(spec, study)).values())

    def _compute(self, key: str, spec: EmbeddingSpec, study: Study, job: Job) -> None:
        """Compute and keep a scene, without the runs that turn out damaged on the way."""
        try:
            # Another server on the same cache may be at it already.
            with self._blobs.lease(key, job.check):
                if self._scenes.get(key) is None:
                    self._scenes.put(self._scene_builder().build(key, spec, study, job))
                    self._prepare_preview(spec, study)
            return
        except RunFormatError as error:
            intact = study
            for problem in self._catalogue.leave_out_damaged(spec.study_id, spec.run_ids).problems:
                if problem.run_id in intact.run_folders:
                    intact = intact.without(problem.run_id, problem.reason)
            if all(run_id in intact.run_folders for run_id in spec.run_ids):
                raise
            logger.warning("%s It is left out.", error)
        spec = answerable(spec, intact)
        intact_key = scene_key(spec, intact)
        self._compute(intact_key, spec, intact, job)
        self._scenes.stand_in(key, intact_key)

    def _prepare_preview(self, spec: EmbeddingSpec, study: Study) -> None:
        """Have the study's factor made once all its distances are there, when nothing else is to be done."""
        previews = self._scene_builder().previews
        if previews.is_due(spec, study):
            key = f"preview-{spec.split}-{spec.divergence}-{spec.study_id}"
            self._jobs.submit(key, lambda job: previews.make(spec, study, job.check), PREVIEW_CLIENT)

    def _scene_builder(self) -> SceneBuilder:
        with self._making_builder:
            if self._builder is None:
                if self._device is None:
                    self._device = find_device(self._device_wanted)
                from engine.distances import DistanceStore

                distances = DistanceStore(self.cache_folder / "distances", self._device, self._memory)
                self._measures = SceneMeasures(distances, POSITIONS)
                self._builder = SceneBuilder(distances, self._blobs, self._costs, describe_device(self._device))
            return self._builder

    def _analysis_tools(self) -> Tools:
        builder = self._scene_builder()
        return Tools(builder.distances, builder.progress)

    def _warm_up(self, job: Job) -> None:
        from engine.warming import warm_up

        self._scene_builder()
        warm_up(self.cache_folder, self._device)
