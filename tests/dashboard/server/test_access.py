"""Access control on every route: hosts, origins, tokens."""

from __future__ import annotations

import hmac
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from app import access_policy
from dashboard import create_app
from dashboard.server import access
from dashboard.server.access import COOKIE, HEADERS, MOST_SENDERS, AccessPolicy, Attempts
from engine import Explorer
from tests.scale import NIGHTLY, amount

ROOT = Path(__file__).parents[3]
TOKEN = "correct-horse-battery-staple"
FOREIGN_HOSTS = (
    "evil.example", "evil.example:8050", "localhost.evil.example", "127.0.0.1.evil.example", "evil-localhost",
    "0.0.0.0", "127.0.0.2", "10.0.0.1:8050", "[::2]", "2130706433", "0x7f000001", "localhost@evil.example",
    "localhost:80@evil", "evil.example#localhost", "localhost%00.evil.example", "LOCALHOST.EVIL", "localhost:99999",
    "127.1", "evil", "*",
)  # fmt: skip
FOREIGN_ORIGINS = (
    "http://evil.example", "https://localhost", "http://localhost:9999", "null", "", "http://localhost.evil.example",
    "http://127.0.0.1", "file://", "http://localhost/",
)  # fmt: skip


@pytest.fixture
def guarded(explorer: Explorer) -> FlaskClient:
    return create_app(explorer, AccessPolicy(hosts=(), token=TOKEN)).server.test_client()


def rules(client: FlaskClient) -> list[Rule]:
    return list(client.application.url_map.iter_rules())


def address_of(rule: Rule) -> str:
    return re.sub(r"<[^>]+>", "x", rule.rule)


def requests(client: FlaskClient) -> Iterator[tuple[str, str]]:
    for rule in rules(client):
        for method in sorted(rule.methods or ()):
            yield method, address_of(rule)


def test_every_answer_of_every_route_binds_the_browser(client: FlaskClient) -> None:
    asked = [*requests(client), ("GET", "/assets/nowhere"), ("DELETE", "/"), ("POST", "/"), ("TRACE", "/health")]
    assert len(asked) > 60
    for method, address in asked:
        answer = client.open(address, method=method)
        policy = answer.headers["Content-Security-Policy"]
        for part in ("default-src 'self'", "object-src 'none'", "frame-ancestors 'none'", "connect-src 'self'"):
            assert part in policy
        assert "unsafe-eval" not in policy
        assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS, (method, address)
        assert answer.status_code < 500
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_no_route_answers_without_the_token(guarded: FlaskClient) -> None:
    for method, address in requests(guarded):
        assert guarded.open(address, method=method).status_code == 401, (method, address)


def test_foreign_hosts_are_refused_everywhere(client: FlaskClient) -> None:
    addresses = {address_of(rule) for rule in rules(client)}
    assert len(FOREIGN_HOSTS) == 20
    for host in FOREIGN_HOSTS:
        for address in addresses if host == "evil.example" else ("/", "/health", "/_dash-layout"):
            assert client.get(address, headers={"Host": host}).status_code == 400, (host, address)
    for host in ("localhost", "localhost:8050", "127.0.0.1:1", "[::1]:8050"):
        assert client.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_every_changing_route_refuses_foreign_origins(client: FlaskClient, origin: str) -> None:
    taking = [address for method, address in requests(client) if method == "POST"]
    assert len(taking) > 10
    for address in taking:
        answer = client.post(address, json={}, headers={"Origin": origin, "Host": "localhost:8050"})
        assert answer.status_code == 403, (origin, address)


def test_a_forwarded_port_counts_as_own_origin(client: FlaskClient) -> None:
    """As ``ssh -L 9000:127.0.0.1:8050`` puts it there."""
    for host in ("localhost:9000", "127.0.0.1:9000", "[::1]:9000"):
        headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        assert client.post("/api/studies/nowhere/views", json={}, headers=headers).status_code == 404


@pytest.mark.parametrize(("site", "code"), [("cross-site", 403), ("same-site", 403), ("same-origin", 404)])
def test_a_browser_without_origin_is_known_by_site(client: FlaskClient, site: str, code: int) -> None:
    answer = client.post("/api/studies/nowhere/views", json={}, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == code


def test_content_types_of_forms_are_refused(client: FlaskClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        for address in ("/api/scenes", "/_dash-update-component"):
            assert client.post(address, data="{}", content_type=kind).status_code in (400, 415)


def test_the_cookie_is_hidden_from_scripts_and_sites(guarded: FlaskClient) -> None:
    answer = guarded.get(f"/?v=1&token={TOKEN}&d=small")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/?v=1&d=small")
    cookie = answer.headers["Set-Cookie"]
    assert TOKEN not in cookie
    for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in cookie
    assert "Secure" not in cookie
    assert guarded.get("/health").status_code == 200
    assert guarded.get(f"/health?token={TOKEN}").status_code == 302


def test_a_token_address_leads_to_no_other_host(guarded: FlaskClient) -> None:
    for path in ("//evil.example/x", "///evil.example/x"):
        answer = guarded.get(f"/?token={TOKEN}", environ_overrides={"PATH_INFO": path})
        assert answer.headers["Location"] == "/evil.example/x"


def test_cookies_outlive_the_server_but_not_the_token(explorer: Explorer, guarded: FlaskClient) -> None:
    guarded.get(f"/?token={TOKEN}")
    cookie = guarded.get_cookie(COOKIE)
    assert cookie is not None
    for token, code in ((TOKEN, 200), (TOKEN + "!", 401)):
        again = create_app(explorer, AccessPolicy(hosts=(), token=token)).server.test_client()
        again.set_cookie(COOKIE, cookie.value)
        assert again.get("/health").status_code == code


def test_programs_bring_the_token_in_a_header(guarded: FlaskClient) -> None:
    assert guarded.get("/health", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    for header in (f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer", "", TOKEN):
        assert guarded.get("/health", headers={"Authorization": header}).status_code == 401


def test_visitors_without_token_are_told_what_to_do(guarded: FlaskClient) -> None:
    answer = guarded.get("/?v=1", headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 401
    assert "?token=" in answer.get_data(as_text=True)


def test_guarded_answers_stay_out_of_shared_caches(guarded: FlaskClient) -> None:
    guarded.get(f"/?token={TOKEN}")
    assert guarded.get("/plotly.min.js").headers["Cache-Control"].startswith("private, ")


@pytest.mark.parametrize("place", ["address", "header"])
def test_wrong_tokens_are_limited_sessions_stay_in(guarded: FlaskClient, place: str) -> None:
    inside = guarded.application.test_client()
    inside.get(f"/?token={TOKEN}")
    codes = []
    for n in range(1000):
        wrong = f"{n:04}{TOKEN[4:]}"
        options = {"query_string": {"token": wrong}} if place == "address" else {}
        headers = {} if place == "address" else {"Authorization": f"Bearer {wrong}"}
        codes.append(guarded.get("/health", headers=headers, **options).status_code)
    assert codes == [401] * 20 + [429] * 980
    answer = guarded.get("/health", query_string={"token": TOKEN})
    assert answer.status_code == 429, "not even compared"
    assert int(answer.headers["Retry-After"]) >= 1
    assert inside.get("/health").status_code == 200
    elsewhere = {"REMOTE_ADDR": "10.0.0.2"}
    assert guarded.get(f"/health?token={TOKEN}", environ_overrides=elsewhere).status_code == 302


def test_attempts_come_back_and_their_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    attempts = Attempts(allowed=2, seconds=60.0)
    for _ in range(2):
        assert attempts.may_try("a")
        attempts.failed("a")
    assert not attempts.may_try("a")
    assert attempts.may_try("b")
    now += 59.9
    assert not attempts.may_try("a")
    now += 0.2
    assert attempts.may_try("a")
    for sender in range(2 * MOST_SENDERS):
        attempts.failed(str(sender))
    assert len(attempts._failures) == MOST_SENDERS


def test_secrets_are_compared_by_digests_of_one_length(guarded: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(access.hmac, "compare_digest", lambda one, other: compared.append((len(one), len(other))))
    for wrong in ("", "x", TOKEN[:-1], "y" * 5000, "ü"):
        guarded.get("/health", query_string={"token": wrong}, headers={"Cookie": f"{COOKIE}=z"})
    assert len(compared) == 10, "the cookie and the token, each time"
    assert set(compared) == {(32, 32)}


def test_the_time_of_a_comparison_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over interleaved rounds; what else the machine does only ever adds time, so that the low end is compared."""
    secret = "s" * 64
    candidates = {"none right": "x" * 64, "all but one right": "s" * 63 + "x", "short": "x"}
    times: dict[str, list[int]] = {name: [] for name in candidates}
    for _ in range(amount(300, 20_000)):
        for name, candidate in candidates.items():
            began = time.perf_counter_ns()
            access._same(candidate, secret)
            times[name].append(time.perf_counter_ns() - began)
    undisturbed = [statistics.quantiles(taken, n=20)[0] for taken in times.values()]
    assert max(undisturbed) < (1.25 if NIGHTLY else 2.0) * min(undisturbed)


@pytest.mark.parametrize(
    "options",
    [
        ["--host", "0.0.0.0"],
        ["--host", "192.0.2.1"],
        ["--host", "::"],
        ["--host", "0.0.0.0", "--token", "short"],
        ["--token", "has a space in it, sadly"],
        ["--url", "https://lab.example.org/inpca/"],
        ["--url", "lab.example.org", "--token", TOKEN],
        ["--url", "https://lab.example.org/?x", "--token", TOKEN],
    ],
    ids=" ".join,
)
def test_a_server_open_to_strangers_is_not_started(options: list[str]) -> None:
    values = dict(zip(options[::2], options[1::2], strict=True))
    with pytest.raises(click.UsageError) as caught:
        access_policy(values.get("--host", "127.0.0.1"), values.get("--token", ""), values.get("--url", ""))
    assert caught.value.exit_code == 2


def test_the_command_exits_with_two_before_it_listens() -> None:
    command = [sys.executable, "app.py", "--host", "0.0.0.0", "--port", "0"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert "token" in result.stderr
    assert result.stdout == ""


def test_policies_follow_from_where_the_page_is_reached() -> None:
    assert access_policy("127.0.0.1", "", "") == (AccessPolicy(), "/")
    assert access_policy("0.0.0.0", TOKEN, "") == (AccessPolicy(hosts=(), token=TOKEN), "/")
    policy, prefix = access_policy("127.0.0.1", TOKEN, "https://lab.example.org/inpca")
    assert prefix == "/inpca/"
    assert policy.hosts == (*access.LOOPBACK_HOSTS, "lab.example.org")
    assert (policy.origin, policy.is_secure) == ("https://lab.example.org", True)


def test_what_helps_developers_is_off(explorer: Explorer) -> None:
    app = create_app(explorer)
    assert not app._dev_tools.ui
    assert not app._dev_tools.hot_reload
    assert not app._dev_tools.props_check
    assert not app.server.debug
    client = app.server.test_client()
    for address in ("/_mcp", "/mcp", "/_dash-mcp", "/sse", "/ws", "/_dash-ws", "/console"):
        # Unknown addresses open the page; nothing else lies there.
        assert b"<title>InPCA Explorer</title>" in client.get(address).data
        assert client.post(address, json={"jsonrpc": "2.0", "method": "initialize", "id": 1}).status_code == 405
    addresses = [rule.rule for rule in app.server.url_map.iter_rules()]
    assert not [address for address in addresses if re.search(r"(?<![a-z])(mcp|ws|sse|socket|console|debug)", address)]
