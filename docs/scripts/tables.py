"""Generator of the marked tables in documents, from the engine's rows.

``python -m docs.scripts.tables``
"""

from __future__ import annotations

from pathlib import Path

from engine.distances.table import DIVERGENCES
from engine.formats.exporting import CONTAINERS
from engine.formats.importers import FORMATS

DOCUMENTS = Path(__file__).resolve().parents[1]


def pages() -> dict[str, str]:
    """Return the text of each document with its tables filled in, by file name."""
    return {
        "divergences.md": _filled("divergences.md", {"divergences": _divergences()}),
        "importing.md": _filled("importing.md", {"formats": _formats(), "containers": _containers()}),
    }


def _filled(name: str, tables: dict[str, list[str]]) -> str:
    text = (DOCUMENTS / name).read_text()
    for key, rows in tables.items():
        begin, end = f"<!-- {key}: begin -->\n", f"<!-- {key}: end -->"
        head, rest = text.split(begin)
        text = head + begin + "".join(f"{row}\n" for row in rows) + end + rest.split(end)[1]
    return text


def _divergences() -> list[str]:
    rows = [
        [
            f"`{row.key}`", row.title, row.formula, row.unit, row.close_pairs, row.caps,
            "possible" if row.can_be_negative else "none", row.reference,
        ]
        for row in DIVERGENCES.values()
    ]  # fmt: skip
    return _table(["Key", "Divergence", "Definition", "Unit", "Close pairs", "Caps", "Imaginary axes", "Source"], rows)


def _formats() -> list[str]:
    rows = [[f"`{entry.key}`", entry.title, entry.reads, entry.needs or "-"] for entry in FORMATS.values()]
    return _table(["`--format`", "what", "reads", "needs"], rows)


def _containers() -> list[str]:
    rows = [[f"`{entry.key}`", entry.title, entry.needs or "-"] for entry in CONTAINERS.values()]
    return _table(["`--to`", "what", "needs"], rows)


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    lines = [" | ".join(cells) for cells in (heads, *rows)]
    return [f"| {lines[0]} |", "|" + "---|" * len(heads), *[f"| {line} |" for line in lines[1:]]]


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCUMENTS / name).write_text(text)
