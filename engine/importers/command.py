"""``python -m engine import``: what would come in, or bring it in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from engine.encoding import DTYPES, KINDS
from engine.errors import InvalidSpecError
from engine.importers import FORMATS
from engine.importers.arrival import Outcome, carry_out
from engine.importers.candidate import Refusal, Request
from engine.importers.plan import Plan, Report, plan_import, read_class_names, read_labels
from engine.importers.run_tables import read_run_table
from engine.values import SPLITS

_SHOWN = 20
"""Runs or refusals listed in full; a source of thousands is summed up."""


@click.command("import")
@click.argument("source", type=click.Path(exists=True))
@click.option(
    "--study", required=True, type=click.Path(file_okay=False), help="Folder of the study; made if not there."
)
@click.option("--format", "format_key", required=True, type=click.Choice(list(FORMATS)), help="What SOURCE is.")
@click.option(
    "--labels", multiple=True, help="True classes: FILE.npz (train, test), or [SPLIT=]FILE.npy; for a new study."
)
@click.option(
    "--runs", type=click.Path(exists=True, dir_okay=False), help="CSV with one row of hyperparameters per run."
)
@click.option("--id", "id_column", help="Column of --runs that names the runs as SOURCE does.")
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="Rename a column of --runs; may be repeated.")
@click.option(
    "--kind", default="auto", show_default=True, type=click.Choice(["auto", *KINDS]), help="What the numbers are."
)
@click.option(
    "--split", default="test", show_default=True, type=click.Choice(SPLITS), help="Where a name does not say it."
)
@click.option(
    "--numbers", default="epoch", show_default=True, type=click.Choice(["epoch", "step"]), help="In file names."
)
@click.option("--steps-per-epoch", type=click.IntRange(min=1), help="Updates in one pass over the training set.")
@click.option("--classes", type=click.IntRange(min=2), help="Number of classes of a new study.")
@click.option("--dtype", default="float16", show_default=True, type=click.Choice(list(DTYPES)), help="As stored.")
@click.option("--title", help="Of a new study.")
@click.option("--class-names", type=click.Path(exists=True, dir_okay=False), help="A name per line, for a new study.")
@click.option(
    "--build", metavar="MODULE:FUNCTION", help="For weights: builds the network from a run's hyperparameters."
)
@click.option("--inputs", type=click.Path(exists=True, dir_okay=False), help="For weights: .npz of the probes' inputs.")
@click.option("--dry-run", is_flag=True, help="Read and check everything, say what would come in, write nothing.")
def import_command(
    source: str,
    study: str,
    format_key: str,
    labels: tuple[str, ...],
    runs: str | None,
    id_column: str | None,
    rename: tuple[str, ...],
    kind: str,
    split: str,
    numbers: str,
    steps_per_epoch: int | None,
    classes: int | None,
    dtype: str,
    title: str | None,
    class_names: str | None,
    build: str | None,
    inputs: str | None,
    dry_run: bool,
) -> None:
    """Bring the runs of SOURCE into a study. The same source again changes nothing.

    Exit code 0: everything is in; 1: something was refused.
    """
    request = Request(
        Path(source),
        n_samples={},
        default_split=split,
        n_classes=classes,
        runs=None if runs is None else read_run_table(Path(runs), id_column, _pairs(rename)),
        numbers=numbers,
        steps_per_epoch=steps_per_epoch,
        build=build,
        inputs=None if inputs is None else Path(inputs),
    )
    given: dict[str, Any] = {}
    for text in labels:
        name, _, path = text.rpartition("=")
        if name and name not in SPLITS:
            raise InvalidSpecError(f"--labels takes FILE, train=FILE or test=FILE, received {text!r}.")
        given |= read_labels(Path(path), name or split)
    with _progress("Reading ") as report:
        plan = plan_import(
            request,
            study,
            format_key,
            labels=given,
            kind=kind,
            dtype=dtype,
            title=title,
            class_names=None if class_names is None else read_class_names(Path(class_names)),
            thorough=dry_run,
            report=report,
        )
    for line in plan_lines(plan):
        click.echo(_printable(line))
    if dry_run:
        click.echo("Nothing was written: this was a dry run.")
        sys.exit(1 if plan.refusals else 0)
    with _progress("Importing ") as report:
        outcome = carry_out(plan, report)
    for line in outcome_lines(outcome, plan):
        click.echo(_printable(line))
    sys.exit(1 if outcome.refusals else 0)


def plan_lines(plan: Plan) -> Iterator[str]:
    """What a plan says to people."""
    splits = ", ".join(f"{split} {probe.n_samples:,} samples" for split, probe in plan.manifest.splits.items())
    where = "a new study" if plan.is_new else "the study"
    yield (
        f"{len(plan.arrivals)} runs with {plan.n_checkpoints:,} checkpoints ({splits}; {plan.manifest.n_classes} "
        f"classes; {plan.n_bytes / 1e6:,.1f} MB as {plan.dtype}) for {where} {plan.study}."
    )
    for arrival in plan.arrivals[:_SHOWN]:
        run = arrival.candidate
        settings = ", ".join(f"{name}={value!r}" for name, value in run.hyperparameters.items()) or "no hyperparameters"
        yield f"  {run.run_id}: {run.n_checkpoints} checkpoints of {arrival.kind}; {settings}"
    yield from _rest(len(plan.arrivals))
    yield from (f"Note: {note}" for note in plan.notes)
    if plan.present:
        yield f"Already there, from this source: {len(plan.present)} runs. They are left as they are."
    yield from _refused(plan.refusals)


def outcome_lines(outcome: Outcome, plan: Plan) -> Iterator[str]:
    """What an import says to people once it is done."""
    yield from _refused(outcome.refusals[len(plan.refusals) :])
    if outcome.imported:
        yield f"{len(outcome.imported)} runs are in {plan.study}."
    elif outcome.present and not outcome.refusals:
        yield f"Nothing changed: all {len(outcome.present)} runs of this source are in {plan.study} already."
    else:
        yield "Nothing was imported."


def _printable(line: str) -> str:
    """A line without control characters: names in a source may hold some, and terminals obey them."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)


def _refused(refusals: tuple[Refusal, ...]) -> Iterator[str]:
    if refusals:
        yield f"Refused: {len(refusals)}."
        yield from (f"  {refusal}" for refusal in refusals[:_SHOWN])
        yield from _rest(len(refusals))


def _rest(count: int) -> Iterator[str]:
    if count > _SHOWN:
        yield f"  ... and {count - _SHOWN:,} more"


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        old, sign, new = text.partition("=")
        if not (old and sign and new):
            raise InvalidSpecError(f"--rename takes OLD=NEW, received {text!r}.")
        pairs[old] = new
    return pairs


@contextmanager
def _progress(what: str) -> Iterator[Report]:
    """One line on the terminal's error stream that is written over and over; silent where nobody looks."""
    is_seen = sys.stderr.isatty()

    def report(run_id: str, done: int, total: int) -> None:
        if is_seen and (done == total or done % 8 == 0):
            click.echo(f"\r\x1b[K{what}{run_id[:60]} {done}/{total}", nl=False, err=True)  # run ids are plain

    try:
        yield report
    finally:
        if is_seen:
            click.echo("\r\x1b[K", nl=False, err=True)
