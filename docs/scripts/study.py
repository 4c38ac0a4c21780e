"""Generator of docs/study.md: published claims tested on the bundled studies.

Run from the project's root: ``python -m docs.scripts.study`` (needs requirements-dev.txt and a system Chromium; about
five minutes on two cores the first time). ``--without-pictures`` rewrites the text and keeps the existing pictures.
"""

from __future__ import annotations

from pathlib import Path

import click

from docs.scripts.claims import CLAIMS, Verdict
from docs.scripts.evidence import Evidence
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
def main(cache: str | None, without_pictures: bool) -> None:
    """Write docs/study.md."""
    explorer = Explorer(ROOT / "data" / "studies", cache=cache)
    verdicts = {
        study_id: [claim.rule(evidence) for claim in CLAIMS]
        for study_id, evidence in ((study_id, Evidence(explorer, study_id)) for study_id in STUDIES)
    }
    if not without_pictures:
        from docs.scripts.pictures import PICTURES, camera, take

        FOLDER.mkdir(exist_ok=True)
        with camera(explorer) as page:
            for study_id in STUDIES:
                for picture in PICTURES:
                    click.echo(take(page, study_id, picture, FOLDER))
    PAGE.write_text(page_of(verdicts))
    explorer.close()


def page_of(verdicts: dict[str, list[Verdict]]) -> str:
    """Return the page as Markdown."""
    parts = [
        "# The study's figures on the studies that ship",
        "Written by `python -m docs.scripts.study`. The published study (Mao et al., PNAS 2024) trained 2,296 "
        "configurations on CIFAR-10; the two studies here are 60 small networks each, of five architectures and two "
        "seeds per configuration, on 400 train and 400 test samples. Each published claim that such runs can speak to "
        "is held against them by a rule that was written down with it; a claim that fails here is not refuted there.",
        "## Claims",
        _table(verdicts),
        "## Where the two do not agree with what was published",
        _disagreements(verdicts),
        "## What these studies cannot show",
        "\n".join(f"- *{figure}:* {reason}" for figure, reason in ABSENT),
        "## Figures",
        *_pictures(),
    ]
    return "\n\n".join(parts) + "\n"


def _table(verdicts: dict[str, list[Verdict]]) -> str:
    head = ["figure", "published", "agrees if", *STUDIES.values()]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for number, claim in enumerate(CLAIMS):
        found = [verdicts[study_id][number] for study_id in STUDIES]
        cells = [
            claim.figure,
            claim.published,
            claim.agrees_if,
            *[f"{WORD[agrees]}: {words}" for words, agrees in found],
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _disagreements(verdicts: dict[str, list[Verdict]]) -> str:
    lines = [
        f"- **{name}**, {claim.figure}: {claim.published} Here: {words}."
        for study_id, name in STUDIES.items()
        for claim, (words, agrees) in zip(CLAIMS, verdicts[study_id], strict=True)
        if agrees is False
    ]
    return "\n".join(lines) or "Nowhere, by these rules."


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
