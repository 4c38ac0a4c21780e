"""Encoding of predictions within the rounding of each dtype."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine.store.encoding import LOG_PROBABILITY_FLOOR, ZERO_PROBABILITY, decode, log_probabilities, loss_and_error
from tests.recording import log_softmax, logits


@settings(max_examples=80, deadline=None)
@given(
    values=arrays.arrays(np.float64, (4, 5), elements=st.floats(-500, 500)),
    dtype=st.sampled_from(["float16", "float32"]),
)
def test_logits_survive_storage_within_rounding(values: np.ndarray, dtype: str):
    logs = log_probabilities(values, "logits", (4, 5), "train")
    restored = decode(logs.astype(dtype)[None])[0]
    exact = np.maximum(log_softmax(values - values.max(axis=1, keepdims=True)), LOG_PROBABILITY_FLOOR)
    assert np.isfinite(restored).all()
    relative = 2**-10 if dtype == "float16" else 2**-21
    np.testing.assert_allclose(restored, exact, rtol=relative, atol=max(relative * 4, 2e-6))


def test_three_kinds_of_input_store_the_same_predictions():
    values = logits("run", 0, "train")
    logs = log_softmax(values)
    shape = values.shape
    expected = log_probabilities(values, "logits", shape, "train")
    np.testing.assert_allclose(log_probabilities(logs, "log_probabilities", shape, "train"), expected, atol=1e-5)
    np.testing.assert_allclose(log_probabilities(np.exp(logs), "probabilities", shape, "train"), expected, atol=1e-5)


def test_zero_probabilities_and_minus_infinity_are_floored():
    one_hot = np.eye(3, dtype=np.float32)
    from_probabilities = log_probabilities(one_hot, "probabilities", (3, 3), "train")
    assert from_probabilities.min() == pytest.approx(np.log(ZERO_PROBABILITY))
    with np.errstate(divide="ignore"):
        from_logs = log_probabilities(np.log(one_hot), "log_probabilities", (3, 3), "train")
    assert from_logs.min() == LOG_PROBABILITY_FLOOR
    far = log_probabilities(np.array([[0.0, 1e30]]), "logits", (1, 2), "train")
    for logs in (from_probabilities, from_logs, far):
        assert np.isfinite(decode(logs.astype(np.float16)[None])).all()


def test_uniform_predictions_have_the_loss_of_ignorance():
    loss, _ = loss_and_error(np.full((6, 4), -np.log(4)), np.arange(6) % 4)
    assert loss == pytest.approx(np.log(4))
