"""Peak memory of imports: small files that would take gigabytes are refused below 300 MB, large right ones come in."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from engine import open_study
from engine.formats.candidates import Request
from engine.formats.import_plan import plan_import
from engine.formats.importing import carry_out
from tests.peaks import MEBIBYTE, peak_of
from tests.recording import flip, log_softmax

LARGEST = 300
"""MB that reading a refused file may take."""


def holes(path: Path, n_bytes: int, begin: bytes = b"", end: bytes = b"") -> Path:
    """A file of which only the beginning and the end take room on the disk."""
    with open(path, "wb") as file:
        file.write(begin)
        file.truncate(len(begin) + n_bytes)
        file.seek(0, os.SEEK_END)
        file.write(end)
    return path


def npy(path: Path, shape: tuple[int, ...], dtype: str = "<f4", order: str = "C", end: bytes = b"") -> Path:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": order == "F", "shape": shape})
    n_bytes = int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
    return holes(path, n_bytes - len(end), header.getvalue(), end)


def safetensors(path: Path, **shapes: tuple[int, ...]) -> Path:
    entries, place = {}, 0
    for name, shape in shapes.items():
        begin, place = place, place + 4 * int(np.prod(shape))
        entries[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, place]}
    raw = json.dumps(entries).encode()
    return holes(path, place, struct.pack("<Q", len(raw)) + raw)


def torch_zip(path: Path, content: bytes, n_storage: int = 0, deflated: bool = False) -> Path:
    """A torch file of a pickle and a storage of holes."""

    class Holes(io.FileIO):
        def write(self, raw: Any) -> int:
            n_bytes = memoryview(raw).nbytes
            if n_bytes < MEBIBYTE:
                return super().write(raw)
            self.seek(n_bytes, os.SEEK_CUR)
            return n_bytes

    kind = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    with Holes(path, "w") as file, zipfile.ZipFile(file, "w", kind) as archive:
        archive.writestr("a/data.pkl", content)
        archive.writestr("a/version", "3\n")
        with archive.open("a/data/0", "w", force_zip64=True) as member:
            for _ in range(n_storage // MEBIBYTE):
                member.write(bytes(MEBIBYTE))
    return path


def listed_members(path: Path, count: int) -> Path:
    entry = b"PK\x01\x02" + struct.pack("<6H3L5HLL", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count & 0xFFFF, count & 0xFFFF, count * len(entry), 0, 0)
    path.write_bytes(entry * count + end)
    return path


def hdf5(path: Path, *, chunk: tuple[int, int, int], unpacked: int = 0) -> Path:
    with h5py.File(path, "w") as file:
        data = file.create_dataset("test", (1, 5, 3), "f4", chunks=chunk, compression="gzip", maxshape=(None,) * 3)
        if not unpacked:
            data[...] = 0.25
            return path
        packer = zlib.compressobj(1)
        packed = b"".join(packer.compress(bytes(MEBIBYTE)) for _ in range(unpacked // MEBIBYTE)) + packer.flush()
        data.id.write_direct_chunk((0, 0, 0), packed)
    return path


def written(path: Path, raw: bytes) -> Path:
    path.write_bytes(raw)
    return path


def epochs(folder: Path, *shapes: tuple[int, int], order: str = "C") -> Path:
    run = folder / "epochs" / "run"
    run.mkdir(parents=True)
    for epoch, shape in enumerate(shapes):
        npy(run / f"test_{epoch}.npy", shape, order=order)
    return run.parent


MANY = b"\x80\x02" + np.random.default_rng(0).choice(list(b"])}"), 10**6).astype(np.uint8).tobytes() + b"]" * 10_000_000
"""Opcodes that deflate too little for a bomb."""
TEXT = b"X" + struct.pack("<L", 4000) + b"t" * 4000
COPIES = b"\x80\x02" + TEXT + b"q\x00(" + b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R" * 200_000 + b"t."
STATES = (
    b"\x80\x02}q\x00(" + b"".join(b"J" + struct.pack("<i", key) + b"N" for key in range(100_000)) + b"u("
    + b"}h\x00b" * 10_000 + b"t."
)  # fmt: skip
DOUBLED = b"\x80\x02)q\x00" + b"h\x00h\x00\x86q\x00" * 40 + b"(X\x07\x00\x00\x00storageh\x00h\x00h\x00K\x01tQ."
VIEW = (
    b"\x80\x02}X\x04\x00\x00\x00data]}X\x03\x00\x00\x00yvhctorch._utils\n_rebuild_tensor_v2\n("
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuJ%stQ"
    b"K\x00K\x05K\x03\x86J%sK\x01\x86\x89NtRsas."
)


def strided(path: Path) -> Path:
    """A tensor of five rows that lie all over a large storage."""
    n_bytes = 600 * MEBIBYTE
    sizes = (struct.pack("<i", n_bytes // 4), struct.pack("<i", n_bytes // 32))
    return torch_zip(path, VIEW % sizes, n_bytes)


CASES: dict[str, tuple[str, str, Callable[[Path], Path], dict[str, Any]]] = {
    "labels": ("labels", "labels are one integer", lambda f: npy(f / "labels.npy", (2**27,), "<i8"), {}),
    "label as class": (
        "labels", "3,000,000,001 classes", lambda f: written(f / "labels.npy", npy_bytes(np.array([0, 3 * 10**9]))), {}
    ),
    "classes": ("arrays", "100,000,000 classes", lambda f: npy(f / "run.npy", (1, 5, 10**8)), {}),
    "header": (
        "arrays", "a header of",
        lambda f: holes(f / "run.npy", 2**30, b"\x93NUMPY\x02\x00" + struct.pack("<L", 2**30)), {},
    ),
    "zeros": ("arrays", "--kind", lambda f: npy(f / "run.npy", (2, 20_000, 4000), "<f2"), {"n_samples": 20_000}),
    "integers": ("arrays", "as floats", lambda f: npy(f / "run.npy", (1, 5, 10**8), "<u1"), {}),
    "last number": (
        "arrays", "received nan at sample",
        lambda f: npy(f / "run.npy", (1, 5_000, 1000), "<f8", end=struct.pack("<d", float("nan"))),
        {"n_samples": 5_000, "kind": "logits"},
    ),
    "runs of checkpoints": ("arrays", "checkpoints", lambda f: npy(f / "run.npy", (1000, 100_000, 5, 3)), {}),
    "later epoch": ("epochs", "the first", lambda f: epochs(f, (5, 3), (5, 5 * 10**7)), {"kind": "logits"}),
    "Fortran order": (
        "epochs", "ascontiguousarray", lambda f: epochs(f, (20_000, 4000), order="F"), {"n_samples": 20_000}
    ),
    "members": ("arrays", "list of members", lambda f: listed_members(f / "run.npz", 10**6), {}),
    "names": (
        "arrays", "list of arrays",
        lambda f: written(f / "r.safetensors", struct.pack("<Q", 30_000_004) + b'[""' + b",[]" * 10_000_000 + b"]"), {},
    ),
    "bare pickle": ("study", "opcode", lambda f: holes(f / "run.p", 1900 * MEBIBYTE), {}),
    "pickled bytes": (
        "study", "no run of the study",
        lambda f: holes(f / "run.p", 1 << 30, b"\x80\x04\x8e" + struct.pack("<Q", 1 << 30), b"."), {},
    ),
    "opcodes": ("study", "bytes of objects", lambda f: written(f / "run.p", b"\x80\x04" + b"]" * 10_000_000), {}),
    "opcodes in torch": (
        "study", "bytes of objects", lambda f: torch_zip(f / "a.p", MANY, deflated=True), {}
    ),
    "copied text": ("study", "bytes of objects", lambda f: written(f / "run.p", COPIES), {}),
    "copied states": ("study", "bytes of objects", lambda f: written(f / "run.p", STATES), {}),
    "doubled tuples": ("study", "belongs", lambda f: torch_zip(f / "run.p", DOUBLED), {}),
    "strided tensor": ("study", "scattered", lambda f: strided(f / "run.p"), {}),
    "lines": ("table", "has 1 fields", lambda f: written(f / "t.csv", b"run_id,a\n" + b"b\n" * 10_000_000), {}),
    "rows": (
        "table", "more than 100,000 rows",
        lambda f: written(f / "t.csv", b"run_id\n" + b"".join(b"%d\n" % row for row in range(1_000_000))), {},
    ),
    "fields": ("table", "characters", lambda f: written(f / "t.csv", b"run_id,a\n" + b"ab," * 10_000_000), {}),
    "chunk": ("hdf5", "chunks of", lambda f: hdf5(f / "run.h5", chunk=(1, 6000, 6000)), {}),
    "unpacked chunk": ("hdf5", "cannot be read", lambda f: hdf5(f / "r.h5", chunk=(1, 5, 3), unpacked=3 << 27), {}),
}  # fmt: skip


def npy_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize("case", CASES)
def test_refused_files_take_little_memory(tmp_path: Path, case: str) -> None:
    format_key, words, make, options = CASES[case]
    said, peak = peak_of(format_key, make(tmp_path), **options)
    assert words in said
    assert peak < LARGEST


REDUCED = (
    b"\x80\x02}q\x00(" + b"".join(b"J" + struct.pack("<i", key) + b"N" for key in range(50_000)) + b"u"
    + b"ccollections\nOrderedDict\nq\x01)q\x02" + b"h\x01h\x02Rh\x00b" * 2_000 + b"."
)  # fmt: skip
WEIGHTS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "sum.safetensors": ("tensors of", lambda path: safetensors(path, **dict.fromkeys("abcdef", (2**27,)))),
    "storage.pt": ("tensors of", lambda path: torch_zip(path, pickle.dumps({}, 2), 2**29)),
    "opcodes.pt": ("bytes of objects", lambda path: torch_zip(path, MANY, deflated=True)),
    "copies.pt": ("loading it takes more than", lambda path: torch_zip(path, REDUCED)),
}


def test_refused_weights_take_little_memory(tmp_path: Path) -> None:
    for name, (_, make) in WEIGHTS.items():
        stem, _, suffix = name.partition(".")
        (tmp_path / "source" / stem).mkdir(parents=True)
        make(tmp_path / "source" / stem / f"epoch-1.{suffix}")
    torch.save({"a": torch.zeros(1)}, tmp_path / "sound")
    np.savez(tmp_path / "inputs.npz", test=np.zeros((5, 2), np.float32))
    options = {"build": "tests.foreign:network", "inputs": tmp_path / "inputs.npz", "sound": tmp_path / "sound"}
    said, peak = peak_of("weights", tmp_path / "source", **options)
    reasons = said.partition("; ")[2].split("epoch-1")[1:]
    assert len(reasons) == len(WEIGHTS)
    for (words, _), reason in zip([WEIGHTS[name] for name in sorted(WEIGHTS)], reasons, strict=True):
        assert words in reason
    assert peak < LARGEST


def test_damage_inside_large_predictions_is_refused(tmp_path: Path) -> None:
    values = np.zeros((1, 2_500, 1_000), np.float32)
    np.savez(tmp_path / "run.npz", test=values)
    flip(tmp_path / "run.npz", -1_000_000)
    with h5py.File(tmp_path / "run.h5", "w") as file:
        data = file.create_dataset("test", data=values, chunks=(1, 500, 1_000), compression="gzip")
        data.id.write_direct_chunk((0, 2_000, 0), b"no zlib" * 15_000)
    labels = {"test": np.arange(2_500) % 1_000}
    torch.save({"data": [{"yvh": torch.from_numpy(values[0])}]}, tmp_path / "run.p")
    torch.save({"data": [{"yvh": values[0]}]}, tmp_path / "inline.p")
    flip(tmp_path / "run.p", -1_000_000)
    flip(tmp_path / "inline.p", -1_000_000)
    for format_key, name, words in (
        ("arrays", "run.npz", "CRC"), ("hdf5", "run.h5", "a chunk is damaged"), ("study", "run.p", "CRC"),
        ("study", "inline.p", "CRC"),
    ):  # fmt: skip
        plan = plan_import(
            Request(tmp_path / name, {}, "test"), tmp_path / "s", format_key, labels=labels, kind="logits"
        )
        (refused,) = plan.refusals
        assert words in refused.reason


def test_large_right_files_still_come_in(tmp_path: Path) -> None:
    n_samples, n_classes = 2_500, 1_000
    rng = np.random.default_rng(0)
    values = log_softmax(rng.normal(size=(n_samples, n_classes))).astype(np.float32)
    (tmp_path / "source").mkdir()
    run = np.stack([values, values[::-1]])
    np.savez(tmp_path / "source" / "zipped.npz", test=run)
    torch.save({"data": [{"yvh": torch.from_numpy(one)} for one in run[:1]]}, tmp_path / "tensors.p")
    with h5py.File(tmp_path / "run.h5", "w") as file:
        file["test"] = run[:1]
    labels = {"test": rng.integers(0, n_classes, n_samples)}
    for format_key, source in (
        ("arrays", tmp_path / "source"), ("study", tmp_path / "tensors.p"), ("hdf5", tmp_path / "run.h5")
    ):  # fmt: skip
        request = Request(source, {}, "test", n_classes=n_classes)
        plan = plan_import(request, tmp_path / "study", format_key, labels=labels)
        assert plan.refusals == ()
        carry_out(plan)
    study = open_study(tmp_path / "study")
    assert list(study.runs.index) == ["run", "tensors", "zipped"]
    for run_id in study.runs.index:
        np.testing.assert_allclose(study.log_probabilities("test", run_id)[0], values, atol=1e-2)
