"""Facade of the engine: scenes and figures of studies, computed once, cached.

A question is resolved once, into a :class:`Plan`. The only lock here guards the construction of the scene builder and
its distance store; no lock is held while a scene is computed.
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import replace
from functools import partial

from engine.cache.blobs import BlobCache, prepare_cache_folder
from engine.distances.selection import Selection
from engine.errors import RunFormatError, SceneNotReadyError
from engine.explorer.answers import Answers
from engine.explorer.builder import SceneBuilder
from engine.explorer.catalogue import Catalogue
from engine.explorer.comparisons import Comparisons
from engine.explorer.costs import Costs
from engine.explorer.findings import Findings
from engine.explorer.measures import SceneMeasures
from engine.explorer.plan import Plan, answerable, as_embedded, scene_key
from engine.explorer.previews.cold_start import ColdStart
from engine.explorer.scenes import SCENES
from engine.formats.recipe import Recipe, recipe_of
from engine.jobs import Job
from engine.machine import choose_device, describe_device, find_device
from engine.store.study import Study
from engine.values import EmbeddingSpec, JobStatus, PreviewScene, Scene

logger = logging.getLogger(__name__)

SCENES_LIMIT = 2**28
"""Bytes of scenes in memory."""
PREVIEW_CLIENT = "the explorer itself, for previews"


class Explorer:
    """Interface of the engine to the dashboard and to notebooks.

    Args:
        studies: folder of study folders.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; None takes CUDA if there is one, else the CPU.
        cache: folder for distances and scenes, by default in the user's cache directory; deleting it at any time
            only costs time, as does a place that is full or may not be written.
        memory: bytes that distances in memory may take; by default half of the free memory at the time. Above, they
            are multiplied straight from the disk, and the scene is marked ``is_streamed``.

    Attributes:
        analyses: requests for all other figures of a selection.
        comparisons: requests for the spectra of shuffled runs beside a scene.
        study, list_studies, hold: as ``study``, ``summaries`` and ``hold`` of :class:`Catalogue`.
        spectrum, shepard, run_distances: as those of :class:`SceneMeasures`.
        compare_with_shuffled: as ``find`` of :class:`Comparisons`.
        wait, status, cancel: as those of :class:`Answers`, for the key of a scene.

    Raises:
        DeviceError: the device asked for is not there.
        CacheError: the path of the cache cannot be a folder.
    """

    def __init__(
        self,
        studies: str | os.PathLike[str],
        device: str | None = None,
        cache: str | os.PathLike[str] | None = None,
        memory: int | None = None,
    ) -> None:
        self._memory = memory
        self._device_wanted = device
        self._device = choose_device(device)
        self.cache_folder, self._trouble = prepare_cache_folder(cache)
        if self._trouble:
            logger.warning("%s", self._trouble)
        self._catalogue = catalogue = Catalogue(studies)
        self.study, self.list_studies, self.hold = catalogue.study, catalogue.summaries, catalogue.hold
        self._blobs = BlobCache(self.cache_folder / "answers")
        self._scenes = Answers(SCENES, self._blobs, SCENES_LIMIT)
        self._costs = Costs()
        self._cold_start = ColdStart(self.cache_folder, self._blobs, memory)
        self._builder: SceneBuilder | None = None
        self._making_builder = threading.Lock()
        self.analyses = Findings(self.study, self._scene_builder, catalogue.leave_out_damaged, self._blobs, memory)
        measures = SceneMeasures(self._as_embedded, lambda: self._scene_builder().distances)
        self.spectrum, self.shepard, self.run_distances = measures.spectrum, measures.shepard, measures.run_distances
        self.comparisons = Comparisons(
            self._as_embedded, self._found_device, self._scenes.jobs, self._costs, self._blobs, memory
        )
        self.compare_with_shuffled = self.comparisons.find
        self.wait, self.status, self.cancel = self._scenes.wait, self._scenes.status, self._scenes.cancel

    @property
    def device(self) -> str:
        """Return the device in words for the status line, such as ``"CPU (2 threads)"``."""
        return "looking for a GPU" if self._device is None else describe_device(self._device)

    def plan(self, spec: EmbeddingSpec, study: Study | None = None) -> Plan:
        """Return an embedding request, resolved: its runs, key, work and predicted seconds.

        Blocks while the device is found, at the first scene that is not in the cache.

        Args:
            spec: the embedding. Runs left out of the study as damaged are left out of it too.
            study: snapshot from :meth:`study`; None for the current one.

        Raises:
            StudyNotFoundError, StudyFormatError: see :meth:`study`.
            SelectionError: an unknown run, or fewer than three checkpoints.
            InvalidSpecError: a split the study does not have, or an unknown divergence.
        """
        study = study or self.study(spec.study_id)
        spec = answerable(spec, study)
        selection = Selection.of(study, spec.split, spec.run_ids)
        key = scene_key(spec, selection)
        if self._scenes.get(key) is not None:
            return Plan(key, spec, selection, None, 0.0, is_kept=True, can_preview=False)
        builder = self._scene_builder()
        work = builder.work(spec, selection)
        can_preview = builder.can_preview(spec, selection) or self._cold_start.can_preview(spec, selection)
        return Plan(key, spec, selection, work, sum(self._costs.predict(work).values()), False, can_preview)

    def start(self, plan: Plan, client: str = "") -> JobStatus:
        """Return the status of the computation of a scene without waiting; ``"done"`` at once if it is cached.

        Equal plans share one computation.

        Args:
            plan: plan of the scene.
            client: name of the client. A named client has one request at a time: a newer one withdraws the older
                ones, so a page that shows two scenes uses two names.
        """
        if not plan.is_kept:
            # Cancel the preview job; it is resubmitted after the scene.
            self._scenes.jobs.withdraw(PREVIEW_CLIENT)
        return self._scenes.request(plan.key, lambda job: self._compute(plan, job), client, plan.seconds)

    def request(self, spec: EmbeddingSpec, client: str = "", study: Study | None = None) -> JobStatus:
        """Return the status of :meth:`start` of the :meth:`plan` of a scene; raises as these."""
        return self.start(self.plan(spec, study), client)

    def preview(self, plan: Plan) -> PreviewScene | None:
        """Return a preview of a scene, to show until it is computed; None if there is none.

        A preview is approximate and never cached. It exists shortly after all distances of a study are stored, and
        then takes a few milliseconds for any selection. While kernels are compiled for the first time there is one of
        up to some thousand models, which takes a second or two and is nearly exact.
        """
        found = None if self._builder is None else self._builder.preview(plan)
        return found or self._cold_start.preview(plan)

    def scene(self, key: str) -> Scene:
        """Return the scene of a key.

        Raises:
            SceneNotReadyError: the scene was never requested, is still being computed, or was evicted.
        """
        scene = self._scenes.answer(key)
        if scene is None:
            raise SceneNotReadyError(f"No scene is kept under the key {key[:80]!r}: request its embedding again.")
        return replace(scene, key=key)

    def recipe(self, key: str) -> Recipe:
        """Return the recipe to reproduce the numbers of a scene: see :mod:`engine.formats.recipe`.

        Raises:
            SceneNotReadyError: no scene of this key, or its checkpoints are no longer on disk.
        """
        return recipe_of(*self._as_embedded(key))

    def embed(self, spec: EmbeddingSpec) -> Scene:
        """Return the scene from the cache, or compute it; blocks.

        Raises:
            EngineError: as :meth:`request`, or the error of the computation.
            JobCancelled: the explorer was closed meanwhile.
        """
        return self.scene(self._scenes.finish(lambda client: self.request(spec, client)))

    def troubles(self) -> tuple[str, ...]:
        """Return faults that leave all results right, such as a cache that cannot be written, one sentence each."""
        if self._trouble:
            return (self._trouble,)  # the others follow from it
        distances = self._builder.distances.trouble if self._builder else ""
        kept = [self._blobs.trouble, self._scenes.trouble, self.analyses.answers.trouble]
        return tuple(filter(None, [distances, *kept]))

    @property
    def is_compiling(self) -> bool:
        """Return whether scenes wait for kernels that were never compiled on this machine."""
        return self._cold_start.is_on

    def warm_up(self) -> None:
        """Find the device, import the numerical packages and compile the kernels, in the worker; does not block."""
        self._cold_start.expect()
        self._scenes.jobs.submit("warm-up", self._warm_up, "the explorer itself")

    def close(self) -> None:
        """Cancel running computations, end the workers and close the cache."""
        self._scenes.close()
        self.analyses.close()
        self.comparisons.close()
        self._blobs.close()

    def _as_embedded(self, key: str) -> tuple[Scene, Selection]:
        """Return the scene of a key, and its runs as they were embedded."""
        scene = self.scene(key)
        selection = as_embedded(scene, self._scenes.computed_under(key), self.study(scene.spec.study_id))
        if selection is None:
            raise SceneNotReadyError("The runs have changed on disk since they were embedded: embed them again.")
        return scene, selection

    def _compute(self, plan: Plan, job: Job) -> None:
        """Compute and cache a scene, without runs that are found damaged on the way."""
        try:
            if self._scenes.fill(plan.key, lambda: self._scene_builder().build(plan, job), job):
                self._prepare_preview(plan)
            return
        except RunFormatError as error:
            spec, intact = plan.spec, plan.selection.study
            for problem in self._catalogue.leave_out_damaged(spec.study_id, spec.run_ids).problems:
                if problem.run_id in intact.run_folders:
                    intact = intact.without(problem.run_id, problem.reason)
            if all(run_id in intact.run_folders for run_id in spec.run_ids):
                raise
            logger.warning("%s It is left out.", error)
        intact_plan = self.plan(spec, intact)
        self._compute(intact_plan, job)
        self._scenes.stand_in(plan.key, intact_plan.key)

    def _prepare_preview(self, plan: Plan) -> None:
        """Submit the study's low-rank factor once all its distances are stored; it gives way to scenes."""
        previews, selection, divergence = self._scene_builder().previews, plan.selection, plan.spec.divergence
        if previews.is_due(selection, divergence):
            key = f"preview-{selection.split}-{divergence}-{selection.study.study_id}"
            make = partial(previews.make, selection, divergence)
            self._scenes.jobs.submit(key, lambda job: make(job.check), PREVIEW_CLIENT)

    def _scene_builder(self) -> SceneBuilder:
        with self._making_builder:
            if self._builder is None:
                if self._device is None:
                    self._device = find_device(self._device_wanted)
                from engine.distances.distance_store import DistanceStore

                distances = DistanceStore(self.cache_folder / "distances", self._device, self._memory)
                self._builder = SceneBuilder(distances, self._blobs, self._costs, describe_device(self._device))
            return self._builder

    def _found_device(self) -> str | None:
        self._scene_builder()
        return self._device

    def _warm_up(self, job: Job) -> None:
        from engine.explorer.previews.compiling import warm_up

        try:
            self._cold_start.overcome(job.check)
            self._scene_builder()
            warm_up(self.cache_folder, self._device)
        finally:
            self._cold_start.end()
