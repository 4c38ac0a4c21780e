"""Recipes: equal numbers, or a named difference."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import EmbeddingSpec, Explorer, InvalidSpecError, compare_recipes, open_study, parse_recipe
from engine.errors import SceneNotReadyError
from engine.formats.recipe import SIZE_LIMIT, TOLERANCE, Recipe
from tests.recording import record_run

RUNS = ("a", "b", "c")


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    for run_id in RUNS:
        record_run(tmp_path / "studies" / "demo", run_id)
    return tmp_path / "studies"


def explorer_of(studies: Path) -> Explorer:
    return Explorer(studies, device="cpu", cache=studies.parent / "cache")


@pytest.fixture
def explorer(studies: Path) -> Iterator[Explorer]:
    explorer = explorer_of(studies)
    yield explorer
    explorer.close()


def recipe_for(explorer: Explorer, **question: Any) -> Recipe:
    spec = EmbeddingSpec("demo", "train", RUNS[:2])
    return explorer.recipe(explorer.embed(replace(spec, **question)).key)


def test_a_recipe_survives_its_file(explorer: Explorer) -> None:
    recipe = recipe_for(explorer, fit_references=True, n_components=4)
    assert parse_recipe(json.dumps(recipe.document()).encode()) == recipe
    assert parse_recipe({**recipe.document(), "view": {"address": "?v=1"}}) == recipe
    assert dict(recipe.versions)["numpy"] == np.__version__


def test_a_recipe_reproduces_its_numbers_without_the_cache(explorer: Explorer, studies: Path) -> None:
    recipe = recipe_for(explorer)
    shutil.copytree(studies, studies.parent / "elsewhere" / "studies")
    other = explorer_of(studies.parent / "elsewhere" / "studies")
    found = other.recipe(other.embed(recipe.spec).key)
    other.close()
    comparison = compare_recipes(recipe, found)
    assert comparison.is_same
    assert comparison.eigenvalue_difference < TOLERANCE
    assert comparison.versions == ()


def test_a_run_that_was_recorded_anew_is_named(explorer: Explorer, studies: Path) -> None:
    recipe = recipe_for(explorer)
    shutil.rmtree(studies / "demo" / "runs" / "b")
    record_run(studies / "demo", "b", n_checkpoints=6)
    other = explorer_of(studies)
    comparison = compare_recipes(recipe, other.recipe(other.embed(recipe.spec).key))
    other.close()
    assert not comparison.is_same
    assert "With other checkpoints than when the recipe was written: b." in comparison.differences
    assert any(sentence.startswith("The eigenvalues differ") for sentence in comparison.differences)


def test_whatever_differs_has_its_sentence(explorer: Explorer) -> None:
    recipe = recipe_for(explorer)
    shifted = (recipe.eigenvalues[0] * (1 + 100 * TOLERANCE), *recipe.eigenvalues[1:])
    for change, words in (
        ({"split": "test"}, "split"),
        ({"study_id": "other"}, "study"),
        ({"labels": "0"}, "labels"),
        ({"fit_references": True}, "fit of P0"),
        ({"n_capped": 3}, "3 overlaps"),
        ({"runs": recipe.runs[:1]}, "not in this embedding, but in the recipe: b"),
        ({"runs": (*recipe.runs, ("d", "0"))}, "in this embedding, but not in the recipe: d"),
        ({"eigenvalues": shifted}, "1.0e-04 of the largest"),
        ({"eigenvalues": recipe.eigenvalues[:-1]}, "another number"),
    ):
        (sentence,) = compare_recipes(recipe, replace(recipe, **change)).differences
        assert words.lower() in sentence.lower()
    later = compare_recipes(replace(recipe, versions=(("numpy", "1.0"),)), recipe)
    assert later.is_same
    assert later.versions == (f"numpy 1.0, now {np.__version__}",)


def test_eigenvalues_differing_in_last_digits_are_equal_numbers(explorer: Explorer) -> None:
    recipe = recipe_for(explorer)
    found = replace(recipe, eigenvalues=tuple(value * (1 + 1e-9) for value in recipe.eigenvalues))
    comparison = compare_recipes(recipe, found)
    assert comparison.is_same
    assert comparison.eigenvalue_difference == pytest.approx(1e-9, rel=1e-3)


def test_more_components_have_the_same_first_ones(explorer: Explorer) -> None:
    few, many = recipe_for(explorer, n_components=2), recipe_for(explorer, n_components=5)
    assert compare_recipes(few, many).is_same
    assert compare_recipes(many, few).is_same
    assert not compare_recipes(few, replace(many, eigenvalues=many.eigenvalues[1:])).is_same


def test_data_that_are_gone_have_no_recipe(explorer: Explorer, studies: Path) -> None:
    key = explorer.embed(EmbeddingSpec("demo", "train", RUNS[:2])).key
    shutil.rmtree(studies / "demo" / "runs" / "b")
    record_run(studies / "demo", "b", n_checkpoints=6)
    other = explorer_of(studies)
    with pytest.raises(SceneNotReadyError, match="have changed"):
        other.recipe(key)
    shutil.rmtree(studies / "demo" / "runs" / "b")
    assert "b" not in open_study(studies / "demo").runs.index
    third = explorer_of(studies)
    with pytest.raises(SceneNotReadyError, match="have changed"):
        third.recipe(key)
    other.close()
    third.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "inpca-explorer run"}, "no recipe"),
        ({"version": 2}, "version 2"),
        ({"version": True}, "version True"),
        ({"study": 7}, "study of the recipe must be a text"),
        ({"runs": ["a", "b"]}, "runs of the recipe"),
        ({"runs": {"a": 1}}, "runs of the recipe"),
        ({"runs": {}}, "No run"),
        ({"split": "both"}, "split"),
        ({"n_components": 0}, "n_components"),
        ({"n_components": -1}, "whole number"),
        ({"eigenvalues": [1.0, "2"]}, "eigenvalues"),
        ({"fit_references": 1}, "true or false"),
    ],
)
def test_a_bad_recipe_is_refused_by_name(explorer: Explorer, change: dict[str, Any], words: str) -> None:
    document = {**recipe_for(explorer).document(), **change}
    with pytest.raises(InvalidSpecError, match=words):
        parse_recipe(document)


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b'{"a": NaN}', b'{"a": 1, "a": 2}', b" " * (SIZE_LIMIT + 1)])
def test_bytes_that_are_no_recipe_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidSpecError, match=r"[Rr]ecipe"):
        parse_recipe(raw)


@pytest.mark.parametrize("field", ["study", "runs", "eigenvalues", "labels", "versions"])
def test_a_missing_field_is_named(explorer: Explorer, field: str) -> None:
    document = recipe_for(explorer).document()
    del document[field]
    with pytest.raises(InvalidSpecError, match=f"lacks '{field}'"):
        parse_recipe(document)
