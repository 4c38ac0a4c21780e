"""Recipes of docs/extending.md, followed as written on a copy."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

import numpy as np
import pytest
from playwright.sync_api import Browser

from tests import foreign
from tests.browser.conftest import visit
from tests.recording import LABELS
from tests.small_study import ARCHITECTURES, N_RUNS, record_small_study

pytestmark = pytest.mark.full

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "extending.md").read_text()
RECIPES = {part.partition("\n")[0]: part for part in TEXT.split("\n## ")[1:]}
PARTS = ("engine", "dashboard", "assets", "docs", "tests", "app.py", "pyproject.toml")
"""Parts of the checkout that recipes change or their commands need."""
PLACE = re.compile(
    r"(?:(?P<how>New file|At the end of|With the imports of)|To `(?P<table>\w+)` in) `(?P<path>[\w/.]+)`"
    r"(?:, add(?: after `(?P<after>\w+)`)?)?:"
)
BLOCK = re.compile(r"(?P<place>[^\n]*)\n\n```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """A block of code and the line before it, which names its place."""

    place: str
    code: str

    def take(self, folder: Path) -> None:
        """Insert the code into the files of a folder, at the place that the line names."""
        found = PLACE.fullmatch(self.place)
        assert found, f"{self.place!r} does not say where its block belongs"
        path = folder / found["path"]
        if found["how"] == "New file":
            assert not path.exists()
            path.write_text(self.code)
            return
        text = path.read_text()
        if found["how"] == "At the end of":
            path.write_text(text + self.code)
            return
        lines, tree = text.splitlines(keepends=True), ast.parse(text)
        if found["how"] == "With the imports of":
            last = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))][-1]
            lines.insert(last.end_lineno or 0, self.code)
        else:
            entries = table_of(tree, found["table"])
            before = [entry for entry in entries if found["after"] in (None, ast.unparse(entry))][-1]
            lines.insert(before.end_lineno or 0, indent(self.code, " " * entries[0].col_offset))
        path.write_text("".join(lines))


def table_of(tree: ast.Module, name: str) -> list[ast.expr]:
    """Return the entries of a module's dictionary or tuple ``name``; a dictionary's value begins at its key."""
    (value,) = [
        node.value
        for node in tree.body
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        and ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target) == name
    ]
    assert value is not None
    for node in ast.walk(value):
        if isinstance(node, ast.Dict):
            for key, entry in zip(node.keys, node.values, strict=True):
                assert key is not None
                entry.col_offset = key.col_offset
            return node.values
        if isinstance(node, ast.Tuple):
            return node.elts
    raise AssertionError(f"{name} is made from no table")


def steps(recipe: str) -> list[Step]:
    return [Step(found["place"], found["code"]) for found in BLOCK.finditer(RECIPES[recipe])]


def commands(recipe: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", RECIPES[recipe], re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def addresses() -> list[str]:
    return re.findall(r"open `/(\?[^`]+)`", TEXT)


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    start = [sys.executable] if program == "python" else [sys.executable, "-m", program]
    return subprocess.run([*start, *arguments], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the checkout after every step of every recipe; its study ``digits`` is a small one."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in PARTS:
        # Copied with file times, so that the compiled kernels stay valid.
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    for recipe in RECIPES:
        for step in steps(recipe):
            step.take(folder)
    record_small_study(folder / "data" / "studies" / "digits")
    (folder / "saved").mkdir()
    for name in foreign.RUNS:
        records = zip(*(np.exp(foreign.log_probabilities(name, split)).tolist() for split in LABELS), strict=True)
        lines = [
            json.dumps({"epoch": epoch, **dict(zip(LABELS, both, strict=True))}) for epoch, both in enumerate(records)
        ]
        (folder / "saved" / f"{name}.jsonl").write_text("\n".join(lines))
    foreign.write_labels(folder)
    return folder


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert targets
    assert [target for target in targets if not (ROOT / "docs" / target).exists()] == []


def test_each_kind_has_a_recipe_with_placed_blocks() -> None:
    assert list(RECIPES) == ["A divergence", "A panel", "A figure", "An importer", "An extension"]
    for recipe, text in RECIPES.items():
        assert len(steps(recipe)) == text.count("```python\n") >= 3
        assert all(PLACE.fullmatch(step.place) for step in steps(recipe))
        assert any(command.startswith("python -m pytest ") for command in commands(recipe))
        assert all(phrase in text for phrase in ("*You get*", "**What follows by itself:**", "**See it", "**Test it"))


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_commands_of_a_recipe_succeed(extended: Path, recipe: str) -> None:
    for command in commands(recipe):
        done = run(command, extended)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_added_code_keeps_the_rules_of_the_house(extended: Path) -> None:
    changed = sorted({found["path"] for found in PLACE.finditer(TEXT)})
    for command in ("ruff check --fix --select I", "ruff check", "ruff format --check --diff"):
        done = run(f"{command} {' '.join(changed)}", extended)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    done = run("python -m pytest -q tests/test_architecture.py", extended)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def url(extended: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of the copy, served with its extension."""
    options = ["--port", "0", "--device", "cpu", "--cache", str(tmp_path_factory.mktemp("cache"))]
    command = [sys.executable, "app.py", *options, "--extensions", "ends.py"]
    server = subprocess.Popen(command, cwd=extended, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().split()[-1]
    finally:
        server.terminate()
        server.wait()


@pytest.mark.browser
def test_the_page_shows_what_was_added(url: str, browser: Browser) -> None:
    another_divergence, panel, figure, _ = addresses()
    for tab in visit(browser, url):
        tab.open(panel).wait_for_scene()
        tab.page.wait_for_function(
            "() => / of 50$/.test(document.querySelector('[data-merit=participation]').textContent)"
        )
        assert tab.page.evaluate("document.getElementById('participation').data[0].x.length") == 50
        tab.open(another_divergence).wait_for_scene()
        assert tab.page.evaluate("inpca.state.scene.divergence") == "le_cam"
        tab.page.wait_for_function(
            "() => document.querySelector('[data-merit=spectrum]').textContent.startsWith('0 of ')"
        )
        tab.open(figure)
        tab.page.wait_for_selector("#figure-host .figure-chart.js-plotly-plot")
        assert "median loss" in tab.page.inner_text("#figure-numbers")
        assert tab.traffic.errors == tab.traffic.foreign == []


@pytest.mark.browser
def test_an_extension_follows_the_selection(url: str, browser: Browser) -> None:
    *_, extension = addresses()
    for tab in visit(browser, url):
        tab.open(extension).wait_for_scene()
        says = "words => document.getElementById('ends-words').textContent.startsWith(words)"
        tab.page.wait_for_function(says, arg=f"{N_RUNS} runs end at progress ")
        before = tab.page.inner_text("#ends-words")
        tab.pill("CNN")
        tab.page.wait_for_function(says, arg=f"{N_RUNS // len(ARCHITECTURES)} runs end at progress ")
        assert tab.page.inner_text("#ends-words").split(" on average")[0] != before.split(" on average")[0]
        tab.page.locator("#ends-components").get_by_text("10", exact=True).click()
        tab.page.wait_for_function("() => document.getElementById('ends-words').textContent.includes('10 components')")
