"""Command line of the benchmarks: ``python -m benchmarks engine``, ``page``, ``load`` or ``calibration``."""

from __future__ import annotations

import sys

import click

from benchmarks.engine import CASES, run_bench
from engine.errors import EngineError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measure on this machine and write tables. Close other programs first."""


@main.command()
@click.option("--quick", is_flag=True, help="Small shapes, under a minute: to see that it works.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, ...")
@click.option("--only", multiple=True, type=click.Choice(CASES), help="Some cases only; may be repeated.")
@click.option(
    "--output", type=click.Path(dir_okay=False, writable=True), help="Write the page here, not to the screen."
)
def engine(quick: bool, device: str, only: tuple[str, ...], output: str | None) -> None:
    """Measure the engine: distances, selections, figures, the store."""
    try:
        page = run_bench(device, quick=quick, only=only, say=lambda what: click.echo(f"Measuring {what} ...", err=True))
    except EngineError as error:
        raise click.ClickException(str(error)) from error
    write(page, output)


@main.command()
@click.option("--study", default="digits", show_default=True, help="The shipped study that is looked at.")
@click.option("--rounds", default=12, show_default=True, type=click.IntRange(1), help="Selection changes.")
@click.option(
    "--output", type=click.Path(dir_okay=False, writable=True), help="Write the page here, not to the screen."
)
def page(study: str, rounds: int, output: str | None) -> None:
    """Measure the page in headless Chromium as its visitors feel it."""
    from benchmarks.page.clicks import measure

    write(measure(study, rounds), output)


@main.command()
@click.option("--studies", default="data/studies", show_default=True, help="Folder that holds the studies.")
@click.option("--study", default="mnist1d", show_default=True, help="The study that is looked at.")
@click.option("--sessions", default=20, show_default=True, help="Sessions at once.")
@click.option("--seconds", default=60.0, show_default=True, help="How long they change their selections every second.")
@click.option("--soak", default=600.0, show_default=True, help="Seconds of the soak that follows; 0 leaves it out.")
@click.option("--output", type=click.Path(dir_okay=False, writable=True), help="Write the document here as well.")
def load(studies: str, study: str, sessions: int, seconds: float, soak: float, output: str | None) -> None:
    """Measure the server under many sessions; exit code 1 where a promise does not hold."""
    from benchmarks.page.load import measure

    document, holds = measure(studies, study, sessions, seconds, soak)
    write(document, output)
    sys.exit(0 if holds else 1)


@main.command()
@click.option("--quick", is_flag=True, help="Few studies, under a minute: to see that it works.")
@click.option(
    "--output", type=click.Path(dir_okay=False, writable=True), help="Write the page here, not to the screen."
)
def calibration(quick: bool, output: str | None) -> None:
    """Simulate studies with known truth: what intervals hold, and what tests reject."""
    from benchmarks.calibration import LONG, SHORT, calibration_page

    page = calibration_page(SHORT if quick else LONG, say=lambda what: click.echo(f"Simulating {what} ...", err=True))
    write(page, output)


def write(document: str, output: str | None) -> None:
    """Write the document to the file, or to standard output."""
    if output is None:
        click.echo(document, nl=False)
    else:
        with open(output, "w", encoding="utf-8") as file:
            file.write(document)
        click.echo(f"Written to {output}.", err=True)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
