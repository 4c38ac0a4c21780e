"""Laws of packed panels on disk: use, repair, bound."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from engine.distances.prepared import prepare
from engine.distances.tiles.panels import SHARE_OF_MEMORY, PackedRun, PanelFolder
from tests import families


def packed(n_models=21, n_samples=30, seed=0):
    models = prepare(families.normalised(np.random.default_rng(seed).standard_normal((n_models, n_samples, 10))), "cpu")
    return PackedRun(models.panels, (3, 5), tuple(np.linspace(0.0, 1.0, n_models).tolist()))


def assert_same(found, run):
    assert all(np.array_equal(a, b) for a, b in zip(found.panels.panels, run.panels.panels, strict=True))
    assert np.array_equal(found.panels.table[:, 1:], run.panels.table[:, 1:])
    assert (found.panels.n_samples, found.panels.smallest) == (run.panels.n_samples, run.panels.smallest)
    assert (found.one_hot, found.alike) == (run.one_hot, run.alike)


def test_written_panels_are_read_by_every_folder_object(tmp_path):
    mine, run = PanelFolder(tmp_path / "panels"), packed()
    assert mine.read("a") is None
    mine.write("a", run)
    for folder in (mine, mine, PanelFolder(tmp_path / "panels")):
        assert_same(folder.read("a"), run)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_shortened_file_is_reported_and_not_used(tmp_path, share, caplog):
    PanelFolder(tmp_path).write("a", packed())
    (file,) = tmp_path.iterdir()
    os.truncate(file, int(share * file.stat().st_size))
    assert PanelFolder(tmp_path).read("a") is None
    assert "made again" in caplog.text


def test_a_flipped_bit_anywhere_is_found_or_harmless(tmp_path, caplog):
    run = packed(5, 4)
    PanelFolder(tmp_path).write("a", run)
    (file,) = tmp_path.iterdir()
    raw = file.read_bytes()
    for position in range(0, len(raw), 13):
        file.write_bytes(raw[:position] + bytes([raw[position] ^ 4]) + raw[position + 1 :])
        found = PanelFolder(tmp_path).read("a")
        if found is not None:
            assert_same(found, run)
    assert "made again" in caplog.text


def test_another_layout_is_made_again(tmp_path, monkeypatch):
    PanelFolder(tmp_path).write("a", packed())
    monkeypatch.setattr("engine.distances.tiles.panels.LAYOUT", "another")
    assert PanelFolder(tmp_path).read("a") is None


def test_open_panels_outlive_their_files(tmp_path):
    folder, run = PanelFolder(tmp_path), packed()
    folder.write("a", run)
    found = folder.read("a")
    (tmp_path / "a.packed").unlink()
    assert_same(found, run)
    assert_same(folder.read("a"), run)


def test_the_bound_is_kept_by_deleting_unused_panels(tmp_path):
    run = packed()
    PanelFolder(tmp_path / "measured").write("a", run)
    size = (tmp_path / "measured" / "a.packed").stat().st_size
    folder = PanelFolder(tmp_path / "kept", limit=3 * size)
    for name in "abcd":
        folder.write(name, run)
    assert folder.read("d") is None
    used_long_ago = time.time() - 1e5
    for name, age in (("b", 0.0), ("c", 10.0)):
        os.utime(tmp_path / "kept" / f"{name}.packed", (used_long_ago - age,) * 2)
    folder.write("e", run)
    assert sorted(path.stem for path in (tmp_path / "kept").iterdir()) == ["a", "b", "e"]


@pytest.mark.parametrize("memory", [0, 3, 20])
def test_panels_in_memory_keep_to_its_budget(tmp_path, memory):
    run = packed()
    PanelFolder(tmp_path).write("a", run)
    size = next(tmp_path.iterdir()).stat().st_size
    folder = PanelFolder(tmp_path, memory=int(memory * size / SHARE_OF_MEMORY))
    for name in "abcdef":
        folder.write(name, run)
        assert_same(folder.read(name), run)
    kept = [name for name in "abcdef" if folder.recall(name) is not None]
    assert kept == list("abcdef")[-memory:] * bool(memory)


def test_an_unwritable_folder_only_costs_time(tmp_path, caplog):
    (tmp_path / "file").touch()
    folder = PanelFolder(tmp_path / "file")
    folder.write("a", packed())
    assert "cannot be kept" in caplog.text
    assert folder.read("a") is None
