"""Command line of the engine: ``python -m engine COMMAND``."""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec

import click

from engine.errors import EngineError, MissingPackageError
from engine.formats.commands import export_command, import_command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """InPCA of training trajectories: numbers and files."""


@main.command()
@click.argument("study", type=click.Path(file_okay=False))
def verify(study: str) -> None:
    """Read every committed byte of STUDY and name what is damaged. Exit code 0: all is well; 1: something is not."""
    from engine.store.study import open_study
    from engine.store.verification import verify_study

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
@click.argument("run", type=click.Path(file_okay=False))
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def repair(run: str, dry_run: bool) -> None:
    """Bring back every committed checkpoint of RUN (STUDY/runs/NAME), left out for its journal or seal."""
    from engine.store.verification import repair_run

    found = repair_run(run, is_trial=dry_run)
    for sentence in found.dropped:
        click.echo(f"{found.run_id}: {sentence}.")
    if not found.dropped:
        click.echo(f"{found.run_id}: nothing to repair, {found.n_checkpoints} checkpoints.")
        return
    done = "would be readable" if dry_run else "are readable; what was replaced is kept as *.before-repair"
    click.echo(f"{found.run_id}: {found.n_checkpoints} checkpoints {done}.")


main.add_command(import_command)
main.add_command(export_command)

_PAGE = f"{__package__}.app"
"""Module of the dashboard in the installed package; a checkout has ``python app.py`` instead."""

if find_spec(_PAGE):

    @main.command("app", add_help_option=False, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    @click.pass_context
    def serve(context: click.Context, arguments: tuple[str, ...]) -> None:
        """Serve the dashboard on a folder of studies."""
        try:
            page = importlib.import_module(_PAGE)
        except ModuleNotFoundError as error:
            raise MissingPackageError(
                f"The dashboard needs the package {error.name!r}, which is not installed: the extra [app] brings it."
            ) from error
        page.main(list(arguments), prog_name=context.command_path)


def run() -> None:
    """Run the command line; an ``EngineError`` is printed as one line, without traceback."""
    try:
        main()
    except EngineError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    run()
