"""Optional packages: imported when they are first needed, and named where they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from engine.errors import MissingPackageError


def load(module: str, purpose: str, package: str = "") -> Any:
    """Import a module that requirements.txt does not bring.

    Args:
        module: what is imported.
        purpose: what needs it, for the message.
        package: what pip calls it; empty where that is the module's name.

    Raises:
        MissingPackageError: it is not installed, or cannot be imported; with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingPackageError(
            f"{purpose} needs the package {module!r}, which cannot be imported ({error}): "
            f"pip install {package or module}"
        ) from None
