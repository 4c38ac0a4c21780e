"""Hostile texts in every place of a study that takes text."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page

from engine import Recorder
from engine.analyses import ANALYSES
from engine.store.documents import drawable
from tests.browser.conftest import Served, Visit, serve, visit
from tests.browser.test_takeaway import TWO_FRAMES, open_file, take
from tests.hostile import markup
from tests.recording import LABELS, record_step, rewrite
from tests.scale import amount

pytestmark = [pytest.mark.browser, pytest.mark.full]

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
    """Yield a study with a hostile text in every place that takes text, those that a recorder refuses too."""
    assert len(TEXTS) == N_RUNS * N_COLUMNS
    folder = tmp_path_factory.mktemp("marked")
    study = folder / "studies" / "marked"
    for run in range(N_RUNS):
        with Recorder(study, dict.fromkeys(COLUMNS, ""), LABELS, run_id=f"run-{run}") as recorder:
            for step in range(N_STEPS):
                record_step(recorder, step, metrics=dict.fromkeys(METRICS, float(step)))
        values = dict(zip(COLUMNS, TEXTS[run * N_COLUMNS : (run + 1) * N_COLUMNS], strict=True))
        rewrite(recorder.path / "run.json", lambda fields, values=values: {**fields, "hyperparameters": values})
    names = {"title": TEXTS[3], "class_names": TEXTS[:2] + TEXTS[-1:]}
    rewrite(study / "study.json", lambda fields: {**fields, **names})
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
        # A handler or script that the page's policy blocks is an error on the console, which fails the test.
        assert dialogs == []


def assert_only_text(page: Page) -> None:
    assert page.evaluate(SCAN) == []


def test_the_scan_finds_what_it_looks_for(marked_tab: Visit) -> None:
    marked_tab.open().wait_for_scene()
    marked_tab.page.evaluate(
        "() => { const a = document.createElement('a'); a.href = 'javascript:0'; document.body.append(a); }"
    )
    assert len(marked_tab.page.evaluate(SCAN)) >= 1


def test_every_column_is_drawn_and_told_as_text(marked_tab: Visit) -> None:
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
        marked_tab.next_frames()
        shown |= set(page.locator("#legend bdi").all_text_contents())
        assert_only_text(page)
    for metric in METRICS[: amount(1, 3)]:
        page.evaluate("name => dash_clientside.set_props('color-by', {value: `model:${name}`})", metric)
        page.wait_for_function("name => inpca.state.colorBy === `model:${name}`", arg=metric)
        marked_tab.next_frames()
        assert_only_text(page)
    assert len(shown & set(map(drawable, TEXTS))) > amount(20, 50), "the legend shows the names themselves"
    for text in TEXTS[:: amount(67, 7)]:
        page.fill("#search", text)
        page.wait_for_function("text => inpca.state.search === text", arg=page.input_value("#search"))
    assert_only_text(page)
    page.fill("#search", "")
    for run in range(0, N_RUNS, amount(10, 1)):
        page.evaluate("runId => inpca.hover({runId, source: 'table'})", f"run-{run}")
    page.click("#color-by")
    page.wait_for_selector("[role=option]:visible")
    assert_only_text(page)


@pytest.mark.parametrize("query", ["m=pairs", "m=compare", "tab=distances"])
def test_other_views_show_names_as_text(marked_tab: Visit, query: str) -> None:
    marked_tab.open(f"?v=1&{query}").wait_for_scene()
    marked_tab.settle()
    assert_only_text(marked_tab.page)


def test_every_figure_shows_names_as_text(marked_tab: Visit) -> None:
    page = marked_tab.open("?v=1&m=figures").page
    marked_tab.wait_for_scene()
    for key in list(ANALYSES)[:: amount(4, 1)]:
        page.click(f'.figure-entry[data-figure="{key}"]')
        page.wait_for_function(
            """key => {
                const { shown, waiting } = document.getElementById('figure-page').dataset;
                const isAnswered = shown || !document.getElementById('figure-trouble').hidden;
                return inpca.state.figure === key && !waiting && isAnswered;
            }""",
            arg=key,
            timeout=60_000,
        )
        marked_tab.settle()
        assert_only_text(page)


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
            exported.evaluate(TWO_FRAMES)
        assert exported.evaluate(SCAN) == []
        assert trouble == []


INHERITED = ["__proto__", "constructor", "toString", "hasOwnProperty", "prototype"]
"""Names that every object of JavaScript inherits, or treats specially."""


@pytest.fixture(scope="module")
def inherited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("inherited")
    for run in range(8):
        hyperparameters = {name: INHERITED[(run + at) % 5] for at, name in enumerate(INHERITED[:3])}
        hyperparameters |= {INHERITED[3]: run, INHERITED[4]: run % 2}
        with Recorder(
            folder / "studies" / "inherited", hyperparameters=hyperparameters, labels=LABELS, run_id=f"run-{run}"
        ) as recorder:
            for step in range(N_STEPS):
                record_step(recorder, step, metrics={"valueOf": float(step), "__proto___": 1.0 + step})
    yield from serve(folder / "studies", folder / "cache")


@pytest.fixture
def inherited_tab(browser: Browser, inherited: Served) -> Iterator[Visit]:
    yield from visit(browser, inherited.url)


def test_names_of_javascript_members_are_ordinary_names(inherited_tab: Visit) -> None:
    page = inherited_tab.open().page
    inherited_tab.wait_for_scene()
    page.wait_for_function("() => inpca.table?.getRowNode('run-2')")
    # The table.
    heads = page.evaluate("inpca.table.getAllGridColumns().map(column => column.getColDef().headerName)")
    assert set(heads) >= {"proto", *INHERITED[1:]}
    for at, name in enumerate(INHERITED[:3]):
        cells = page.evaluate(
            """([name, ids]) => {
                const column = inpca.table.getAllGridColumns().find(each => each.getColDef().field === name);
                return ids.map(id => inpca.table.getCellValue({colKey: column, rowNode: inpca.table.getRowNode(id)}));
            }""",
            [name, [f"run-{run}" for run in range(8)]],
        )
        assert cells == [INHERITED[(run + at) % 5] for run in range(8)], name
    # Colouring, by each of them.
    for name in INHERITED:
        page.evaluate("name => dash_clientside.set_props('color-by', {value: `run:${name}`})", name)
        page.wait_for_function("name => inpca.state.colorBy === `run:${name}`", arg=name)
        assert page.inner_text("#legend .legend-title") == page.evaluate(
            "name => inpca.column(inpca.state.study, name).label", name
        )
    page.evaluate("dash_clientside.set_props('color-by', {value: 'model:valueOf'})")
    page.wait_for_function("() => inpca.state.colorBy === 'model:valueOf'")
    assert page.inner_text("#legend .legend-title") == "valueOf"
    page.evaluate("inpca.hover({model: 5, source: 'picture', box: {x0: 400, x1: 406, y0: 300, y1: 306}})")
    assert "native code" not in page.inner_text("#detail")
    # Filters, search and address, and the page from that address.
    page.evaluate("inpca.choose('__proto__', ['constructor'])")
    page.evaluate("inpca.choose('hasOwnProperty', [0, 3])")
    page.fill("#search", "constructor:toString")
    page.wait_for_function("() => inpca.count(inpca.state.mask) === 1")
    # The address is updated after a pause: an earlier one, without the search, may contain `__proto__` as well.
    inherited_tab.settle()
    inherited_tab.open(page.evaluate("location.search") + "&c=run%3A__proto__").wait_for_scene()
    assert page.evaluate("inpca.state.scene.run_ids") == ["run-1"]
    assert page.is_hidden("#link-note")
    assert page.evaluate("inpca.state.colorBy") == "run:__proto__"
    for query in ("m=pairs&tab=distances", "m=figures&fig=importance"):
        inherited_tab.open(f"?v=1&{query}&c=run%3Aconstructor").wait_for_scene()
        inherited_tab.settle()
    page.wait_for_function(
        """() => document.getElementById('figure-page').dataset.shown
            || !document.getElementById('figure-trouble').hidden""",
        timeout=60_000,
    )
    assert page.is_hidden("#figure-trouble")
