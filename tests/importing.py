"""The body of a process that imports and is going to be killed; apart, because it must start quickly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.importers.arrival import carry_out
from engine.importers.candidate import Request
from engine.importers.plan import Plan, plan_import
from tests.recording import LABELS


def plan_arrays(source: Path, study: Path) -> Plan:
    """What would come in from a folder of whole runs."""
    return plan_import(Request(source, {}, "test"), study, "arrays", labels=LABELS)


def import_arrays(source: str, study: str, begun: Any) -> None:
    """Say that it begins, then import everything."""
    begun.value = 1
    carry_out(plan_arrays(Path(source), Path(study)))
