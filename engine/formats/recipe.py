"""Recipes: specification, data digests and eigenvalues that identify an embedding.

A recipe contains the selection, the specification and the digests of the data, with the eigenvalues, the number of
capped overlaps and the versions of the programs. It holds no predictions: reproducing the embedding needs the study.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from engine.distances.selection import Selection
from engine.errors import InvalidSpecError
from engine.store.documents import strict_json
from engine.values import SCENE_VERSION, EmbeddingSpec, Scene

FORMAT = "inpca-explorer recipe"
VERSION = 1
SIZE_LIMIT = 4_000_000
"""Size limit in bytes; a recipe of ten thousand runs with long names is smaller."""

TOLERANCE = 1e-6
"""Tolerance of eigenvalues relative to the largest: distances differ by as much between devices and orders of
summation; one checkpoint more or less changes eigenvalues by far more."""

_NAMED = 5
_DIGEST_LENGTH = 16
_PACKAGES = ("numpy", "scipy", "torch", "numba")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Specification of an embedding, digests of its data, and its eigenvalues.

    Attributes:
        study_id: folder name of the study.
        fingerprint: digest of the whole study, without checkpoints committed after the embedding.
        labels: digest of the probe set's labels and their order.
        split: ``"train"`` or ``"test"``.
        runs: the embedded runs in order, each with the digest of its checkpoints.
        divergence: key into ``DIVERGENCES``.
        n_components: number of requested eigenpairs.
        fit_references: whether ignorance, truth and the geodesic were fitted.
        n_models: number of embedded checkpoints.
        n_capped: number of capped overlaps.
        eigenvalues: signed, in decreasing modulus.
        versions: versions of the programs that wrote the recipe, by name.
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
        """Specification for ``Explorer.embed``.

        Raises:
            InvalidSpecError: it is invalid, such as a run named twice.
        """
        run_ids = tuple(run_id for run_id, _ in self.runs)
        return EmbeddingSpec(
            self.study_id, self.split, run_ids, self.divergence, self.n_components, self.fit_references
        )

    def document(self) -> dict[str, Any]:
        """Return plain values for a JSON file; :func:`parse_recipe` reads them."""
        fields = {key: getattr(self, name) for name, (key, _) in _FIELDS.items()}
        plain = {"runs": dict(self.runs), "eigenvalues": list(self.eigenvalues), "versions": dict(self.versions)}
        return {"format": FORMAT, "version": VERSION, **fields, **plain}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences between an embedding and a recipe.

    Attributes:
        differences: one sentence per difference; empty if the numbers agree.
        eigenvalue_difference: largest difference of two eigenvalues over the largest modulus.
        versions: programs whose version changed, such as ``"torch 2.12.0, now 2.13.0"``; not a difference by itself.
    """

    differences: tuple[str, ...]
    eigenvalue_difference: float
    versions: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether the embedding agrees with the recipe."""
        return not self.differences


def recipe_of(scene: Scene, selection: Selection) -> Recipe:
    """Return the recipe of a scene, from the runs that it was computed from."""
    spec = scene.spec
    return Recipe(
        study_id=spec.study_id,
        fingerprint=selection.study.fingerprint,
        labels=selection.order_hash,
        split=spec.split,
        runs=tuple(zip(spec.run_ids, map(_digest, selection.contents), strict=True)),
        divergence=spec.divergence,
        n_components=spec.n_components,
        fit_references=spec.fit_references,
        n_models=scene.embedding.n_models,
        n_capped=scene.n_capped,
        eigenvalues=tuple(float(value) for value in scene.embedding.eigenvalues),
        versions=_versions(),
    )


def parse_recipe(source: bytes | Mapping[str, Any]) -> Recipe:
    """Read a recipe from the bytes of its file or its decoded document; unknown fields are ignored.

    Raises:
        InvalidSpecError: not a recipe; names the field and the rule it breaks.
    """
    document = _decoded(source) if isinstance(source, bytes) else source
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise InvalidSpecError(f"This is no recipe: its format must be {FORMAT!r}.")
    version = document.get("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        raise InvalidSpecError(f"The recipe has version {version!r}; this program reads up to {VERSION}.")
    fields = {name: _field(document, key, rule) for name, (key, rule) in _FIELDS.items()}
    fields |= {name: tuple(fields[name].items()) for name in ("runs", "versions")}
    recipe = Recipe(**fields | {"eigenvalues": tuple(map(float, fields["eigenvalues"]))})
    recipe.spec  # noqa: B018  raises if the specification is invalid
    return recipe


def compare_recipes(recipe: Recipe, found: Recipe) -> Comparison:
    """Compare a recipe with the recipe of the embedding reproduced from it."""
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
    # The first components do not depend on the number requested.
    n_common = min(recipe.n_components, found.n_components)
    apart = _apart(recipe.eigenvalues[:n_common], found.eigenvalues[:n_common])
    if apart > TOLERANCE:
        how = "another number of them was found" if math.isinf(apart) else f"by up to {apart:.1e} of the largest"
        differences.append(f"The eigenvalues differ: {how}.")
    now = dict(found.versions)
    changed_versions = (f"{name} {old}, now {now[name]}" for name, old in recipe.versions if now.get(name, old) != old)
    return Comparison(tuple(differences), apart, tuple(changed_versions))


_QUESTION = {"study_id": "study", "split": "split", "divergence": "divergence", "fit_references": "fit of P0 and P*"}


def _apart(first: Sequence[float], second: Sequence[float]) -> float:
    if len(first) != len(second):
        return math.inf
    scale = max(map(abs, first), default=0.0) or 1.0
    return max((abs(a - b) / scale for a, b in zip(first, second, strict=True)), default=0.0)


def _named(run_ids: Sequence[str]) -> str:
    rest = len(run_ids) - _NAMED
    return ", ".join(run_ids[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _digest(content_ids: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(content_ids).encode()).hexdigest()[:_DIGEST_LENGTH]


def _versions() -> tuple[tuple[str, str], ...]:
    # Read from the package metadata, since importing torch for its version would take seconds.
    packages = []
    for name in _PACKAGES:
        # torch may be missing: on the CPU nothing needs it.
        with suppress(importlib.metadata.PackageNotFoundError):
            packages.append((name, importlib.metadata.version(name)))
    return ("scene", str(SCENE_VERSION)), ("python", platform.python_version()), *packages


def _decoded(raw: bytes) -> Any:
    if len(raw) > SIZE_LIMIT:
        raise InvalidSpecError(f"A recipe has at most {SIZE_LIMIT} bytes, received {len(raw)}.")
    try:
        return strict_json(raw, "The recipe")
    except ValueError as error:
        raise InvalidSpecError(str(error)) from None


def _field(document: Mapping[str, Any], name: str, rule: str) -> Any:
    if name not in document:
        raise InvalidSpecError(f"The recipe lacks {name!r}, which must be {rule}.")
    if not _RULES[rule](document[name]):
        raise InvalidSpecError(f"{name} of the recipe must be {rule}, received {repr(document[name])[:80]}.")
    return document[name]


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for pair in value.items() for item in pair)


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) in (int, float) and math.isfinite(item) for item in value)


_RULES: Mapping[str, Callable[[Any], bool]] = {
    "a text": lambda value: isinstance(value, str),
    "a whole number": lambda value: type(value) is int and value >= 0,
    "true or false": lambda value: isinstance(value, bool),
    "an object of texts": _is_texts,
    "an object of run ids and digests": _is_texts,
    "a list of finite numbers": _is_numbers,
}
_FIELDS = {
    "study_id": ("study", "a text"),
    **{name: (name, "a text") for name in ("fingerprint", "labels", "split")},
    "runs": ("runs", "an object of run ids and digests"),
    "divergence": ("divergence", "a text"),
    "n_components": ("n_components", "a whole number"),
    "fit_references": ("fit_references", "true or false"),
    **{name: (name, "a whole number") for name in ("n_models", "n_capped")},
    "eigenvalues": ("eigenvalues", "a list of finite numbers"),
    "versions": ("versions", "an object of texts"),
}
"""Key in the document and rule of each attribute, in the document's order."""
