"""The page's own files travel as one, compressed, and errors still name the file they come from."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

from flask.testing import FlaskClient

from dashboard.bundle import Bundle

ASSETS = Path(__file__).parents[2] / "assets"


def test_files_are_joined_in_the_order_of_their_names_and_a_line_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "20-b.js").write_text("second();\nthird();")
    (tmp_path / "10-a.js").write_text("first();\n")
    (tmp_path / "10-a.css").write_text("a {}\n")
    joined = Bundle(tmp_path, ".js").current()
    lines = joined.content.decode().splitlines()
    assert lines[:3] == ["first();", "second();", "third();"]
    sections = json.loads(joined.source_map)["sections"]
    for line, (name, within) in enumerate([("10-a.js", 0), ("20-b.js", 0), ("20-b.js", 1)]):
        section = [entry for entry in sections if entry["offset"]["line"] <= line][-1]
        assert section["map"]["sources"] == [f"../assets/{name}"]
        assert line - section["offset"]["line"] == within
        assert len(section["map"]["mappings"].split(";")) > within
        assert section["map"]["sourcesContent"][0].splitlines()[within] == lines[line]


def test_a_changed_file_changes_the_name(tmp_path: Path) -> None:
    (tmp_path / "10-a.js").write_text("before();\n")
    bundle = Bundle(tmp_path, ".js")
    before = bundle.name
    assert bundle.name == before
    (tmp_path / "10-a.js").write_text("afterwards();\n")
    assert bundle.name != before
    assert b"afterwards" in bundle.current().content


def test_a_page_names_two_files_that_may_be_kept_for_ever(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)
    names = re.findall(r"/bundle/page-[0-9a-f]{16}\.(?:js|css)", page)
    assert [name.rsplit(".")[-1] for name in names] == ["css", "js"]
    assert "/assets/" not in page
    for name in names:
        answer = client.get(name)
        assert "immutable" in answer.headers["Cache-Control"]
        for path in sorted(ASSETS.glob(f"*.{name.rsplit('.')[-1]}")):
            assert path.read_bytes().strip() in answer.data, path.name
        assert client.get(f"{name}.map").get_json()["version"] == 3
    assert client.get("/bundle/page-0000000000000000.js").status_code == 404


def test_text_is_compressed_for_whoever_can_read_it_so(client: FlaskClient) -> None:
    address = re.findall(r"/bundle/page-\w+\.js", client.get("/").get_data(as_text=True))[0]
    plain = client.get(address)
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"]
    packed = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 2
    small = client.get("/health", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in small.headers
