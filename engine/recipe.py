"""Recipes: what was embedded and what came out, small enough to send, so that the same numbers can be had again.

A recipe names the selection, the question and the digests of what was read; with it travel the eigenvalues, the number
of capped overlaps and the versions of what computed them. It holds no predictions: whoever follows it needs the study.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.document import strict_json
from engine.errors import InvalidSpecError
from engine.store import Study
from engine.values import EmbeddingSpec, Scene

FORMAT = "inpca-explorer recipe"
VERSION = 1
SIZE_LIMIT = 4_000_000
"""Bytes; a recipe of ten thousand runs with long names stays below."""

TOLERANCE = 1e-6
"""Eigenvalues that agree to this share of the largest are the same numbers: between devices, and between the ways of
adding up, distances differ by as much; a checkpoint more or less moves them by far more."""

_NAMED = 5
_DIGEST_LENGTH = 16
_PACKAGES = ("numpy", "scipy", "torch", "numba")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A question, the data it was asked of, and the numbers that answer it.

    Attributes:
        study_id: folder name of the study.
        fingerprint: the whole study's digest, without what the runs have committed since they were embedded.
        labels: digest of the probe set's labels and their order.
        split: ``"train"`` or ``"test"``.
        runs: the embedded runs in order, each with the digest of its checkpoints.
        divergence: key into ``DIVERGENCES``.
        n_components: how many eigenpairs were asked for.
        fit_references: whether ignorance, truth and the geodesic took part in the fit.
        n_models: how many checkpoints were embedded.
        n_capped: how many overlaps were capped.
        eigenvalues: by falling modulus, signs kept.
        versions: of the programs that wrote the recipe, by name.
    """

    study_id: str
    fingerprint: str
    labels: str
    split: str
    runs: tuple[tuple[str, str], ...]
    divergence: str
    n_components: int
    fit_references: bool
    n_models: int
    n_capped: int
    eigenvalues: tuple[float, ...]
    versions: tuple[tuple[str, str], ...] = ()

    @property
    def spec(self) -> EmbeddingSpec:
        """The question, ready for ``Explorer.embed``.

        Raises:
            InvalidSpecError: it makes no sense, such as a run named twice.
        """
        run_ids = tuple(run_id for run_id, _ in self.runs)
        return EmbeddingSpec(
            self.study_id, self.split, run_ids, self.divergence, self.n_components, self.fit_references
        )

    def document(self) -> dict[str, Any]:
        """Plain values for a JSON file; :func:`parse_recipe` reads them."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "study": self.study_id,
            "fingerprint": self.fingerprint,
            "labels": self.labels,
            "split": self.split,
            "runs": dict(self.runs),
            "divergence": self.divergence,
            "n_components": self.n_components,
            "fit_references": self.fit_references,
            "n_models": self.n_models,
            "n_capped": self.n_capped,
            "eigenvalues": list(self.eigenvalues),
            "versions": dict(self.versions),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """How an embedding compares with a recipe.

    Attributes:
        differences: what differs, a sentence each; empty where the numbers are the same.
        eigenvalue_difference: largest difference of two eigenvalues as a share of the largest modulus.
        versions: programs whose version changed, such as ``"torch 2.12.0, now 2.13.0"``; no difference by itself.
    """

    differences: tuple[str, ...]
    eigenvalue_difference: float
    versions: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether the embedding has the recipe's numbers."""
        return not self.differences


def recipe_of(scene: Scene, study: Study) -> Recipe:
    """The recipe of a scene, from the snapshot of the study that it was computed from."""
    spec = scene.spec
    return Recipe(
        study_id=spec.study_id,
        fingerprint=study.fingerprint,
        labels=study.splits[spec.split].order_hash,
        split=spec.split,
        runs=tuple((run_id, _digest(study.content_ids(run_id, spec.split))) for run_id in spec.run_ids),
        divergence=spec.divergence,
        n_components=spec.n_components,
        fit_references=spec.fit_references,
        n_models=scene.embedding.n_models,
        n_capped=scene.n_capped,
        eigenvalues=tuple(float(value) for value in scene.embedding.eigenvalues),
        versions=_versions(),
    )


def parse_recipe(source: bytes | Mapping[str, Any]) -> Recipe:
    """Read a recipe, from the bytes of its file or from its decoded document; fields it does not know are left alone.

    Raises:
        InvalidSpecError: it is none; says which field breaks which rule.
    """
    document = _decoded(source) if isinstance(source, bytes) else source
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise InvalidSpecError(f"This is no recipe: its format must be {FORMAT!r}.")
    version = document.get("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        raise InvalidSpecError(f"The recipe has version {version!r}; this program reads up to {VERSION}.")
    recipe = Recipe(
        study_id=_field(document, "study", _is_text, "a text"),
        fingerprint=_field(document, "fingerprint", _is_text, "a text"),
        labels=_field(document, "labels", _is_text, "a text"),
        split=_field(document, "split", _is_text, "a text"),
        runs=tuple(_field(document, "runs", _is_texts, "an object of run ids and digests").items()),
        divergence=_field(document, "divergence", _is_text, "a text"),
        n_components=_field(document, "n_components", _is_count, "a whole number"),
        fit_references=_field(document, "fit_references", lambda value: isinstance(value, bool), "true or false"),
        n_models=_field(document, "n_models", _is_count, "a whole number"),
        n_capped=_field(document, "n_capped", _is_count, "a whole number"),
        eigenvalues=tuple(map(float, _field(document, "eigenvalues", _is_numbers, "a list of finite numbers"))),
        versions=tuple(_field(document, "versions", _is_texts, "an object of texts").items()),
    )
    recipe.spec  # noqa: B018  raises where the question makes no sense
    return recipe


def compare_recipes(recipe: Recipe, found: Recipe) -> Comparison:
    """Compare a recipe with that of the embedding which was made after it."""
    differences = [
        f"The {what} is {getattr(found, name)!r}, and the recipe says {getattr(recipe, name)!r}."
        for name, what in _QUESTION.items()
        if getattr(found, name) != getattr(recipe, name)
    ]
    if found.labels != recipe.labels:
        differences.append("The labels of the probe set are others than the recipe's, or in another order.")
    wanted, given = dict(recipe.runs), dict(found.runs)
    missing = [run_id for run_id in wanted if run_id not in given]
    further = [run_id for run_id in given if run_id not in wanted]
    changed = [run_id for run_id, digest in wanted.items() if given.get(run_id, digest) != digest]
    differences += [
        f"{text}: {_named(run_ids)}."
        for text, run_ids in (
            ("Not in this embedding, but in the recipe", missing),
            ("In this embedding, but not in the recipe", further),
            ("With other checkpoints than when the recipe was written", changed),
        )
        if run_ids
    ]
    if found.n_capped != recipe.n_capped:
        differences.append(f"{found.n_capped} overlaps were capped, and the recipe says {recipe.n_capped}.")
    # Whoever asks for more components has the same first ones.
    n_common = min(recipe.n_components, found.n_components)
    apart = _apart(recipe.eigenvalues[:n_common], found.eigenvalues[:n_common])
    if apart > TOLERANCE:
        how = "another number of them was found" if math.isinf(apart) else f"by up to {apart:.1e} of the largest"
        differences.append(f"The eigenvalues differ: {how}.")
    return Comparison(tuple(differences), apart, _changed_versions(dict(recipe.versions), dict(found.versions)))


_QUESTION = {
    "study_id": "study",
    "split": "split",
    "divergence": "divergence",
    "fit_references": "fit of P0 and P*",
}


def _apart(first: Sequence[float], second: Sequence[float]) -> float:
    if len(first) != len(second):
        return math.inf
    scale = max(map(abs, first), default=0.0) or 1.0
    return max((abs(a - b) / scale for a, b in zip(first, second, strict=True)), default=0.0)


def _changed_versions(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        f"{name} {before[name]}, now {now[name]}" for name in before if name in now and before[name] != now[name]
    )


def _named(run_ids: Sequence[str]) -> str:
    rest = len(run_ids) - _NAMED
    return ", ".join(run_ids[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _digest(content_ids: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(content_ids).encode()).hexdigest()[:_DIGEST_LENGTH]


def _versions() -> tuple[tuple[str, str], ...]:
    # Asked of the installation, since importing torch for its version would take seconds.
    packages = [(name, importlib.metadata.version(name)) for name in _PACKAGES]
    from engine.scene_builder import SCENE_VERSION

    return ("scene", str(SCENE_VERSION)), ("python", platform.python_version()), *packages


def _decoded(raw: bytes) -> Any:
    if len(raw) > SIZE_LIMIT:
        raise InvalidSpecError(f"A recipe has at most {SIZE_LIMIT} bytes, received {len(raw)}.")
    try:
        return strict_json(raw, "The recipe")
    except ValueError as error:
        raise InvalidSpecError(str(error)) from None


def _field(document: Mapping[str, Any], name: str, is_right: Callable[[Any], bool], rule: str) -> Any:
    if name not in document:
        raise InvalidSpecError(f"The recipe lacks {name!r}, which must be {rule}.")
    if not is_right(document[name]):
        raise InvalidSpecError(f"{name} of the recipe must be {rule}, received {repr(document[name])[:80]}.")
    return document[name]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for pair in value.items() for item in pair)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) in (int, float) and math.isfinite(item) for item in value)
