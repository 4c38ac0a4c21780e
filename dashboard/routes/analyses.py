"""Routes of analyses: request, status, cancellation, figures and tables."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import flask
from flask.typing import ResponseReturnValue

from dashboard.figures.analyses import ANALYSIS_FIGURES
from dashboard.payloads.tables import table_csv
from dashboard.routes.scenes import PATIENCE_SECONDS
from dashboard.server.requests import AddRoute, Question, immutable_json
from engine.analyses import ANALYSES, Basis, Finding
from engine.analyses.options import Level, Number, Option
from engine.distances.table import DIVERGENCES
from engine.errors import InvalidSpecError, SceneNotReadyError
from engine.explorer.explorer import Explorer
from engine.explorer.findings import AnalysisSpec
from engine.values import EmbeddingSpec

logger = logging.getLogger(__name__)

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def add_analysis_routes(route: AddRoute, explorer: Explorer) -> None:
    """Add the routes of analyses."""
    findings = explorer.analyses

    @route("api/analyses", "POST")
    def request_analysis() -> ResponseReturnValue:
        question = Question(flask.request.get_json())
        study = question.study(explorer)
        spec = findings.parse(question.text("kind"), question.spec(study), question.document("options"), study)
        status = findings.request(spec, client=question.text("client"), study=study)
        if not status.is_over:
            status = findings.wait(status.key, PATIENCE_SECONDS)
        analysis, chosen, asked = ANALYSES[spec.kind], dict(spec.options), findings.asked(spec, study)
        return {
            **asdict(status),
            "options": chosen,
            "alternatives": findings.alternatives(spec, study),
            "described": [
                {**_described(option, analysis.options, asked), "applies": analysis.applies(option.key, chosen)}
                for option in analysis.options
            ],
        }

    @route("api/analyses/<key>/status", "GET")
    def analysis_status(key: str) -> ResponseReturnValue:
        return asdict(findings.wait(key, PATIENCE_SECONDS))

    @route("api/analyses/<key>/cancel", "POST")
    def cancel_analysis(key: str) -> ResponseReturnValue:
        return asdict(findings.cancel(key, client=Question(flask.request.get_json()).text("client")))

    @route("api/analyses/<key>", "GET")
    def fetch_analysis(key: str) -> ResponseReturnValue:
        spec, finding = findings.finding(key)
        try:
            answer = immutable_json(_document(spec, finding))
            findings.note_drawn(key)
            return answer
        except Exception:
            logger.exception("The figure %s of the study %s could not be drawn.", spec.kind, spec.selection.study_id)
            if findings.compute_again(key):
                raise SceneNotReadyError("This figure could not be drawn: the next try computes it again.") from None
            reason = "This figure could not be drawn. The reason is in the log of the server, where it was started."
            return {"error": reason, "kind": "FigureNotDrawn"}, 500

    @route("api/analyses/<key>/<table>.csv", "GET")
    def fetch_analysis_table(key: str, table: str) -> ResponseReturnValue:
        spec, finding = findings.finding(key)
        if table not in finding.tables:
            raise InvalidSpecError(f"This figure has no table {table[:40]!r}: it has {', '.join(finding.tables)}.")
        response = flask.Response(table_csv(finding.tables[table]), mimetype="text/csv")
        selection = spec.selection
        parts = (selection.study_id, selection.split, selection.divergence, spec.kind, table)
        name = _UNSAFE.sub("-", "-".join(parts))
        response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        return response


def _document(spec: AnalysisSpec, finding: Finding) -> dict[str, Any]:
    """Figures of a finding, and what stands beside them on the page."""
    return {
        "figures": ANALYSIS_FIGURES[spec.kind](finding),
        "tables": [{"name": name, "n_rows": len(table)} for name, table in finding.tables.items()],
        "numbers": [[name, _readable(value)] for name, value in finding.numbers.items()],
        "notes": finding.notes,
        "basis": _basis_in_words(finding.basis, spec.selection),
        "seconds": finding.basis.seconds,
    }


def _described(option: Option, options: tuple[Option, ...], asked: Mapping[str, str]) -> dict[str, Any]:
    """Description of an option's control, without its choices, which depend on the other options.

    ``title`` is a question where the value is in doubt, see ``asked``. ``governs`` lists the options whose choices are
    the levels of this one's value.
    """
    document: dict[str, Any] = {"key": option.key, "title": asked[option.key], "kind": type(option).__name__.lower()}
    document["governs"] = [other.key for other in options if isinstance(other, Level) and other.of == option.key]
    if isinstance(option, Number):
        document |= {"low": option.low, "high": option.high, "is_whole": option.is_whole}
    return document


def _basis_in_words(basis: Basis, selection: EmbeddingSpec) -> str:
    def some(n: int, noun: str) -> str:
        return f"{n:,} {noun}{'' if n == 1 else 's'}"

    seeds = "no repetitions" if basis.n_seeds == 1 else f"up to {some(basis.n_seeds, 'seed')} each"
    return (
        f"{some(basis.n_runs, 'run')} of {some(basis.n_configurations, 'configuration')} ({seeds}), "
        f"{some(basis.n_checkpoints, 'checkpoint')}, {some(basis.n_samples, 'sample')} of {selection.split} data, "
        f"{DIVERGENCES[selection.divergence].title}"
    )


def _readable(value: float | int | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
