"""Who may ask: trusted hosts, a token, limits on a request's size, and headers that bind the browser."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import flask
from dash import Dash
from dash.exceptions import DependencyException

from dashboard.attempts import Attempts

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
"""What every answer carries beside its content policy."""

# The link has the page's own address: a click on it comes from this site, so the browser sends a strict cookie along
# that it holds back on the way in from another site.
_DOOR = """<!DOCTYPE html><html lang="en"><title>InPCA Explorer</title>
<p>This page asks for a token: open its address with <code>?token=</code> and the token behind it.</p>
<p>If this browser has been let in before: <a href="">continue</a>.</p></html>
"""


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """What is let in.

    Attributes:
        hosts: names the page may be asked under; a foreign name is how another site would reach a local server.
            Empty takes any, which is for servers that ask for a token.
        token: secret that must come once as ``?token=`` and then as a cookie, or each time as ``Authorization:
            Bearer``; empty asks for none.
        address: where people open the page if a proxy stands in front, such as ``"https://lab.example.org/inpca/"``.
    """

    hosts: tuple[str, ...] = LOOPBACK_HOSTS
    token: str = ""
    address: str = ""

    @property
    def origin(self) -> str:
        """Scheme and host of the address, as browsers send them; empty where there is none."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""

    @property
    def is_secure(self) -> bool:
        return self.address.startswith("https:")


def protect(app: Dash, policy: AccessPolicy, prefix: str = "/") -> None:
    """Enforce a policy on every route of the app."""
    server = app.server
    server.config["MAX_CONTENT_LENGTH"] = MAXIMUM_BODY_BYTES
    content_policy = "; ".join(
        [
            "default-src 'self'",
            "img-src 'self' data: blob:",
            "style-src 'self' 'unsafe-inline'",
            "font-src 'self' data:",
            f"script-src 'self' {' '.join(app.csp_hashes())}",
            "connect-src 'self'",
            "object-src 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'self'",
        ]
    )
    cookie = _cookie(policy.token)
    attempts = Attempts()

    @server.before_request
    def refuse_strangers() -> flask.typing.ResponseReturnValue | None:
        request = flask.request
        if policy.hosts and _host_name(request) not in policy.hosts:
            return {"error": "This server is not known under this name.", "kind": "ForeignHost"}, 400
        if request.method not in SAFE_METHODS and _is_foreign(request, policy):
            return {"error": "Requests from other sites are refused.", "kind": "ForeignOrigin"}, 403
        if not policy.token or _same(request.cookies.get(COOKIE, ""), cookie):
            # Somebody who is in already may still follow an address with the token.
            return _let_in(request) if policy.token and "token" in request.args else None
        given = _given_token(request)
        if given is None:
            return _ask_for_token(request)
        sender = request.remote_addr or ""
        if not attempts.may_try(sender):
            answer = {"error": "Too many wrong tokens: wait a minute.", "kind": "TooManyAttempts"}
            return answer, 429, {"Retry-After": str(int(attempts.seconds))}
        if not _same(given, policy.token):
            attempts.failed(sender)
            return _ask_for_token(request)
        return _let_in(request) if "token" in request.args else None

    def _let_in(request: flask.Request) -> flask.typing.ResponseReturnValue:
        rest = [(name, value) for name, value in request.args.items(multi=True) if name != "token"]
        # One slash in front: with two, a browser takes what follows for a host.
        response = flask.redirect("/" + request.path.lstrip("/") + (f"?{urlencode(rest)}" if rest else ""))
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=COOKIE_SECONDS,
            path=prefix,
            httponly=True,
            samesite="Strict",
            secure=policy.is_secure,
        )
        return response

    @server.errorhandler(DependencyException)
    def no_such_component(error: Exception) -> flask.typing.ResponseReturnValue:
        return {"error": "There is no such file.", "kind": "NotFound"}, 404

    @server.after_request
    def bind_the_browser(response: flask.Response) -> flask.Response:
        response.headers["Content-Security-Policy"] = content_policy
        response.headers.update(HEADERS)
        if policy.token and response.cache_control.public:
            # What a token guards must not lie in a cache that proxies share.
            response.headers["Cache-Control"] = response.headers["Cache-Control"].replace("public", "private")
        return response


def _host_name(request: flask.Request) -> str:
    """The name in the Host header without its port; empty where the header is malformed.

    Not by Flask's TRUSTED_HOSTS, which knows no IPv6 address: the name would be cut at its first colon.
    """
    name = request.host.lower()
    return name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0]


def _is_foreign(request: flask.Request, policy: AccessPolicy) -> bool:
    origin = request.headers.get("Origin")
    if origin is None:
        # Programs send neither header, browsers one of the two; "same-site" is another port of this machine.
        return request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
    return origin not in {f"{request.scheme}://{request.host}", policy.origin} - {""}


def _given_token(request: flask.Request) -> str | None:
    if "token" in request.args:
        return request.args["token"]
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret if kind.lower() == "bearer" else None


def _ask_for_token(request: flask.Request) -> flask.typing.ResponseReturnValue:
    if "text/html" in request.headers.get("Accept", ""):
        return _DOOR, 401
    return {"error": "Open the address with ?token=... and the server's token.", "kind": "NoToken"}, 401


def _cookie(token: str) -> str:
    """What a browser keeps instead of the token.

    It follows from the token, so that it outlives a restart of the server. Whoever guesses tokens by way of cookies,
    which are not counted as attempts, pays for a key derivation per guess.
    """
    if not token:
        return ""
    return hashlib.scrypt(token.encode(), salt=b"inpca-explorer cookie", n=2**14, r=8, p=1, dklen=32).hex()


def _same(received: str, expected: str) -> bool:
    """Compare in a time that tells neither where two secrets differ nor how long they are."""

    def digest(secret: str) -> bytes:
        return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()

    return hmac.compare_digest(digest(received), digest(expected))
