"""Cache: executes no stored bytes, never wrong, never failing."""

import errno
import multiprocessing
import os
import pickle
import random
import shutil
import sqlite3
import stat
import threading
from pathlib import Path

import diskcache
import pytest

from engine.cache import blobs as cache_module
from engine.cache.blobs import BlobCache, prepare_cache_folder
from engine.cache.disk import StrictDisk
from engine.cache.lru import Recent
from engine.errors import CacheError
from tests.bomb import Bomb
from tests.recording import flip
from tests.scale import amount

LARGE = b"x" * 100_000
N_FLIPPED = amount(30, 100)


@pytest.fixture
def blobs(tmp_path):
    cache = BlobCache(tmp_path / "scenes")
    yield cache
    cache.close()


def execute(cache, statement, *parameters):
    with sqlite3.connect(cache.folder / "cache.db") as connection:
        connection.execute(statement, parameters)
    connection.close()


@pytest.mark.parametrize("payload", [b"", b"small", LARGE])
def test_a_value_comes_back_as_it_was_put(blobs, payload):
    assert blobs.get("key") is None
    assert blobs.put("key", payload)
    assert blobs.get("key") == payload


def test_a_value_survives_a_restart(tmp_path):
    BlobCache(tmp_path).put("key", LARGE)
    assert BlobCache(tmp_path).get("key") == LARGE


def test_only_the_user_can_read_the_folder(blobs):
    blobs.put("key", LARGE)
    assert stat.S_IMODE(blobs.folder.stat().st_mode) == 0o700
    for path in blobs.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_pickle_planted_as_value_is_never_run(blobs, tmp_path):
    marker = tmp_path / "executed"
    assert pickle.loads(pickle.dumps(Bomb(marker))).close() is None
    assert marker.exists(), "the bomb itself must work"
    marker.unlink()
    blobs.put("key", b"value")
    execute(blobs, "UPDATE Cache SET mode = 4, value = ?", pickle.dumps(Bomb(marker)))
    assert blobs.get("key") is None
    assert not marker.exists()
    assert blobs.put("key", b"again")
    assert blobs.get("key") == b"again"


@pytest.mark.parametrize("mode", [2, 3, 4])
def test_a_planted_value_file_is_never_unpickled(blobs, tmp_path, mode):
    marker = tmp_path / "executed"
    blobs.put("key", LARGE)
    (file,) = blobs.folder.rglob("*.val")
    file.write_bytes(pickle.dumps(Bomb(marker)))
    execute(blobs, "UPDATE Cache SET mode = ?", mode)
    assert blobs.get("key") is None
    assert not marker.exists()


def test_a_pickle_planted_as_key_is_never_run(blobs, tmp_path):
    marker = tmp_path / "executed"
    blobs.put("key", b"value")
    execute(blobs, "UPDATE Cache SET raw = 0, key = ?", pickle.dumps(Bomb(marker)))
    with pytest.raises(CacheError, match="plain string"):
        list(diskcache.Cache(str(blobs.folder), disk=StrictDisk))
    assert blobs.get("key") is None
    assert not marker.exists()


@pytest.mark.parametrize("name", ["../secret.txt", "{outside}/secret.txt", "ab/cd/" + "0" * 28 + ".val"])
def test_files_outside_the_folder_are_never_touched(blobs, tmp_path, name):
    secret = tmp_path / "secret.txt"
    secret.write_bytes(LARGE)
    blobs.put("key", b"value")
    (blobs.folder / "ab" / "cd").mkdir(parents=True)
    (blobs.folder / "ab" / "cd" / ("0" * 28 + ".val")).symlink_to(secret)
    execute(blobs, "UPDATE Cache SET mode = 2, filename = ?", name.format(outside=tmp_path))
    assert blobs.get("key") is None
    assert blobs.put("key", b"replaced")
    assert blobs.get("key") == b"replaced"
    assert secret.read_bytes() == LARGE


@pytest.mark.parametrize("value", ["text", None, ["list"], {"a": 1}, bytearray(b"x")])
def test_the_disk_takes_bytes_and_numbers_only(tmp_path, value):
    with pytest.raises(CacheError, match="must be bytes, int or float"):
        diskcache.Cache(str(tmp_path), disk=StrictDisk).set("key", value)


@pytest.mark.parametrize("key", [1, b"key", ("a", "b"), None])
def test_the_disk_takes_string_keys_only(tmp_path, key):
    with pytest.raises(CacheError, match="must be a str"):
        diskcache.Cache(str(tmp_path), disk=StrictDisk).get(key)


def test_every_flipped_byte_is_a_miss(blobs):
    rng = random.Random(0)
    for size in (10, 40_000):
        for index in range(N_FLIPPED):
            blobs.put(f"{size}-{index}", rng.randbytes(size))
    for file in blobs.folder.rglob("*.val"):
        content = bytearray(file.read_bytes())
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        file.write_bytes(content)
    with sqlite3.connect(blobs.folder / "cache.db") as connection:
        for rowid, value in connection.execute("SELECT rowid, value FROM Cache WHERE value IS NOT NULL").fetchall():
            changed = bytearray(value)
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
            connection.execute("UPDATE Cache SET value = ? WHERE rowid = ?", (bytes(changed), rowid))
    connection.close()
    assert [blobs.get(f"{size}-{index}") for size in (10, 40_000) for index in range(N_FLIPPED)] == [
        None
    ] * 2 * N_FLIPPED


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: content + b"x", lambda content: b""])
def test_a_value_of_another_length_is_a_miss(blobs, damage):
    blobs.put("key", LARGE)
    (file,) = blobs.folder.rglob("*.val")
    file.write_bytes(damage(file.read_bytes()))
    assert blobs.get("key") is None


def test_no_file_of_the_database_is_mapped(tmp_path):
    """Neither of a new one nor of one with a write-ahead log, as earlier versions made it."""
    before = diskcache.Cache(str(tmp_path), disk=StrictDisk)
    before.set("key", cache_module._digest("key", b"value") + b"value")
    before.close()
    cache = BlobCache(tmp_path)
    assert cache.get("key") == b"value"
    assert cache.put("other", LARGE)
    assert not [path.name for path in tmp_path.iterdir() if path.name.endswith(("-shm", "-wal"))]
    assert not [line for line in Path("/proc/self/maps").read_text().splitlines() if str(tmp_path) in line]
    cache.close()


@pytest.mark.parametrize("position", [18, 19])
def test_a_header_of_another_mode_is_damage(tmp_path, position):
    first = BlobCache(tmp_path)
    first.put("key", b"value")
    first.close()
    flip(tmp_path / "cache.db", position, 2)
    second = BlobCache(tmp_path)
    assert second.put("other", b"value")
    assert (second.get("other"), second.trouble) == (b"value", "")


def test_a_moved_value_is_a_miss(blobs):
    blobs.put("one", b"1")
    execute(blobs, "UPDATE Cache SET key = 'two'")
    assert blobs.get("two") is None


@pytest.mark.parametrize("content", [b"", b"no database at all" * 500, b"SQLite format 3\0" + bytes(4000)])
def test_a_damaged_database_is_made_anew(tmp_path, content):
    first = BlobCache(tmp_path)
    first.put("key", LARGE)
    first.close()
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"cache.db{suffix}").unlink(missing_ok=True)
    (tmp_path / "cache.db").write_bytes(content)
    (tmp_path / "notes.txt").write_text("not ours")
    second = BlobCache(tmp_path)
    assert second.get("key") is None
    assert second.put("key", LARGE)
    assert second.get("key") == LARGE
    assert (tmp_path / "notes.txt").read_text() == "not ours"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO Settings VALUES ('disk_evil', 1)",
        "UPDATE Settings SET value = 'none at all' WHERE key = 'size'",
        "DROP TABLE Cache",
        "DROP TABLE Settings",
        "DELETE FROM Settings",
    ],
)
def test_a_tampered_database_is_no_error(blobs, statement):
    blobs.put("key", b"value")
    execute(blobs, statement)
    fresh = BlobCache(blobs.folder)
    fresh.get("key")
    fresh.put("key", b"value")
    assert fresh.get("key") in (b"value", None)


def test_a_database_damaged_in_use_is_no_error(blobs):
    for index in range(20):
        blobs.put(str(index), bytes(1000))
    database = blobs.folder / "cache.db"
    database.write_bytes(os.urandom(database.stat().st_size))
    for index in range(20):
        blobs.get(str(index))
        blobs.put(str(index), b"new")
    fresh = BlobCache(blobs.folder)
    fresh.put("key", b"value")
    assert fresh.get("key") == b"value"


def test_a_locked_database_is_a_temporary_miss(blobs, monkeypatch):
    monkeypatch.setattr(cache_module, "LOCK_PATIENCE", 0.05)
    blobs.put("key", b"value")
    blobs.close()
    holder = sqlite3.connect(blobs.folder / "cache.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert blobs.get("key") is None
    assert not blobs.put("other", b"value")
    holder.execute("ROLLBACK")
    holder.close()
    blobs._asleep_until = 0.0
    assert blobs.get("key") == b"value", "the lock must not have cost the contents"


def test_deleting_the_folder_only_costs_time(blobs):
    for _ in range(5):
        assert blobs.put("key", LARGE)
        shutil.rmtree(blobs.folder)
        assert blobs.get("key") is None
    assert blobs.put("key", b"back")
    assert blobs.get("key") == b"back"


def test_an_impossible_folder_is_a_miss(tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache = BlobCache(tmp_path / "file")
    assert not cache.put("key", b"value")
    assert cache.get("key") is None


def test_the_volume_keeps_its_limit_and_newest_value(tmp_path):
    limit = 4_000_000
    cache = BlobCache(tmp_path, size_limit=limit)
    for index in range(100):
        assert cache.put(str(index), bytes(limit // 20))
        assert cache.get(str(index)) is not None
    volume = sum(path.stat().st_size for path in tmp_path.rglob("*.val"))
    assert limit // 2 < volume <= limit + limit // 20


def test_a_value_larger_than_the_cache_is_dropped(tmp_path):
    cache = BlobCache(tmp_path, size_limit=1_000_000)
    cache.put("small", b"stays")
    assert not cache.put("large", bytes(500_000))
    assert cache.get("small") == b"stays"


def test_many_threads_share_a_cache(blobs):
    wrong = []

    def work(seed):
        rng = random.Random(seed)
        for _ in range(40):
            key = str(rng.randrange(10))
            blobs.put(key, key.encode() * 20_000)
            if (found := blobs.get(key)) is not None and found != key.encode() * 20_000:
                wrong.append(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert blobs.get("0") == b"0" * 20_000


def _write_many(folder, seed):
    cache = BlobCache(folder)
    for index in range(30):
        assert cache.put(f"{seed}-{index}", bytes([seed]) * 40_000)
        assert cache.get(f"{seed}-{index}") == bytes([seed]) * 40_000


@pytest.mark.full
def test_two_processes_share_a_cache(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(tmp_path, seed)) for seed in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert BlobCache(tmp_path).get("2-29") == bytes([2]) * 40_000


def test_the_folder_is_private_a_blocking_file_named(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    folder, trouble = prepare_cache_folder(None)
    assert not trouble
    assert folder == tmp_path / "home" / "inpca-explorer"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (tmp_path / "file").write_text("")
    for nonsense in ("file", "file/within", "nul\0byte", "x" * 300):
        with pytest.raises(CacheError, match="choose another"):
            prepare_cache_folder(tmp_path / nonsense)


def test_only_a_database_of_earlier_versions_goes(tmp_path):
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    (scenes / "notes.txt").write_text("a file of the user's")
    prepare_cache_folder(tmp_path)
    assert (scenes / "notes.txt").exists()
    (scenes / "cache.db").write_bytes(b"")
    prepare_cache_folder(tmp_path)
    assert not scenes.exists()


def test_the_memory_keeps_its_limit_and_newest_value():
    recent = Recent(100)
    for key in "abc":
        recent.put(key, key, 40)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (None, "b", "c")
    recent.get("b")
    recent.put("d", "d", 40)
    assert (recent.get("b"), recent.get("c"), recent.get("d")) == ("b", None, "d")
    recent.put("huge", "huge", 1000)
    assert (recent.get("huge"), recent.get("d")) == ("huge", None)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="Open files are listed on Linux only.")
def test_closing_releases_what_ended_threads_had_opened(tmp_path):
    cache = BlobCache(tmp_path / "cache")
    cache.put("key", b"value")
    thread = threading.Thread(target=cache.get, args=("key",))
    thread.start()
    thread.join()
    cache.close()
    opened = [os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if os.path.lexists(entry)]
    assert not [name for name in opened if name.startswith(str(tmp_path))]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_place_that_refuses_costs_time_only(tmp_path, monkeypatch, code):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as disk:
        disk.setattr(cache_module.Path, "mkdir", refuse)
        folder, trouble = prepare_cache_folder(tmp_path / "cache")
        assert not BlobCache(folder).put("key", b"value")
    assert folder == tmp_path / "cache"
    assert os.strerror(code) in trouble
    assert "--cache" in trouble


def test_the_reason_of_a_failed_write_is_known(blobs, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache_module, "BACK_OFF", 0.0)
    assert blobs.put("before", LARGE)
    with monkeypatch.context() as disk:
        disk.setattr(StrictDisk, "store", full)
        assert not blobs.put("meanwhile", LARGE)
        assert os.strerror(errno.ENOSPC) in blobs.trouble
        assert blobs.get("before") == LARGE
        assert blobs.trouble, "reading goes on, and says nothing about writing"
    assert blobs.put("after", LARGE)
    assert blobs.trouble == ""
