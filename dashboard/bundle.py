"""The files of one kind in ``assets/`` as one, so that a page asks once for what is written in sixty small files.

Joined in the order of their names when they are asked for, and again whenever one has changed: edit, reload. The
address holds a digest of the content, so that browsers keep it; a source map gives errors and debuggers the file and
its line.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from threading import Lock


@dataclass(frozen=True, slots=True)
class Joined:
    """Files as one.

    Attributes:
        digest: of the content, in hexadecimal.
        content: the files one after another.
        source_map: which line is of which file, as browsers read it.
    """

    digest: str
    content: bytes
    source_map: bytes


class Bundle:
    """The files of a folder that end in a suffix (``".js"`` or ``".css"``), joined."""

    def __init__(self, folder: Path, suffix: str) -> None:
        self.suffix = suffix
        self._folder = folder
        self._lock = Lock()
        self._stamp: tuple[tuple[str, int, int], ...] = ()
        self._joined = Joined("", b"", b"")

    def current(self) -> Joined:
        """The files as they are now."""
        paths = sorted(self._folder.glob(f"*{self.suffix}"))
        with self._lock:
            stamp = tuple((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in paths)
            if stamp != self._stamp:
                self._joined = _join({path.name: path.read_text(encoding="utf-8") for path in paths}, self.suffix)
                self._stamp = stamp
            return self._joined

    @property
    def name(self) -> str:
        """What the files are called now as one."""
        return f"page-{self.current().digest}{self.suffix}"


def _join(texts: dict[str, str], suffix: str) -> Joined:
    whole = "".join(text if text.endswith("\n") else text + "\n" for text in texts.values())
    digest = hashlib.sha256(whole.encode()).hexdigest()[:16]
    address = f"page-{digest}{suffix}.map"
    mention = f"//# sourceMappingURL={address}" if suffix == ".js" else f"/*# sourceMappingURL={address} */"
    return Joined(digest, f"{whole}{mention}\n".encode(), json.dumps(_source_map(texts)).encode())


def _source_map(texts: dict[str, str]) -> dict[str, object]:
    """Line for line: each file is a section that begins where the one before ends (source map format, version 3)."""
    sections, line = [], 0
    for name, text in texts.items():
        n_lines = len(text.splitlines())
        # "AAAA": the file's first line is this line; "AACA": the line after the last one named.
        mappings = ";".join(["AAAA", *["AACA"] * (n_lines - 1)])
        content = {"version": 3, "sources": [f"../assets/{name}"], "sourcesContent": [text], "names": []}
        sections.append({"offset": {"line": line, "column": 0}, "map": {**content, "mappings": mappings}})
        line += n_lines
    return {"version": 3, "sections": sections}
