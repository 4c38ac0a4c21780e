"""Access control: trusted hosts, token, request size limits, security headers."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import flask
from dash import Dash
from dash.exceptions import DependencyException

from dashboard.server.tickets import Tickets

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
MAXIMUM_BODY_BYTES = 1_000_000
SHORTEST_TOKEN = 16
COOKIE = "inpca_token"
COOKIE_SECONDS = 30 * 24 * 3600
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Headers of every answer, besides its Content-Security-Policy; a page that may be framed has no X-Frame-Options."""

# The link leads to the page's own address: the browser sends a SameSite=Strict cookie with a click from this site, and
# withholds it on a navigation from another site.
_DOOR = """<!DOCTYPE html><html lang="en"><title>InPCA Explorer</title><link rel="icon" href="data:,">
<p>This page asks for a token: open its address with <code>?token=</code> and the token behind it.</p>
<p>If this browser has been let in before: <a href="">continue</a>.</p></html>
"""
_USED = """<!DOCTYPE html><html lang="en"><title>InPCA Explorer</title><link rel="icon" href="data:,">
<p>This address has been used, or is too old: run the cell again, which makes a new one.</p></html>
"""
ALLOWED = 20
SECONDS = 60.0
MOST_SENDERS = 1024


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Accepted hosts and credentials.

    Attributes:
        hosts: accepted host names; another site reaches a local server under a foreign name (DNS rebinding). Empty
            accepts any, for servers that require a token.
        token: secret, sent once as ``?token=`` and then as a cookie, or each time as ``Authorization: Bearer``; empty
            requires none.
        address: public address behind a proxy, such as ``"https://lab.example.org/inpca/"``.
        frames: pages that may frame this one, as sources of ``frame-ancestors``; none by default.
        tickets: one-time tokens, each of which is exchanged for a session's cookie as the token is; None for none.
    """

    hosts: tuple[str, ...] = LOOPBACK_HOSTS
    token: str = ""
    address: str = ""
    frames: tuple[str, ...] = ()
    tickets: Tickets | None = None

    @property
    def origin(self) -> str:
        """Scheme and host of the address, as browsers send them; empty without an address."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""

    @property
    def is_secure(self) -> bool:
        return self.address.startswith("https:")


def protect(app: Dash, policy: AccessPolicy, prefix: str = "/") -> None:
    """Enforce a policy on every route of the app."""
    server: flask.Flask = app.server
    server.config["MAX_CONTENT_LENGTH"] = MAXIMUM_BODY_BYTES
    framing = " ".join(policy.frames) or "'none'"
    content_policy = (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
        f"script-src 'self' {' '.join(app.csp_hashes())}; connect-src 'self'; object-src 'none'; form-action 'self'; "
        f"frame-ancestors {framing}; base-uri 'self'"
    )
    headers = {name: value for name, value in HEADERS.items() if not (policy.frames and name == "X-Frame-Options")}
    cookie = _cookie(policy.token)
    attempts = Attempts()

    @server.before_request
    def refuse_unauthorised() -> flask.typing.ResponseReturnValue | None:
        request = flask.request
        if policy.hosts and _host_name(request) not in policy.hosts:
            return {"error": "This server is not known under this name.", "kind": "ForeignHost"}, 400
        if request.method not in SAFE_METHODS and _is_foreign(request, policy):
            return {"error": "Requests from other sites are refused.", "kind": "ForeignOrigin"}, 403
        if not policy.token or _same(request.cookies.get(COOKIE, ""), cookie):
            # A request that already has the cookie may still carry ?token= in its address.
            return _let_in(request) if policy.token and "token" in request.args else None
        given = _given_token(request)
        if given is None:
            return _ask_for_token(request, policy)
        sender = request.remote_addr or ""
        if not attempts.may_try(sender):
            answer = {"error": "Too many wrong tokens: wait a minute.", "kind": "TooManyAttempts"}
            return answer, 429, {"Retry-After": str(int(attempts.seconds))}
        if not (_same(given, policy.token) or (policy.tickets and policy.tickets.redeem(given))):
            attempts.failed(sender)
            return _ask_for_token(request, policy)
        return _let_in(request) if "token" in request.args else None

    def _let_in(request: flask.Request) -> flask.typing.ResponseReturnValue:
        if policy.tickets:
            # A browser that has the cookie already uses its ticket up as well.
            policy.tickets.redeem(request.args["token"])
        rest = [(name, value) for name, value in request.args.items(multi=True) if name != "token"]
        # Exactly one leading slash: after two, a browser reads a host name.
        response = flask.redirect("/" + request.path.lstrip("/") + (f"?{urlencode(rest)}" if rest else ""))
        # In a frame of another site (127.0.0.1 in localhost, an editor) no SameSite cookie is kept; one that is
        # partitioned is, and is sent in that site's pages only. Browsers admit Secure over http on loopback.
        is_apart = bool(policy.frames) and _is_framed_by_another_site(request)
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=None if policy.tickets else COOKIE_SECONDS,
            path=prefix,
            httponly=True,
            samesite="None" if is_apart else "Strict",
            secure=policy.is_secure or is_apart,
            partitioned=is_apart,
        )
        return response

    @server.errorhandler(DependencyException)
    def no_such_component(error: Exception) -> flask.typing.ResponseReturnValue:
        return {"error": "There is no such file.", "kind": "NotFound"}, 404

    @server.after_request
    def bind_the_browser(response: flask.Response) -> flask.Response:
        response.headers["Content-Security-Policy"] = content_policy
        response.headers.update(headers)
        if policy.token and response.cache_control.public:
            # Answers behind a token must not enter shared proxy caches.
            response.headers["Cache-Control"] = response.headers["Cache-Control"].replace("public", "private")
        return response


def _host_name(request: flask.Request) -> str:
    """Host name of the Host header, without port; empty if the header is malformed.

    Not by Flask's TRUSTED_HOSTS, which cuts an IPv6 address at its first colon.
    """
    name = request.host.lower()
    return name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0]


def _is_foreign(request: flask.Request, policy: AccessPolicy) -> bool:
    origin = request.headers.get("Origin")
    if origin is None:
        # Programs send neither Origin nor Sec-Fetch-Site, browsers one of them; "same-site": another port of this host.
        return request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
    return origin not in {f"{request.scheme}://{request.host}", policy.origin} - {""}


def _is_framed_by_another_site(request: flask.Request) -> bool:
    asked = request.headers.get("Sec-Fetch-Dest"), request.headers.get("Sec-Fetch-Site")
    return asked == ("iframe", "cross-site")


def _given_token(request: flask.Request) -> str | None:
    if "token" in request.args:
        return request.args["token"]
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret if kind.lower() == "bearer" else None


def _ask_for_token(request: flask.Request, policy: AccessPolicy) -> flask.typing.ResponseReturnValue:
    if "text/html" in request.headers.get("Accept", ""):
        return _USED if policy.tickets else _DOOR, 401
    return {"error": "Open the address with ?token=... and the server's token.", "kind": "NoToken"}, 401


def _cookie(token: str) -> str:
    """Cookie value derived from the token.

    Derived, so that it survives a restart of the server. Cookies are not counted as attempts; guessing a token through
    them costs one key derivation per guess.
    """
    if not token:
        return ""
    return hashlib.scrypt(token.encode(), salt=b"inpca-explorer cookie", n=2**14, r=8, p=1, dklen=32).hex()


def _same(received: str, expected: str) -> bool:
    """Equality of two secrets in constant time: reveals neither the first difference nor the lengths."""

    def digest(secret: str) -> bytes:
        return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()

    return hmac.compare_digest(digest(received), digest(expected))


class Attempts:
    """Failed attempts per sender over a sliding window.

    Args:
        allowed: failures within the window after which a sender must wait.
        seconds: length of the window.
    """

    def __init__(self, allowed: int = ALLOWED, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._allowed = allowed
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def may_try(self, sender: str) -> bool:
        """Whether the sender is below the limit."""
        with self._lock:
            times = self._failures.get(sender, deque())
            while times and times[0] < time.monotonic() - self.seconds:
                times.popleft()
            return len(times) < self._allowed

    def failed(self, sender: str) -> None:
        """Count a failure; with too many senders, those whose last failure is oldest are dropped."""
        with self._lock:
            self._failures.setdefault(sender, deque(maxlen=self._allowed)).append(time.monotonic())
            self._failures.move_to_end(sender)
            while len(self._failures) > MOST_SENDERS:
                self._failures.popitem(last=False)
