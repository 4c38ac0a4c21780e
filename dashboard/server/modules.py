"""The browser's modules: one built file, or the modules themselves.

``assets/built/page.js`` names the digest of the modules that it was made of. It is served where that is the digest of
the modules as they are now, by content and never by time: a clone writes files in any order. After an edit, browsers
fetch the modules themselves, all at once, so that a change of a line needs a reload and no build.

``assets/built/pdf.js`` has nothing of the modules in it, only packages, and is served whatever they are.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from threading import Lock
from typing import NamedTuple

ENTRY = "main.mjs"
BUILT = "built/page.js"
LIBRARY = "built/pdf.js"

RENDERER = (
    "const start = () => { window.renderer = new DashRenderer(); }; "
    'const entry = document.getElementById("entry"); '
    "if (entry) import(entry.href).then(start); else start();"
)
"""Start of Dash's renderer, after the page's own modules, which its callbacks call. The text is constant, so that the
Content-Security-Policy can list its digest."""


class Library(NamedTuple):
    """A built file of packages, and the digest in its address."""

    digest: str
    body: bytes


class Modules:
    """The modules in a folder and its subfolders, under an address that holds their digest.

    Imports are relative, so all of them stay under that address: browsers may cache each of them forever, and none is
    loaded twice. Dash's own addresses (``?m=`` and a time) would load an imported module a second time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._stamp: tuple[tuple[str, int, int], ...] = ()
        self._digest = ""
        self._files: dict[str, bytes] = {}
        self._library: Library | None = None

    def current(self) -> tuple[str, dict[str, bytes]]:
        """Digest of the modules, and by path the files to serve: the built one with its map, or the modules.

        The modules are always among the files: the source map names them.
        """
        built = [*self._folder.glob(f"{BUILT}*"), *self._folder.glob(LIBRARY)]
        paths = sorted([*self._folder.rglob("*.mjs"), *built])
        with self._lock:
            stamp = tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in paths)
            if stamp != self._stamp:
                files = {path.relative_to(self._folder).as_posix(): path.read_bytes() for path in paths}
                library = files.pop(LIBRARY, None)
                self._library = None if library is None else Library(digest_of({LIBRARY: library}), library)
                self._digest = digest_of({name: body for name, body in files.items() if name.endswith(".mjs")})
                if not files.get(BUILT, b"").startswith(f"/* {self._digest} */".encode()):
                    files = {name: body for name, body in files.items() if name.endswith(".mjs")}
                self._files, self._stamp = files, stamp
            return self._digest, self._files

    def library(self) -> Library | None:
        """What the page fetches at the first PDF, or None where it was never built."""
        self.current()
        return self._library

    def tags(self, prefix: str) -> tuple[str, str]:
        """Tags for the page's head and for the place before Dash's renderer.

        Args:
            prefix: path under which the app is served, beginning and ending with a slash.
        """
        digest, files = self.current()
        address = f"{prefix}modules/{digest}/"
        library = self.library()
        links = [f'<meta name="pdf-library" content="{prefix}libraries/{library.digest}/pdf.js">'] if library else []
        if BUILT in files:
            return "\n".join(links), f'<script src="{address}{BUILT}"></script>'
        marks = {ENTRY: ' id="entry"'}
        links += [f'<link rel="modulepreload" href="{address}{name}"{marks.get(name, "")}>' for name in files]
        return "\n".join(links), ""


def digest_of(files: dict[str, bytes]) -> str:
    """Digest of files and their names, as ``build_assets.mjs`` computes it."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + files[name] + b"\0")
    return digest.hexdigest()[:16]
