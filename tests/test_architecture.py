"""The rules of the house, as tests: who may import whom, who touches disk, what never appears."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENGINE = sorted((ROOT / "engine").rglob("*.py"))
DASHBOARD = sorted((ROOT / "dashboard").rglob("*.py"))
USER_INTERFACE = {"dash", "dash_mantine_components", "dash_ag_grid", "plotly", "flask", "waitress", "dashboard"}
COMPUTING = {"torch", "numba", "llvmlite", "triton", "scipy", "sklearn"}
UNSAFE = re.compile(
    r"pickle\.loads?\(|allow_pickle=True|weights_only=False|(?<![\w.])eval\(|shell=True|DiskcacheManager\("
)


def imported_packages(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", ENGINE, ids=name)
def test_the_engine_knows_no_user_interface(path: Path) -> None:
    assert not imported_packages(path) & USER_INTERFACE


def test_importing_the_engine_loads_neither_user_interface_nor_torch() -> None:
    code = f"import sys, engine; print(sorted({USER_INTERFACE | {'torch', 'numba'}!r} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_page_is_laid_out_before_anything_that_computes_is_loaded(tmp_path: Path) -> None:
    code = f"""
import sys
import app
explorer = app.Explorer("data/studies", device="cpu", cache={str(tmp_path)!r})
app.create_app(explorer)
print(sorted({{name.split(".")[0] for name in sys.modules}} & {COMPUTING!r}))
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("path", sorted((ROOT / "dashboard" / "figures").glob("*.py")), ids=name)
def test_figures_import_neither_dash_nor_torch(path: Path) -> None:
    assert not imported_packages(path) & {"dash", "dash_mantine_components", "dash_ag_grid", "torch", "flask"}


@pytest.mark.parametrize("path", DASHBOARD, ids=name)
def test_tensors_never_leave_the_engine(path: Path) -> None:
    assert not imported_packages(path) & {"torch", "numba", "scipy", "diskcache"}


@pytest.mark.parametrize("path", [path for path in DASHBOARD if path.name != "callbacks.py"], ids=name)
def test_only_callbacks_names_inputs_and_outputs(path: Path) -> None:
    names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
    assert not names & {"Input", "Output", "State"}


@pytest.mark.parametrize("path", [*ENGINE, *DASHBOARD, ROOT / "app.py"], ids=name)
def test_nothing_unsafe_is_called(path: Path) -> None:
    assert not UNSAFE.search(path.read_text())


@pytest.mark.parametrize("path", [*ENGINE, *DASHBOARD], ids=name)
def test_no_module_is_long_enough_to_dread(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 350


@pytest.mark.parametrize("path", [*ENGINE, *DASHBOARD], ids=name)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_no_module_is_a_drawer_for_everything() -> None:
    assert not [
        name(path) for path in [*ENGINE, *DASHBOARD] if path.stem in {"utils", "util", "helpers", "misc", "common"}
    ]
