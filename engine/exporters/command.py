"""``python -m engine export``: a study, its distances or an embedding, for other programs."""

from __future__ import annotations

import sys

import click

from engine.exporters.containers import CONTAINERS


@click.command("export")
@click.argument("study", type=click.Path(exists=True, file_okay=False))
@click.argument("destination", type=click.Path())
@click.option("--to", required=True, type=click.Choice(list(CONTAINERS)), help="What is written.")
@click.option("--what", default="study", show_default=True, type=click.Choice(["study", "distances", "embedding"]))
@click.option("--split", type=click.Choice(["train", "test"]), help="Of distances and embedding; the study's only one.")
@click.option("--divergence", default="bhattacharyya", show_default=True, help="Of distances and embedding.")
@click.option("--components", default=10, show_default=True, type=click.IntRange(min=1), help="Of the embedding.")
@click.option("--run", "run_ids", multiple=True, help="Some runs only; may be repeated.")
@click.option("--device", help="cpu, cuda, cuda:1, ...; the best one there is.")
def export_command(
    study: str,
    destination: str,
    to: str,
    what: str,
    split: str | None,
    divergence: str,
    components: int,
    run_ids: tuple[str, ...],
    device: str | None,
) -> None:
    """Write STUDY, or what follows from it, into the new folder DESTINATION."""
    from engine.exporters.exports import export_distances, export_embedding, export_study
    from engine.store import open_study

    opened = open_study(study)
    chosen = list(run_ids) or None
    if split is None:
        if len(opened.splits) > 1 and what != "study":
            raise click.UsageError(f"The study has the splits {', '.join(opened.splits)}: choose one with --split.")
        split = next(iter(opened.splits))
    if what == "study":
        is_seen = sys.stderr.isatty()

        def report(run_id: str, done: int, total: int) -> None:
            if is_seen:
                end = "\n" if done == total else ""
                click.echo(f"\r\x1b[KExporting {run_id[:60]} {done}/{total}{end}", nl=False, err=True)

        path = export_study(opened, destination, to, run_ids=chosen, report=report)
    elif what == "distances":
        path = export_distances(
            opened, destination, to, split=split, divergence=divergence, run_ids=chosen, device=device
        )
    else:
        path = export_embedding(
            opened, destination, to, split=split, divergence=divergence, n_components=components, run_ids=chosen,
            device=device,
        )  # fmt: skip
    click.echo(f"Written to {path}.")
