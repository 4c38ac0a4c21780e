"""The wheel, installed beside foreign modules of the same names."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import engine
from hatch_build import HOMES, rewritten

ROOT = Path(__file__).resolve().parents[2]
OLD_IMPORTS = {*HOMES, "data", "tests", "benchmarks", "docs"}
OLD_NAME = re.compile(r"(?<![\w./])(?:engine|dashboard)[./][a-z_]\w|-m engine\b")
ARITHMETIC = ("embedding", "statistics", "trajectories")
"""Rooms whose tests are the same in the package."""
FLOORS = ("numpy==1.24.0", "orjson==3.8.1", "click==8.0.0")

TRAINING = """
import sys

import numpy as np
import inpca

rng = np.random.default_rng(0)
labels = {"train": rng.integers(0, 3, 20), "test": rng.integers(0, 3, 10)}
with inpca.Recorder("study", hyperparameters={"width": 8}, labels=labels, run_id="run") as recorder:
    for step in range(4):
        recorder.record(step=step, train=rng.normal(size=(20, 3)), test=rng.normal(size=(10, 3)))
assert inpca.verify_study("study") == ()
assert inpca.open_study("study").summary.n_checkpoints == 4
try:
    inpca.open_study("nowhere")
except inpca.EngineError as error:
    assert "inpca.Recorder" in str(error)
else:
    raise AssertionError("no study was found, and nothing raised")
import inpca.recording.huggingface, inpca.recording.keras, inpca.recording.lightning, inpca.recording.schedules
"""

BARE = """
import sys

class OnlyTheBase:
    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        if root not in {*sys.stdlib_module_names, "inpca", "numpy", "orjson", "click"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, OnlyTheBase())
"""

REFUSING = """
import inpca

for ask in (lambda: inpca.Explorer, lambda: inpca.open_study("study").runs, lambda: inpca.show):
    try:
        ask()
    except ImportError as error:
        assert isinstance(error, inpca.MissingPackageError) and "needs the package" in str(error), error
    else:
        raise AssertionError("without pandas, and nothing raised")
"""

SHOWING = """
import sys

import inpca

assert "show" in dir(inpca) and "show" in inpca.__all__
assert {"dash", "flask", "numba"}.isdisjoint(sys.modules)
studies, cache = sys.argv[1:]
try:
    show = inpca.show
except inpca.MissingPackageError as error:
    sys.exit(str(error))
page = show(studies, cache=cache)
assert page.folder.samefile(studies)
page.close()
"""

EVERYTHING = """
import json, pkgutil, sys
from importlib import import_module

class WithoutTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, WithoutTorch())

import inpca
import inpca.app

studies, cache, names = sys.argv[1:]
explorer = inpca.Explorer(studies, cache=cache)
study = inpca.open_study(studies + "/small")
selection = inpca.EmbeddingSpec("small", "train", tuple(study.runs.index))
scene = explorer.embed(selection)
assert len(scene.models) == study.summary.n_checkpoints
assert isinstance(explorer.recipe(scene.key), inpca.Recipe)
client = inpca.app.create_app(explorer).server.test_client()
page = client.get("/").get_data(as_text=True)
assert "InPCA Explorer" in page
(scripts,) = [line.split('"')[1] for line in page.splitlines() if "modules/" in line and "script" in line]
assert len(client.get(scripts).get_data()) > 20_000
explorer.close()

del sys.meta_path[0]
for module in pkgutil.walk_packages(inpca.__path__, "inpca."):
    if not module.name.endswith(("__main__", "hdf5_process", "triton_tile")):
        import_module(module.name)
loaded = {name: getattr(module, "__file__", None) or "" for name, module in list(sys.modules.items())}
ours = [file for file in loaded.values() if file.startswith(inpca.__path__[0])]
assert len(ours) == len(set(ours)) > 200, "a module is loaded twice"
assert all(name.partition(".")[0] == "inpca" for name, file in loaded.items() if file in ours)
open(names, "w").write(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def run(command: list[str | Path], folder: Path, package: Path, code: int = 0) -> str:
    """Return the output of a command, run in a folder with the installed wheel on the path."""
    environment = os.environ | {"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    run([*pip, "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", folder, ROOT], folder, folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def package(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the installed wheel; its dependencies come from the environment of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run([*pip, "--no-deps", "--no-index", "--target", folder, wheel], folder, folder)
    return folder


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """Return a folder with foreign modules named ``engine``, ``dashboard`` and ``app``, which raise on import."""
    for name in HOMES:
        (tmp_path / f"{name}.py").write_text("raise AssertionError('this module is none of the package')\n")
    return tmp_path


def sources(package: Path) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((package / "inpca").rglob("*.py")):
        yield path.relative_to(package).as_posix(), ast.parse(path.read_text())


@pytest.mark.full
def test_the_wheel_has_one_module_at_its_top(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"inpca", f"inpca-{engine.__version__}.dist-info"}
    assert [
        name
        for name in names
        if not name.endswith((".py", ".mjs", ".js", ".js.map", ".css", ".d.ts", ".LICENSE", ".LEGAL.txt"))
        and "info/" not in name
    ] == []


@pytest.mark.full
def test_every_file_of_the_checkout_has_its_place(package: Path) -> None:
    listed = ["git", "ls-files", "engine", "dashboard", "assets", "app.py"]
    tracked = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    expected = {f"inpca/{name.removeprefix('engine/')}" for name in tracked}
    found = {path.relative_to(package).as_posix() for path in (package / "inpca").rglob("*") if path.is_file()}
    assert {name for name in found if "__pycache__" not in name} == expected


@pytest.mark.full
def test_no_old_name_survives(package: Path) -> None:
    offenders = []
    for name, tree in sources(package):
        for node in ast.walk(tree):
            imported: list[str] = []
            if isinstance(node, ast.Import):
                imported = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported = [node.module or ""]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and OLD_NAME.search(node.value):
                offenders.append(f"{name}: {node.value[:60]!r}")
            offenders += [f"{name}: {each}" for each in imported if each.partition(".")[0] in OLD_IMPORTS]
    assert offenders == []


@pytest.mark.full
@pytest.mark.parametrize("before", ["", BARE], ids=["with all packages", "with those that recording needs"])
def test_recording_beside_a_foreign_engine_suits_the_checkout(before: str, package: Path, workplace: Path) -> None:
    (workplace / "train.py").write_text(before + TRAINING + (REFUSING if before else ""))
    run([sys.executable, "train.py"], workplace, package)
    study = engine.open_study(workplace / "study")
    assert study.runs.loc["run", "width"] == 8
    assert study.predictions("train").log_probabilities.shape == (4, 20, 3)


@pytest.mark.full
def test_a_process_holds_one_copy_of_each_module(package: Path, workplace: Path, studies_folder: Path) -> None:
    (workplace / "everything.py").write_text(EVERYTHING)
    names = workplace / "names.json"
    run([sys.executable, "everything.py", studies_folder, workplace / "cache", names], workplace, package)
    assert OLD_IMPORTS.isdisjoint(json.loads(names.read_text()))


@pytest.mark.full
def test_show_serves_or_names_the_extra(package: Path, workplace: Path, studies_folder: Path) -> None:
    (workplace / "showing.py").write_text(SHOWING)
    command = [sys.executable, "showing.py", studies_folder, workplace / "cache"]
    assert re.fullmatch(r"InPCA Explorer: http://127\.0\.0\.1:\d+/\w+/\?token=\S+\n", run(command, workplace, package))
    (workplace / "dash.py").write_text("raise ModuleNotFoundError(\"No module named 'dash'\", name='dash')\n")
    assert run(command, workplace, package, code=1) == (
        "inpca.show needs the package 'dash', which is not installed; the extra [app] brings it.\n"
    )


@pytest.mark.full
def test_the_command_verifies_and_exports(package: Path, workplace: Path, studies_folder: Path) -> None:
    command = package / "bin" / "inpca"
    assert all(name in run([command, "--help"], workplace, package) for name in ("app", "export", "import", "verify"))
    assert "every byte as committed" in run([command, "verify", studies_folder / "small"], workplace, package)
    assert "No study at" in run([command, "verify", "nothing"], workplace, package, code=1)
    run(
        [command, "export", studies_folder / "small", "out", "--to", "npz", "--what", "embedding", "--split", "train"],
        workplace,
        package,
    )
    assert (workplace / "out" / "embedding.npz").is_file()
    assert "every byte" in run(
        [sys.executable, "-P", "-m", "inpca", "verify", studies_folder / "small"], workplace, package
    )


@pytest.mark.full
def test_the_command_serves_a_given_folder(package: Path, workplace: Path) -> None:
    command = package / "bin" / "inpca"
    told = run([command, "app", "--help"], workplace, package)
    assert "Usage: inpca app [OPTIONS] [STUDIES]" in told
    assert "data/studies" not in told
    assert "Give STUDIES" in run([command, "app"], workplace, package, code=2)
    (workplace / "flask.py").write_text("raise ModuleNotFoundError(\"No module named 'flask'\", name='flask')\n")
    told = run([sys.executable, "-m", "inpca", "app", "."], workplace, package, code=1)
    assert (
        told == "Error: The dashboard needs the package 'flask', which is not installed: the extra [app] brings it.\n"
    )


@pytest.mark.full
def test_the_quick_engine_tests_pass_packaged(package: Path, workplace: Path) -> None:
    """The tests run from a copy rewritten like the package, strings included, since some tests patch by name.

    Without those of pure arithmetic, whose modules name no other by text.
    """
    for path in sorted((ROOT / "tests").rglob("*.py")):
        place = path.relative_to(ROOT)
        if (place.parts[1] == "engine" and place.parts[2] not in ARITHMETIC) or len(place.parts) == 2:
            (workplace / place).parent.mkdir(parents=True, exist_ok=True)
            text = re.sub(r"([\"'])engine\.(?=[a-z])", r"\1inpca.", rewritten(path.read_text()))
            (workplace / place).write_text(text.replace(r"engine\.Recorder", r"inpca\.Recorder"))
    for name in ("docs", "data", "pyproject.toml"):
        (workplace / name).symlink_to(ROOT / name)
    told = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/engine"], workplace, package)
    passed = re.search(r"(\d+) passed", told)
    assert passed is not None
    assert int(passed[1]) > 1000
    for name in HOMES:
        assert not (workplace / name).is_dir()


@pytest.mark.full
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the oldest packages have wheels for Python 3.11")
def test_recording_works_with_the_oldest_packages_it_admits(wheel: Path, workplace: Path) -> None:
    """Installed versions stay: an older torch and numpy are not among the packages to install."""
    environment = workplace / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--only-binary", ":all:"]
    try:
        subprocess.run([*pip, *FLOORS], capture_output=True, check=True, timeout=300)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        if os.environ.get("INPCA_REQUIRE_INDEX"):
            raise
        pytest.skip("no package index: the oldest packages cannot be installed")
    (torch,) = (folder / "torch-2.1.0.dist-info" for folder in environment.glob("lib/python*/site-packages"))
    torch.mkdir()
    (torch / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.1.0\n")
    told = run([*pip[:-3], "--dry-run", "--no-index", wheel], workplace, workplace)
    (listed,) = re.findall("Would install (.*)", told)
    assert listed == f"inpca-{engine.__version__}"
    run([*pip, "--no-index", wheel], workplace, workplace)
    (workplace / "train.py").write_text(TRAINING + REFUSING)
    run([python, "train.py"], workplace, workplace)
    run([environment / "bin" / "inpca", "verify", "study"], workplace, workplace)
    shutil.rmtree(environment)
