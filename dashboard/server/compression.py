"""Gzip compression of text answers: the scripts alone are several megabytes.

An answer that browsers may keep (immutable, with a maximum age, or with a strong ETag) is compressed once and
remembered.
"""

from __future__ import annotations

import gzip
from functools import lru_cache

import flask

SMALLEST = 1024
"""Bytes of the smallest answer that is compressed."""
LEVEL = 6
KINDS = ("text/", "application/javascript", "application/json")


def compress_answers(server: flask.Flask) -> None:
    """Compress every text answer whose request accepts gzip; files that are sent as they lie on disk pass through."""

    @server.after_request
    def compress(response: flask.Response) -> flask.Response:
        if not (response.mimetype or "").startswith(KINDS) or response.status_code != 200:
            return response
        # A direct response is a file that the server itself reads and sends later: it has no body yet. Waitress states
        # its length, so that Flask does not call it streamed.
        if response.is_streamed or response.direct_passthrough:
            return response
        response.vary.add("Accept-Encoding")
        if "Content-Encoding" in response.headers or flask.request.accept_encodings.quality("gzip") <= 0:
            return response
        body = response.get_data()
        if len(body) < SMALLEST:
            return response
        tag, is_weak = response.get_etag()
        lasts = response.cache_control.immutable or response.cache_control.max_age or (tag and not is_weak)
        response.set_data(_compressed(body) if lasts else gzip.compress(body, LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
        if tag and not is_weak:
            # Weak: same content, different bytes (RFC 9110, section 8.8.1).
            response.set_etag(tag, weak=True)
        return response


@lru_cache(maxsize=128)
def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, LEVEL, mtime=0)
