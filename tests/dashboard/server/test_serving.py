"""Limits of the web server, and a proxy in front of it."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from app import access_policy
from dashboard import create_app
from dashboard.server.access import COOKIE, MAXIMUM_BODY_BYTES
from dashboard.server.waitress import make_server
from engine import Explorer
from tests.proxy import reverse_proxy
from tests.scale import amount

TOKEN = "a-token-of-sixteen-and-more"
PATIENCE = 60.0  # far beyond what a busy machine takes, and below what a server waits for the rest of a request


@contextmanager
def serving(explorer: Explorer, token: str = "", url: str = "") -> Iterator[int]:
    policy, prefix = access_policy("127.0.0.1", token, url)
    server = make_server(create_app(explorer, policy, prefix), "127.0.0.1", 0, behind_proxy=bool(url))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server.effective_port
    server.close()


@pytest.fixture(scope="module")
def port(explorer: Explorer) -> Iterator[int]:
    with serving(explorer) as port:
        yield port


def ask(
    port: int, path: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def test_a_name_with_several_addresses_is_served(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    address = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 0))
    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", lambda *_: [address, address])
        server = make_server(create_app(explorer), "localhost", 0)
    threading.Thread(target=server.run, daemon=True).start()
    try:
        assert ask(server.effective_port, "/health")[0] == 200
    finally:
        server.close()


def test_a_large_body_is_refused_while_it_arrives(port: int) -> None:
    size = 64_000_000
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sender:
        lines = ["POST /api/scenes HTTP/1.1", "Host: localhost", f"Content-Length: {size}", "", ""]
        began = time.monotonic()
        sent, answer = 0, b""
        try:
            sender.sendall("\r\n".join(lines).encode())
            while sent < size:
                sender.sendall(bytes(65536))
                sent += 65536
        except OSError:
            pass  # the server closed the connection without reading the rest, as it should
        try:
            answer = sender.recv(4096)
        except ConnectionResetError:
            assert sent < size
        took = time.monotonic() - began
    assert answer == b"" or answer.startswith((b"HTTP/1.0 413", b"HTTP/1.1 413"))
    assert sent < size, "all of it was taken"
    assert took < PATIENCE
    assert ask(port, "/health")[0] == 200


def test_bodies_in_chunks_are_counted(port: int) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(4 * MAXIMUM_BODY_BYTES // 65536):
            yield bytes(65536)

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST", "/api/scenes", chunks(), {"Content-Type": "application/json"}, encode_chunked=True)
        assert connection.getresponse().status == 413
    except OSError:
        pass  # closed before the last chunk
    finally:
        connection.close()
    assert ask(port, "/health")[0] == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 60_000 + b"\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=range(11),
)  # fmt: skip
def test_what_is_hardly_http_is_refused(port: int, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sender:
        answer = b""
        try:
            sender.sendall(raw)
            sender.shutdown(socket.SHUT_WR)
            answer = sender.recv(4096)
        except OSError:
            pass  # closed early
    assert b" 500 " not in answer.partition(b"\r\n")[0]
    assert ask(port, "/health")[0] == 200


def test_many_small_requests_leave_room_for_a_user(port: int) -> None:
    """Twenty strangers as fast as they can; a user among them waits about as long as they do, and nothing breaks."""
    n_requests, n_strangers = amount(1000, 10_000), 20
    codes: list[int] = []
    waits: list[float] = []

    def hurry() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for number in range(n_requests // n_strangers):
            path, method = [("/health", "GET"), ("/api/scenes/x/status", "GET"), ("/api/scenes", "POST")][number % 3]
            began = time.perf_counter()
            connection.request(method, path, b"{}" if method == "POST" else None, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            waits.append(time.perf_counter() - began)
            codes.append(answer.status)
        connection.close()

    strangers = [threading.Thread(target=hurry) for _ in range(n_strangers)]
    for stranger in strangers:
        stranger.start()
    times = []
    while any(stranger.is_alive() for stranger in strangers) or len(times) < 5:
        began = time.perf_counter()
        assert ask(port, "/health")[0] == 200
        times.append(time.perf_counter() - began)
    for stranger in strangers:
        stranger.join()
    assert len(codes) == n_requests
    assert set(codes) <= {200, 400}
    assert np.quantile(times, 0.95) < 10 * np.quantile(waits, 0.95)


def test_half_open_connections_do_not_block_others(port: int) -> None:
    half_open = [socket.create_connection(("127.0.0.1", port)) for _ in range(amount(60, 200))]
    try:
        for connection in half_open:
            connection.sendall(b"POST /api/scenes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        assert ask(port, "/health")[0] == 200
    finally:
        for connection in half_open:
            connection.close()


@pytest.fixture(scope="module")
def proxied(explorer: Explorer) -> Iterator[int]:
    """Port of a proxy that serves a loopback server under a prefix."""
    with (
        reverse_proxy("/inpca/") as proxy,
        serving(explorer, TOKEN, f"http://127.0.0.1:{proxy.port}/inpca/") as port,
    ):
        proxy.upstream = port
        yield proxy.port


@pytest.fixture(scope="module")
def cookie(proxied: int) -> str:
    status, headers, _ = ask(proxied, f"/inpca/?token={TOKEN}&v=1")
    assert status == 302
    assert headers["Location"] == "/inpca/?v=1"
    assert "Path=/inpca/" in headers["Set-Cookie"]
    return re.search(rf"{COOKIE}=[0-9a-f]+", headers["Set-Cookie"])[0]  # type: ignore[index]


def test_behind_a_proxy_everything_lies_under_its_prefix(proxied: int, cookie: str) -> None:
    status, _, page = ask(proxied, "/inpca/", Cookie=cookie)
    assert status == 200
    addresses = re.findall(r'(?:src|href)="(/[^"]*)"', page.decode())
    assert len(addresses) > 10
    for address in addresses:
        assert address.startswith("/inpca/"), address
        assert ask(proxied, address, Cookie=cookie)[0] == 200, address
    assert json.loads(ask(proxied, "/inpca/health", Cookie=cookie)[2])["status"] == "ok"
    assert ask(proxied, "/health", Cookie=cookie)[0] == 404


def test_behind_a_proxy_only_its_origin_changes_things(proxied: int, cookie: str) -> None:
    for origin, code in ((f"http://127.0.0.1:{proxied}", 400), ("http://evil.example", 403), ("null", 403)):
        answer = ask(
            proxied, "/inpca/api/scenes", "POST", b"{}", Cookie=cookie, Origin=origin, Content_Type="application/json"
        )
        assert answer[0] == code


def test_behind_a_proxy_wrong_tokens_count_per_visitor(proxied: int) -> None:
    codes = [ask(proxied, f"/inpca/?token=wrong{n}", X_Forwarded_For="192.0.2.7")[0] for n in range(25)]
    assert codes == [401] * 20 + [429] * 5
    assert ask(proxied, f"/inpca/?token={TOKEN}", X_Forwarded_For="192.0.2.8")[0] == 302
