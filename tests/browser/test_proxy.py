"""The page behind a reverse proxy, with a prefix and token."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import access_policy
from dashboard import create_app
from dashboard.saved import Saved
from dashboard.server.waitress import make_server
from engine import Explorer
from tests.browser.conftest import Visiting
from tests.proxy import reverse_proxy

pytestmark = [pytest.mark.browser, pytest.mark.full]

TOKEN = "a-token-of-sixteen-and-more"


@pytest.fixture
def proxied(studies_folder: Path, tmp_path: Path) -> Iterator[str]:
    explorer = Explorer(studies_folder, device="cpu", cache=tmp_path / "cache")
    with reverse_proxy("/lab/inpca/") as proxy:
        url = f"http://127.0.0.1:{proxy.port}/lab/inpca/"
        policy, prefix = access_policy("127.0.0.1", TOKEN, url)
        server = make_server(
            create_app(explorer, policy, prefix, Saved.at(tmp_path / "views")), "127.0.0.1", 0, behind_proxy=True
        )
        proxy.upstream = server.effective_port
        threading.Thread(target=server.run, daemon=True).start()
        yield url
        server.close()
    explorer.close()


def test_the_page_works_under_prefix_and_token(visiting: Visiting, proxied: str) -> None:
    tab = visiting(proxied)
    # Browsers log the refusal's status code a moment later. The refusal asks for nothing else, not even an icon.
    with tab.page.expect_console_message(lambda message: "401" in message.text):
        tab.open("?v=1&d=small")
    assert "?token=" in tab.page.inner_text("body")
    assert len(tab.traffic.errors) == len(tab.traffic.requests) == 1
    tab.traffic.errors.clear()
    key = tab.open(f"?v=1&d=small&split=test&token={TOKEN}").wait_for_scene()
    assert "token" not in tab.page.url
    assert tab.page.evaluate("inpca.state.split") == "test"
    tab.pill("CNN")
    tab.wait_for_scene(other_than=key)
    tab.page.click("#view-figures")
    tab.page.wait_for_function("() => document.getElementById('figure-page').dataset.shown", timeout=60_000)
    assert all(request.url.startswith((proxied, "data:", "blob:")) for request in tab.traffic.requests)
