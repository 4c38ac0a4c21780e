"""Command line of the engine: ``python -m engine COMMAND``."""

from __future__ import annotations

import sys

import click

from engine.bench import CASES, run_bench
from engine.errors import EngineError
from engine.exporters.command import export_command
from engine.importers.command import import_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """InPCA of training trajectories: numbers and files."""


@main.command()
@click.argument("study", type=click.Path(file_okay=False))
def verify(study: str) -> None:
    """Read every committed byte of STUDY and name what is damaged. Exit code 0: all is well; 1: something is not."""
    from engine.store import open_study
    from engine.verification import verify_study

    findings = verify_study(study)
    errors = [finding for finding in findings if finding.is_error]
    if findings:
        rows = [("", "FILE", "RECORD", "WHAT IS WRONG, AND WHAT TO DO")]
        for finding in findings:
            record = "" if finding.record is None else str(finding.record)
            kind = "error" if finding.is_error else "note"
            rows.append((kind, finding.file, record, f"{finding.reason}; {finding.advice}."))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        for row in rows:
            head = "  ".join(text.ljust(width) for text, width in zip(row[:3], widths, strict=True))
            click.echo(f"{head}  {row[3]}")
    if errors:
        files = len({finding.file for finding in errors})
        click.echo(f"{len(errors)} error{'s' * (len(errors) != 1)} in {files} file{'s' * (files != 1)}.")
        sys.exit(1)
    summary = open_study(study).summary
    click.echo(
        f"{summary.study_id}: {summary.n_runs} runs, {summary.n_checkpoints} checkpoints, every byte as committed."
    )


@main.command()
@click.option("--quick", is_flag=True, help="Small shapes, under a minute: to see that it works.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, ...")
@click.option("--only", multiple=True, type=click.Choice(CASES), help="Some cases only; may be repeated.")
@click.option(
    "--output", type=click.Path(dir_okay=False, writable=True), help="Write the page here, not to the screen."
)
def bench(quick: bool, device: str, only: tuple[str, ...], output: str | None) -> None:
    """Measure the engine on this machine and print tables in markdown. Close other programs first."""
    page = run_bench(device, quick=quick, only=only, say=lambda what: click.echo(f"Measuring {what} ...", err=True))
    if output is None:
        click.echo(page, nl=False)
    else:
        with open(output, "w", encoding="utf-8") as file:
            file.write(page)
        click.echo(f"Written to {output}.", err=True)


main.add_command(import_command)
main.add_command(export_command)


def run() -> None:
    """Run the command line; what the engine refuses is one line, not a traceback."""
    try:
        main(prog_name="python -m engine")
    except EngineError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    run()
