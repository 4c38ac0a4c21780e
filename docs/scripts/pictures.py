"""Screenshots of the page for docs/study.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from docs.scripts.served_browser import served_browser
from engine import Explorer

SIZE = {"width": 1180, "height": 760}
TALL = {"width": 1180, "height": 2400}
"""Window size, pixels: a figure page taller than the window scrolls and would be cut off."""
SETTLE_MS = 1500
PATIENCE_MS = 120_000
TUNED = (
    "The settings of the forest were chosen on the train trajectories of these two studies: its R² is optimistic here. "
    "The shares of variation beside it, and their p-values, have no settings."
)


@dataclass(frozen=True)
class Picture:
    """One picture of docs/study.md.

    Attributes:
        name: suffix of the file name, after the study's id.
        title: heading.
        query: query string of the view, without the study.
        shows: caption.
    """

    name: str
    title: str
    query: str
    shows: str

    @property
    def is_figure(self) -> bool:
        return "m=figures" in self.query


PICTURES = (
    Picture("train", "All checkpoints, train (Fig. 1 and 2)", "c=run%3Aarchitecture", "Coloured by architecture."),
    Picture("test", "All checkpoints, test (Fig. 5)", "split=test&c=run%3Aarchitecture", "Coloured by architecture."),
    Picture("pairs", "Pairs of components (Fig. 2)", "m=pairs&pc=4&c=model%3Atrain_loss", "Coloured by loss."),
    Picture("progress", "Progress and error (Fig. 3)", "m=figures&fig=progress", ""),
    Picture("geodesic", "Distance to the geodesic (Fig. 4)", "m=figures&fig=geodesic-distance", ""),
    Picture("tube", "Tube of seeds (Fig. 4)", "m=figures&fig=tube", ""),
    Picture("tree", "Trajectories as a tree (Fig. 4)", "m=figures&fig=trajectory-distances", ""),
    Picture("decides", "What decides the path (Fig. 4)", "m=figures&fig=importance", TUNED),
    Picture("points", "Trajectories as points (Fig. 4)", "m=figures&fig=trajectory-embedding", ""),
    Picture("joint", "Train and test together (Fig. 6)", "m=figures&fig=train-and-test", ""),
    Picture("samples", "How many samples (Fig. 6)", "m=figures&fig=samples", ""),
    Picture("bases", "Three bases (Fig. 10 and 11)", "m=figures&fig=three-bases", ""),
    Picture("means", "Six means (App. E.4)", "m=figures&fig=mean-models", ""),
)


@contextmanager
def camera(explorer: Explorer) -> Iterator[Page]:
    """Yield a browser page of a served dashboard."""
    with served_browser(explorer) as (browser, address):
        yield browser.new_context(color_scheme="light", base_url=address).new_page()


def take(page: Page, study_id: str, picture: Picture, folder: Path) -> str:
    """Take a picture of a study and return its file name."""
    page.set_viewport_size(TALL if picture.is_figure else SIZE)
    page.goto(f"/?v=1&d={study_id}&{picture.query}")
    page.wait_for_selector("#page[data-scene]", timeout=PATIENCE_MS)
    page.evaluate("document.querySelectorAll('[data-toggle][aria-pressed=true]').forEach(button => button.click())")
    if (offer := page.get_by_role("button", name="not now")).is_visible():
        offer.click()
    if picture.is_figure:
        page.wait_for_selector("#figure-page[data-shown]", timeout=PATIENCE_MS)
    page.wait_for_timeout(SETTLE_MS)
    name = f"{study_id}-{picture.name}.png"
    page.locator("#figure-host" if picture.is_figure else ".canvas").screenshot(path=folder / name)
    return name
