"""Architecture rules: imports, forbidden calls, length, names and docstrings."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).resolve().parents[1]
USER_INTERFACE = {"dash", "dash_mantine_components", "dash_ag_grid", "plotly", "flask", "waitress", "dashboard"}
COMPUTING = {"torch", "numba", "llvmlite", "triton", "scipy", "sklearn"}
DRAWERS = {"utils", "util", "helpers", "misc", "common"}
UNSAFE = re.compile(
    r"pickle\.loads?\(|allow_pickle=True|weights_only=False|(?<![\w.])eval\(|shell=True|DiskcacheManager\("
)
MOST_LINES = 350
MOST_ROOMS = 10
"""Most modules, and most subfolders, in a folder."""
MOST_WORDS = 8
"""Most words of a test's name, not counting ``test``."""
LAYERS = {
    "engine": (
        "errors",
        "values machine",
        "cache arrays jobs",
        "store",
        "recording distances",
        "embedding trajectories",
        "statistics formats",
        "analyses",
        "explorer",
        "__init__ __main__",
    ),
    "dashboard": (
        "text theme saved",
        "view_state",
        "figures",
        "payloads",
        "layout",
        "server",
        "routes",
        "extensions",
        "__init__",
        "notebook",
    ),
}
"""Layers of each package, lowest first: a module imports from its own room and lower layers, never from a peer room."""
OPENING = {
    "open", "read_text", "read_bytes", "write_text", "write_bytes", "memmap", "fromfile", "tofile", "savez", "to_csv",
    "read_csv",
}  # fmt: skip
OPENERS = (
    "engine/machine.py",
    "engine/cache/",
    "engine/store/",
    "engine/recording/writer.py",
    "engine/distances/tiles/",
    "engine/formats/",
    "dashboard/saved/",
    "dashboard/payloads/standalone.py",
    "dashboard/server/styles.py",
    "dashboard/server/modules.py",
)
"""Modules that may open files; the last three open the page's own assets."""


class Module:
    """Source file, read and parsed once, on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def imported(self) -> set[str]:
        """Dotted names of all modules imported in the file."""
        found = set()
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
        return found

    @cached_property
    def dotted(self) -> str:
        return ".".join(self.path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

    @cached_property
    def packages(self) -> set[str]:
        return {name.split(".")[0] for name in self.imported}


def modules(folder: str) -> list[Module]:
    found = [Module(path) for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found, f"{folder} has no modules: a rule about it would hold of nothing"
    return found


ENGINE = modules("engine")
DASHBOARD = modules("dashboard")
APP = Module(ROOT / "app.py")


def arrows(those: list[Module]) -> set[tuple[str, str]]:
    """Pairs (importer, imported) of dotted names among these modules, including imports inside functions."""
    known = {module.dotted for module in those}
    found = set()
    for module in those:
        for node in module.nodes:
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                # A name imported from a package is a submodule, or an attribute of the package.
                targets = [
                    name if (name := f"{node.module}.{alias.name}") in known else node.module for alias in node.names
                ]
            else:
                continue
            found |= {(module.dotted, target) for target in targets if target in known and target != module.dotted}
    return found


def rank(package: str, dotted: str) -> tuple[int, str]:
    """Layer and room of a module."""
    room = dotted.split(".")[1] if "." in dotted else "__init__"
    layers = [number for number, rooms in enumerate(LAYERS[package]) if room in rooms.split()]
    assert len(layers) == 1, f"{dotted} lies in no room of LAYERS"
    return layers[0], room


def circles(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Strongly connected components of more than one name."""
    pairs = sorted(pairs)
    names = sorted({name for pair in pairs for name in pair})
    if not names:
        return []
    rows, columns = ([names.index(pair[side]) for pair in pairs] for side in (0, 1))
    graph = csr_array((np.ones(len(pairs)), (rows, columns)), shape=(len(names), len(names)))
    _, group = connected_components(graph, connection="strong")
    members = [[name for name, g in zip(names, group, strict=True) if g == k] for k in range(max(group) + 1)]
    return [those for those in members if len(those) > 1]


def between_siblings(pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """The pairs, reduced to the modules or folders that are siblings in one folder."""
    found = set()
    for pair in pairs:
        a, b = (name.split(".") for name in pair)
        depth = next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
        if depth < min(len(a), len(b)):
            found.add((".".join(a[: depth + 1]), ".".join(b[: depth + 1])))
    return found


def importing(those: Iterable[Module], packages: set[str]) -> list[str]:
    """Imports of the packages by modules, as ``module: package``."""
    return [f"{module.name}: {package}" for module in those for package in sorted(module.packages & packages)]


def those_that(rule: Callable[[Module], object], those: Iterable[Module]) -> list[str]:
    return [module.name for module in those if rule(module)]


def loaded_by(code: str, packages: set[str]) -> str:
    """Those of the packages loaded in a fresh interpreter after running the code."""
    code += f"\nimport sys\nprint(sorted({{name.split('.')[0] for name in sys.modules}} & {packages!r}))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return result.stdout.strip()


def test_imports_lead_down_the_layers() -> None:
    offenders = []
    for package, those in (("engine", ENGINE), ("dashboard", DASHBOARD)):
        for importer, imported in sorted(arrows(those)):
            (own, room), (other, other_room) = rank(package, importer), rank(package, imported)
            if room != other_room and other >= own:
                offenders.append(f"{importer} -> {imported}")
    assert offenders == []


def test_no_imports_go_in_circles() -> None:
    assert [circle for those in (ENGINE, DASHBOARD) for circle in circles(arrows(those))] == []


def test_folders_side_by_side_import_one_way() -> None:
    assert [circle for those in (ENGINE, DASHBOARD) for circle in circles(between_siblings(arrows(those)))] == []


def test_the_layer_rules_see_offenders() -> None:
    assert circles({("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")}) == [["a", "b", "c"]]
    assert between_siblings({("e.f.x", "e.g.y"), ("e.f.x", "e.f")}) == {("e.f", "e.g")}
    assert ("engine.embedding.inpca", "engine.values") in arrows(ENGINE)


def test_a_folder_has_at_most_ten_rooms() -> None:
    offenders = []
    for folder in {module.path.parent for module in [*ENGINE, *DASHBOARD]}:
        files = [path for path in folder.glob("*.py") if path.stem not in ("__init__", "__main__")]
        folders = [path for path in folder.iterdir() if path.is_dir() and any(path.glob("*.py"))]
        offenders += [f"{folder}: {len(those)}" for those in (files, folders) if len(those) > MOST_ROOMS]
    assert offenders == []


def test_files_are_opened_in_few_rooms() -> None:
    def opens(module: Module) -> bool:
        calls = [node.func for node in module.nodes if isinstance(node, ast.Call)]
        names = {call.id if isinstance(call, ast.Name) else getattr(call, "attr", "") for call in calls}
        return bool(names & OPENING)

    assert [name for name in those_that(opens, [*ENGINE, *DASHBOARD]) if not name.startswith(OPENERS)] == []


def test_the_engine_knows_no_user_interface() -> None:
    assert importing(ENGINE, USER_INTERFACE) == []


def test_importing_the_engine_loads_neither_interface_nor_torch() -> None:
    assert loaded_by("import engine", USER_INTERFACE | {"torch", "numba"}) == "[]"


def test_the_page_is_laid_out_before_computing_loads(tmp_path: Path) -> None:
    code = f"import app\napp.create_app(app.Explorer('data/studies', device='cpu', cache={str(tmp_path)!r}))"
    assert loaded_by(code, COMPUTING) == "[]"


def test_figures_import_neither_dash_nor_torch() -> None:
    figures = modules("dashboard/figures")
    assert importing(figures, {"dash", "dash_mantine_components", "dash_ag_grid", "torch", "flask"}) == []


def test_tensors_never_leave_the_engine() -> None:
    assert importing(DASHBOARD, {"torch", "numba", "scipy", "diskcache"}) == []


def test_only_callbacks_names_inputs_and_outputs() -> None:
    def names_them(module: Module) -> set[str]:
        return {node.id for node in module.nodes if isinstance(node, ast.Name)} & {"Input", "Output", "State"}

    assert those_that(names_them, DASHBOARD) == ["dashboard/routes/callbacks.py"]


def test_nothing_unsafe_is_called() -> None:
    assert those_that(lambda module: UNSAFE.search(module.text), [*ENGINE, *DASHBOARD, APP]) == []


def test_no_module_is_long_enough_to_dread() -> None:
    assert those_that(lambda module: len(module.text.splitlines()) > MOST_LINES, [*ENGINE, *DASHBOARD]) == []


def test_every_module_says_what_it_is() -> None:
    assert those_that(lambda module: not ast.get_docstring(module.tree), [*ENGINE, *DASHBOARD]) == []


def test_no_module_is_a_drawer_for_everything() -> None:
    assert those_that(lambda module: module.path.stem in DRAWERS, [*ENGINE, *DASHBOARD]) == []


def test_files_are_never_mapped() -> None:
    """A mapped file that another program cuts short ends the process."""
    mapping = those_that(lambda module: bool(re.search(r"\bmmap\b|\bmemmap\b|mmap_mode", module.text)), ENGINE)
    assert mapping == []


def test_test_names_have_at_most_eight_words() -> None:
    def long_names(module: Module) -> list[str]:
        names = [node.name for node in module.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        return [name for name in names if name.startswith("test_") and len(name.split("_")) - 1 > MOST_WORDS]

    offenders = [f"{module.name}: {name}" for module in modules("tests") for name in long_names(module)]
    assert not offenders, "\n".join(offenders)
