"""Command line of ``python -m engine import`` and ``python -m engine export``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from engine.errors import InvalidSpecError
from engine.formats.candidates import Refusal, Report, Request
from engine.formats.exporting import CONTAINERS, export_distances, export_embedding, export_study
from engine.formats.import_plan import Plan, plan_import, read_class_names, read_labels
from engine.formats.importers import FORMATS
from engine.formats.importing import Outcome, carry_out
from engine.formats.tables import read_run_table
from engine.store.encoding import DTYPES, KINDS
from engine.store.study import open_study
from engine.values import SPLITS

_SHOWN = 20
"""Most runs or refusals listed in full; more are summarised."""


_FILE = click.Path(exists=True, dir_okay=False)
_NEW_FOLDER = click.Path(file_okay=False)


def _own_options(command: Callable[..., None]) -> Callable[..., None]:
    for entry in FORMATS.values():
        for option in entry.options:
            text = f"For {entry.key}: {option.help[0].lower()}{option.help[1:]}"
            command = click.option(f"--{option.name}", metavar=option.metavar, help=text)(command)
    return command


@click.command("import")
@click.argument("source", type=click.Path(exists=True))
@click.option("--study", required=True, type=_NEW_FOLDER, help="Folder of the study; made if not there.")
@click.option("--format", "format_key", required=True, type=click.Choice(list(FORMATS)), help="What SOURCE is.")
@click.option("--labels", multiple=True, help="True classes of a new study: FILE.npz (train, test), [SPLIT=]FILE.npy.")
@click.option("--runs", type=_FILE, help="CSV with one row of hyperparameters per run.")
@click.option("--id", "id_column", help="Column of --runs that names the runs as SOURCE does.")
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="Rename a column of --runs; may be repeated.")
@click.option("--kind", default="auto", type=click.Choice(["auto", *KINDS]), help="What the numbers are.")
@click.option("--split", default="test", type=click.Choice(SPLITS), help="Where a name does not say it.")
@click.option("--numbers", default="epoch", type=click.Choice(["epoch", "step"]), help="In file names.")
@click.option("--steps-per-epoch", type=click.IntRange(min=1), help="Updates in one pass over the training set.")
@click.option("--classes", type=click.IntRange(min=2), help="Number of classes of a new study.")
@click.option("--dtype", default="float16", type=click.Choice(list(DTYPES)), help="As stored.")
@click.option("--title", help="Of a new study.")
@click.option("--class-names", type=_FILE, help="A name per line, for a new study.")
@_own_options
@click.option("--dry-run", is_flag=True, help="Read and check everything, say what would come in, write nothing.")
def import_command(
    source: str, study: str, format_key: str, labels: tuple[str, ...], runs: str | None, id_column: str | None,
    rename: tuple[str, ...], kind: str, split: str, numbers: str, steps_per_epoch: int | None, classes: int | None,
    dtype: str, title: str | None, class_names: str | None, dry_run: bool, **own: str | None,
) -> None:  # fmt: skip
    """Bring the runs of SOURCE into a study. The same source again changes nothing.

    Exit code 0: everything is in; 1: something was refused.
    """
    given_options = {name: value for name, value in own.items() if value is not None}
    if foreign := given_options.keys() - {option.name for option in FORMATS[format_key].options}:
        raise InvalidSpecError(f"--format {format_key} takes no --{' and no --'.join(sorted(foreign))}.")
    request = Request(
        Path(source),
        n_samples={},
        default_split=split,
        n_classes=classes,
        runs=None if runs is None else read_run_table(Path(runs), id_column, _pairs(rename)),
        numbers=numbers,
        steps_per_epoch=steps_per_epoch,
        options=given_options,
    )
    given: dict[str, Any] = {}
    for text in labels:
        name, _, path = text.rpartition("=")
        if name and name not in SPLITS:
            raise InvalidSpecError(f"--labels takes FILE, train=FILE or test=FILE, received {text!r}.")
        given |= read_labels(Path(path), name or split)
    with _progress("Reading ") as report:
        names = None if class_names is None else read_class_names(Path(class_names))
        plan = plan_import(
            request, study, format_key, labels=given, kind=kind, dtype=dtype, title=title, class_names=names,
            thorough=dry_run, report=report,
        )  # fmt: skip
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
    """Yield the lines that describe a plan."""
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
    """Yield the lines that describe a completed import."""
    yield from _refused(outcome.refusals[len(plan.refusals) :])
    if outcome.imported:
        yield f"{len(outcome.imported)} runs are in {plan.study}."
    elif outcome.present and not outcome.refusals:
        yield f"Nothing changed: all {len(outcome.present)} runs of this source are in {plan.study} already."
    else:
        yield "Nothing was imported."


def _printable(line: str) -> str:
    """Return a line without control characters, which names in a source may hold and terminals would obey."""
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
    """Report progress on one overwritten line of standard error; silent unless it is a terminal."""
    is_seen = sys.stderr.isatty()

    def report(run_id: str, done: int, total: int) -> None:
        if is_seen and (done == total or done % 8 == 0):
            click.echo(f"\r\x1b[K{what}{run_id[:60]} {done}/{total}", nl=False, err=True)  # run ids are plain

    try:
        yield report
    finally:
        if is_seen:
            click.echo("\r\x1b[K", nl=False, err=True)


@click.command("export")
@click.argument("study", type=click.Path(exists=True, file_okay=False))
@click.argument("destination", type=click.Path())
@click.option("--to", required=True, type=click.Choice(list(CONTAINERS)), help="What is written.")
@click.option("--what", default="study", type=click.Choice(["study", "distances", "embedding"]))
@click.option("--split", type=click.Choice(SPLITS), help="Of distances and embedding; the study's only one.")
@click.option("--divergence", default="bhattacharyya", help="Of distances and embedding.")
@click.option("--components", default=10, type=click.IntRange(min=1), help="Of the embedding.")
@click.option("--run", "run_ids", multiple=True, help="Some runs only; may be repeated.")
@click.option("--device", help="cpu, cuda, cuda:1, ...; the best one there is.")
def export_command(
    study: str, destination: str, to: str, what: str, split: str | None, divergence: str, components: int,
    run_ids: tuple[str, ...], device: str | None,
) -> None:  # fmt: skip
    """Write STUDY, or what follows from it, into the new folder DESTINATION."""
    opened = open_study(study)
    chosen = list(run_ids) or None
    if split is None:
        if len(opened.splits) > 1 and what != "study":
            raise click.UsageError(f"The study has the splits {', '.join(opened.splits)}: choose one with --split.")
        split = next(iter(opened.splits))
    if what == "study":
        with _progress("Exporting ") as report:
            path = export_study(opened, destination, to, run_ids=chosen, report=report)
    else:
        options: dict[str, Any] = {"split": split, "divergence": divergence, "run_ids": chosen, "device": device}
        if what == "distances":
            path = export_distances(opened, destination, to, **options)
        else:
            path = export_embedding(opened, destination, to, n_components=components, **options)
    click.echo(f"Written to {path}.")
