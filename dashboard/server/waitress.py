"""Waitress server with limits enforced before a request reaches the app."""

from __future__ import annotations

import logging
import threading
from typing import Any, Protocol

import waitress
from dash import Dash
from waitress import wasyncore

from dashboard.server.access import MAXIMUM_BODY_BYTES

THREADS = 12
"""Each answer may wait a quarter of a second for a computation; twelve sessions may wait at once."""
MOST_CONNECTIONS = 400
"""A browser keeps about six connections open; further ones wait until one closes."""
IDLE_SECONDS = 60
LONGEST_END = 10.0
"""Seconds until answers that are being made count as lost."""


class Server(Protocol):
    """The part of a waitress server used here."""

    effective_port: int

    def run(self) -> None: ...

    def close(self) -> None: ...


class Serving:
    """A server that runs in a thread of its own and ends with the process.

    Args:
        server: result of ``make_server``, on one address.
    """

    def __init__(self, server: Any) -> None:
        self._server = server
        self._thread = threading.Thread(target=self._run, name="inpca-server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the server with its open connections and threads; a second call does nothing."""
        if self._thread.is_alive():
            # Sockets are closed in the thread that waits for them.
            self._server.trigger.pull_trigger(self._hang_up)
            self._thread.join(LONGEST_END)

    def _run(self) -> None:
        """Serve until nothing is left to wait for."""
        self._server.run()
        self._server.task_dispatcher.shutdown()
        if not self._server.task_dispatcher.threads:
            # Not before: a thread that ends its answer writes to the trigger's descriptor, by then perhaps another's.
            self._server.trigger.close()

    def _hang_up(self) -> None:
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()
        wasyncore.dispatcher.close(self._server)
        self._server.trigger.del_channel()


def make_server(app: Dash, host: str, port: int, *, behind_proxy: bool = False) -> Server:
    """Server that already listens; its ``run()`` serves until interrupted.

    Args:
        app: result of ``create_app``.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        behind_proxy: whether a proxy on this host forwards requests, with the sender in ``X-Forwarded-For``.
    """
    # Waitress warns about every request queued for a thread, which is normal here.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    proxy = {"trusted_proxy": "127.0.0.1", "trusted_proxy_headers": {"x-forwarded-for"}} if behind_proxy else {}
    made = waitress.create_server(
        app.server,
        host=host,
        port=port,
        threads=THREADS,
        ident=None,
        # Refused while arriving; the app's own limit would apply only after the whole body is on disk.
        max_request_body_size=MAXIMUM_BODY_BYTES,
        connection_limit=MOST_CONNECTIONS,
        channel_timeout=IDLE_SECONDS,
        **proxy,
    )
    if not hasattr(made, "effective_port"):
        # A host with IPv4 and IPv6 addresses, such as localhost, has one socket for each.
        made.effective_port = made.effective_listen[0][1]
    server: Server = made
    return server
