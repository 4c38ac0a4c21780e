"""Saved views: order, integrity and safety."""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from dashboard.saved.folder import place_of, saved_folder
from dashboard.saved.selections import MAXIMUM_SELECTIONS, SelectionStore
from dashboard.saved.views import (
    LONGEST,
    MAXIMUM_VIEWS,
    TOUR_FILE,
    VIEWS_FILE,
    View,
    ViewStore,
    parse_views,
    views_bytes,
)
from engine.errors import SavedFileError, SelectionNotKeptError, ViewNotFoundError
from engine.store import files
from tests.small_study import record_small_study


@pytest.fixture(scope="module")
def study(studies_folder: Path) -> engine.Study:
    return engine.open_study(studies_folder / "small")


@pytest.fixture
def store(tmp_path: Path) -> ViewStore:
    return ViewStore(tmp_path / "kept")


@pytest.fixture
def file(tmp_path: Path, study: engine.Study) -> Path:
    return place_of(tmp_path / "kept", study) / VIEWS_FILE


def titles(views: tuple[View, ...]) -> str:
    return " ".join(view.title for view in views)


def test_nothing_is_created_before_something_is_kept(store: ViewStore, study: engine.Study, tmp_path: Path) -> None:
    assert store.saved(study) == ()
    assert store.tour(study) == ()
    assert list(tmp_path.iterdir()) == []


def test_views_keep_their_order_through_every_change(store: ViewStore, study: engine.Study, tmp_path: Path) -> None:
    for title in "abcd":
        views = store.add(study, title, f"About {title}.", f"?c={title}")
    a, b, c, d = views
    assert titles(store.move(study, d.view_id, -2)) == "a d b c"
    assert titles(store.move(study, a.view_id, 99)) == "d b c a"
    assert titles(store.move(study, a.view_id, -99)) == "a d b c"
    assert titles(store.remove(study, b.view_id)) == "a d c"
    assert titles(store.add(study, b.title, b.sentence, b.query, position=2)) == "a d b c"
    changed = store.change(study, c.view_id, " C ", "", "?c=z")[-1]
    assert changed == View(c.view_id, "C", "", "?c=z")
    assert titles(ViewStore(tmp_path / "kept").saved(study)) == "a d b C"


def test_a_view_deleted_by_another_page_is_gone(store: ViewStore, study: engine.Study) -> None:
    (view,) = store.add(study, "a", "", "?")
    store.remove(study, view.view_id)
    for attempt in (
        lambda: store.remove(study, view.view_id),
        lambda: store.move(study, view.view_id, 1),
        lambda: store.change(study, view.view_id, "a", "", "?"),
    ):
        with pytest.raises(ViewNotFoundError):
            attempt()


@pytest.mark.parametrize(
    ("title", "sentence", "query"),
    [
        ("", "", "?"),
        ("  ", "", "?"),
        ("a", "", ""),
        ("a" * (LONGEST["title"] + 1), "", "?"),
        ("a", "b" * (LONGEST["sentence"] + 1), "?"),
        ("a", "", "?" * (LONGEST["query"] + 1)),
        ("a\nb", "", "?"),
        ("a", "\u202eb", "?"),
        ("a", "b\x00", "?"),
        ("a\ud800", "", "?"),
    ],
)
def test_what_breaks_a_rule_is_refused(
    store: ViewStore, study: engine.Study, title: str, sentence: str, query: str
) -> None:
    with pytest.raises(SavedFileError, match="cannot be saved"):
        store.add(study, title, sentence, query)
    assert store.saved(study) == ()


def test_no_more_views_than_the_limit(store: ViewStore, study: engine.Study, file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(views_bytes([View(str(n), "a", "", "?") for n in range(MAXIMUM_VIEWS)]))
    with pytest.raises(SavedFileError, match=f"at most {MAXIMUM_VIEWS}"):
        store.add(study, "one more", "", "?")


def broken_files() -> dict[str, bytes]:
    whole = json.loads(views_bytes([View("a", "A", "", "?")]))
    entry = whole["views"][0]
    return {
        "no JSON": b"{",
        "another format": json.dumps({**whole, "format": "x"}).encode(),
        "newer": json.dumps({**whole, "version": 2}).encode(),
        "no list": json.dumps({**whole, "views": {}}).encode(),
        "a key too many": json.dumps({**whole, "views": [{**entry, "path": "/"}]}).encode(),
        "a number for a title": json.dumps({**whole, "views": [{**entry, "title": 1}]}).encode(),
        "the same id twice": json.dumps({**whole, "views": [entry, entry]}).encode(),
        "too many": json.dumps(
            {**whole, "views": [{**entry, "id": str(n)} for n in range(MAXIMUM_VIEWS + 1)]}
        ).encode(),
    }


@pytest.mark.parametrize("kind", sorted(broken_files()))
def test_an_unreadable_file_is_named_and_never_overwritten(
    store: ViewStore, study: engine.Study, file: Path, kind: str
) -> None:
    raw = broken_files()[kind]
    file.parent.mkdir(parents=True)
    file.write_bytes(raw)
    for attempt in (lambda: store.saved(study), lambda: store.add(study, "a", "", "?")):
        with pytest.raises(SavedFileError, match=r"views\.json cannot be read"):
            attempt()
    assert file.read_bytes() == raw


def test_a_link_instead_of_the_file_is_refused(
    store: ViewStore, study: engine.Study, file: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_bytes(views_bytes([View("a", "A", "", "?")]))
    file.parent.mkdir(parents=True)
    file.symlink_to(elsewhere)
    with pytest.raises(SavedFileError, match="links are not followed"):
        store.saved(study)


def test_a_failed_write_leaves_the_old_file(
    store: ViewStore, study: engine.Study, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(study, "a", "", "?")
    before = file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_at", full)
    with pytest.raises(SavedFileError, match="No space left"):
        store.add(study, "b", "", "?")
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [VIEWS_FILE]


def test_writers_do_not_lose_each_other_s_views(store: ViewStore, study: engine.Study, tmp_path: Path) -> None:
    def write(name: str) -> None:
        own = ViewStore(tmp_path / "kept")
        for number in range(10):
            own.add(study, f"{name}{number}", "", "?")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = titles(store.saved(study)).split()
    assert sorted(kept) == sorted(f"{name}{number}" for name in "abcd" for number in range(10))
    for name in "abcd":
        assert [title for title in kept if title[0] == name] == [f"{name}{number}" for number in range(10)]


def test_the_tour_comes_with_the_study_changing_nothing(tmp_path: Path, store: ViewStore) -> None:
    study = engine.open_study(record_small_study(tmp_path / "studies" / "small"))
    (study.path / TOUR_FILE).write_bytes(views_bytes([View("a", "A", "B.", "?c=x")]))
    assert store.tour(study) == (View("a", "A", "B.", "?c=x"),)
    assert engine.open_study(study.path).fingerprint == study.fingerprint
    assert engine.verify_study(study.path) == ()


@given(st.binary(max_size=200))
def test_any_bytes_are_views_or_refused(raw: bytes) -> None:
    with suppress(ValueError):
        assert all(isinstance(view, View) for view in parse_views(raw, "views.json"))


def test_a_moved_study_is_recognised_by_its_probes(tmp_path: Path, study: engine.Study) -> None:
    other = engine.open_study(record_small_study(tmp_path / "moved" / "other"))
    assert place_of(tmp_path, study) == place_of(tmp_path, engine.open_study(study.path))
    assert place_of(tmp_path, study) != place_of(tmp_path, other)
    assert place_of(tmp_path, study).parent == tmp_path


def test_views_are_kept_with_the_user_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert saved_folder(None) == tmp_path / "inpca-explorer"
    assert not saved_folder(None).exists()


def test_a_folder_that_cannot_be_created_is_named(tmp_path: Path, study: engine.Study) -> None:
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(SavedFileError, match="--views DIR"):
        ViewStore(tmp_path / "kept").add(study, "a", "", "?")


def test_the_same_runs_have_the_same_name(tmp_path: Path, study: engine.Study) -> None:
    store = SelectionStore(tmp_path)
    runs = tuple(study.runs.index)
    name = store.keep(study, runs[:9])
    assert store.keep(study, runs[8::-1]) == name
    assert store.keep(study, runs[:8]) != name
    assert store.run_ids(study, name) == tuple(sorted(runs[:9]))


@pytest.mark.parametrize("name", ["", "aaaaaaaaaa", "../../etc/x", "AAAAAAAAAA", "a" * 11, "aaaaaaaaa\n"])
def test_an_unknown_name_is_refused(tmp_path: Path, study: engine.Study, name: str) -> None:
    with pytest.raises(SelectionNotKeptError):
        SelectionStore(tmp_path).run_ids(study, name)


def test_a_tampered_selection_is_not_believed(tmp_path: Path, study: engine.Study) -> None:
    store = SelectionStore(tmp_path)
    name = store.keep(study, study.runs.index[:3])
    path = next(tmp_path.rglob(f"{name}.json"))
    path.write_text(path.read_text().replace("cnn", "vit", 1))
    with pytest.raises(SelectionNotKeptError, match="damaged"):
        store.run_ids(study, name)


def test_the_selection_longest_not_asked_for_makes_room(tmp_path: Path, study: engine.Study) -> None:
    store = SelectionStore(tmp_path)
    names = [store.keep(study, study.runs.index[n : n + 3]) for n in range(3)]
    place = next(tmp_path.rglob(f"{names[0]}.json")).parent
    for age, name in enumerate(names):
        os.utime(place / f"{name}.json", (1000 + age, 1000 + age))
    for number in range(MAXIMUM_SELECTIONS - 3):
        (place / f"filler-{number}.json").touch()
    store.keep(study, study.runs.index[:3])
    store.keep(study, study.runs.index[:20])
    assert store.run_ids(study, names[0])
    assert store.run_ids(study, names[2])
    with pytest.raises(SelectionNotKeptError):
        store.run_ids(study, names[1])
