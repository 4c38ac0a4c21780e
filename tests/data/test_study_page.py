"""Page of published claims, against the studies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.scripts import claims
from docs.scripts.evidence import Evidence
from docs.scripts.study import PAGE, STUDIES, WORD
from engine import Explorer

STUDIES_FOLDER = Path(__file__).resolve().parents[2] / "data" / "studies"
QUICK = (
    claims.low_dimension,
    claims.low_dimension_of_test,
    claims.decay,
    claims.imaginary_axis,
    claims.one_clock,
    claims.larger_is_faster,
    claims.off_the_geodesic,
    claims.outliers,
)
"""Rules that take under a second each; the others take the same roads and some ten seconds."""


@pytest.fixture(scope="module")
def explorer(tmp_path_factory):
    explorer = Explorer(STUDIES_FOLDER, device="cpu", cache=tmp_path_factory.mktemp("cache"))
    yield explorer
    explorer.close()


@pytest.mark.full
@pytest.mark.parametrize("study_id", STUDIES)
def test_what_it_says_is_what_is_found(explorer, study_id):
    evidence = Evidence(explorer, study_id)
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    cells = {row[1]: row[3 + list(STUDIES).index(study_id)].removesuffix(" |") for row in rows if len(row) == 5}
    for claim in claims.CLAIMS:
        assert claim.published in cells
        if claim.rule in QUICK:
            words, agrees = claim.rule(evidence)
            assert cells[claim.published] == f"{WORD[agrees]}: {words}"


def test_a_failed_claim_is_listed_as_disagreement():
    page = PAGE.read_text()
    failed = len(re.findall(r"\*\*no\*\*:", page))
    listed = page.split("## Where the two do not agree")[1].split("##")[0].count("\n- ")
    assert failed == listed > 0


def test_every_picture_exists_and_is_small():
    pictures = re.findall(r"\]\((study/[^)]+\.png)\)", PAGE.read_text())
    assert len(pictures) == len(set(pictures)) >= 20
    sizes = [(PAGE.parent / picture).stat().st_size for picture in pictures]
    assert sum(sizes) < 6e6
