"""Damaged and forged files, given to every importer and reader.

Each answers with a named error, soon and in little memory. Some 2,000 files by default. INPCA_FUZZ_FILES=50000 is the
long form, INPCA_FUZZ_SEED another set of them; a failure names the case, which ``attempt(kind, number)`` repeats.
"""

from __future__ import annotations

import os
import pickle
import resource
import shutil
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import EngineError, open_study, verify_study
from engine.formats.candidates import Request
from engine.formats.import_plan import plan_import, read_labels
from engine.formats.tables import read_run_table
from tests import foreign
from tests.recording import LABELS, record_run

pytestmark = pytest.mark.full

N_FILES = int(os.environ.get("INPCA_FUZZ_FILES", "2000"))
SEED = int(os.environ.get("INPCA_FUZZ_SEED", "0"))
CPU_SECONDS = 1.0
MEGABYTES = 300

TEST_ONLY = {"test": LABELS["test"]}
NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**62, 2**63 - 1, 2**64 - 1]
WORDS = [
    *(b"(99999999999999999, 5, 3)", b"'shape': (-1,)", b"|O", b"<f8", b">f2", b"nan", b"1e999", b"True", b",", b"\x00"),
    *(b"../../x", b"{", b"[" * 200, b'"' * 3, b"cos\nsystem\n", b"\x93", b"R", b"b", b".", b"\x8e" + b"\xff" * 7),
]


def plan(format_key: str, labels: Any = TEST_ONLY, **options: Any) -> Callable[[Path], object]:
    """Plan an import of a file, or of the folder that holds it, reading everything."""

    def read(path: Path) -> object:
        source = path.parent if format_key in ("epochs", "weights") else path
        request = Request(source, {}, "test", **options)
        return plan_import(request, path.parent / "no-study", format_key, labels=labels, thorough=True)

    return read


def read_whole_study(path: Path) -> object:
    study = next(parent for parent in path.parents if (parent / "runs").is_dir())
    verify_study(study)
    return open_study(study).checked()


def corpus(folder: Path) -> dict[str, tuple[Path, Callable[[Path], object], int]]:
    """By kind: a sound file, its reader, and how many in a hundred of the files are of that kind."""
    foreign.write_arrays(folder / "arrays", ".npz")
    foreign.write_arrays(folder / "arrays", ".safetensors")
    both = {split: foreign.log_probabilities("alpha", split) for split in LABELS}
    np.savez_compressed(folder / "arrays" / "packed.npz", **both)
    np.save(folder / "arrays" / "bare.npy", both["test"])
    foreign.write_epochs(folder / "epochs")
    tensors = min(foreign.write_study_pickles(folder / "tensors").iterdir())
    pickled = min(foreign.write_study_pickles(folder / "pickled", np.array).iterdir())
    checkpoints = [{"yh": a, "yvh": b} for a, b in zip(both["train"], both["test"], strict=True)]
    (folder / "bare.p").write_bytes(pickle.dumps({"data": checkpoints, "configs": {}}, protocol=4))
    foreign.write_weights(folder / "weights")
    np.savez(folder / "inputs-test.npz", test=np.zeros((5, 2), np.float32))
    tables = folder / "tables"
    tables.mkdir()
    (tables / "plain.csv").write_text(foreign.TABLE)
    (tables / "mlflow.csv").write_text("run_id,params.lr,params.opt,metrics.loss\nf0,0.1,sgd,1\nf1,0.2,adam,2\n")
    (tables / "wandb.csv").write_text(",summary,config,name\n0,{},\"{'lr': 0.1, 'bn': True, 'opt': None}\",calm-1\n")
    run = record_run(folder / "study", "run")
    weights = {"options": {"build": "tests.foreign:network", "inputs": str(folder / "inputs-test.npz")}}
    return {
        "npz": (folder / "arrays" / "alpha.npz", plan("arrays", LABELS), 11),
        "compressed npz": (folder / "arrays" / "packed.npz", plan("arrays", LABELS), 11),
        "npy": (folder / "arrays" / "bare.npy", plan("arrays"), 11),
        "safetensors": (folder / "arrays" / "alpha.safetensors", plan("arrays", LABELS), 8),
        "npy per epoch": (folder / "epochs" / "alpha" / "test_epoch1.npy", plan("epochs"), 6),
        "study tensors": (tensors, plan("study", LABELS), 9),
        "study arrays": (pickled, plan("study", LABELS), 9),
        "bare pickle": (folder / "bare.p", plan("study", LABELS), 7),
        "weights": (folder / "weights" / "beta" / "checkpoint-1.pt", plan("weights", **weights), 4),
        "labels": (foreign.write_labels(folder), lambda path: read_labels(path, "test"), 5),
        "plain table": (tables / "plain.csv", read_run_table, 4),
        "MLflow table": (tables / "mlflow.csv", read_run_table, 3),
        "W&B table": (tables / "wandb.csv", read_run_table, 3),
        "run.json": (run / "run.json", read_whole_study, 2),
        "journal": (run / "journal.jsonl", read_whole_study, 2),
        "records": (run / "train.npy", read_whole_study, 2),
        "seal.json": (run / "seal.json", read_whole_study, 1),
        "study.json": (folder / "study" / "study.json", read_whole_study, 1),
        "true labels": (folder / "study" / "test_labels.npy", read_whole_study, 1),
    }


def mutated(raw: bytes, rng: np.random.Generator) -> bytes:
    """One to four changes: bits, bytes, numbers, words, cuts, repetitions; half of them near the front or the end."""
    data = bytearray(raw)
    for _ in range(rng.integers(1, 5)):
        size = len(data)
        near = int(rng.integers(0, 200))
        place = int(rng.choice([rng.integers(0, size + 1), min(near, size), max(size - 1 - near, 0)]))
        match int(rng.integers(0, 8)):
            case 0 if place < size:
                data[place] ^= 1 << rng.integers(0, 8)
            case 1:
                data[place : place + 1] = rng.bytes(1)
            case 2:
                width = int(rng.choice([1, 2, 4, 8]))
                number = NUMBERS[rng.integers(0, len(NUMBERS))] & (2 ** (8 * width) - 1)
                data[place : place + width] = number.to_bytes(width, "little")
            case 3:
                word = WORDS[rng.integers(0, len(WORDS))]
                data[place : place + (len(word) if rng.integers(0, 2) else 0)] = word
            case 4:
                del data[place:]
            case 5:
                del data[place : place + int(rng.integers(1, 64))]
            case 6:
                data[place:place] = data[place : place + int(rng.integers(1, 256))]
            case _:
                # Digits of declared shapes and sizes, wherever they stand as text.
                digits = [index for index, byte in enumerate(data[:2000]) if 48 <= byte <= 57]
                if digits:
                    data[digits[rng.integers(0, len(digits))]] = 48 + int(rng.integers(0, 10))
        if not data:
            break
    return bytes(data)


def attempt(kind: str, number: int, path: Path, sound: bytes, read: Callable[[Path], object]) -> float:
    """Read one mutated file; returns CPU seconds, raises whatever is no named error."""
    path.write_bytes(mutated(sound, np.random.default_rng([SEED, zlib.crc32(kind.encode()), number])))
    start = time.process_time()
    try:
        read(path)
    except EngineError:
        pass
    finally:
        path.write_bytes(sound)
    return time.process_time() - start


@pytest.fixture(scope="module")
def sound_files(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("sound")
    yield corpus(folder)
    shutil.rmtree(folder)


def test_sound_files_are_read(sound_files: Any) -> None:
    for kind, (path, read, _) in sound_files.items():
        result = read(path)
        if hasattr(result, "refusals"):
            assert result.refusals == (), kind
            assert result.arrivals, kind


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning", "ignore::SyntaxWarning")
def test_mutated_files_give_quick_named_errors_within_memory(sound_files: Any) -> None:
    assert sum(share for _, _, share in sound_files.values()) == 100
    torch.zeros(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    slowest = (0.0, "")
    for kind, (path, read, share) in sound_files.items():
        sound = path.read_bytes()
        for number in range(max(N_FILES * share // 100, 1)):
            try:
                seconds = attempt(kind, number, path, sound, read)
            except Exception as error:
                raise AssertionError(f"{kind} {number}, seed {SEED}: {type(error).__name__}: {error}") from error
            slowest = max(slowest, (seconds, f"{kind} {number}"))
    assert slowest[0] < CPU_SECONDS, slowest
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MEGABYTES, f"{grown:.0f} MB"


def test_mutated_hdf5_files_crash_only_the_reading_process(tmp_path: Path) -> None:
    source = foreign.write_hdf5(tmp_path / "source")
    path, read = source / "alpha.h5", plan("hdf5", LABELS)
    sound = path.read_bytes()
    assert read(path).arrivals  # type: ignore[attr-defined]
    # Each starts a process: fewer of them.
    for number in range(max(N_FILES // 200, 1)):
        attempt("hdf5", number, path, sound, read)
