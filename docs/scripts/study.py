"""Generator of docs/study.md: published claims tested on the bundled studies.

Run from the project's root: ``python -m docs.scripts.study`` (needs requirements-dev.txt and a system Chromium; about
five minutes on two cores the first time). ``--without-pictures`` rewrites the text and keeps the existing pictures;
``--copies`` first measures the claims anew on copies in which they are false, for half an hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from docs.scripts.claims import CLAIMS, DESCRIPTIONS, Claim, Measured, agrees
from docs.scripts.copies import N_COPIES, RELABELLED, SHUFFLED
from docs.scripts.evidence import Evidence
from docs.scripts.measure_copies import Values, read_table, write_table
from engine import Explorer

ROOT = Path(__file__).resolve().parents[2]
STUDIES = {"digits": "digits", "mnist1d": "MNIST-1D"}
FOLDER = ROOT / "docs" / "study"
PAGE = ROOT / "docs" / "study.md"
ABSENT = (
    ("Fig. 1, ImageNet", "no study of ImageNet ships."),
    ("App. E.1, corners", "no runs start from networks trained on random labels."),
    (
        "App. E, sloppy and isotropic inputs",
        "no synthetic inputs ship; both studies have inputs with a decaying spectrum.",
    ),
    ("Fig. 1, 151,407 models", "60 runs with 1,620 checkpoints ship; see docs/benchmark.md for larger selections."),
)
WORD = {True: "yes", False: "**no**"}


@click.command()
@click.option("--cache", type=click.Path(file_okay=False), help="A cache folder; by default the user's.")
@click.option("--without-pictures", is_flag=True)
@click.option("--copies", is_flag=True, help="Measure the copies anew.")
def main(cache: str | None, without_pictures: bool, copies: bool) -> None:
    """Write docs/study.md."""
    if copies:
        write_table(list(STUDIES), click.echo)
    explorer = Explorer(ROOT / "data" / "studies", cache=cache)
    evidence = {study_id: Evidence(explorer, study_id) for study_id in STUDIES}
    if not without_pictures:
        from docs.scripts.pictures import PICTURES, camera, take

        FOLDER.mkdir(exist_ok=True)
        with camera(explorer) as page:
            for study_id in STUDIES:
                for picture in PICTURES:
                    click.echo(take(page, study_id, picture, FOLDER))
    PAGE.write_text(page_of(evidence))
    explorer.close()


def page_of(evidence: Mapping[str, Evidence]) -> str:
    """Return the page as Markdown."""
    copies = read_table()
    found = {study_id: [claim.measure(of_study) for claim in CLAIMS] for study_id, of_study in evidence.items()}
    parts = [
        "# The study's figures on the studies that ship",
        "Written by `python -m docs.scripts.study`. The published study (Mao et al., PNAS 2024) trained 2,296 "
        "configurations on CIFAR-10; the two studies here are 60 small networks each, of five architectures and two "
        "seeds per configuration, on 400 train and 400 test samples. Each published claim that such runs can speak to "
        "is held against them by a rule that was written down with it; a claim that fails here is not refuted there.",
        "## Claims",
        f"A rule says yes where the published condition holds and the number is beyond that of {N_COPIES} copies of "
        "the study in which the claim is false by construction, by a tenth of their mean at least. *Shuffled*: each "
        "run's samples are dealt out anew within their class, so that every run keeps its loss, error and progress, "
        "and no two agree on which samples they learn when. *Relabelled*: the rows of hyperparameters, seeds among "
        "them, are dealt out anew among the runs. The columns of the copies hold the range of the number and how many "
        "of them the rule says yes to, each held against the others; a dash: these copies give the same number by "
        "construction. The range is that of chance in these networks and samples, no interval for other networks.",
    ]
    for study_id, name in STUDIES.items():
        parts += [f"### {name}", _table(found[study_id], copies[study_id])]
    parts += [
        "## Where the two do not agree with what was published",
        _disagreements(found, copies),
        "## Descriptions",
        "True of the runs one by one: every copy gives the same, so they are no evidence that runs share anything.",
        _descriptions(evidence),
        "## What these studies cannot show",
        "\n".join(f"- *{figure}:* {reason}" for figure, reason in ABSENT),
        "## Figures",
        *_pictures(),
    ]
    return "\n\n".join(parts) + "\n"


def verdict(claim: Claim, found: Measured, copies: Mapping[str, Values]) -> bool:
    """Return whether a study agrees with a claim, beyond the copies that could refute it."""
    return agrees(found.holds, found.value, [_values(claim, copies[kind]) for kind in claim.copies])


def yes_to_copies(claim: Claim, kind: str, copies: Mapping[str, Values]) -> int:
    """Return to how many copies of a kind a rule says yes, each held against all other copies of both kinds."""
    values = {each: _values(claim, copies[each]) for each in claim.copies}
    return sum(
        agrees(holds, value, [_without(values[each], place) if each == kind else values[each] for each in values])
        for place, (value, holds) in enumerate(copies[kind][claim.key])
    )


def _values(claim: Claim, of_kind: Values) -> list[float]:
    return [value for value, _ in of_kind[claim.key]]


def _without(values: Sequence[float], place: int) -> list[float]:
    return [value for other, value in enumerate(values) if other != place]


def _table(found: Sequence[Measured], copies: Mapping[str, Values]) -> str:
    head = ["figure", "published", "agrees if", "found", "shuffled", "relabelled"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for claim, measured in zip(CLAIMS, found, strict=True):
        cells = [claim.figure, claim.published, claim.agrees_if]
        cells.append(f"{WORD[verdict(claim, measured, copies)]}: {measured.words}")
        cells += [_of_copies(claim, kind, copies) for kind in (SHUFFLED, RELABELLED)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _of_copies(claim: Claim, kind: str, copies: Mapping[str, Values]) -> str:
    if kind not in claim.copies:
        return "—"
    return f"{_span(claim, copies[kind])}; yes to {yes_to_copies(claim, kind, copies)} of {N_COPIES}"


def _span(claim: Claim, of_kind: Values) -> str:
    values = [claim.shown(value) for value in _values(claim, of_kind)]
    low, high = claim.number.format(min(values)), claim.number.format(max(values))
    return (low if low == high else f"{low} to {high}").replace("%", " %")


def _disagreements(found: Mapping[str, Sequence[Measured]], copies: Mapping[str, Mapping[str, Values]]) -> str:
    lines = [
        f"- **{name}**, {claim.figure}: {claim.published} Here: {_why(claim, measured, copies[study_id])}."
        for study_id, name in STUDIES.items()
        for claim, measured in zip(CLAIMS, found[study_id], strict=True)
        if not verdict(claim, measured, copies[study_id])
    ]
    return "\n".join(lines) or "Nowhere, by these rules."


def _why(claim: Claim, found: Measured, copies: Mapping[str, Values]) -> str:
    if not found.holds:
        return found.words
    spans = [f"{_span(claim, copies[kind])} in {kind} copies" for kind in claim.copies]
    return f"{found.words}; {', '.join(spans)}"


def _descriptions(evidence: Mapping[str, Evidence]) -> str:
    head = ["figure", "published", *STUDIES.values()]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for each in DESCRIPTIONS:
        cells = [each.figure, each.published, *[each.words(of_study) for of_study in evidence.values()]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _pictures() -> list[str]:
    from docs.scripts.pictures import PICTURES

    parts = []
    for picture in PICTURES:
        link = f"http://127.0.0.1:8050/?v=1&d={{}}&{picture.query}"
        parts.append(f"### {picture.title}")
        for study_id, name in STUDIES.items():
            words = f"{name}. {picture.shows}".strip()
            parts.append(f"![{picture.title}, {name}](study/{study_id}-{picture.name}.png)")
            parts.append(f"{words} [Open it.]({link.format(study_id)})")
    return parts


if __name__ == "__main__":
    main()
