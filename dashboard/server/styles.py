"""Style sheets of ``assets/styles/`` as one file.

``main.css`` imports the others, each into a layer; here the imports are resolved on request, and again after any file
changed. The address holds a digest of the content, so browsers may cache it forever; a source map gives debuggers the
original file and line.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

ENTRY = "main.css"
_IMPORT = re.compile(r'@import url\("(?P<name>[\w-]+\.css)"\) layer\((?P<layer>[\w-]+)\);')


@dataclass(frozen=True, slots=True)
class Joined:
    """Joined files.

    Attributes:
        digest: hexadecimal digest of the content.
        content: ``main.css`` with its imports resolved.
        source_map: source map from lines of the content to lines of the imported files.
    """

    digest: str
    content: bytes
    source_map: bytes


class Styles:
    """The style sheets of a folder, joined."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._stamp: tuple[tuple[str, int, int], ...] = ()
        self._joined = Joined("", b"", b"")

    def current(self) -> Joined:
        """Joined files in their current state.

        Raises:
            FileNotFoundError: ``main.css`` is missing, or a file that it imports.
        """
        paths = sorted(self._folder.glob("*.css"))
        with self._lock:
            stamp = tuple((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in paths)
            if stamp != self._stamp:
                self._joined = _join(self._folder)
                self._stamp = stamp
            return self._joined

    @property
    def name(self) -> str:
        """Current name of the joined file."""
        return f"page-{self.current().digest}.css"


def _join(folder: Path) -> Joined:
    lines: list[str] = []
    sections: list[dict[str, object]] = []
    for line in (folder / ENTRY).read_text(encoding="utf-8").splitlines():
        if (found := _IMPORT.fullmatch(line)) is None:
            lines.append(line)
            continue
        text = (folder / found["name"]).read_text(encoding="utf-8")
        lines.append(f"@layer {found['layer']} {{")
        sections.append({"offset": {"line": len(lines), "column": 0}, "map": _source_map(found["name"], text)})
        lines += [*text.splitlines(), "}"]
    whole = "\n".join(lines)
    digest = hashlib.sha256(whole.encode()).hexdigest()[:16]
    mention = f"/*# sourceMappingURL=page-{digest}.css.map */"
    source_map = json.dumps({"version": 3, "sections": sections})
    return Joined(digest, f"{whole}\n{mention}\n".encode(), source_map.encode())


def _source_map(name: str, text: str) -> dict[str, object]:
    """Source map, version 3, of one section: a file mapped line by line."""
    # VLQ segments: "AAAA" maps to the first line of the file, "AACA" to the line after the last mapped one.
    mappings = ";".join(["AAAA", *["AACA"] * (len(text.splitlines()) - 1)])
    source = f"../assets/styles/{name}"
    return {"version": 3, "sources": [source], "sourcesContent": [text], "names": [], "mappings": mappings}
