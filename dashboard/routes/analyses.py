"""Figures beside the embedding: ask for one, watch it, stop it, fetch it and its tables."""

from __future__ import annotations

import json
import re
from typing import Any

import flask

from dashboard.export.table import table_csv
from dashboard.figures.analyses import ANALYSIS_FIGURES
from dashboard.routes.border import AddRoute, Question, immutable
from dashboard.routes.scenes import PATIENCE_SECONDS, status_document
from engine.analyses import ANALYSES, Basis
from engine.analyses.options import Level, Number, Option
from engine.divergence_table import DIVERGENCES
from engine.errors import InvalidSpecError
from engine.explorer import Explorer
from engine.values import EmbeddingSpec

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def add_analysis_routes(route: AddRoute, explorer: Explorer) -> None:
    """Add the routes of analyses."""
    desk = explorer.analyses

    @route("api/analyses", "POST")
    def request_analysis() -> Any:
        question = Question(flask.request.get_json())
        study = question.study(explorer)
        spec = desk.parse(question.text("kind"), question.spec(study), question.document("options"), study)
        status = desk.request(spec, client=question.text("client"), study=study)
        if not status.is_over:
            status = desk.wait(status.key, PATIENCE_SECONDS)
        analysis, chosen = ANALYSES[spec.kind], dict(spec.options)
        return {
            **status_document(status),
            "options": chosen,
            "alternatives": desk.alternatives(spec, study),
            "described": [
                {**_described(option, analysis.options), "applies": analysis.applies(option.key, chosen)}
                for option in analysis.options
            ],
        }

    @route("api/analyses/<key>/status", "GET")
    def analysis_status(key: str) -> Any:
        return status_document(desk.wait(key, PATIENCE_SECONDS))

    @route("api/analyses/<key>/cancel", "POST")
    def cancel_analysis(key: str) -> Any:
        return status_document(desk.cancel(key, client=Question(flask.request.get_json()).text("client")))

    @route("api/analyses/<key>", "GET")
    def fetch_analysis(key: str) -> Any:
        spec, finding = desk.finding(key)
        document = {
            "figures": ANALYSIS_FIGURES[spec.kind](finding),
            "tables": [{"name": name, "n_rows": len(table)} for name, table in finding.tables.items()],
            "numbers": [[name, _readable(value)] for name, value in finding.numbers.items()],
            "notes": finding.notes,
            "basis": _basis_in_words(finding.basis, spec.selection),
            "seconds": finding.basis.seconds,
        }
        body = json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
        return immutable(body, "application/json")

    @route("api/analyses/<key>/<table>.csv", "GET")
    def fetch_analysis_table(key: str, table: str) -> Any:
        spec, finding = desk.finding(key)
        if table not in finding.tables:
            raise InvalidSpecError(f"This figure has no table {table[:40]!r}: it has {', '.join(finding.tables)}.")
        response = flask.Response(table_csv(finding.tables[table]), mimetype="text/csv")
        selection = spec.selection
        parts = (selection.study_id, selection.split, selection.divergence, spec.kind, table)
        name = _UNSAFE.sub("-", "-".join(parts))
        response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        return response


def _described(option: Option, options: tuple[Option, ...]) -> dict[str, Any]:
    """What the page makes a control from, besides what there is to choose from."""
    document: dict[str, Any] = {"key": option.key, "title": option.title, "kind": type(option).__name__.lower()}
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
