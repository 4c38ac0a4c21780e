"""Body of an import process that a test kills.

A separate module, because the process must start quickly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.formats.candidates import Request
from engine.formats.import_plan import Plan, plan_import
from engine.formats.importing import carry_out
from tests.recording import LABELS


def plan_arrays(source: Path, study: Path) -> Plan:
    """Import plan of a folder of complete runs."""
    return plan_import(Request(source, {}, "test"), study, "arrays", labels=LABELS)


def import_arrays(source: str, study: str, begun: Any) -> None:
    """Signal the start, then import everything."""
    begun.value = 1
    carry_out(plan_arrays(Path(source), Path(study)))
