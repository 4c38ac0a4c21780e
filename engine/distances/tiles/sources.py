"""Content-named sources of models: runs and reference models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from engine.values import FloatArray

NUMBERS_VERSION = 1
"""Version in every source's name. Raise it when a change moves distances by more than their rounding."""
REMEMBERED_NAMES = 2**13


@lru_cache(maxsize=REMEMBERED_NAMES)
def source_name(*parts: str) -> str:
    """Return the hexadecimal digest of texts that identify the models."""
    text = json.dumps([NUMBERS_VERSION, *parts])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Source:
    """A run, or reference models.

    Attributes:
        name: digest of the contents, from :func:`source_name`.
        n_models: number of models.
        load: indices or None -> (model, sample, class) log-probabilities of these models, or of all.
    """

    name: str
    n_models: int
    load: Callable[[Sequence[int] | None], FloatArray]
