"""Start the dashboard: ``python app.py --studies DIR --host --port --token --url --device --cache --views``."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import click

from dashboard import create_app
from dashboard.access import LOOPBACK_HOSTS, SHORTEST_TOKEN, AccessPolicy
from dashboard.serving import make_server
from engine.errors import EngineError
from engine.explorer import Explorer

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@click.command()
@click.option("--studies", default="data/studies", show_default=True, help="Folder that holds the studies.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; any but loopback needs a token."
)
@click.option("--port", default=8050, show_default=True, type=click.IntRange(0, 65535))
@click.option("--token", default="", envvar="INPCA_TOKEN", help="Secret that visitors must bring, or set INPCA_TOKEN.")
@click.option("--url", default="", help="Address people open where a proxy stands in front: https://host/prefix/.")
@click.option("--device", default=None, help="cpu, cuda, cuda:1 or mps; CUDA where there is one when left out.")
@click.option("--cache", default=None, help="Folder for distances and embeddings; deleting it only costs time.")
@click.option("--views", default=None, help="Folder for saved views and selections that links name; worth a backup.")
def main(
    studies: str,
    host: str,
    port: int,
    token: str,
    url: str,
    device: str | None,
    cache: str | None,
    views: str | None,
) -> None:
    """Serve the dashboard until interrupted."""
    policy, prefix = access_policy(host, token, url)
    try:
        explorer = Explorer(studies, device=device, cache=cache, views=views)
    except EngineError as error:
        raise click.ClickException(str(error)) from error
    explorer.warm_up()
    server = make_server(create_app(explorer, policy, prefix), host, port, behind_proxy=bool(url))
    shown_host = f"[{host}]" if ":" in host else host
    address = url or f"http://{shown_host}:{server.effective_port}{prefix}"
    # The token itself stays out of the terminal and of what a service manager keeps of it.
    click.echo(f"InPCA Explorer on {explorer.device}: {address}{'?token=<the token>' if token else ''}")
    sys.stdout.flush()
    try:
        server.run()
    except KeyboardInterrupt:
        click.echo("Stopped.")
    finally:
        explorer.close()


def access_policy(host: str, token: str, url: str) -> tuple[AccessPolicy, str]:
    """Who is let in, and the path under which the page lies; a combination that lets strangers in is refused."""
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise click.UsageError("--url must be an address such as https://lab.example.org/inpca/.")
    if token and (len(token) < SHORTEST_TOKEN or not token.isprintable() or " " in token or not token.isascii()):
        raise click.UsageError(
            f"The token must be at least {SHORTEST_TOKEN} printable ASCII characters without spaces; "
            'python -c "import secrets; print(secrets.token_urlsafe(24))" makes one.'
        )
    reached = [host] + ([parts.hostname] if parts.hostname else [])
    strangers = [name for name in reached if name not in LOOPBACK]
    if strangers and not token:
        raise click.UsageError(
            f"Whoever reaches {strangers[0]} could read every study: pass a token (--token, or INPCA_TOKEN in the "
            'environment); python -c "import secrets; print(secrets.token_urlsafe(24))" makes one.'
        )
    hosts: tuple[str, ...] = ()
    if host in LOOPBACK:
        hosts = (*LOOPBACK_HOSTS, *([parts.hostname] if parts.hostname else []))
    return AccessPolicy(hosts=hosts, token=token, address=url), f"{parts.path.rstrip('/')}/"


if __name__ == "__main__":
    main()
