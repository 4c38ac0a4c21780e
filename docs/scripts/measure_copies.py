"""Measurements of every claim on the copies of a study, kept as a table."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from docs.scripts.claims import CLAIMS, Claim
from docs.scripts.copies import N_COPIES, RELABELLED, SHUFFLED, copy_study
from docs.scripts.evidence import Evidence
from engine import Explorer, Study, open_study

ROOT = Path(__file__).resolve().parents[2]
STUDIES_FOLDER = ROOT / "data" / "studies"
TABLE = ROOT / "docs" / "study" / "copies.json"
Values = dict[str, list[tuple[float, bool]]]
"""Claim -> (value, whether its condition holds) of each copy."""


def read_table() -> dict[str, dict[str, Values]]:
    """Return study -> kind of copies -> measurements, as last written."""
    table: dict[str, dict[str, Values]] = json.loads(TABLE.read_text())
    return table


def write_table(studies: list[str], report: Callable[[str], None]) -> None:
    """Measure the claims on all copies of the studies that ship, and write the table; about half an hour."""
    table = {}
    for study_id in studies:
        study = open_study(STUDIES_FOLDER / study_id)
        table[study_id] = {kind: _measure(study, kind, report) for kind in (SHUFFLED, RELABELLED)}
    TABLE.write_text(_in_lines(table))


def measure_copy(study: Study, kind: str, number: int, claims: list[Claim]) -> dict[str, tuple[float, bool]]:
    """Return the measurements of some claims on one copy, which is removed again."""
    with tempfile.TemporaryDirectory() as folder:
        copy_study(study, kind, number, Path(folder, "studies", "copy"))
        explorer = Explorer(Path(folder, "studies"), cache=Path(folder, "cache"))
        try:
            evidence = Evidence(explorer, "copy")
            found = {claim.key: claim.measure(evidence) for claim in claims}
        finally:
            explorer.close()
    return {key: (float(f"{measured.value:.6g}"), bool(measured.holds)) for key, measured in found.items()}


def _measure(study: Study, kind: str, report: Callable[[str], None]) -> Values:
    claims = [claim for claim in CLAIMS if kind in claim.copies]
    values: Values = {claim.key: [] for claim in claims}
    for number in range(N_COPIES):
        for key, value in measure_copy(study, kind, number, claims).items():
            values[key].append(value)
        report(f"{study.study_id}: {number + 1} of {N_COPIES} {kind} copies")
    return values


def _in_lines(table: dict[str, dict[str, Values]]) -> str:
    """Return the table as JSON with a line for each claim."""
    text = json.dumps(table)
    for mark in ('"', "}"):
        text = text.replace(f", {mark}", f",\n{mark}")
    return text.replace(': {"', ': {\n"').replace("]]}", "]]\n}") + "\n"
