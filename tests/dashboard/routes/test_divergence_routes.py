"""Every divergence through the routes and in sentences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from dashboard.text import divergence_words, sentences
from engine import DIVERGENCES, Explorer
from tests import oracles
from tests.scale import full_but
from tests.wire import decode, finished, rows_of


@pytest.mark.parametrize("key", full_but(["bhattacharyya", "hellinger"], DIVERGENCES))
def test_the_answer_is_the_embedding_of_that_divergence(
    client: FlaskClient, explorer: Explorer, question: dict[str, Any], key: str
) -> None:
    status = finished(client, {**question, "divergence": key})
    header, _ = decode(client.get(f"/api/scenes/{status['key']}.bin").data)
    assert header["divergence"] == key
    scene = explorer.scene(status["key"])
    predictions = explorer.study("small").predictions("train", list(scene.spec.run_ids))
    eigenvalues, _ = oracles.eigenpairs(oracles.divergence(key, predictions.log_probabilities))
    assert scene.embedding.eigenvalues[:5] == pytest.approx(eigenvalues[:5], rel=1e-4)
    stress = 1 - np.sqrt(1 - np.cumsum(eigenvalues**2) / (eigenvalues**2).sum())
    assert header["diagnostics"]["explained_stress"][:3] == pytest.approx(stress[:3], abs=1e-5)
    shepard = client.get(f"/api/scenes/{status['key']}/shepard/1,2,3").get_json()
    assert shepard["figure"]["layout"]["xaxis"]["title"]["text"] == f"distance D ({DIVERGENCES[key].unit})"
    rows = rows_of(client.get(f"/api/scenes/{status['key']}/coordinates.csv").data)
    assert {row["divergence"] for row in rows} == {key}
    assert client.get(f"/api/scenes/{status['key']}/recipe").get_json()["divergence"] == key


def test_without_a_word_it_is_the_bhattacharyya_distance(client: FlaskClient, question: dict[str, Any]) -> None:
    spoken = finished(client, {**question, "divergence": "bhattacharyya"})
    assert finished(client, question)["key"] == spoken["key"]
    assert finished(client, {**question, "divergence": "hellinger"})["key"] != spoken["key"]


def test_every_divergence_is_told_in_sentences() -> None:
    assert list(divergence_words()) == list(DIVERGENCES)
    for divergence in DIVERGENCES.values():
        told = sentences(divergence)
        assert divergence.formula in told[0]
        assert divergence.unit in told[0]
        assert all(sentence.endswith(".") for sentence in told)
        assert ("no imaginary axis" in told[2]) != divergence.can_be_negative
        assert bool(divergence.capped) == ("nothing is capped" not in divergence.caps)
