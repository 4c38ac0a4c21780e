"""run.json: what a run declares about itself before its first checkpoint."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from engine.encoding import DTYPES, ENCODING
from engine.hyperparameters import Scalar
from engine.manifest import Manifest

RUN_FILE = "run.json"
RECORDER_VERSION = 1

ORIGIN_FILE = "origin.json"
"""Beside the run.json of an imported run: where it comes from, and the digest of what it was made from."""


def new_run_id(hyperparameters: Mapping[str, Scalar]) -> str:
    """A readable and unique name: architecture, UTC time, random part."""
    architecture = hyperparameters.get("architecture") or hyperparameters.get("model") or "run"
    prefix = re.sub(r"[^A-Za-z0-9]+", "-", str(architecture)).strip("-")[:40] or "run"
    return f"{prefix}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def run_fields(run_id: str, hyperparameters: Mapping[str, Scalar], manifest: Manifest, dtype: str) -> dict[str, Any]:
    """The fields of a new run's run.json; the nonce makes its bytes, and so its content ids, unique."""
    return {
        "run_id": run_id,
        "hyperparameters": dict(hyperparameters),
        "n_classes": manifest.n_classes,
        "splits": {
            split: {
                "n_samples": probe.n_samples,
                "dtype": dtype,
                "encoding": ENCODING,
                "order_sha256": probe.order_hash,
            }
            for split, probe in manifest.splits.items()
        },
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "nonce": secrets.token_hex(8),
        "recorder": RECORDER_VERSION,
    }


def parse_splits(fields: Mapping[str, Any], manifest: Manifest) -> dict[str, np.dtype[np.generic]]:
    """The stored dtype of each split of a run.json that fits the study; ValueError gives the difference."""
    declared = fields.get("splits")
    if not isinstance(declared, dict) or declared.keys() != manifest.splits.keys():
        raise ValueError(f"{RUN_FILE} must have the study's splits {list(manifest.splits)}, it has {declared!r:.200}")
    if fields.get("n_classes") != manifest.n_classes:
        raise ValueError(f"{RUN_FILE} has {fields.get('n_classes')!r} classes, the study {manifest.n_classes}")
    dtypes: dict[str, np.dtype[np.generic]] = {}
    for split, probe in manifest.splits.items():
        entry = declared[split]
        if not isinstance(entry, dict) or entry.get("order_sha256") != probe.order_hash:
            raise ValueError(f"it was recorded on another probe set: its {split} labels are not the study's")
        if entry.get("n_samples") != probe.n_samples:
            raise ValueError(f"{RUN_FILE} has {entry.get('n_samples')!r} {split} samples, the study {probe.n_samples}")
        if entry.get("encoding") != ENCODING or entry.get("dtype") not in DTYPES:
            raise ValueError(
                f"{RUN_FILE} must store {split} as {ENCODING!r} in one of {list(DTYPES)}, it has "
                f"{entry.get('encoding')!r} in {entry.get('dtype')!r}"
            )
        dtypes[split] = DTYPES[entry["dtype"]]
    return dtypes


def parse_created(fields: Mapping[str, Any]) -> float:
    """Seconds since 1970 (UTC) at which the run was begun; NaN where a run.json does not say, which breaks nothing."""
    created = fields.get("created")
    try:
        moment = datetime.fromisoformat(created) if isinstance(created, str) else None
        return math.nan if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return math.nan
