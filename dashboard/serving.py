"""The web server around the app, with limits that hold before a request reaches it."""

from __future__ import annotations

import logging
from typing import Any

import waitress
from dash import Dash

from dashboard.access import MAXIMUM_BODY_BYTES

THREADS = 12
"""Answers wait up to a quarter of a second for a computation; a dozen sessions may do so at once."""
MOST_CONNECTIONS = 400
"""Browsers keep some six open each; more wait until one is closed."""
IDLE_SECONDS = 60


def make_server(app: Dash, host: str, port: int, *, behind_proxy: bool = False) -> Any:
    """Return a server that listens; its ``run()`` serves until it is interrupted.

    Args:
        app: of ``create_app``.
        host: address to listen on.
        port: 0 takes a free one.
        behind_proxy: a proxy on this machine passes requests on: who sent them stands in ``X-Forwarded-For``.
    """
    # Waitress warns of every request that waits for a thread, which is what its queue is for.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    proxy = {"trusted_proxy": "127.0.0.1", "trusted_proxy_headers": {"x-forwarded-for"}} if behind_proxy else {}
    return waitress.create_server(
        app.server,
        host=host,
        port=port,
        threads=THREADS,
        ident=None,
        # Refused while it arrives: the app's own limit would only be asked once all of it lies on disk.
        max_request_body_size=MAXIMUM_BODY_BYTES,
        connection_limit=MOST_CONNECTIONS,
        channel_timeout=IDLE_SECONDS,
        **proxy,
    )
