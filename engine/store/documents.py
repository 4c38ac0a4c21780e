"""JSON documents with a checksum: study.json, run.json and seal.json.

The last field of a document is ``"crc32"``: eight hexadecimal digits, the CRC-32 of the whole file with these
digits set to ``00000000``. It detects every single flipped bit in the file.
"""

from __future__ import annotations

import json
import logging
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.store import files

logger = logging.getLogger(__name__)

DOCUMENT_LIMIT = 1_000_000
"""Size limit of a document in bytes."""

FORMAT_VERSION = 1
_BLANK = b"00000000"
_DIGITS = slice(-12, -4)
# Categories Cc, Cs, Zl and Zp, and the embeddings, overrides and isolates of text that runs the other way. The marks
# U+200E, U+200F and U+061C stay: they order their neighbours in such text, and cannot turn what stands around it.
_UNDRAWABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
NOT_DRAWABLE = "must be one line of text, without control characters"
"""Rule for a text that is recorded, for the error of one that is not :func:`drawable` as it is."""


def document_bytes(kind: str, fields: Mapping[str, Any]) -> bytes:
    """Encode a document of this kind (``"study"``, ``"run"`` or ``"seal"``)."""
    body = {"format": f"inpca-explorer {kind}", "version": FORMAT_VERSION, **fields, "crc32": _BLANK.decode()}
    raw = json.dumps(body, indent=1, allow_nan=False).encode() + b"\n"
    if len(raw) > DOCUMENT_LIMIT:
        raise ValueError(f"{kind}.json would have {len(raw)} bytes, and at most {DOCUMENT_LIMIT} are allowed")
    return raw[:-12] + b"%08x" % zlib.crc32(raw) + raw[-4:]


def reason_of(error: Exception) -> str:
    """Return why a file could not be read, for a sentence.

    What a file holds may break any assumption of its reader. Such an error is logged with its traceback, since it may
    be the reader's; the run or study is left out as for any other.
    """
    if isinstance(error, OSError | ValueError):
        return drawable(" ".join(str(error).split())).removesuffix(".")
    logger.warning("A reader met content that it does not expect.", exc_info=error)
    return drawable(f"its content is not as expected ({type(error).__name__}: {error})")


def crc_line(body: Mapping[str, Any]) -> bytes:
    r"""Encode a line of JSON behind the CRC-32 of its bytes, ``<eight hexadecimal digits> <body>\n``."""
    raw = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(raw), raw)


def drawable(text: str) -> str:
    """Return a text in which characters that a line cannot show stand as escapes, such as ``\\n`` or ``\\ud800``.

    They are control characters (line breaks and tabs too), line and paragraph separators, characters that turn the
    direction of the text around them, and halves of surrogate pairs. JSON can hold them all, and so can a file's name;
    a page, a table or a log either cannot, or shows something else than is written.
    """
    return _UNDRAWABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def drawable_parts(value: Any) -> Any:
    """Return a value of JSON with all texts :func:`drawable`; ValueError if two keys are then written alike."""
    if isinstance(value, str):
        return drawable(value)
    if isinstance(value, list):
        return [drawable_parts(part) for part in value]
    if isinstance(value, dict):
        parts = {drawable(name): drawable_parts(part) for name, part in value.items()}
        if len(parts) != len(value):
            raise ValueError("two of its keys are written alike")
        return parts
    return value


def parse_document(raw: bytes, kind: str) -> dict[str, Any]:
    """Decode a document; ValueError for a wrong checksum, kind or version, duplicate keys or NaN."""
    name = f"{kind}.json"
    is_intact = raw[_DIGITS] == b"%08x" % zlib.crc32(raw[:-12] + _BLANK + raw[-4:])
    try:
        fields = strict_json(raw, name)
    except ValueError:
        if is_intact:
            raise
        fields = None
    version = fields.get("version") if isinstance(fields, dict) else None
    # A newer format may compute its checksum differently: report "newer" rather than "damaged" in that case.
    if type(version) is int and version > FORMAT_VERSION:
        raise ValueError(f"{name} has format version {version}; this program reads up to {FORMAT_VERSION}: update it")
    if not is_intact:
        raise ValueError(f"{name} is damaged or was edited (its crc32 does not match)")
    if not isinstance(fields, dict) or fields.get("format") != f"inpca-explorer {kind}":
        raise ValueError(f"{name} is not a document of format 'inpca-explorer {kind}'")
    if type(version) is not int or version < 1:
        raise ValueError(f"{name} has format version {version!r}, which is no version")
    try:
        return dict(drawable_parts(fields))
    except RecursionError:
        raise ValueError(f"{name} nests its values too deeply") from None


def read_document(path: Path, kind: str) -> dict[str, Any]:
    """Read and decode the document at `path`."""
    return parse_document(files.read_bytes(path, DOCUMENT_LIMIT), kind)


def strict_json(raw: bytes, name: str) -> Any:
    """Parse JSON; ValueError naming the file for duplicate keys, NaN, infinity or invalid syntax."""
    try:
        return json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not valid JSON ({error})") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key occurs twice")
    return fields


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number of JSON")
