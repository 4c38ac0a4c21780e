"""Imports of untrusted files, and interrupted imports."""

from __future__ import annotations

import errno
import io
import json
import multiprocessing
import os
import pickle
import resource
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import engine
from data.trusted_conversion import main as trusted_conversion
from engine import ImportSourceError, RunError, StudyFormatError, open_study, verify_study
from engine.formats import importing as arrivals
from engine.formats.array_files import stored_arrays
from engine.formats.candidates import Request
from engine.formats.import_plan import plan_import
from engine.formats.importing import carry_out
from engine.formats.readers.pickles import read_pickle
from engine.formats.readers.published import load_study_pickle
from engine.formats.readers.weights import load_weights
from engine.formats.records import Section
from engine.store import files
from tests import foreign
from tests.bomb import Bomb
from tests.importing import import_arrays, plan_arrays
from tests.recording import LABELS, flip
from tests.waiting import wait_for

N_KILLS = 6


@pytest.mark.full
def test_killed_imports_leave_whole_runs_and_are_completed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for index in range(12):
        np.savez(source / f"run{index:02d}.npz", **{s: foreign.log_probabilities(str(index), s) for s in LABELS})
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.importing"])
    study, rng = tmp_path / "s", np.random.default_rng(0)
    for _ in range(N_KILLS):
        begun = context.Value("q", 0, lock=False)
        process = context.Process(target=import_arrays, args=(str(source), str(study), begun))
        process.start()
        wait_for(lambda: begun.value)  # noqa: B023
        time.sleep(rng.uniform(0, 0.15))
        process.kill()
        process.join()
        if (study / "study.json").exists():
            opened = open_study(study)
            assert opened.problems == ()
            assert set(opened.runs["n_checkpoints"]) <= {foreign.N_CHECKPOINTS}
            assert set(opened.runs["status"]) <= {"finished"}
            assert [finding for finding in verify_study(study) if finding.is_error] == []
    outcome = carry_out(plan_arrays(source, study))
    assert len(outcome.imported) + len(outcome.present) == 12
    # The leftovers of the killed ones are gone as well.
    assert verify_study(study) == ()
    assert len(open_study(study).runs) == 12


@pytest.mark.parametrize("failing", [0, 1, 2, 5, 9, 14, 20, 23])
def test_a_disk_filling_up_leaves_whole_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    source = foreign.write_arrays(tmp_path / "source", ".npz")
    plan = plan_arrays(source, tmp_path / "s")
    calls = iter(range(10**6))
    written = files.write_at

    def write_at(*arguments: Any) -> None:
        if next(calls) >= failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written(*arguments)

    with monkeypatch.context() as patch, pytest.raises(RunError, match="No space left"):
        patch.setattr(files, "write_at", write_at)
        carry_out(plan)
    if (tmp_path / "s" / "study.json").exists():
        assert verify_study(tmp_path / "s") == ()
        assert set(open_study(tmp_path / "s").runs["n_checkpoints"]) <= {foreign.N_CHECKPOINTS}
    outcome = carry_out(plan_arrays(source, tmp_path / "s"))
    assert len(outcome.imported) + len(outcome.present) == 2
    assert verify_study(tmp_path / "s") == ()


def test_an_import_killed_before_its_study_goes_on(tmp_path: Path) -> None:
    """Labels are written before study.json: a kill between the two leaves them alone in the folder."""
    source = tmp_path / "source"
    source.mkdir()
    np.savez(source / "run.npz", **{split: foreign.log_probabilities("run", split) for split in LABELS})
    study = tmp_path / "s"
    study.mkdir()
    for split, labels in LABELS.items():
        np.save(study / f"{split}_labels.npy", labels)
    (study / ".study.json.1a2b.tmp").touch()
    assert carry_out(plan_arrays(source, study)).imported == ("run",)
    assert open_study(study).problems == ()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    with pytest.raises(StudyFormatError, match=r"thesis\.tex"):
        plan_arrays(source, tmp_path / "other")


def test_every_flipped_byte_of_an_origin_is_found(tmp_path: Path) -> None:
    carry_out(plan_arrays(foreign.write_arrays(tmp_path / "source", ".npz"), tmp_path / "s"))
    path = tmp_path / "s" / "runs" / "alpha" / "origin.json"
    for position in range(path.stat().st_size):
        flip(path, position)
        (finding,) = verify_study(tmp_path / "s")
        assert finding.is_error
        assert finding.file == "runs/alpha/origin.json"
        flip(path, position)


def test_a_source_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    source = foreign.write_arrays(tmp_path / "source", ".npz")
    plan = plan_arrays(source, tmp_path / "s")
    np.savez(source / "alpha.npz", **{split: foreign.log_probabilities("beta", split) for split in LABELS})
    outcome = carry_out(plan)
    assert outcome.imported == ("beta",)
    assert "changed while it was read" in outcome.refusals[0].reason
    assert list(open_study(tmp_path / "s").runs.index) == ["beta"]


def test_a_full_disk_is_noticed_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_arrays(foreign.write_arrays(tmp_path / "source", ".npz"), tmp_path / "s")
    usage = type("Usage", (), {"free": 1_000})
    monkeypatch.setattr(arrivals.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(RunError, match="make room"):
        carry_out(plan)
    assert not (tmp_path / "s").exists()


def test_concurrent_imports_keep_their_own_workshops(tmp_path: Path) -> None:
    study = tmp_path / "s"
    with arrivals._workshop(study) as first, arrivals._workshop(study) as second:
        assert first.is_dir()
        assert second.is_dir()
    assert list(study.iterdir()) == []


def hostile_npy(shape: str, descr: str = "<f4", body: bytes = b"") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (hostile_npy("(100, 50000, 100000000)"), "and holds 0"),
        (hostile_npy(f"({2**62}, {2**62})"), "and holds 0"),
        (hostile_npy("(-4, 5, 3)"), "declares the shape"),
        (hostile_npy("(2, 5, 3)", "|O", pickle.dumps([0])), "pickled Python objects"),
        (hostile_npy("(1, 1, 1)", "<c16", bytes(16)), "dtype complex128"),
        (hostile_npy("(1, 1, 1)", "<U4", bytes(16)), "dtype <U4"),
        (b"\x93NUMPY\x03\x00" + bytes(200), "format 3.0"),
        (b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b" " * 100, "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_npy_files_that_lie_are_refused(tmp_path: Path, raw: bytes, words: str) -> None:
    path = tmp_path / "probs_epoch1.npy"
    path.write_bytes(raw)
    with pytest.raises(ImportSourceError, match=words):
        stored_arrays(path)


def test_zip_bombs_are_refused_before_they_unpack(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    n_bytes = 1 << 26
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("test.npy", "w") as member:
        member.write(hostile_npy(f"({n_bytes // 60}, 5, 3)"))
        for _ in range(n_bytes >> 20):
            member.write(bytes(1 << 20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ImportSourceError, match="zip bomb"):
        stored_arrays(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_member_that_declares_ten_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "liar.npz"
    np.savez_compressed(path, test=np.zeros((4, 5, 3), np.float32))
    raw = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        struct.pack_into("<I", raw, raw.index(signature) + offset, 4_000_000_000)
    path.write_bytes(raw)
    with pytest.raises(ImportSourceError, match="zip bomb"):
        stored_arrays(path)


def test_links_and_pipes_are_not_read(tmp_path: Path) -> None:
    np.save(tmp_path / "real.npy", np.zeros((4, 5, 3)))
    (tmp_path / "link.npy").symlink_to(tmp_path / "real.npy")
    os.mkfifo(tmp_path / "pipe.npy")
    for name, words in (("link.npy", "symbolic link"), ("pipe.npy", "not a regular file")):
        with pytest.raises(ImportSourceError, match=words):
            stored_arrays(tmp_path / name)


@pytest.mark.parametrize("text", ["../x.npy", "/etc/passwd", "a/../../x.npy", "a\\x.npy", ""])
def test_the_path_column_stays_inside_the_source(tmp_path: Path, text: str) -> None:
    from engine.formats.tables import read_run_table

    source = foreign.write_arrays(tmp_path / "source", ".npz")
    table = tmp_path / "runs.csv"
    table.write_text(f"run_id,path\nx,{text}\n")
    request = Request(source, {}, "test", runs=read_run_table(table))
    with pytest.raises(ImportSourceError, match="inside the source"):
        plan_import(request, tmp_path / "s", "arrays", labels=LABELS)


def test_no_planted_pickle_is_ever_executed(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    planted = Bomb(mark)
    torch.save({"data": [planted], "configs": planted}, tmp_path / "torch.p")
    (tmp_path / "bare.p").write_bytes(pickle.dumps({"data": [planted]}))
    np.save(tmp_path / "object.npy", np.array([planted], object), allow_pickle=True)
    np.savez(tmp_path / "object.npz", test=np.array([planted], object))
    torch.save({"weights": planted}, tmp_path / "weights.pt")
    mark.unlink(missing_ok=True)
    for name, read in (
        ("torch.p", load_study_pickle),
        ("bare.p", load_study_pickle),
        ("object.npy", stored_arrays),
        ("object.npz", stored_arrays),
        ("weights.pt", load_weights),
    ):
        with pytest.raises(ImportSourceError, match=name):
            read(tmp_path / name)
    assert not mark.exists()


def test_other_pickles_are_sent_to_the_trusted_conversion(tmp_path: Path) -> None:
    import pandas as pd

    torch.save(pd.DataFrame({"t": [0.0]}), tmp_path / "frame.p")
    with pytest.raises(ImportSourceError, match=r"it names pandas\..*python -m data.trusted_conversion"):
        load_study_pickle(tmp_path / "frame.p")


def test_the_trusted_conversion_warns_and_requires_trust(tmp_path: Path) -> None:
    import pandas as pd

    rows = [
        {**foreign.CONFIGURATIONS[run], "t": step / 4, "yh": train, "yvh": test, "err": 0.5}
        for run in foreign.RUNS
        for step, (train, test) in enumerate(
            zip(*(foreign.log_probabilities(run, split) for split in LABELS), strict=True)
        )
    ]
    torch.save(pd.DataFrame(rows), tmp_path / "frame.p")
    arguments = [str(tmp_path / "frame.p"), str(tmp_path / "out")]
    refused = CliRunner().invoke(trusted_conversion, arguments)
    assert refused.exit_code == 2
    assert "RUNS whatever program" in refused.output
    assert not (tmp_path / "out").exists()
    done = CliRunner().invoke(trusted_conversion, [*arguments, "--i-trust-this-file"])
    assert done.exit_code == 0, done.output
    from engine.formats.tables import read_run_table

    request = Request(tmp_path / "out", {}, "test", runs=read_run_table(tmp_path / "out" / "runs.csv"))
    carry_out(plan_import(request, tmp_path / "s", "arrays", labels=LABELS, dtype="float32"))
    opened = open_study(tmp_path / "s")
    assert opened.runs["seed"].tolist() == [0, 1]
    for run_id, run in zip(opened.runs.index, foreign.RUNS, strict=True):
        np.testing.assert_allclose(
            opened.log_probabilities("train", run_id), foreign.log_probabilities(run, "train"), atol=1e-6
        )


def test_plain_pickles_are_read_as_python_reads_them() -> None:
    values = {"a": [1, -5, 2**70, 0.5, None, True, "ü"], "b": (1, (2, 3), ()), "c": b"\x00\xff" * 200, "d": {1: {}}}
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert read_pickle(Section.of(pickle.dumps(values, protocol))) == values
    shared = [1]
    first, second = read_pickle(Section.of(pickle.dumps([shared, shared])))
    assert first is second


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4", "<i8", "|u1"])
def test_pickled_arrays_are_read_as_numpy_wrote_them(protocol: int, dtype: str) -> None:
    large = np.arange(9_000).reshape(90, 100).astype(dtype)  # its bytes stay in the file
    for array in (np.arange(24).reshape(2, 3, 4).astype(dtype), np.arange(6).reshape(2, 3).astype(dtype).T, large):
        read = read_pickle(Section.of(pickle.dumps(array, protocol)))
        assert (read.shape, read.dtype) == (array.shape, array.dtype)
        np.testing.assert_array_equal(read.load(), array)


def test_tensors_are_read_as_torch_wrote_them(tmp_path: Path) -> None:
    whole = torch.arange(24.0).reshape(4, 6)
    tensors = {"whole": whole, "view": whole[1:3, ::2], "turned": whole.t(), "half": whole.half(), "one": whole[0, 0]}
    torch.save(tensors, tmp_path / "tensors.p")
    read = load_study_pickle(tmp_path / "tensors.p")
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(read[name].load(), tensor.numpy())


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"\x80\x02K\x01r\xff\xff\xff\x7f.", None),  # a memo index of 2^31: harmless, because the memo is a dictionary
        (b"\x80\x02K\x01j\xff\xff\xff\x7f.", KeyError),
        (b"\x80\x04B\xff\xff\xff\x7fabc.", ValueError),  # two gigabytes of bytes declared, three there
        (b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.", ValueError),
        (b"\x80\x02cos\nsystem\nU\x02lsR.", ValueError),
        (b"\x80\x02(i__builtin__\neval\n.", ValueError),
        (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.", ValueError),
        (b"\x80\x02]K\x01a", ValueError),
        (b"\x80\x02K\x01K\x02.", ValueError),
        (b"\x80\x02a.", IndexError),
        (b"\x82\x01.", ValueError),  # an extension code, which the unpickler would look up
    ],
)
def test_pickles_that_lie_reserve_nothing_and_run_nothing(raw: bytes, error: type[Exception] | None) -> None:
    if error is None:
        assert read_pickle(Section.of(raw)) == 1
    else:
        with pytest.raises(error):
            read_pickle(Section.of(raw))


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [((10**9, 10**9), (0, 0), 0), ((4,), (8,), 0), ((4,), (1,), 21), ((2, 2), (-1, 1), 4), ((24,), (1, 1), 0)],
)
def test_tensors_that_reach_outside_their_storage_are_refused(shape: Any, strides: Any, offset: int) -> None:
    from engine.formats.readers.pickles import _Storage, _tensor

    with pytest.raises(ValueError, match="a tensor declares"):
        _tensor(_Storage(np.dtype("<f4"), 24, Section.of(bytes(96))), offset, shape, strides)


def test_weights_repeating_one_number_excessively_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1).expand(10**6, 10**6)}, tmp_path / "bomb.pt")
    with pytest.raises(ImportSourceError, match="more elements than the file holds"):
        load_weights(tmp_path / "bomb.pt")


LOAD = """
import resource, sys
from pathlib import Path
from engine import ImportSourceError
from engine.formats.readers.published import load_study_pickle
from engine.formats.readers.weights import load_weights
load_weights(Path(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in map(Path, sys.argv[2:]):
    for load in (load_weights,) if path.name.startswith("old") else (load_weights, load_study_pickle):
        try:
            print(path.name, load(path))
        except ImportSourceError:
            pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


def test_torch_files_that_declare_gigabytes_take_none(tmp_path: Path) -> None:
    many = b"J" + struct.pack("<i", 2**31 - 1)
    begin = b"\x80\x02}q\x00X\x01\x00\x00\x00w"
    paths = [tmp_path / "good", tmp_path / "deflated"]
    torch.save({"w": torch.zeros(4)}, paths[0])
    torch.save({"w": torch.zeros(4)}, tmp_path / "old", _use_new_zipfile_serialization=False)
    old = (tmp_path / "old").read_bytes().partition(begin)[0]
    with zipfile.ZipFile(paths[0]) as good, zipfile.ZipFile(paths[1], "w", zipfile.ZIP_DEFLATED) as archive:
        for name in good.namelist():
            if name.endswith("data/0"):
                archive.writestr(name, bytes(1 << 27))
            else:
                archive.writestr(name, good.read(name).replace(b"K\x04", b"J" + struct.pack("<i", 1 << 25)))
    for name in ("builtins bytearray", "torch.storage UntypedStorage", "torch Tensor"):
        call = begin + b"c" + name.replace(" ", "\n").encode() + b"\n" + many + b"\x85Rs."
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("a/data.pkl", call)
            archive.writestr("a/version", "3\n")
        (tmp_path / f"old {name}").write_bytes(old + call)
        paths += [tmp_path / name, tmp_path / f"old {name}"]
    # The package's name where these tests run on it, not on the checkout.
    command = [sys.executable, "-c", LOAD.replace("engine", engine.__name__), *map(str, paths)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(said) < 50, "megabytes, or a file that was not refused"


def test_study_names_that_are_no_json_are_refused(tmp_path: Path) -> None:
    torch.save({"data": [{"yh": torch.zeros(8, 3)}]}, tmp_path / "{broken.p")
    plan = plan_import(Request(tmp_path, {}, "test"), tmp_path.parent / "s-json", "study", labels=LABELS)
    assert "has no array 'yvh'" in plan.refusals[0].reason or "is none" in plan.refusals[0].reason
    buffer = io.BytesIO()
    torch.save({"data": [], "configs": json.dumps({})}, buffer)
    (tmp_path / "empty.p").write_bytes(buffer.getvalue())
    (first, _) = plan_import(Request(tmp_path, {}, "test"), tmp_path.parent / "s-json", "study", labels=LABELS).refusals
    assert "'data' must be a list" in first.reason


def sparse_array(path: Path, shape: tuple[int, ...], dtype: str = "<f4") -> Path:
    """A .npy file of holes that is as long as its header says."""
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
        file.truncate(file.tell() + int(np.prod(shape)) * np.dtype(dtype).itemsize)
    return path


def sparse_tensors(path: Path, shapes: dict[str, tuple[str, tuple[int, ...]]]) -> Path:
    """The same of a .safetensors file."""
    sizes = {"F32": 4, "I64": 8}
    header: dict[str, Any] = {}
    end = 0
    for name, (dtype, shape) in shapes.items():
        begin, end = end, end + sizes[dtype] * int(np.prod(shape))
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    raw = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw)
    os.truncate(path, 8 + len(raw) + end)
    return path


N_DECLARED = 100_000_000


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: sparse_array(folder / "run.npy", (N_DECLARED, 5, 3)),
        lambda folder: sparse_array(folder / "run.npy", (N_DECLARED, 1, 5, 3)),
        lambda folder: sparse_tensors(folder / "run.safetensors", {"test": ("F32", (N_DECLARED, 5, 3))}),
        lambda folder: sparse_tensors(
            folder / "run.safetensors", {"test": ("F32", (4, 5, 3)), "steps": ("I64", (N_DECLARED,))}
        ),
        lambda folder: sparse_tensors(
            folder / "run.safetensors", {"test": ("F32", (4, 5, 3)), "epochs": ("F32", (N_DECLARED,))}
        ),
    ],
    ids=["checkpoints", "runs", "checkpoints as safetensors", "steps", "epochs"],
)
def test_declared_sizes_are_refused_before_memory(tmp_path: Path, make: Any) -> None:
    source = make(tmp_path)
    tracemalloc.start()
    try:
        reason = refusal(source, tmp_path / "study")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "100,000,000" in reason or "100000000" in reason
    assert peak < 20e6


def refusal(source: Path, study: Path) -> str:
    """Why a file of the test split is not imported."""
    try:
        plan = plan_import(Request(source, {}, "test"), study, "arrays", labels={"test": LABELS["test"]})
    except ImportSourceError as error:
        return str(error)
    assert plan.arrivals == ()
    return " ".join(each.reason for each in plan.refusals)
