"""The page of a notebook: who may frame it, one-time tokens, one server per folder, its end."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from dashboard import create_app, notebook
from dashboard.notebook import LOCAL_PAGES, NotebookPage, show
from dashboard.server.access import COOKIE, HEADERS, AccessPolicy
from dashboard.server.tickets import Tickets
from engine import Explorer
from engine.errors import InvalidSpecError
from tests.waiting import wait_for

PREFIX = "/of-this-kernel/"
FRAMED = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture
def tickets() -> Tickets:
    return Tickets()


@pytest.fixture
def client(explorer: Explorer, tickets: Tickets) -> FlaskClient:
    policy = AccessPolicy(token="s" * 32, frames=LOCAL_PAGES, tickets=tickets)
    return create_app(explorer, policy, PREFIX).server.test_client()


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Yield options of ``show``; nothing is compiled, and pages that are still open are closed at the end."""
    monkeypatch.setattr(Explorer, "warm_up", lambda explorer: None)
    yield {"device": "cpu", "cache": tmp_path / "cache", "views": tmp_path / "views"}
    for page in list(notebook._PAGES.values()):
        page.close()


def answers(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def serving_threads() -> set[threading.Thread]:
    """Return the threads of servers in this process, those of other tests included."""
    return {thread for thread in threading.enumerate() if thread.name.startswith(("waitress-", "inpca-server"))}


def test_a_ticket_is_valid_once() -> None:
    tickets = Tickets()
    one, other = tickets.issue(), tickets.issue()
    assert one != other
    assert [tickets.redeem(token) for token in (one, one, other, "", "\ud800")] == [True, False, True, False, False]


def test_an_unused_ticket_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    tickets = Tickets(seconds=60.0)
    late, kept = tickets.issue(), tickets.issue()
    now += 59.9
    assert tickets.redeem(kept)
    now += 0.2
    assert not tickets.redeem(late)
    tickets.issue()
    now += 60.1
    tickets.issue()
    assert len(tickets._ends) == 1, "what is void is forgotten"


def test_a_ticket_becomes_a_session_cookie(client: FlaskClient, tickets: Tickets) -> None:
    token = tickets.issue()
    answer = client.get(f"{PREFIX}?v=1&token={token}")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{PREFIX}?v=1")
    cookie = answer.headers["Set-Cookie"]
    assert token not in cookie
    for part in ("HttpOnly", f"Path={PREFIX}", "SameSite=Strict"):
        assert part in cookie
    for part in ("Expires", "Max-Age", "Secure", "Partitioned"):
        assert part not in cookie
    assert client.get(f"{PREFIX}health").status_code == 200
    assert client.get(f"{PREFIX}?token={token}").status_code == 302, "a frame that is loaded again"

    stranger = client.application.test_client()
    answer = stranger.get(f"{PREFIX}?token={token}", headers={"Accept": "text/html"})
    assert answer.status_code == 401
    assert "run the cell again" in answer.get_data(as_text=True)


def test_a_known_browser_also_uses_its_ticket(client: FlaskClient, tickets: Tickets) -> None:
    client.get(f"{PREFIX}?token={tickets.issue()}")
    token = tickets.issue()
    assert client.get(f"{PREFIX}?token={token}").status_code == 302
    assert client.application.test_client().get(f"{PREFIX}?token={token}").status_code == 401


def test_a_cross_site_frame_gets_a_partitioned_cookie(
    client: FlaskClient, tickets: Tickets, explorer: Explorer
) -> None:
    cookie = client.get(f"{PREFIX}?token={tickets.issue()}", headers=FRAMED).headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=None", "Secure", "Partitioned"):
        assert part in cookie
    for name, value in (("Sec-Fetch-Dest", "document"), ("Sec-Fetch-Site", "same-site")):
        token = tickets.issue()
        answer = client.get(f"{PREFIX}?token={token}", headers=FRAMED | {name: value})
        assert "SameSite=Strict" in answer.headers["Set-Cookie"]
    unframed = create_app(explorer, AccessPolicy(token="s" * 32)).server.test_client()
    answer = unframed.get(f"/?token={'s' * 32}", headers=FRAMED)
    assert "SameSite=Strict" in answer.headers["Set-Cookie"], "a page that may not be framed"


def test_only_local_pages_may_frame_it(client: FlaskClient, tickets: Tickets) -> None:
    client.get(f"{PREFIX}?token={tickets.issue()}")
    for address, code in ((PREFIX, 200), (f"{PREFIX}health", 200), ("/elsewhere", 401)):
        answer = client.get(address)
        assert answer.status_code == code
        (framing,) = re.findall(r"frame-ancestors ([^;]+)", answer.headers["Content-Security-Policy"])
        assert framing == "http://localhost:* http://127.0.0.1:* vscode-webview: vscode-file:"
        assert "X-Frame-Options" not in answer.headers
        assert [name for name in HEADERS if name not in answer.headers] == ["X-Frame-Options"]


@pytest.mark.parametrize(
    "origin",
    [
        "", "*", "http:", "https://*", "http://*.example", "https://hub.example/", "https://hub.example; script-src *",
        "https://hub.example\n", "'self'", "hub.example", "http://a http://b", "data:", "https://hüb.example",
    ],
)  # fmt: skip
def test_an_invalid_origin_is_refused(origin: str, studies_folder: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpecError, match="origin must be an address"):
        show(studies_folder, origin=origin, **options)
    assert notebook._PAGES == {}


def test_a_folder_has_one_server_until_closed(
    studies_folder: Path, options: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = serving_threads()
    page = show(studies_folder, **options)
    monkeypatch.chdir(studies_folder)
    assert show(".", height=400, **options) is page
    addresses = re.findall(r"InPCA Explorer: (http://127\.0\.0\.1:(\d+)/\w+/\?token=[\w-]+)\n", capsys.readouterr().out)
    assert len({address for address, _ in addresses}) == 2, "each frame has a token of its own"
    assert {int(port) for _, port in addresses} == {page.port}
    other = show(studies_folder, origin="https://hub.example", **options)
    assert other is not page
    assert other.port != page.port
    other.close()

    assert answers(page.port)
    kept = http.client.HTTPConnection("127.0.0.1", page.port)
    kept.request("GET", "/")
    assert kept.getresponse().read()
    page.close()
    assert kept.sock.recv(1) == b"", "open connections end as well"
    kept.close()
    assert not answers(page.port)
    wait_for(lambda: serving_threads() <= others)
    page.close()
    assert repr(page) == f"<InPCA Explorer on {studies_folder}, closed>"
    with pytest.raises(InvalidSpecError, match="closed"):
        page.display()
    again = show(studies_folder, **options)
    assert again is not page
    assert answers(again.port)


def test_two_kernels_have_separate_cookie_paths(studies_folder: Path, options: dict[str, Any]) -> None:
    paths = [NotebookPage(studies_folder, LOCAL_PAGES, "cpu", options["cache"], None) for _ in range(2)]
    assert len({page.address().split("/")[3] for page in paths}) == 2
    for page in paths:
        page.close()


def test_the_frame_holds_only_its_token(studies_folder: Path, options: dict[str, Any]) -> None:
    page = show(studies_folder, **options)
    path = page._path()
    markup = page._frame(path, 640)
    assert f":{page.port}{path}`" in markup
    assert 'height="640"' in markup
    assert COOKIE not in markup
    assert f"ssh -N -L {page.port}:127.0.0.1:{page.port} HOST" in markup
    assert not re.search("NAME|HEIGHT|PORT|PATH", markup)
