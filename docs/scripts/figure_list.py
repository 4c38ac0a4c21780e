"""Generator of docs/figures.md from the table of analyses.

``python -m docs.scripts.figure_list``
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from engine.analyses import ANALYSES, Analysis
from engine.analyses.options import Choice, Column, Columns, Level, Model, Number, Option, Role

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "figures.md"


def page() -> str:
    """Return the page as Markdown: content, computation and options of every figure."""
    parts = [
        "# Figures",
        "Written by `python -m docs.scripts.figure_list` from the table `ANALYSES`. Each is computed for the runs that "
        "are embedded, in the view *figures* of the page, or from a notebook: "
        '`explorer.analyses.find("progress", selection, definition="mean")`. What the studies that ship show in them: '
        "[study.md](study.md).",
    ]
    for group, members in groupby(ANALYSES.values(), key=lambda analysis: analysis.group):
        parts.append(f"## {group}")
        parts += [_section(analysis) for analysis in members]
    return "\n\n".join(parts) + "\n"


def _section(analysis: Analysis) -> str:
    lines = [f"### {analysis.title} (`{analysis.key}`)", analysis.shows]
    if analysis.not_shown:
        lines.append(f"*Not shown.* {analysis.not_shown}")
    lines.append(f"*Computed.* {analysis.computed}")
    if analysis.options:
        rows = [f"| `{option.key}` | {option.title} | {_offer(option)} |" for option in analysis.options]
        lines.append("\n".join(["| option | in words | |", "|---|---|---|", *rows]))
    return "\n\n".join(lines)


def _offer(option: Option) -> str:
    match option:
        case Choice(values=values, default=default):
            names = [f"**`{name}`** {words}" if name == default else f"`{name}` {words}" for name, words in values]
            return "; ".join(names)
        case Number(low=low, high=high, default=default):
            return f"{low:g} to {high:g}, **{default:g}**"
        case Column():
            return "a hyperparameter that differs"
        case Columns():
            return "hyperparameters that differ; **all but those of repetitions**"
        case Role():
            return "**`found`** what is found; `of:` and a hyperparameter; `none` nothing"
        case Level(of=of):
            return f"a value of `{of}`; **the most frequent**"
        case _:
            assert isinstance(option, Model)
            return f"`P0`, `P*` or `run_id:checkpoint`; **`{option.default}`**"


if __name__ == "__main__":
    PAGE.write_text(page())
