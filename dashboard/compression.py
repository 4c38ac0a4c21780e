"""What is text travels compressed: the page's scripts alone are several megabytes.

The standard library's gzip and nothing else; files that never change under their address are compressed once.
"""

from __future__ import annotations

import gzip
from functools import lru_cache

import flask

SMALLEST = 1024
LEVEL = 6
KINDS = ("text/", "application/javascript", "application/json")


def compress_answers(server: flask.Flask) -> None:
    """Compress every answer that is text, to whoever can read it so."""

    @server.after_request
    def compress(response: flask.Response) -> flask.Response:
        if not response.mimetype.startswith(KINDS) or response.status_code != 200 or response.is_streamed:
            return response
        response.vary.add("Accept-Encoding")
        if "Content-Encoding" in response.headers or "gzip" not in flask.request.accept_encodings:
            return response
        body = response.get_data()
        if len(body) < SMALLEST:
            return response
        lasts = response.cache_control.immutable or (response.cache_control.max_age or 0) > 0
        response.set_data(_compressed(body) if lasts else gzip.compress(body, LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
        tag, is_weak = response.get_etag()
        if tag and not is_weak:
            # The same content in other bytes.
            response.set_etag(tag, weak=True)
        return response


@lru_cache(maxsize=128)
def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, LEVEL, mtime=0)
