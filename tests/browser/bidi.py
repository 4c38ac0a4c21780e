"""Tab of a browser that is driven by WebDriver BiDi (https://www.w3.org/TR/webdriver-bidi/)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.sync.client import ClientConnection

PATIENCE_S = 60.0
EVENTS = (
    "log.entryAdded",
    "network.beforeRequestSent",
    "network.responseCompleted",
    "network.fetchError",
    "browsingContext.downloadEnd",
)
CANCELLED = "NS_BINDING_ABORTED"
"""Error of a request that the page itself cancels."""


@dataclass
class Tab:
    """New tab, with the events of EVENTS since it was opened."""

    socket: ClientConnection
    context: str = field(init=False)
    events: list[dict[str, Any]] = field(default_factory=list, repr=False)
    last_id: int = 0

    def __post_init__(self) -> None:
        self.send("session.new", capabilities={})
        self.context = self.send("browsingContext.create", type="tab")["context"]
        self.send("session.subscribe", events=list(EVENTS), contexts=[self.context])

    def send(self, method: str, **parameters: Any) -> Any:
        """Return the result of a command; AssertionError with Firefox's words where it refuses."""
        self.last_id += 1
        self.socket.send(json.dumps({"id": self.last_id, "method": method, "params": parameters}))
        while (message := self.receive()).get("id") != self.last_id:
            pass
        assert message["type"] == "success", f"{method}: {message['error']}: {message['message']}"
        return message["result"]

    def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.socket.recv(timeout=PATIENCE_S))
        if message["type"] == "event":
            self.events.append(message)
        return message

    def seen(self, event: str) -> list[dict[str, Any]]:
        return [message["params"] for message in self.events if message["method"] == event]

    def preload(self, script: str) -> None:
        """Run a script before those of each page that is opened from now on."""
        self.send("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    def open(self, url: str) -> None:
        self.send("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def resize(self, width: int, height: int) -> None:
        self.send("browsingContext.setViewport", context=self.context, viewport={"width": width, "height": height})

    def evaluate(self, expression: str) -> Any:
        """Return the value, through JSON, of an expression or of the promise that it is."""
        answer = self.send(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self.context},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        text = answer["result"].get("value")
        return None if text is None else json.loads(text)

    def wait_until(self, condition: str) -> Any:
        """Poll an expression until it is true, and return its value."""
        deadline = time.monotonic() + PATIENCE_S
        while not (value := self.evaluate(condition)):
            assert time.monotonic() < deadline, f"In vain: {condition}"
            time.sleep(0.02)
        return value

    def drag(self, selector: str, right: int, down: int) -> None:
        """Press at the centre of the first match, move, and release; no move is a click."""
        at = self.wait_until(f"""(() => {{
            const element = document.querySelector({selector!r});
            if (!element) return null;
            element.scrollIntoView({{block: 'nearest'}});
            const {{left, top, width, height}} = element.getBoundingClientRect();
            const [x, y] = [Math.round(left + width / 2), Math.round(top + height / 2)];
            return element.contains(document.elementFromPoint(x, y)) ? {{x, y}} : null;
        }})()""")
        there = {"x": at["x"] + right, "y": at["y"] + down}
        actions = [
            {"type": "pointerMove", **at},
            {"type": "pointerDown", "button": 0},
            *([{"type": "pointerMove", "duration": 200, **there}] if right or down else []),
            {"type": "pointerUp", "button": 0},
        ]
        mouse = {"type": "pointer", "id": "mouse", "actions": actions}
        self.send("input.performActions", context=self.context, actions=[mouse])

    def click(self, selector: str) -> None:
        self.drag(selector, 0, 0)

    def screenshot(self, selector: str | None = None) -> bytes:
        """Return a PNG of the viewport, or of the first match's box in it."""
        rectangle = f"document.querySelector({selector!r}).getBoundingClientRect()"
        box = f"(({{x, y, width, height}}) => ({{type: 'box', x, y, width, height}}))({rectangle})"
        clip = {"clip": self.evaluate(box)} if selector else {}
        answer = self.send("browsingContext.captureScreenshot", context=self.context, **clip)
        return base64.b64decode(answer["data"])

    def download(self, start: Callable[[], None]) -> Path:
        """Return the file that Firefox has saved once its download is over."""
        n_before = len(self.seen("browsingContext.downloadEnd"))
        start()
        while len(ended := self.seen("browsingContext.downloadEnd")) == n_before:
            self.receive()
        assert ended[-1]["status"] == "complete"
        return Path(ended[-1]["filepath"])

    def troubles(self) -> list[str]:
        """Return errors in the console, failed requests, and requests to another host."""
        logged = [entry["text"] for entry in self.seen("log.entryAdded") if entry["level"] == "error"]
        failed = [entry for entry in self.seen("network.fetchError") if entry["errorText"] != CANCELLED]
        refused = [entry for entry in self.seen("network.responseCompleted") if entry["response"]["status"] >= 400]
        addresses = [urlsplit(entry["request"]["url"]) for entry in self.seen("network.beforeRequestSent")]
        foreign = [
            address.geturl()
            for address in addresses
            if address.scheme not in ("data", "blob") and address.hostname != "127.0.0.1"
        ]
        return [*logged, *(entry["request"]["url"] for entry in (*failed, *refused)), *foreign]
