"""Small JSON files that carry their own checksum: study.json, run.json and seal.json.

The last field of a document is ``"crc32"``: eight hexadecimal digits, the CRC-32 of the whole file with these
digits set to ``00000000``. One flipped bit anywhere in the file is therefore noticed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine import files

DOCUMENT_LIMIT = 1_000_000
"""Bytes; a run.json above this is no run.json."""

FORMAT_VERSION = 1
_BLANK = b"00000000"
_DIGITS = slice(-12, -4)


def document_bytes(kind: str, fields: Mapping[str, Any]) -> bytes:
    """Encode a document of this kind (``"study"``, ``"run"`` or ``"seal"``)."""
    body = {"format": f"inpca-explorer {kind}", "version": FORMAT_VERSION, **fields, "crc32": _BLANK.decode()}
    raw = json.dumps(body, indent=1, allow_nan=False).encode() + b"\n"
    if len(raw) > DOCUMENT_LIMIT:
        raise ValueError(f"{kind}.json would have {len(raw)} bytes, and at most {DOCUMENT_LIMIT} are allowed")
    return raw[:-12] + b"%08x" % zlib.crc32(raw) + raw[-4:]


def parse_document(raw: bytes, kind: str) -> dict[str, Any]:
    """Decode a document: right checksum, kind and version, no duplicate keys, no NaN; else ValueError."""
    name = f"{kind}.json"
    if raw[_DIGITS] != b"%08x" % zlib.crc32(raw[:-12] + _BLANK + raw[-4:]):
        # A newer format may have other rules for its checksum: say "newer" rather than "damaged" where that is so.
        raise ValueError(_newer(raw, name) or f"{name} is damaged or was edited (its crc32 does not match)")
    fields = strict_json(raw, name)
    if not isinstance(fields, dict) or fields.get("format") != f"inpca-explorer {kind}":
        raise ValueError(f"{name} is not a document of format 'inpca-explorer {kind}'")
    version = fields.get("version")
    if type(version) is not int or version < 1:
        raise ValueError(f"{name} has format version {version!r}, which is no version")
    if version > FORMAT_VERSION:
        raise ValueError(f"{name} has format version {version}; this program reads up to {FORMAT_VERSION}: update it")
    return fields


def read_document(path: Path, kind: str) -> dict[str, Any]:
    """Read and decode the document at `path`."""
    return parse_document(files.read_bytes(path, DOCUMENT_LIMIT), kind)


def strict_json(raw: bytes, name: str) -> Any:
    """JSON without duplicate keys, NaN or infinity; anything else is a ValueError naming the file."""
    try:
        return json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not valid JSON ({error})") from None


def _newer(raw: bytes, name: str) -> str:
    try:
        version = strict_json(raw, name)["version"]
    except (ValueError, KeyError, TypeError):
        return ""
    if type(version) is int and version > FORMAT_VERSION:
        return f"{name} has format version {version}; this program reads up to {FORMAT_VERSION}: update it"
    return ""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key occurs twice")
    return fields


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number of JSON")
