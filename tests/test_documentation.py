"""Commands, names and code in the documents."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import app
import engine
from dashboard.text import PANELS
from dashboard.view_state import ViewState
from docs.scripts import figure_list, tables

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def code_blocks(language: str) -> list[str]:
    """Fenced code blocks of the README in one language; every second piece between fences is code."""
    pieces = re.split(r"^```", README, flags=re.MULTILINE)[1::2]
    return [code.partition("\n")[2] for code in pieces if code.partition("\n")[0] == language]


def test_the_two_commands_name_files_that_exist() -> None:
    (commands,) = code_blocks("")
    assert commands.splitlines()[0].startswith("pip install -r requirements.txt && python app.py ")
    assert commands.splitlines()[1].startswith("pip install -r requirements-dev.txt && python -m pytest ")
    for name in ("requirements.txt", "requirements-dev.txt", "app.py"):
        assert (ROOT / name).is_file()


def test_the_extras_of_the_readme_are_the_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = set(re.findall(r'pip install "\.\[(\w+)\]"|The extra `\[(\w+)\]`', README))
    assert {extra for pair in named for extra in pair if extra} == project["optional-dependencies"].keys()
    (numpy,) = (line for line in project["dependencies"] if line.startswith("numpy"))
    assert f"numpy ({numpy.removeprefix('numpy>=')} or newer)" in README


def test_every_option_of_the_app_is_known() -> None:
    text = subprocess.run(
        [sys.executable, "app.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for option in ("--studies", "--host", "--port", "--device", "--cache"):
        assert option in text


def test_every_link_of_the_readme_leads_somewhere() -> None:
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if not target.startswith("http")]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_telling_view_is_of_a_shipped_study() -> None:
    (query,) = set(re.findall(r"\(http://127\.0\.0\.1:8050/(\?[^)]+)\)", README))
    view = ViewState.from_query(query)
    assert (ROOT / "data" / "studies" / view.study / "study.json").is_file()
    assert (view.split, view.color_by) == ("test", "run:architecture")


def test_every_room_the_architecture_names_exists() -> None:
    layout = (ROOT / "docs" / "architecture.md").read_text().split("##")[0]
    named = set(re.findall(r"`([a-z_/]+)`", layout))
    homes = [ROOT, ROOT / "engine", ROOT / "dashboard"]
    assert len(named) > 20
    assert [
        name for name in named if not any((home / name).is_dir() or (home / f"{name}.py").is_file() for home in homes)
    ] == []


def test_every_public_name_imports_and_has_a_docstring() -> None:
    for name in engine.__all__:
        assert getattr(engine, name).__doc__


def test_recording_works_as_the_readme_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe, *_ = code_blocks("python")
    assert len(recipe.strip().splitlines()) <= 10
    torch.manual_seed(0)
    names = {
        "model": torch.nn.Linear(3, 4),
        "x_train": torch.randn(12, 3),
        "x_test": torch.randn(8, 3),
        "y_train": np.arange(12) % 4,
        "y_test": np.arange(8) % 4,
        "train_one_epoch": lambda model: None,
    }
    exec(recipe, names)
    study = engine.open_study(tmp_path / "data" / "studies" / "mine")
    assert list(study.runs["n_checkpoints"]) == [21]
    assert study.checkpoints["epoch"].iloc[0] == 0, "the untrained network is recorded, too"
    assert list(study.runs["architecture"]) == ["mlp"]


def test_the_notebook_example_works_on_a_shipped_study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    names: dict[str, Any] = {}
    exec(code_blocks("python")[1], names)
    embedding = names["e"]
    assert isinstance(embedding, engine.Embedding)
    assert embedding.n_components == 10
    exec(code_blocks("python")[2], names)
    assert len(names["finding"].tables["progress"]) == names["scene"].embedding.n_models
    names["explorer"].close()


def test_the_list_of_figures_matches_the_table() -> None:
    written = figure_list.page()
    assert (ROOT / "docs" / "figures.md").read_text() == written, "Run python -m docs.scripts.figure_list."


def test_every_panel_has_a_definition_of_few_sentences() -> None:
    for title, definition in PANELS.values():
        assert title
        assert 1 <= len(definition) <= 3
        assert all(40 < len(paragraph) < 420 for paragraph in definition)


def test_tables_between_marks_are_those_of_the_engine() -> None:
    for name, text in tables.pages().items():
        assert (ROOT / "docs" / name).read_text() == text, "Run python -m docs.scripts.tables."


def test_measured_divergences_are_divergences_that_there_are() -> None:
    measured = (ROOT / "docs" / "divergences.md").read_text().split("| CPU seconds |")[1]
    keys = re.findall(r"^\| `(\w+)`", measured, re.MULTILINE)
    assert keys
    assert set(keys) <= set(engine.DIVERGENCES)


def lab_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / "lab.md").read_text(), re.DOTALL)


def test_the_service_starts_the_app_with_known_options() -> None:
    (unit,) = lab_blocks("ini")
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read_string(unit)
    service = parsed["Service"]
    command = shlex.split(service["ExecStart"])
    start = command.index("app.py")
    given = dict(zip(command[start + 1 :: 2], command[start + 2 :: 2], strict=True))
    known = {name for option in app.main.params for name in option.opts}
    assert given.keys() <= known
    policy, prefix = app.access_policy("127.0.0.1", "x" * 32, given["--url"])
    assert prefix == "/inpca/"
    (nginx,) = lab_blocks("nginx")
    assert f"location {prefix} {{" in nginx
    assert re.search(r"proxy_pass http://127\.0\.0\.1:8050;", nginx), "without a path, which would cut the prefix off"
    assert policy.origin == "https://lab.example.org"
    assert service["EnvironmentFile"].endswith("inpca.env")


@pytest.mark.parametrize("document", ["lab.md", "security.md", "format.md", "load.md", "guide.md", "architecture.md"])
def test_every_link_and_test_named_by_documents_exists(document: str) -> None:
    text = (ROOT / "docs" / document).read_text()
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", text) if not target.startswith("http")]
    assert [target for target in targets if not (ROOT / "docs" / target).exists()] == []
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(re.findall(r"\b(test_\w+\.py)", text)) <= tests
