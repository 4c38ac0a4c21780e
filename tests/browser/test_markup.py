"""Two hundred texts that want to be more than text, in every name there is, in every view: drawn, and never run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page

from engine import Recorder
from engine.analyses import ANALYSES
from tests.browser.conftest import Served, Visit, serve, visit
from tests.browser.test_takeaway import open_file, take
from tests.hostile import markup
from tests.recording import LABELS, record_step
from tests.scale import amount

pytestmark = pytest.mark.browser

TEXTS = markup()
N_RUNS, N_COLUMNS, N_STEPS = 20, 10, 4
FITTING = [text for text in TEXTS if text.isprintable() and text == text.strip() and len(text) <= 64]
COLUMNS = ["<img src=x onerror=window.broken=1>", "%{customdata}<b>", "$\\href{javascript:window.broken=1}{a}$"]
COLUMNS += [text for text in FITTING if text not in COLUMNS][: N_COLUMNS - len(COLUMNS)]
METRICS = FITTING[-3:]

SCAN = r"""() => {
    const wrong = window.broken ? ['a script ran'] : [];
    const leads = /^(href|src|action|formaction|data|xlink:href|srcdoc)$/i;
    for (const element of document.querySelectorAll('*')) {
        const tag = element.tagName;
        for (const { name, value } of element.attributes) {
            const runs = /^on/i.test(name) || (leads.test(name) && /^\s*(javascript|vbscript|data:text)/i.test(value));
            if (runs) wrong.push(`${tag} ${name}=${value}`);
        }
        if (/^(IFRAME|OBJECT|EMBED|MARQUEE|MATH|BASE|TEMPLATE|VIDEO)$/i.test(tag)) wrong.push(tag);
        if (tag === 'IMG' && element.getAttribute('src') === 'x') wrong.push(tag);
        const isOwn = /^(blob:|data:image)/.test(element.href) || element.hostname === location.hostname;
        if (tag === 'A' && element.href && !isOwn) wrong.push(element.href);
    }
    return wrong;
}"""


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A study with a hostile text in every place that takes one."""
    assert len(TEXTS) == N_RUNS * N_COLUMNS
    folder = tmp_path_factory.mktemp("marked")
    for run in range(N_RUNS):
        values = TEXTS[run * N_COLUMNS : (run + 1) * N_COLUMNS]
        with Recorder(
            folder / "studies" / "marked",
            hyperparameters=dict(zip(COLUMNS, values, strict=True)),
            labels=LABELS,
            class_names=TEXTS[:2] + TEXTS[-1:],
            title=TEXTS[3],
            run_id=f"run-{run}",
        ) as recorder:
            for step in range(N_STEPS):
                record_step(recorder, step, metrics=dict.fromkeys(METRICS, float(step)))
    yield from serve(folder / "studies", folder / "cache")


def _note_dialog(dialogs: list[str], dialog: Dialog) -> None:
    dialogs.append(dialog.message)
    dialog.dismiss()


@pytest.fixture
def marked_tab(browser: Browser, marked: Served) -> Iterator[Visit]:
    for tab in visit(browser, marked.url):
        dialogs: list[str] = []
        tab.page.on("dialog", partial(_note_dialog, dialogs))
        yield tab
        assert dialogs == []
        # A handler or script that the page's policy stops is an error on the console: then it was no text any more.
        assert tab.traffic.errors == []
        assert tab.traffic.foreign == []


def assert_only_text(page: Page) -> None:
    assert page.evaluate(SCAN) == []


def test_the_scan_finds_what_it_looks_for(marked_tab: Visit) -> None:
    marked_tab.open().wait_for_scene()
    marked_tab.page.evaluate(
        "() => { const a = document.createElement('a'); a.href = 'javascript:0'; document.body.append(a); }"
    )
    assert len(marked_tab.page.evaluate(SCAN)) >= 1


def test_every_column_colours_lists_and_is_told_as_text(marked_tab: Visit) -> None:
    page = marked_tab.open().page
    marked_tab.wait_for_scene()
    assert set(page.evaluate("inpca.state.scene.run_ids")) == {f"run-{run}" for run in range(N_RUNS)}
    assert_only_text(page)
    shown = set()
    for column, name in enumerate(COLUMNS[: amount(4, N_COLUMNS)]):
        page.evaluate("name => dash_clientside.set_props('color-by', {value: `run:${name}`})", name)
        page.wait_for_function("name => inpca.state.colorBy === `run:${name}`", arg=name)
        page.evaluate(
            "model => inpca.hover({model, source: 'picture', box: {x0: 400, x1: 406, y0: 300, y1: 306}})",
            4 * column + 1,
        )
        page.wait_for_timeout(120)
        shown |= set(page.locator("#legend bdi").all_text_contents())
        assert_only_text(page)
    for metric in METRICS[: amount(1, 3)]:
        page.evaluate("name => dash_clientside.set_props('color-by', {value: `model:${name}`})", metric)
        page.wait_for_timeout(120)
        assert_only_text(page)
    assert len(shown & set(TEXTS)) > amount(20, 50), "the legend shows the names themselves"
    for text in TEXTS[:: amount(67, 7)]:
        page.fill("#search", text)
        page.wait_for_timeout(60)
    assert_only_text(page)
    page.fill("#search", "")
    for run in range(0, N_RUNS, amount(10, 1)):
        page.evaluate("runId => inpca.hover({runId, source: 'table'})", f"run-{run}")
    page.click("#color-by")
    page.wait_for_timeout(200)
    assert_only_text(page)


@pytest.mark.parametrize("query", ["m=pairs", "m=compare", "tab=distances"])
def test_other_views_show_names_as_text(marked_tab: Visit, query: str) -> None:
    marked_tab.open(f"?v=1&{query}").wait_for_scene()
    marked_tab.page.wait_for_timeout(500)
    assert_only_text(marked_tab.page)


def test_every_figure_shows_names_as_text(marked_tab: Visit) -> None:
    for key in list(ANALYSES)[:: amount(4, 1)]:
        marked_tab.open(f"?v=1&m=figures&fig={key}").wait_for_scene()
        marked_tab.page.wait_for_function(
            """() => document.getElementById('figure-page').dataset.shown
                || !document.getElementById('figure-trouble').hidden""",
            timeout=60_000,
        )
        marked_tab.page.wait_for_timeout(150)
        assert_only_text(marked_tab.page)


def test_what_is_exported_shows_names_as_text(marked_tab: Visit, browser: Browser, tmp_path: Path) -> None:
    page = marked_tab.open().page
    marked_tab.wait_for_scene()
    page.evaluate("name => dash_clientside.set_props('color-by', {value: `run:${name}`})", COLUMNS[1])
    page.wait_for_function("name => inpca.state.colorBy === `run:${name}`", arg=COLUMNS[1])
    path = take(marked_tab, "export-html", tmp_path)
    for exported, trouble in open_file(browser, path):
        assert exported.evaluate("window.broken") is None
        box = exported.locator("#picture").bounding_box()
        assert box is not None
        for shift in range(5):
            exported.mouse.move(box["x"] + box["width"] / 2 + 15 * shift, box["y"] + box["height"] / 2)
            exported.wait_for_timeout(60)
        assert exported.evaluate(SCAN) == []
        assert trouble == []
