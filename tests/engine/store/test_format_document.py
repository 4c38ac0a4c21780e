"""The reader printed in docs/format.md."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from engine import open_study
from engine.store.encoding import HEADER_BYTES
from tests.recording import flip, record_run

DOCUMENT = Path(__file__).parents[3] / "docs" / "format.md"


@pytest.fixture(scope="module")
def read_run():
    [source] = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(source.splitlines()) <= 20
    names: dict = {}
    exec(source, names)
    return names["read_run"]


@pytest.mark.parametrize("sealed", [True, False])
def test_printed_reader_agrees_with_the_store(tmp_path: Path, read_run, sealed: bool):
    run = record_run(tmp_path / "study", "run", 3, seal=sealed)
    with open(run / "train.npy", "ab") as data:
        data.write(b"" if sealed else b"uncommitted")
    logs, entries = read_run(run, "train")
    study = open_study(tmp_path / "study")
    np.testing.assert_allclose(logs, study.predictions("train").log_probabilities, atol=1e-6)
    assert [entry["step"] for entry in entries] == study.checkpoints["step"].tolist()


def test_printed_reader_notices_damage(tmp_path: Path, read_run):
    run = record_run(tmp_path / "study", "run", 3)
    flip(run / "test.npy", HEADER_BYTES + 1)
    with pytest.raises(AssertionError, match="a damaged record"):
        read_run(run, "test")


def test_document_states_the_constants_of_the_code():
    from engine.store import documents, encoding, manifest

    text = DOCUMENT.read_text()
    assert manifest.NAME.pattern in text
    assert f"stored as {encoding.LOG_PROBABILITY_FLOOR:g}" in text
    assert f"at most {documents.DOCUMENT_LIMIT:,} bytes" in text
    assert np.log2(encoding.ZERO_PROBABILITY) == -149
    assert encoding.STORED_SUM_TOLERANCE == 0.02
