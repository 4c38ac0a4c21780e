"""Scripts and styles in folders of ``assets/``, loaded after the page's own."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

RESERVED = ("built", "styles")
"""Folders of ``assets/`` that are the page's own."""


def folder_tags(folder: Path, address: Callable[[str], str]) -> tuple[str, str]:
    """Link tags of the styles and script tags of the scripts in the folders of a folder, in the order of their paths.

    Files directly in it are the page's own, and so are the reserved folders. Hidden files are left out.

    Args:
        folder: the folder of assets.
        address: address of a file from its path within it.
    """
    tags = {".css": '<link rel="stylesheet" href="{}">', ".js": '<script src="{}"></script>'}
    found: dict[str, list[str]] = {suffix: [] for suffix in tags}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        is_own = len(parts) > 1 and parts[0] not in RESERVED and not any(part.startswith(".") for part in parts)
        if is_own and path.suffix in tags and path.is_file():
            # With the time of its last change, so that an edited file is not taken from the browser's cache.
            place = f"{address(quote('/'.join(parts)))}?m={path.stat().st_mtime_ns // 1_000_000}"
            found[path.suffix].append(tags[path.suffix].format(html.escape(place)))
    return "\n        ".join(found[".css"]), "\n        ".join(found[".js"])
