"""Delivery of the page's styles and modules, named by their content, and compression."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from waitress.buffers import ReadOnlyFileBasedBuffer

import dashboard
from dashboard import create_app
from dashboard.server.modules import BUILT, LIBRARY, RENDERER, Modules, digest_of
from dashboard.server.styles import Styles
from engine import Explorer

ASSETS = Path(__file__).parents[3] / "assets"
MODULES = sorted(path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*.mjs"))
MOST_BYTES = 75_000
"""Most bytes, compressed, of all scripts that a page loads beside Dash's own and plotly."""


def addresses(client: FlaskClient, kind: str) -> list[str]:
    return re.findall(rf'"(/{kind}/[^"]+)"', client.get("/").get_data(as_text=True))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two modules and a built file that names their digest."""
    (tmp_path / "values").mkdir()
    (tmp_path / "built").mkdir()
    (tmp_path / "main.mjs").write_text('import { one } from "./values/one.mjs";\nwindow.one = one;\n')
    (tmp_path / "values" / "one.mjs").write_text("export const one = 1;\n")
    files = {name: (tmp_path / name).read_bytes() for name in ("main.mjs", "values/one.mjs")}
    (tmp_path / BUILT).write_text(f"/* {digest_of(files)} */\nwindow.one = 1;\n")
    return tmp_path


def test_imports_of_styles_are_resolved_and_mapped(tmp_path: Path) -> None:
    (tmp_path / "main.css").write_text(
        '@layer a, b;\n@import url("b.css") layer(b);\n@import url("a.css") layer(a);\nc {}'
    )
    (tmp_path / "b.css").write_text("b {}\nb i {}")
    (tmp_path / "a.css").write_text("a {}\n")
    joined = Styles(tmp_path).current()
    lines = joined.content.decode().splitlines()
    assert lines[:-1] == ["@layer a, b;", "@layer b {", "b {}", "b i {}", "}", "@layer a {", "a {}", "}", "c {}"]
    sections = json.loads(joined.source_map)["sections"]
    for line, (name, within) in {2: ("b.css", 0), 3: ("b.css", 1), 6: ("a.css", 0)}.items():
        section = [entry for entry in sections if entry["offset"]["line"] <= line][-1]
        assert section["map"]["sources"] == [f"../assets/styles/{name}"]
        assert line - section["offset"]["line"] == within
        assert len(section["map"]["mappings"].split(";")) > within
        assert section["map"]["sourcesContent"][0].splitlines()[within] == lines[line]


def test_a_changed_style_changes_the_name(tmp_path: Path) -> None:
    (tmp_path / "main.css").write_text('@import url("a.css") layer(a);\n')
    (tmp_path / "a.css").write_text("before {}\n")
    styles = Styles(tmp_path)
    before = styles.name
    assert styles.name == before
    (tmp_path / "a.css").write_text("afterwards {}\n")
    assert styles.name != before
    assert b"afterwards" in styles.current().content


def test_the_built_file_is_served_alone(folder: Path) -> None:
    links, script = Modules(folder).tags("/at/")
    digest, files = Modules(folder).current()
    assert (links, script) == ("", f'<script src="/at/modules/{digest}/built/page.js"></script>')
    assert sorted(files) == ["built/page.js", "main.mjs", "values/one.mjs"]


def test_an_edit_serves_the_modules_without_a_build(folder: Path) -> None:
    modules = Modules(folder)
    before, _ = modules.current()
    (folder / "values" / "one.mjs").write_text("export const one = 11;\n")
    digest, files = modules.current()
    assert digest != before
    assert sorted(files) == ["main.mjs", "values/one.mjs"]
    links, script = modules.tags("/")
    assert script == ""
    assert re.findall(r'href="/modules/(\w+)/([\w/.]+)"( id="entry")?', links) == [
        (digest, "main.mjs", ' id="entry"'),
        (digest, "values/one.mjs", ""),
    ]


def test_content_decides_and_never_time(folder: Path) -> None:
    late = (folder / BUILT).stat().st_mtime_ns - 10**12
    for path in folder.rglob("*.*"):
        shutil.copystat(folder / BUILT, path)
    assert BUILT in Modules(folder).current()[1]
    assert late < (folder / BUILT).stat().st_mtime_ns
    (folder / "main.mjs").write_text("window.one = 2;\n")
    (folder / BUILT).touch()
    assert BUILT not in Modules(folder).current()[1]


def test_new_modules_and_names_change_the_digest(folder: Path) -> None:
    digests = {Modules(folder).current()[0]}
    (folder / "values" / "two.mjs").write_text("")
    digests.add(Modules(folder).current()[0])
    (folder / "values" / "two.mjs").rename(folder / "values" / "three.mjs")
    digests.add(Modules(folder).current()[0])
    assert len(digests) == 3


def test_without_a_built_file_the_modules_are_served(folder: Path) -> None:
    shutil.rmtree(folder / "built")
    assert sorted(Modules(folder).current()[1]) == ["main.mjs", "values/one.mjs"]


def test_the_library_is_served_beside_edited_modules(folder: Path) -> None:
    assert Modules(folder).library() is None
    (folder / LIBRARY).write_text("export const two = 2;\n")
    modules = Modules(folder)
    digest = digest_of({LIBRARY: (folder / LIBRARY).read_bytes()})
    meta = f'<meta name="pdf-library" content="/at/libraries/{digest}/pdf.js">'
    assert modules.tags("/at/")[0] == meta
    (folder / "main.mjs").write_text("window.one = 2;\n")
    assert modules.tags("/at/")[0].splitlines()[0] == meta
    assert LIBRARY not in modules.current()[1]
    (folder / LIBRARY).write_text("export const two = 3;\n")
    assert meta not in modules.tags("/at/")[0]


def test_the_library_has_an_address_of_its_content(explorer: Explorer) -> None:
    client = create_app(explorer, prefix="/lab/").server.test_client()
    (address,) = re.findall(
        r'<meta name="pdf-library" content="(/lab/libraries/\w+/pdf\.js)">', client.get("/lab/").text
    )
    answer = client.get(address)
    assert answer.data == (ASSETS / LIBRARY).read_bytes()
    assert answer.mimetype == "text/javascript"
    assert "immutable" in answer.headers["Cache-Control"]
    assert client.get("/lab/libraries/0000000000000000/pdf.js").status_code == 404


def test_the_library_makes_no_code_of_text() -> None:
    library = (ASSETS / LIBRARY).read_text()
    assert re.findall(r"\beval\(|\bnew Function\b|[^.\w]Function\(|\bimport\(\"", library) == []


def test_a_page_loads_one_style_and_script(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)
    assert "/assets/" not in page
    (style,), (script,) = addresses(client, "styles"), addresses(client, "modules")
    for address in (style, script):
        assert "immutable" in client.get(address).headers["Cache-Control"]
        assert client.get(f"{address}.map").get_json()["version"] == 3
    for path in sorted(ASSETS.rglob("*.css")):
        assert path.name == "main.css" or path.read_bytes().strip() in client.get(style).data, path.name
    assert b"@import" not in client.get(style).data
    assert len(client.get(script, headers={"Accept-Encoding": "gzip"}).data) <= MOST_BYTES
    assert client.get("/styles/page-0000000000000000.css").status_code == 404
    assert client.get("/modules/0000000000000000/built/page.js").status_code == 404


def test_the_source_map_names_modules_that_are_served(client: FlaskClient) -> None:
    (script,) = addresses(client, "modules")
    sources = client.get(f"{script}.map").get_json()["sources"]
    assert sorted(source.removeprefix("../") for source in sources) == MODULES
    digest = script.split("/")[2]
    for name in MODULES:
        assert client.get(f"/modules/{digest}/{name}").data == (ASSETS / name).read_bytes()


def test_the_policy_knows_the_renderers_script(client: FlaskClient) -> None:
    answer = client.get("/")
    inline = re.findall(r"<script id=\"_dash-renderer\"[^>]*>(.*?)</script>", answer.get_data(as_text=True), re.DOTALL)
    assert inline == [RENDERER]
    assert "'sha256-" in answer.headers["Content-Security-Policy"]


def test_modules_lie_under_the_prefix_of_the_page(explorer: Explorer) -> None:
    client = create_app(explorer, prefix="/lab/").server.test_client()
    page = client.get("/lab/").get_data(as_text=True)
    (script,) = re.findall(r'"(/lab/modules/[^"]+)"', page)
    assert client.get(script).status_code == 200


def test_text_is_compressed_where_it_is_accepted(client: FlaskClient) -> None:
    (address,) = addresses(client, "modules")
    plain = client.get(address)
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"]
    packed = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 2
    small = client.get("/health", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in small.headers


@pytest.mark.parametrize("refusal", ["gzip;q=0", "gzip;q=0, *", "identity, *;q=0"])
def test_refused_compression_gives_plain_text(client: FlaskClient, refusal: str) -> None:
    (address,) = addresses(client, "modules")
    answer = client.get(address, headers={"Accept-Encoding": refusal})
    assert "Content-Encoding" not in answer.headers
    assert answer.data == client.get(address).data


def test_files_in_folders_of_assets_are_loaded(
    explorer: Explorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "main.mjs",
        "values/a.mjs",
        "own/b.js",
        "own/deep/a & b.js",
        "own/c.css",
        "own/.d.js",
        "styles/main.css",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"/* {name} */\n")
    (tmp_path / "own" / "f.png").write_bytes(bytes(range(256)))
    monkeypatch.setattr(dashboard, "ASSETS", tmp_path)
    client = dashboard.create_app(explorer, prefix="/at/").server.test_client()
    page = client.get("/at/").get_data(as_text=True)
    own = ["/at/assets/own/c.css", "/at/assets/own/b.js", "/at/assets/own/deep/a%20%26%20b.js"]
    assert re.findall(r"(?:src|href)=\"(/at/assets/[^\"?]+)", page) == own
    assert page.index("/main.mjs") < page.index(own[1]) < page.index("DashRenderer()")
    assert client.get(own[2]).data == b"/* own/deep/a & b.js */\n"
    assert client.get(own[0]).mimetype == "text/css"
    assert client.get("/at/assets/own/f.png").data == bytes(range(256))


def test_a_file_sent_directly_passes_the_compression(client: FlaskClient) -> None:
    path = ASSETS / "main.mjs"
    # As waitress sends it: a reader of the file, with a length.
    direct = {"wsgi.file_wrapper": ReadOnlyFileBasedBuffer}
    answer = client.get(f"/assets/{path.name}", headers={"Accept-Encoding": "gzip"}, environ_overrides=direct)
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers
    assert answer.data == path.read_bytes()
