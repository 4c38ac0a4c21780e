"""Firefox on a virtual screen."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from websockets.sync.client import connect

from tests.browser.bidi import PATIENCE_S, Tab
from tests.waiting import wait_for

NAMES = ("firefox-esr", "firefox")
SCREEN = "Xvfb"
"""A virtual screen, since headless Firefox has no WebGL with software GL (seen with Firefox 153 and Mesa 22.3)."""
SCREEN_SIZE = "4096x2400x24"
"""So large that the X pointer, which rests in its middle, is over no page."""
PREFERENCES = {
    # Names other than the local address go to a closed port: foreign requests fail, and are recorded.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "browser.download.folderList": 2,
    "browser.download.alwaysOpenPanel": False,
}


def missing() -> list[str]:
    """Return Debian's packages for what is not on the path."""
    return [
        package for package, names in (("firefox-esr", NAMES), ("xvfb", (SCREEN,))) if not any(map(shutil.which, names))
    ]


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def virtual_screen() -> Iterator[str]:
    """Yield the name of a new X display, which has OpenGL in software."""
    read, write = os.pipe()
    command = [SCREEN, "-displayfd", str(write), "-screen", "0", SCREEN_SIZE, "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with open(read) as numbers:
            number = numbers.readline().strip()
        assert number, "Xvfb has ended"
        yield f":{number}"
    finally:
        end(server)


@contextmanager
def firefox_tab(folder: Path) -> Iterator[Tab]:
    """Yield a tab of a new Firefox, whose profile and downloads lie in an empty folder."""
    profile, downloads, words = folder / "profile", folder / "downloads", folder / "words"
    for path in (profile, downloads):
        path.mkdir()
    preferences = {**PREFERENCES, "browser.download.dir": str(downloads)}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()]
    (profile / "user.js").write_text("".join(lines))
    executable = next(filter(None, map(shutil.which, NAMES)))
    command = [executable, "--remote-debugging-port=0", "--no-remote", "--profile", str(profile)]
    with ExitStack() as stack:
        display = stack.enter_context(virtual_screen())
        # A home of its own: as root, Firefox refuses that of another user.
        own = {"DISPLAY": display, "HOME": str(folder), "LIBGL_ALWAYS_SOFTWARE": "1", "MOZ_CRASHREPORTER_DISABLE": "1"}
        output = stack.enter_context(words.open("wb"))
        process = subprocess.Popen(command, env={**os.environ, **own}, stdout=output, stderr=output)
        stack.callback(end, process)

        def address() -> re.Match[str] | None:
            assert process.poll() is None, f"Firefox has ended: {words.read_text()}"
            return re.search(r"WebDriver BiDi listening on (ws://\S+)\n", words.read_text())

        wait_for(address)
        found = address()
        assert found is not None
        # No limit of size: a message may hold a screenshot. No pings: a busy Firefox may leave one unanswered.
        options = {"max_size": None, "ping_interval": None, "proxy": None, "open_timeout": PATIENCE_S}
        with connect(f"{found[1]}/session", **options) as socket:
            tab = Tab(socket)
            yield tab
            tab.send("browser.close")
