"""Start the dashboard: ``python app.py --studies DIR --host --port --device --cache --views``."""

from __future__ import annotations

import secrets
import sys

import click
import waitress

from dashboard import create_app
from dashboard.access import AccessPolicy
from engine.errors import EngineError
from engine.explorer import Explorer

THREADS = 12
"""Answers wait up to a quarter of a second for a computation; a dozen sessions may do so at once."""


@click.command()
@click.option("--studies", default="data/studies", show_default=True, help="Folder that holds the studies.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; any but loopback asks for a token."
)
@click.option("--port", default=8050, show_default=True, type=click.IntRange(0, 65535))
@click.option("--device", default=None, help="cpu, cuda, cuda:1 or mps; CUDA where there is one when left out.")
@click.option("--cache", default=None, help="Folder for distances and embeddings; deleting it only costs time.")
@click.option("--views", default=None, help="Folder for saved views and selections that links name; worth a backup.")
def main(studies: str, host: str, port: int, device: str | None, cache: str | None, views: str | None) -> None:
    """Serve the dashboard until interrupted."""
    try:
        explorer = Explorer(studies, device=device, cache=cache, views=views)
    except EngineError as error:
        raise click.ClickException(str(error)) from error
    explorer.warm_up()
    is_local = host in ("localhost", "127.0.0.1", "::1")
    policy = AccessPolicy() if is_local else AccessPolicy(hosts=(), token=secrets.token_urlsafe(24))
    app = create_app(explorer, policy)
    server = waitress.create_server(app.server, host=host, port=port, threads=THREADS, ident=None)
    shown_host = f"[{host}]" if ":" in host else host
    query = f"?token={policy.token}" if policy.token else ""
    click.echo(f"InPCA Explorer on {explorer.device}: http://{shown_host}:{server.effective_port}/{query}")
    sys.stdout.flush()
    try:
        server.run()
    except KeyboardInterrupt:
        click.echo("Stopped.")
    finally:
        explorer.close()


if __name__ == "__main__":
    main()
