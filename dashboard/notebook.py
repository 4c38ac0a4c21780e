"""The page in a frame of a Jupyter notebook: ``show(STUDIES)``."""

from __future__ import annotations

import atexit
import html
import os
import re
import secrets
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from dashboard import create_app
from dashboard.saved import Saved
from dashboard.server.access import AccessPolicy
from dashboard.server.tickets import Tickets
from dashboard.server.waitress import Serving, make_server
from engine.errors import InvalidSpecError
from engine.explorer.explorer import Explorer

LOCAL_PAGES = ("http://localhost:*", "http://127.0.0.1:*", "vscode-webview:", "vscode-file:")
"""Pages that may frame this one by default, as sources of ``frame-ancestors``; http stands for https as well."""
_ORIGIN = re.compile(r"https?://[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?", re.ASCII)

# The frame takes the notebook's own name for this machine: localhost and 127.0.0.1 are two sites, and Safari keeps no
# cookie of another site. TensorBoard chooses its frame's address in the same way. The kernel cannot tell where the
# browser is (a session that came by ssh may be shown locally, and the reverse), so that the last line is always there.
_FRAME = """\
<iframe data-inpca="NAME" title="InPCA Explorer" width="100%" height="HEIGHT" style="border: 1px solid #8886"
 allow="fullscreen; clipboard-write"></iframe>
<div style="font-size: smaller; opacity: 0.75">Served by this kernel until it ends. Is the frame empty? If the browser
is on another machine than the kernel, run <code>ssh -N -L PORT:127.0.0.1:PORT HOST</code> there (HOST is the kernel's
machine), and then this cell again.<span data-inpca="NAME" hidden> This notebook is at <code></code>: pass that as
<code>origin=</code>.</span></div>
<script>
(() => {
  const isHere = ["localhost", "127.0.0.1"].includes(location.hostname);
  for (const element of document.querySelectorAll("[data-inpca='NAME']")) {
    if (element.tagName !== "IFRAME") {
      element.hidden = isHere || IS_NAMED || !location.protocol.startsWith("http");
      element.querySelector("code").textContent = location.origin;
    } else if (!element.src) element.src = `http://${isHere ? location.hostname : "127.0.0.1"}:PORTPATH`;
  }
})();
</script>
"""


class NotebookPage:
    """Dashboard on a folder of studies, served from a thread of this process.

    Made by :func:`show`; it ends with :meth:`close`, or with the kernel.

    Attributes:
        folder: the folder of studies.
        port: port on 127.0.0.1.
    """

    def __init__(
        self,
        folder: Path,
        frames: tuple[str, ...],
        device: str | None,
        cache: str | os.PathLike[str] | None,
        views: str | os.PathLike[str] | None,
    ) -> None:
        self.folder = folder
        self._frames = frames
        self._tickets = Tickets()
        # Cookies know no port: two kernels on one machine are told apart by their paths.
        self._prefix = f"/{secrets.token_hex(8)}/"
        self._explorer = Explorer(folder, device=device, cache=cache)
        self._explorer.warm_up()
        policy = AccessPolicy(token=secrets.token_urlsafe(32), frames=frames, tickets=self._tickets)
        server = make_server(create_app(self._explorer, policy, self._prefix, Saved.at(views)), "127.0.0.1", port=0)
        self.port = int(server.effective_port)
        self._serving = Serving(server)
        self._is_open = True
        atexit.register(self.close)

    def address(self) -> str:
        """New address for a browser on this machine; it opens the page once, within an hour."""
        return f"http://127.0.0.1:{self.port}{self._path()}"

    def close(self) -> None:
        """End the server and its computations; the frame is dead afterwards. A second call does nothing."""
        with _LOCK:
            for key in [key for key, page in _PAGES.items() if page is self]:
                del _PAGES[key]
            was_open, self._is_open = self._is_open, False
        if was_open:
            atexit.unregister(self.close)
            self._serving.close()
            self._explorer.close()

    def display(self, height: int = 720) -> None:
        """Show the page in a frame below the cell; without Jupyter, print its address.

        Args:
            height: height of the frame in CSS pixels.

        Raises:
            InvalidSpecError: the page is closed.
        """
        if not self._is_open:
            raise InvalidSpecError("This page is closed: call show again.")
        path = self._path()
        text = f"InPCA Explorer: http://127.0.0.1:{self.port}{path}"
        if "IPython" in sys.modules:
            from IPython.core.getipython import get_ipython
            from IPython.display import display

            if get_ipython() is not None:
                display({"text/plain": text, "text/html": self._frame(path, height)}, raw=True)
                return
        print(text)

    def _ipython_display_(self) -> None:
        """Nothing: ``show`` has shown it, and the value of the cell adds no second frame."""

    def __repr__(self) -> str:
        state = f"port {self.port}" if self._is_open else "closed"
        return f"<InPCA Explorer on {self.folder}, {state}>"

    def _path(self) -> str:
        return f"{self._prefix}?token={self._tickets.issue()}"

    def _frame(self, path: str, height: int) -> str:
        values = {
            "NAME": secrets.token_hex(8),
            "HEIGHT": str(int(height)),
            "PORT": str(self.port),
            "PATH": path,
            "IS_NAMED": "false" if self._frames == LOCAL_PAGES else "true",
        }
        return re.sub("|".join(values), lambda match: html.escape(values[match[0]]), _FRAME)


_Key = tuple[Path, tuple[str, ...], str | None, str, str]
_PAGES: dict[_Key, NotebookPage] = {}
_LOCK = threading.RLock()


def show(
    studies: str | os.PathLike[str],
    *,
    height: int = 720,
    origin: str | Sequence[str] = (),
    device: str | None = None,
    cache: str | os.PathLike[str] | None = None,
    views: str | os.PathLike[str] | None = None,
) -> NotebookPage:
    """Show the dashboard in a frame below the cell of a Jupyter notebook.

    The page is served from a thread of the kernel on a free loopback port and ends with the kernel; a further call for
    the same folder and options shows the same server. The address of the frame, which is saved with the notebook,
    opens the page once: its token is exchanged for a cookie of this browser's session, so that the notebook can be
    reloaded, and is void afterwards.

    By default, pages of ``localhost`` and ``127.0.0.1`` at any port may frame it, and VS Code's, whose address differs
    each time, by its schemes (untested). The kernel does not know the port at which the browser sees Jupyter, and a
    tunnel may change it; what has such an address is a program on the browser's own machine or a tunnel to one, never a
    web site. Where Jupyter has another address, pass it as ``origin``; the kernel's port must still be reachable as
    127.0.0.1 from the browser, for instance through the tunnel that is named below the frame. Where no frame works,
    :meth:`NotebookPage.address` opens in a tab.

    Args:
        studies: folder of study folders.
        height: height of the frame in CSS pixels.
        origin: scheme, host and port of the pages that may frame it, such as ``"https://hub.example.org"``, one or
            several; in place of the default.
        device: as for :class:`Explorer`.
        cache: as for :class:`Explorer`.
        views: folder of saved views; in the user's data directory when None.

    Returns:
        The page; ``.close()`` ends it.

    Raises:
        InvalidSpecError: ``origin`` is no such address.
        DeviceError, CacheError: as for :class:`Explorer`.
    """
    frames = (origin,) if isinstance(origin, str) else tuple(origin)
    for source in frames:
        if not _ORIGIN.fullmatch(source):
            raise InvalidSpecError(f"origin must be an address such as 'https://hub.example.org:8000', not {source!r}.")
    folder = Path(studies).expanduser().resolve()
    key = folder, frames or LOCAL_PAGES, device, str(cache), str(views)
    with _LOCK:
        page = _PAGES.get(key)
        if page is None:
            page = _PAGES[key] = NotebookPage(folder, frames or LOCAL_PAGES, device, cache, views)
    page.display(height)
    return page
