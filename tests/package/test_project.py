"""Declared dependencies of the package, and the rewriting of its sources."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import engine
from hatch_build import rewritten

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TRAINING = {"numpy", "orjson", "click", "pandas", "scipy", "numba", "scikit-learn", "threadpoolctl", "h5py", "zarr"}
"""Packages of a training environment, possibly in newer versions than any tested here."""


def required(lines: list[str]) -> dict[str, Requirement]:
    read = [Requirement(line) for line in lines if re.match(r"[a-z]", line)]
    return {requirement.name: requirement for requirement in read}


def bounds(requirement: Requirement, *operators: str) -> list[Version]:
    return [Version(each.version) for each in requirement.specifier if each.operator in operators]


DECLARED = required(
    [*PROJECT["dependencies"], *(line for those in PROJECT["optional-dependencies"].values() for line in those)]
)
CHECKOUT = required((ROOT / "requirements.txt").read_text().splitlines())
CHECKOUT |= required((ROOT / "requirements-import.txt").read_text().splitlines())


def test_the_version_is_the_same_everywhere() -> None:
    assert PROJECT["dynamic"] == ["version"]
    assert f"\nversion: {engine.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_package_and_checkout_require_the_same_but_torch() -> None:
    assert "torch" not in DECLARED
    assert DECLARED.keys() - {"inpca"} == CHECKOUT.keys() - {"torch"}


def test_no_floor_is_above_the_checkouts() -> None:
    for name in DECLARED.keys() - {"inpca"}:
        (floor,), (tested,) = (bounds(those[name], ">=", "==") for those in (DECLARED, CHECKOUT))
        assert floor <= tested, name


def test_nothing_training_code_uses_has_upper_bounds() -> None:
    assert [name for name in sorted(TRAINING) if bounds(DECLARED[name], "<", "<=", "==", "~=", "!=")] == []


def test_recording_brings_three_packages() -> None:
    assert required(PROJECT["dependencies"]).keys() == {"numpy", "orjson", "click"}


def test_the_build_hook_is_short() -> None:
    assert len((ROOT / "hatch_build.py").read_text().splitlines()) < 80


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import engine", "import inpca as engine"),
        ("import engine as e, os", "import inpca as e, os"),
        ("import os, engine.store.run", "import os, inpca.store.run, inpca as engine"),
        ("import dashboard.text", "import inpca.dashboard.text, inpca.dashboard as dashboard"),
        ("from engine import embed", "from inpca import embed"),
        ("def f():\n    from dashboard.text import (\n        TITLE,\n    )\n", None),
        ("x = 'é'; from app import main", "x = 'é'; from inpca.app import main"),
        ("import engineer, apple\nfrom engineer import x\nfrom . import engine\n", None),
        ("engine = 1\nx = 'import engine'\n", None),
        ('"""`engine.embed`, -m engine, dashboard/text."""', '"""`inpca.embed`, -m inpca, inpca/dashboard/text."""'),
        ('"""The engine. A dashboard, and the search engine."""', None),
    ],
)  # fmt: skip
def test_imports_are_rewritten_by_their_place(source: str, expected: str | None) -> None:
    if expected is None:
        expected = source.replace("from dashboard.text", "from inpca.dashboard.text")
    assert rewritten(source) == expected
    ast.parse(expected)
