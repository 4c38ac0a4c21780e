"""Exports: standalone files, and numbers that can be read back."""

from __future__ import annotations

import base64
import json
import re
import struct
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pypdf import PageObject, PdfReader

from engine import Recorder
from tests.browser.conftest import Served, Visit, Visiting, serve
from tests.recording import LABELS, record_step
from tests.small_study import N_CHECKPOINTS, N_RUNS

pytestmark = [pytest.mark.browser, pytest.mark.full]

TWO_FRAMES = "new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))"
HOSTILE = "</script><img src=x onerror=\"window.hacked='yes'\">&$&"
ARABIC = "شبكة عصبية"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield a study whose title and levels are markup, formulas and Arabic."""
    folder = tmp_path_factory.mktemp("hostile")
    for index, architecture in enumerate((HOSTILE, ARABIC, "=1+1", "P₀ λ χ −")):
        hyperparameters = {"architecture": architecture, "seed": index}
        title = f"{HOSTILE} title"
        with Recorder(
            folder / "studies" / "odd",
            hyperparameters=hyperparameters,
            labels=LABELS,
            run_id=f"run-{index}",
            title=title,
        ) as recorder:
            for step in range(4):
                record_step(recorder, step)
    yield from serve(folder / "studies", folder / "cache")


def take(tab: Visit, button: str, folder: Path) -> Path:
    """Press a button of the Export menu and return the downloaded file."""
    if not tab.page.is_visible("#export-panel"):
        tab.page.click("#export-button")
    with tab.page.expect_download(timeout=60_000) as download:
        tab.page.click(f"#{button}")
    target = folder / download.value.suggested_filename
    download.value.save_as(target)
    expect(tab.page.locator("#export-status")).to_contain_text("Saved")
    return target


def open_file(browser: Browser, path: Path) -> Iterator[tuple[Page, list[str]]]:
    """Yield a file in an offline browser, with its requests and errors."""
    context = browser.new_context(offline=True, viewport={"width": 900, "height": 600})
    page = context.new_page()
    trouble: list[str] = []
    page.on("request", lambda request: trouble.append(request.url) if request.url.startswith("http") else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-state=drawn]", timeout=60_000)
    page.evaluate(TWO_FRAMES)
    yield page, trouble
    context.close()


def png_size(path: Path) -> tuple[int, int]:
    return struct.unpack(">II", path.read_bytes()[16:24])


def pdf_page(path: Path) -> PageObject:
    (page,) = PdfReader(path, strict=True).pages
    return page


def pdf_content(path: Path) -> str:
    content = pdf_page(path).get_contents()
    assert content is not None
    return content.get_data().decode()


def found_in(path: Path) -> list[str]:
    """Return the texts that a reader of a PDF can select and search."""
    found: list[str] = []
    pdf_page(path).extract_text(visitor_text=lambda text, *_: found.append(text.strip()))
    return [text for text in found if text]


def test_the_standalone_page_rotates_offline_as_seen(tab: Visit, browser: Browser, tmp_path: Path) -> None:
    tab.open("?c=run:architecture&th=dark").wait_for_scene()
    tab.rotate(90)
    tab.page.locator(".legend-entry").first.click()
    camera = tab.camera()
    x = tab.page.evaluate("Array.from(inpca.pictureTraces(inpca.seenPicture())[0].trace.x).filter(v => v === v)")
    path = take(tab, "export-html", tmp_path)
    assert path.name == f"small-train-{date.today().isoformat()}-view.html"
    assert path.stat().st_size < 2_300_000
    for page, trouble in open_file(browser, path):
        kept = page.evaluate("JSON.parse(JSON.stringify(document.getElementById('picture')._fullLayout.scene.camera))")
        assert [kept[part][axis] for part in ("eye", "center", "up") for axis in "xyz"] == pytest.approx(
            camera, abs=1e-6
        )
        drawn = "Array.from(document.getElementById('picture')._fullData[0].x).filter(v => v === v)"
        assert page.evaluate(drawn) == x
        assert page.inner_text("#legend").split("\n")[0] == "architecture"
        assert page.locator("#legend .entry").count() == 2
        assert "20 shown of 30 embedded runs" in page.inner_text("#subtitle")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.locator("[data-title*='hare']").count() == 0
        recipe = page.evaluate("JSON.parse(document.getElementById('recipe-data').textContent)")
        assert recipe["format"] == "inpca-explorer recipe"
        page.mouse.move(450, 350)
        page.mouse.down()
        page.mouse.move(560, 380, steps=5)
        page.mouse.up()
        eye = "document.getElementById('picture')._fullLayout.scene._scene.getCamera().eye.x"
        page.wait_for_function(f"before => Math.abs({eye} - before) > 1e-3", arg=camera[0])
        assert trouble == []


def test_names_are_inert_wherever_they_are_taken(
    visiting: Visiting, browser: Browser, hostile: Served, tmp_path: Path
) -> None:
    tab = visiting(hostile.url)
    tab.open("?c=run:architecture").wait_for_scene()
    # No folder can have this name, but a foreign file may contain it.
    tab.page.evaluate(
        "name => { const {study, scene} = inpca.state; inpca.rows(study).set(name, 0); scene.run_ids[0] = name; }",
        HOSTILE,
    )
    for page, trouble in open_file(browser, take(tab, "export-html", tmp_path)):
        assert page.evaluate("window.hacked") is None
        assert page.locator("img").count() == 0
        assert HOSTILE in page.inner_text("#legend")
        assert HOSTILE in page.inner_text("h1")
        assert page.evaluate("JSON.parse(document.getElementById('view-data').textContent).runs[0].name") == HOSTILE
        assert trouble == []
    svg = ElementTree.fromstring(take(tab, "export-svg", tmp_path).read_text())
    texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert {ARABIC, "=1+1", "P₀ λ χ −"} <= set(texts)
    assert sum((text or "").startswith("</script><img") for text in texts) == 2
    assert {element.tag.rpartition("}")[2] for element in svg.iter()} == {
        "svg",
        "title",
        "rect",
        "g",
        "path",
        "text",
    }
    pdf = take(tab, "export-pdf", tmp_path)
    assert sorted(found_in(pdf)) == sorted(text for text in texts if text != ARABIC), "Arabic is outlines"
    assert pdf.read_bytes().count(b"/JavaScript") == 0


def test_a_png_has_the_chosen_size_and_background(tab: Visit, tmp_path: Path) -> None:
    tab.open().wait_for_scene()
    tab.page.click("#export-button")
    tab.page.fill("#export-width", "800")
    tab.page.fill("#export-height", "500")
    assert tab.page.input_value("#export-size") == "custom"
    pixel = """async data => {
        const image = new Image(); image.src = 'data:image/png;base64,' + data; await image.decode();
        const canvas = document.createElement('canvas'); [canvas.width, canvas.height] = [image.width, image.height];
        const context = canvas.getContext('2d'); context.drawImage(image, 0, 0);
        const all = context.getImageData(0, 0, canvas.width, canvas.height).data;
        const colors = new Set();
        for (let at = 0; at < all.length; at += 4) colors.add(all.slice(at, at + 3).join());
        return [...all.slice(0, 4), colors.size];
    }"""
    for theme, background, corner in (
        ("light", "filled", [255, 255, 255, 255]),
        ("dark", "filled", [26, 31, 38, 255]),
        ("dark", "transparent", [0, 0, 0, 0]),
    ):
        tab.page.select_option("#export-theme", theme)
        tab.page.select_option("#export-background", background)
        path = take(tab, "export-png", tmp_path)
        assert png_size(path) == (800, 500)
        *seen, n_colors = tab.page.evaluate(pixel, base64.b64encode(path.read_bytes()).decode())
        assert seen == corner
        assert n_colors > 100
    tab.page.select_option("#export-size", "3840x2160")
    assert tab.page.input_value("#export-width") == "3840"
    tab.page.fill("#export-width", "100000")
    tab.page.click("#export-png")
    expect(tab.page.locator("#export-status")).to_contain_text("whole numbers")


def test_vectors_lie_where_plotly_draws(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.rotate(-70)
    apart = tab.page.evaluate(
        """() => {
            const {glplot, fullSceneLayout, dataScale} = document.getElementById('picture')._fullLayout.scene._scene;
            const {model, view, projection} = glplot.cameraParams;
            const [width, height] = [glplot.canvas.clientWidth, glplot.canvas.clientHeight];
            const four = [0, 1, 2, 3];
            const times = (matrix, v) => four.map(i => four.reduce((sum, j) => sum + matrix[4 * j + i] * v[j], 0));
            const picture = inpca.seenPicture();
            const layout = inpca.pictureLayout(picture, {width, height}, 'x');
            const mine = inpca.makeView(layout.scene, {left: 0, top: 0, width, height});
            let worst = 0, seen = 0;
            for (const {trace} of inpca.pictureTraces(picture)) {
                for (let at = 0; at < trace.x.length; at += 5) {
                    const point = [trace.x[at], trace.y[at], trace.z[at]];
                    if (point[0] !== point[0]) continue;
                    const scaled = [...point.map((v, k) => v * dataScale[k]), 1];
                    const clip = times(projection, times(view, times(model, scaled)));
                    const spot = [(clip[0] / clip[3] + 1) * width / 2, (1 - clip[1] / clip[3]) * height / 2];
                    const [x, y] = mine.project(point);
                    worst = Math.max(worst, Math.hypot(x - spot[0], y - spot[1]));
                    seen += 1;
                }
            }
            return [worst, seen];
        }"""
    )
    assert apart[0] < 0.05
    assert apart[1] > 50


def test_vector_files_are_vectors_and_hold_every_trajectory(tab: Visit, tmp_path: Path) -> None:
    tab.open("?c=run:architecture").wait_for_scene()
    svg = take(tab, "export-svg", tmp_path).read_text()
    assert "<image" not in svg
    root = ElementTree.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    texts = [element.text or "" for element in root.iter(f"{space}text")]
    assert {"P₀ ignorance", "P* truth", "architecture", "CNN", "ViT", "fully connected", "Small study"} <= set(texts)
    assert sum("real" in text or "imaginary" in text for text in texts) == 3
    strokes = [element for element in root.iter(f"{space}path") if element.get("stroke-width") == "1.5"]
    pieces = sum((element.get("d") or "").count("L") for element in strokes)
    assert pieces == N_RUNS * (N_CHECKPOINTS - 1)
    pdf = take(tab, "export-pdf", tmp_path)
    raw = pdf.read_bytes()
    assert b"/Subtype /Image" not in raw
    assert pdf_page(pdf)["/Resources"]["/XObject"] == {}  # type: ignore[index]
    start = int(re.search(rb"startxref\n(\d+)", raw)[1])  # type: ignore[index]
    assert raw[start : start + 4] == b"xref"
    for number, offset in enumerate(re.findall(rb"(\d{10}) 00000 n", raw), start=1):
        assert raw[int(offset) :].startswith(b"%d 0 obj" % number)
    content = pdf_content(pdf)
    assert "NaN" not in content
    assert len(re.findall(r" RG 1\.5 w\n", content)) == len(strokes)
    assert sorted(found_in(pdf)) == sorted(texts)


def test_a_pdf_fetches_its_library_once(tab: Visit, tmp_path: Path) -> None:
    def fetched() -> list[str]:
        return [request.url for request in tab.traffic.requests if "/libraries/" in request.url]

    tab.open().wait_for_scene()
    take(tab, "export-svg", tmp_path)
    assert fetched() == []
    tab.page.route("**/libraries/**", lambda route: route.abort())
    tab.page.click("#export-pdf")
    expect(tab.page.locator("#export-status.error")).to_contain_text("connection")
    tab.page.unroute("**/libraries/**")
    assert tab.traffic.errors == ["Failed to load resource: net::ERR_FAILED"]
    tab.traffic.errors.clear()
    take(tab, "export-pdf", tmp_path)
    (_, second) = fetched()
    take(tab, "export-pdf", tmp_path)
    assert fetched()[1:] == [second]


def test_a_pdf_has_the_size_and_colours_chosen(tab: Visit, tmp_path: Path) -> None:
    tab.open("?c=run:architecture").wait_for_scene()
    tab.page.click("#export-button")
    tab.page.fill("#export-width", "800")
    tab.page.fill("#export-height", "1000")
    tab.page.select_option("#export-zoom", "1")
    paper = "0.102 0.122 0.149 rg\n0 0 m\n800 0 l\n800 1000 l\n0 1000 l"
    for theme, background, has_paper in (("dark", "filled", True), ("dark", "transparent", False)):
        tab.page.select_option("#export-theme", theme)
        tab.page.select_option("#export-background", background)
        pdf = take(tab, "export-pdf", tmp_path)
        assert [float(side) for side in pdf_page(pdf).mediabox] == [0, 0, 600, 750]
        assert (paper in pdf_content(pdf)) is has_paper
        reader = PdfReader(pdf)
        assert reader.metadata is not None
        assert (reader.metadata.title or "").startswith("Small study: InPCA of ")
        assert {str(font["/BaseFont"]) for font in pdf_page(pdf)["/Resources"]["/Font"].values()} == {"/Inter"}  # type: ignore[index]


def texts_of(svg: Path) -> list[str]:
    return [element.text or "" for element in ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text")]


def colours_by_half(tab: Visit, png: Path) -> list[int]:
    """Return the numbers of distinct colours in the left and right half of a picture, below its caption."""
    return tab.page.evaluate(
        """async data => {
            const image = new Image(); image.src = 'data:image/png;base64,' + data; await image.decode();
            const canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [image.width, image.height];
            const context = canvas.getContext('2d');
            context.drawImage(image, 0, 0);
            return [0, image.width / 2].map(left => {
                const all = context.getImageData(left, image.height / 3, image.width / 2, image.height / 2).data;
                const colors = new Set();
                for (let at = 0; at < all.length; at += 4) colors.add(all.slice(at, at + 3).join());
                return colors.size;
            });
        }""",
        base64.b64encode(png.read_bytes()).decode(),
    )


def pin(tab: Visit) -> str:
    run_id = tab.page.evaluate("(inpca.togglePin(inpca.state.scene.run_ids[12]), inpca.state.scene.run_ids[12])")
    tab.settle()
    return run_id


def test_exported_pairs_are_the_grid(tab: Visit, tmp_path: Path) -> None:
    tab.open("?m=pairs&pc=3&c=run:architecture").wait_for_scene()
    run_id = pin(tab)
    svg = take(tab, "export-svg", tmp_path)
    assert svg.name == f"small-train-{date.today().isoformat()}-pairs.svg"
    texts = texts_of(svg)
    assert {"P₀", "P*", "architecture", "CNN", "ViT", "fully connected", "Small study", run_id} <= set(texts)
    assert [text.count("real") + text.count("imaginary") for text in texts].count(1) == 4, "two columns, two rows"
    assert texts.count("A") == 3 + 1, "the letter in each panel and in the legend"
    content = svg.read_text()
    assert "<image" not in content
    assert "NaN" not in content
    assert "undefined" not in content
    width = tab.page.evaluate(
        "inpca.drawing({width: 960, height: 540, theme: 'light'}).shapes.find(({points}) => points?.length > 4).width"
    )
    paths = re.findall(r'<path d="([^"]+)" stroke="[^"]+" stroke-width="([^"]+)"/>', content)
    trajectories = [d for d, stroke in paths if float(stroke) == width and d.count("L") == N_CHECKPOINTS - 1]
    assert len(trajectories) == 3 * (N_RUNS - 1)
    pdf = take(tab, "export-pdf", tmp_path)
    operators = pdf_content(pdf)
    assert "NaN" not in operators
    assert "undefined" not in operators
    assert sorted(found_in(pdf)) == sorted(texts)
    png = take(tab, "export-png", tmp_path)
    assert png.name.endswith("-pairs.png")
    assert png_size(png) == (1920, 1080)
    assert min(colours_by_half(tab, png)) > 100


def test_an_exported_comparison_has_both_pictures(tab: Visit, tmp_path: Path) -> None:
    tab.open("?m=compare&cmp=split:test&c=run:architecture").wait_for_scene()
    tab.page.wait_for_function("() => document.getElementById('second-picture')?.data?.length > 3", timeout=60_000)
    run_id = pin(tab)
    heads = [tab.page.inner_text(f"#{which}-head") for which in ("first", "second")]
    assert [head.split(" ")[0] for head in heads] == ["train", "test"]
    svg = take(tab, "export-svg", tmp_path)
    assert svg.name.endswith("-compare.svg")
    texts = texts_of(svg)
    assert {*heads, run_id, "CNN"} <= set(texts)
    assert any("train beside test data" in text for text in texts)
    assert texts.count("P* truth") == 2
    assert texts.count("A") == 2 + 1
    pdf = take(tab, "export-pdf", tmp_path)
    assert "NaN" not in pdf_content(pdf)
    assert {*heads, run_id, "CNN", "P₀ ignorance"} <= set(found_in(pdf))
    png = take(tab, "export-png", tmp_path)
    assert png.name.endswith("-compare.png")
    assert png_size(png) == (1920, 1080)
    assert min(colours_by_half(tab, png)) > 100


@pytest.mark.parametrize("stage", ["m=pairs&pc=3", "m=pairs&pc=7", "m=compare&cmp=split:test", "m=3d"])
def test_the_names_of_all_pins_lie_on_nothing(tab: Visit, stage: str) -> None:
    tab.open(f"?{stage}&c=run:architecture").wait_for_scene()
    if "compare" in stage:
        tab.page.wait_for_function("() => document.getElementById('second-picture')?.data?.length > 3", timeout=60_000)
    tab.page.evaluate("inpca.state.scene.run_ids.slice(0, inpca.MOST_PINS).forEach(inpca.togglePin)")
    for width, height in ((960, 540), (640, 360), (350, 500)):
        names, lowest = tab.page.evaluate(
            """([width, height]) => {
                const { layers, furniture } = inpca.composition({ width, height, theme: 'light' });
                const shapes = layers.flatMap(layer => layer.shapes());
                const lowest = Math.max(...shapes.flatMap(({ points, y }) => points?.map(place => place[1]) ?? [y]));
                const texts = furniture.filter(({ kind }) => kind === 'text').slice(-2 * inpca.MOST_PINS);
                const rightOf = ({ x, text, size }) => x + inpca.textWidth(text, size);
                return [texts.map(shape => ({ ...shape, right: rightOf(shape) })), lowest];
            }""",
            [width, height],
        )
        assert [entry["text"] for entry in names[::2]] == list("ABCDEFGHIJKL")
        assert len({entry["text"] for entry in names}) == 24, "names can be told apart"
        assert min(entry["y"] for entry in names) > lowest
        assert max(entry["y"] for entry in names) < height
        assert max(entry["right"] for entry in names) < width


def test_the_grid_is_taken_without_the_graphics_card(tab: Visit, tmp_path: Path) -> None:
    tab.page.add_init_script(
        "const own = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        "  return /webgl/.test(kind) ? null : own.call(this, kind, ...rest); };"
    )
    tab.open("?c=run:architecture").wait_for_scene()
    svg = take(tab, "export-svg", tmp_path)
    assert svg.name.endswith("-pairs.svg")
    assert svg.read_text().count("<path") > 6 * N_RUNS
    assert min(colours_by_half(tab, take(tab, "export-png", tmp_path))) > 100
    # In the figures view the 3D picture is exported.
    tab.page.keyboard.press("Escape")
    tab.page.click("#view-figures")
    assert take(tab, "export-svg", tmp_path).read_text().count('stroke-width="1.5"') > N_RUNS
    tab.page.click("#export-png")
    expect(tab.page.locator("#export-status")).to_contain_text("SVG and PDF do without it")


def test_outlines_of_text_cover_what_the_text_covers(opened: Visit) -> None:
    worst = opened.page.evaluate(
        """texts => Math.max(...texts.map(text => {
            const shape = {kind: 'text', x: 120, y: 40, text, size: 28, color: '#000', anchor: 'middle'};
            const ink = draw => {
                const canvas = document.createElement('canvas'); [canvas.width, canvas.height] = [960, 320];
                const context = canvas.getContext('2d'); context.scale(4, 4); draw(context);
                return context.getImageData(0, 0, 960, 320).data.filter((_, at) => at % 4 === 3);
            };
            const wanted = ink(context => inpca.paintShapes(context, [shape]));
            const got = ink(context => {
                const path = new Path2D();
                for (const loop of inpca.textOutlines(shape)) {
                    loop.forEach(([x, y], at) => at ? path.lineTo(x, y) : path.moveTo(x, y));
                    path.closePath();
                }
                context.fill(path, 'nonzero');
            });
            const total = wanted.reduce((sum, value) => sum + value, 0);
            if (total < 80000) throw new Error('nothing was written');
            return wanted.reduce((sum, value, at) => sum + Math.abs(value - got[at]), 0) / total;
        }))""",
        ["P₀ λ −0.8", "ignorance", ARABIC, "8 % ö"],
    )
    assert worst < 0.12


def test_a_recipe_leads_back_to_the_same_numbers(tab: Visit, tmp_path: Path) -> None:
    key = tab.open("?f=architecture:CNN&split=test&ax=2,3,4&c=run:seed").wait_for_scene()
    path = take(tab, "export-recipe", tmp_path)
    tab.page.goto("about:blank")
    tab.open().wait_for_scene()

    def follow(path: Path) -> str:
        if not tab.page.is_visible("#export-panel"):
            tab.page.click("#export-button")
        with tab.page.expect_file_chooser() as chooser:
            tab.page.click("#open-recipe")
        chooser.value.set_files(path)
        tab.page.wait_for_function(
            "() => (!document.getElementById('notice').hidden && document.querySelector('#notice button'))"
            " || document.querySelector('#export-status.error')",
            timeout=30_000,
        )
        return (
            tab.page.inner_text("#notice") if tab.page.is_visible("#notice") else tab.page.inner_text("#export-status")
        )

    assert "The same numbers as in the recipe" in follow(path)
    assert tab.scene_key() == key
    assert tab.counts().startswith("10 shown / 10 embedded")
    assert tab.page.evaluate("[...inpca.state.axes, inpca.state.colorBy]") == [2, 3, 4, "run:seed"]
    tab.page.click("#notice button")
    recipe = json.loads(path.read_text())
    changed = tmp_path / "changed.json"
    run_id = next(iter(recipe["runs"]))
    changed.write_text(json.dumps({**recipe, "runs": {**recipe["runs"], run_id: "0" * 16, "gone": "1"}}))
    words = follow(changed)
    assert "Not the recipe's numbers" in words
    assert f"With other checkpoints than when the recipe was written: {run_id}" in words
    assert "gone" in words
    tab.page.click("#notice button")
    for content, complaint in (
        ("{", "no JSON"),
        ("[]", "no recipe"),
        (json.dumps({**recipe, "runs": []}), "runs must be"),
        (json.dumps({**recipe, "eigenvalues": ["1"]}), "eigenvalues must be"),
        (json.dumps({**recipe, "version": 9}), "version"),
    ):
        changed.write_text(content)
        tab.page.evaluate("inpca.sayInExport('')")
        assert complaint in follow(changed)
    changed.write_text(json.dumps({**recipe, "study": "elsewhere"}))
    tab.page.evaluate("inpca.sayInExport('')")
    assert "The recipe's study elsewhere is not here" in follow(changed)


def test_exported_coordinates_and_link_are_those_shown(tab: Visit, tmp_path: Path) -> None:
    tab.open("?c=run:architecture").wait_for_scene()
    tab.page.locator(".legend-entry").first.click()
    assert len(take(tab, "export-csv", tmp_path).read_text().splitlines()) == 1 + 20 * N_CHECKPOINTS
    tab.page.select_option("#export-rows", "all")
    assert len(take(tab, "export-csv", tmp_path).read_text().splitlines()) == 1 + N_RUNS * N_CHECKPOINTS
    tab.page.evaluate("() => { navigator.clipboard.writeText = async () => { throw new Error('not allowed'); }; }")
    tab.page.click("#copy-link")
    link = tab.page.input_value("#export-status input")
    assert link == tab.url + tab.page.evaluate("inpca.query()")


def test_the_menu_is_there_for_the_keyboard(opened: Visit) -> None:
    opened.page.focus("#export-button")
    opened.page.keyboard.press("Enter")
    assert opened.page.is_visible("#export-panel")
    assert opened.page.get_attribute("#export-button", "aria-expanded") == "true"
    assert opened.page.evaluate("document.getElementById('export-panel').contains(document.activeElement)")
    found = Axe().run(opened.page, "#export-panel").response["violations"]
    assert [entry["id"] for entry in found if entry["impact"] in ("serious", "critical")] == []
    opened.page.keyboard.press("Escape")
    assert opened.page.is_hidden("#export-panel")
    assert opened.page.evaluate("document.activeElement.id") == "export-button"
