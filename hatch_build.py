"""Build hook: the wheel's one package `inpca`, from the checkout's sources.

A checkout imports ``engine`` and ``dashboard`` as top-level packages. Names that general could collide with other
packages in site-packages, so the wheel has ``inpca`` and ``inpca.dashboard``. Import statements are rewritten at their
positions in the syntax tree, and names in docstrings too, for ``help``; other strings and comments stay.
"""

from __future__ import annotations

import ast
import re
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HOMES = {"engine": "inpca", "dashboard": "inpca.dashboard", "app": "inpca.app"}
"""Old root of a module name -> new one."""
PLACES = {"engine": "", "dashboard": "dashboard", "assets": "assets", "app.py": "app.py"}
"""Path in the checkout -> path in the package."""


def rewritten(source: str) -> str:
    """Return Python source with imports from the package; the names they bind stay the same."""
    lines = [line.encode() for line in source.splitlines(keepends=True)]
    edits: list[tuple[int, int, int, str]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level and (new := _renamed(node.module)):
            edits.append((node.lineno, node.col_offset, len(f"from {node.module}"), f"from {new}"))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if new := _renamed(alias.name):
                    root = alias.name.partition(".")[0]
                    # `import a.b` binds a.
                    bound = (
                        "" if alias.asname else f" as {root}" if root == alias.name else f", {HOMES[root]} as {root}"
                    )
                    edits.append((alias.lineno, alias.col_offset, len(alias.name), new + bound))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for row in range(node.lineno - 1, node.value.end_lineno or node.lineno):
                lines[row] = re.sub(rb"\bengine(?=[./]\w)|(?<=-m )engine\b", b"inpca", lines[row])
                lines[row] = re.sub(rb"\bdashboard(?=([./])\w)", rb"inpca\1dashboard", lines[row])
    for row, start, length, text in sorted(edits, reverse=True):
        line = lines[row - 1]
        lines[row - 1] = line[:start] + text.encode() + line[start + length :]
    return b"".join(lines).decode()


def _renamed(name: str) -> str | None:
    root, dot, rest = name.partition(".")
    return HOMES[root] + dot + rest if root in HOMES else None


def make_package(checkout: Path, target: Path) -> None:
    """Write the package into the folder ``target``."""
    for name, place in PLACES.items():
        found = [checkout / name] if name.endswith(".py") else sorted((checkout / name).rglob("*"))
        for path in found:
            if path.is_file() and path.suffix not in (".pyc", ".nbi", ".nbc"):
                written = target / place / path.relative_to(checkout / name)
                written.parent.mkdir(parents=True, exist_ok=True)
                content = path.read_bytes()
                written.write_bytes(rewritten(content.decode()).encode() if path.suffix == ".py" else content)


class CustomBuildHook(BuildHookInterface[Any]):
    """Hatchling hook that adds `inpca` to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            raise ValueError("There is no editable install: in a checkout, `import engine` and `python app.py` work.")
        self.folder = tempfile.TemporaryDirectory()
        make_package(Path(self.root), Path(self.folder.name))
        build_data["force_include"][self.folder.name] = "inpca"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self.folder.cleanup()
