"""What the documents say is true: their commands run, their names exist, their code works as written."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import app
import engine
from dashboard.text import PANELS
from dashboard.view_state import ViewState

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def code_blocks(language: str) -> list[str]:
    """Fenced blocks of the README in one language; every second piece between fences is code."""
    pieces = re.split(r"^```", README, flags=re.MULTILINE)[1::2]
    return [code.partition("\n")[2] for code in pieces if code.partition("\n")[0] == language]


def test_the_two_commands_name_files_that_exist() -> None:
    (commands,) = code_blocks("")
    assert commands.splitlines()[0].startswith("pip install -r requirements.txt && python app.py ")
    assert commands.splitlines()[1].startswith("pip install -r requirements-dev.txt && python -m pytest ")
    for name in ("requirements.txt", "requirements-dev.txt", "app.py"):
        assert (ROOT / name).is_file()


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


def test_the_telling_view_is_a_view_of_a_study_that_ships() -> None:
    (query,) = set(re.findall(r"\(http://127\.0\.0\.1:8050/(\?[^)]+)\)", README))
    view = ViewState.from_query(query)
    assert (ROOT / "data" / "studies" / view.study / "study.json").is_file()
    assert (view.split, view.color_by) == ("test", "run:architecture")


def test_every_module_the_readme_names_exists() -> None:
    layout = README.split("## How the code is laid out")[1].split("##")[0]
    named = set(re.findall(r"`([a-z_]+)`", layout))
    modules = [path for folder in ("engine", "dashboard") for path in (ROOT / folder).rglob("*.py")]
    known = {path.parent.name if path.stem == "__init__" else path.stem for path in modules}
    assert named
    assert named <= known


def test_every_public_name_can_be_imported_and_says_what_it_is() -> None:
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
    assert list(study.runs["n_checkpoints"]) == [20]
    assert list(study.runs["architecture"]) == ["mlp"]


def test_the_notebook_example_works_on_a_study_that_ships(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
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


def test_the_list_of_figures_is_that_of_the_table() -> None:
    script = ROOT / "docs" / "make_figure_list.py"
    written = subprocess.run(
        [sys.executable, "-c", f"import runpy; print(runpy.run_path({str(script)!r})['page'](), end='')"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (ROOT / "docs" / "figures.md").read_text() == written, f"Run python {script.relative_to(ROOT)}."


def test_every_panel_tells_its_definition_in_a_few_sentences() -> None:
    for title, definition in PANELS.values():
        assert title
        assert 1 <= len(definition) <= 3
        assert all(40 < len(paragraph) < 420 for paragraph in definition)


def test_the_table_of_divergences_says_what_the_engine_says() -> None:
    lines = (ROOT / "docs" / "divergences.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| `")]
    described = [row for row in rows if len(row) == 8]
    assert [[*row[:4], *row[5:]] for row in described] == [
        [
            f"`{key}`",
            row.title,
            row.formula,
            row.unit,
            row.caps,
            "possible" if row.can_be_negative else "none",
            row.reference,
        ]
        for key, row in engine.DIVERGENCES.items()
    ]
    measured = [row for row in rows if len(row) != 8]
    assert [row[0] for row in measured] == [f"`{key}`" for key in engine.DIVERGENCES]


def lab_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / "lab.md").read_text(), re.DOTALL)


def test_the_service_starts_the_app_with_options_that_there_are() -> None:
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


@pytest.mark.parametrize("document", ["lab.md", "security.md", "format.md", "load.md"])
def test_every_link_and_test_that_a_document_names_exists(document: str) -> None:
    text = (ROOT / "docs" / document).read_text()
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", text) if not target.startswith("http")]
    assert [target for target in targets if not (ROOT / "docs" / target).exists()] == []
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(re.findall(r"\b(test_\w+\.py)", text)) <= tests
