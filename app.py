"""Command line of the dashboard: ``python app.py``, or ``inpca app`` of the package."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from dashboard import create_app
from dashboard.extensions import ExtensionError
from dashboard.saved import Saved
from dashboard.server.access import LOOPBACK_HOSTS, SHORTEST_TOKEN, AccessPolicy
from dashboard.server.waitress import make_server
from engine.errors import EngineError
from engine.explorer.explorer import Explorer

MAKES_ONE = 'python -c "import secrets; print(secrets.token_urlsafe(24))" makes one.'
LOOPBACK = ("localhost", "127.0.0.1", "::1")
SHIPPED = None if __package__ else "data/studies"
"""Studies of the checkout; as a module of the package this one has none."""


@click.command()
@click.argument("folder", metavar="[STUDIES]", required=False)
@click.option("--studies", default=SHIPPED, show_default=True, help="Folder that holds the studies, as STUDIES does.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; any but loopback needs a token."
)
@click.option("--port", default=8050, show_default=True, type=click.IntRange(0, 65535))
@click.option("--token", default="", envvar="INPCA_TOKEN", help="Secret that visitors must bring, or set INPCA_TOKEN.")
@click.option("--url", default="", help="Public address where a proxy stands in front: https://host/prefix/.")
@click.option("--device", default=None, help="cpu, cuda, cuda:1 or mps; CUDA where there is one when left out.")
@click.option("--cache", default=None, help="Folder for distances and embeddings; deleting it only costs time.")
@click.option("--views", default=None, help="Folder for saved views and selections that links name; worth a backup.")
@click.option(
    "--extensions",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Python file with panels of your own, run with all rights of the server; may be given several times.",
)
def main(
    folder: str | None,
    studies: str | None,
    host: str,
    port: int,
    token: str,
    url: str,
    device: str | None,
    cache: str | None,
    views: str | None,
    extensions: tuple[Path, ...],
) -> None:
    """Serve the dashboard on the folder STUDIES until interrupted."""
    if not (studies := folder or studies):
        raise click.UsageError(
            "Give STUDIES: the folder in which each study is a folder, such as the parent of what a Recorder makes."
        )
    policy, prefix = access_policy(host, token, url)
    try:
        explorer = Explorer(studies, device=device, cache=cache)
    except EngineError as error:
        raise click.ClickException(str(error)) from error
    explorer.warm_up()
    try:
        app = create_app(explorer, policy, prefix, Saved.at(views), extensions)
    except ExtensionError as error:
        explorer.close()
        raise click.ClickException(str(error)) from error
    server = make_server(app, host, port, behind_proxy=bool(url))
    shown_host = f"[{host}]" if ":" in host else host
    address = url or f"http://{shown_host}:{server.effective_port}{prefix}"
    # The token stays out of the terminal and of a service manager's log.
    click.echo(f"InPCA Explorer on {explorer.device}: {address}{'?token=<the token>' if token else ''}")
    sys.stdout.flush()
    try:
        server.run()
    except KeyboardInterrupt:
        click.echo("Stopped.")
    finally:
        explorer.close()


def access_policy(host: str, token: str, url: str) -> tuple[AccessPolicy, str]:
    """Access policy and path prefix of the page; an address that other computers reach needs a token."""
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise click.UsageError("--url must be an address such as https://lab.example.org/inpca/.")
    if token and (len(token) < SHORTEST_TOKEN or not token.isprintable() or " " in token or not token.isascii()):
        raise click.UsageError(
            f"The token must be at least {SHORTEST_TOKEN} printable ASCII characters without spaces; {MAKES_ONE}"
        )
    behind_proxy = (parts.hostname,) if parts.hostname else ()
    public = [name for name in (host, *behind_proxy) if name not in LOOPBACK]
    if public and not token:
        raise click.UsageError(
            f"Without a token, every computer that reaches {public[0]} can read all studies: pass one (--token, or "
            f"INPCA_TOKEN in the environment); {MAKES_ONE}"
        )
    hosts = (*LOOPBACK_HOSTS, *behind_proxy) if host in LOOPBACK else ()
    return AccessPolicy(hosts=hosts, token=token, address=url), f"{parts.path.rstrip('/')}/"


if __name__ == "__main__":
    main()
