"""Who may ask: trusted hosts, an optional token, limits on a request's size, and headers that bind the browser."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

import flask
from dash import Dash

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
MAXIMUM_BODY_BYTES = 1_000_000
COOKIE = "inpca_token"


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """What is let in.

    Attributes:
        hosts: names the page may be asked under; a foreign name is how another site would reach a local server.
        token: secret that must come once as ``?token=`` and then as a cookie; empty asks for none.
    """

    hosts: tuple[str, ...] = LOOPBACK_HOSTS
    token: str = ""


def protect(app: Dash, policy: AccessPolicy) -> None:
    """Enforce a policy on every route of the app."""
    server = app.server
    server.config["MAX_CONTENT_LENGTH"] = MAXIMUM_BODY_BYTES
    if policy.hosts:
        server.config["TRUSTED_HOSTS"] = list(policy.hosts)
    content_policy = "; ".join(
        [
            "default-src 'self'",
            "img-src 'self' data: blob:",
            "style-src 'self' 'unsafe-inline'",
            "font-src 'self' data:",
            f"script-src 'self' {' '.join(app.csp_hashes())}",
            "connect-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'self'",
        ]
    )

    @server.before_request
    def refuse_strangers() -> flask.typing.ResponseReturnValue | None:
        request = flask.request
        origin = request.headers.get("Origin")
        if request.method == "POST" and origin is not None and origin != request.host_url.rstrip("/"):
            return {"error": "Requests from other sites are refused.", "kind": "ForeignOrigin"}, 403
        if not policy.token:
            return None
        if _same(request.args.get("token", ""), policy.token):
            response = flask.redirect(request.path)
            response.set_cookie(COOKIE, policy.token, httponly=True, samesite="Strict")
            return response
        if _same(request.cookies.get(COOKIE, ""), policy.token):
            return None
        return {"error": "Open the address with ?token=... that the server printed.", "kind": "NoToken"}, 401

    @server.after_request
    def bind_the_browser(response: flask.Response) -> flask.Response:
        response.headers["Content-Security-Policy"] = content_policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response


def _same(received: str, expected: str) -> bool:
    return hmac.compare_digest(received.encode(), expected.encode())
