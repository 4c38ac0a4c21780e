"""Content that no reader expects: it leaves out its run or study, and nothing else."""

from __future__ import annotations

import json
import os
import random
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dashboard import create_app
from dashboard.saved import Saved
from dashboard.saved.folder import place_of
from dashboard.saved.views import FORMAT, VIEWS_FILE, View, views_bytes
from engine import EngineError, Explorer, InvalidSpecError, Recorder, list_studies, open_study, verify_study
from engine.__main__ import main
from engine.formats.import_plan import imported_digests
from engine.recording.session import usable_hyperparameters
from engine.store.documents import document_bytes, drawable, parse_document
from tests.hostile import WRONG_VALUES, mutated
from tests.recording import LABELS, record_run, rewrite
from tests.scale import amount
from tests.wire import browser_calls, everything

UPDATE = "/_dash-update-component"
HALF = "\ud800"
UNDRAWABLE = {
    HALF: "\\ud800",
    "\x00": "\\x00",
    "\x1b": "\\x1b",
    "\n": "\\n",
    "\t": "\\t",
    "\x9b": "\\x9b",
    "\u2028": "\\u2028",
    "\u202e": "\\u202e",
    "\u2066": "\\u2066",
}
"""Characters of each kind that a line of text cannot show, and how they are shown."""


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    """Two studies of two runs each, the first run imported; the second study has a tour and saved views."""
    for study in ("sound", "odd"):
        for run in ("a", "b"):
            record_run(tmp_path / "studies" / study, run, 3, lr=0.1 if run == "a" else 0.2)
    odd = tmp_path / "studies" / "odd"
    origin = {"source": "a.npy", "importer": "runs", "sha256": "0" * 64}
    (odd / "runs" / "a" / "origin.json").write_bytes(document_bytes("origin", origin))
    views = views_bytes([View("one", "First", "What it shows.", "?v=1"), View("two", "Second", "", "?v=1&c=x")])
    (odd / "tour.json").write_bytes(views)
    place = place_of(tmp_path / "kept", open_study(odd))
    place.mkdir(parents=True)
    (place / VIEWS_FILE).write_bytes(views)
    return tmp_path / "studies"


@pytest.fixture
def served(studies: Path, tmp_path: Path) -> Iterator[tuple[Explorer, Any]]:
    explorer = Explorer(studies, device="cpu", cache=tmp_path / "cache")
    yield explorer, create_app(explorer, saved=Saved.at(tmp_path / "kept")).server.test_client()
    explorer.close()


def assert_page(explorer: Explorer, client: Any, study_id: str) -> None:
    """The page of a study, its lists and its picture answer; those of the sound study as ever."""
    is_sound = study_id == "sound"
    call = next(body for output, body in browser_calls(client).items() if "study-picker" in output)
    for entry in call["inputs"]:
        if entry["property"] == "search":
            entry["value"] = f"?v=1&d={study_id}"
    posted = {UPDATE: call}
    try:
        posted["/api/scenes"] = everything(explorer, study_id)
    except EngineError:
        # The study cannot be opened, which the list says.
        assert not is_sound
    for address, body in posted.items():
        code = client.post(address, json=body).status_code
        assert code == 200 if is_sound else code < 500
    for address in ("/", "/health", f"/api/studies/{study_id}/views", f"/api/studies/{study_id}/pulse?fingerprint=x"):
        code = client.get(address).status_code
        assert code in (200, 304) if is_sound else code < 500, address


def assert_lines(told: Iterable[str]) -> None:
    """What is said of a study can be written on lines of a page, a table or a log."""
    for text in told:
        assert drawable(text) == text


def half_in_title(study: Path) -> None:
    rewrite(study / "study.json", lambda fields: {**fields, "title": f"a{HALF}b"})


def half_in_class(study: Path) -> None:
    rewrite(study / "study.json", lambda fields: {**fields, "class_names": [HALF, *fields["class_names"][1:]]})


def half_in_value(study: Path) -> None:
    rewrite(study / "runs" / "a" / "run.json", lambda fields: {**fields, "hyperparameters": {"lr": f"x{HALF}"}})


def half_in_name(study: Path) -> None:
    rewrite(study / "runs" / "a" / "run.json", lambda fields: {**fields, "hyperparameters": {HALF: 1}})


def no_utf8(study: Path) -> None:
    shutil.copytree(os.fsencode(study / "runs" / "a"), os.path.join(os.fsencode(study / "runs"), b"caf\xe9"))


def break_in_run(study: Path) -> None:
    shutil.copytree(study / "runs" / "a", study / "runs" / "x\n\x1b[2J")


def list_as_dtype(study: Path) -> None:
    rewrite(
        study / "runs" / "a" / "run.json",
        lambda fields: {**fields, "splits": {name: {**split, "dtype": []} for name, split in fields["splits"].items()}},
    )


def deep_value(study: Path) -> None:
    rewrite(study / "runs" / "a" / "run.json", lambda fields: {**fields, "n_classes": {"a": [[[[]]]]}})


def file_for_runs(study: Path) -> None:
    shutil.rmtree(study / "runs")
    (study / "runs").write_text("no folder")


def half_in_tour(study: Path) -> None:
    view = {"id": "one", "title": f"a{HALF}\u202e", "sentence": "", "query": "?v=1"}
    (study / "tour.json").write_text(json.dumps({"format": FORMAT, "version": 1, "views": [view]}))


ODDITIES = [
    half_in_title,
    half_in_class,
    half_in_value,
    half_in_name,
    no_utf8,
    break_in_run,
    list_as_dtype,
    deep_value,
    file_for_runs,
    half_in_tour,
]


@pytest.mark.parametrize("make_odd", ODDITIES)
def test_one_study_stops_no_other(studies: Path, served: tuple[Explorer, Any], make_odd: Callable[[Path], None]):
    make_odd(studies / "odd")
    explorer, client = served
    summaries = {summary.study_id: summary for summary in list_studies(studies)}
    assert summaries["sound"].n_runs == 2
    assert summaries["odd"].error or summaries["odd"].n_runs >= 1
    for study_id in ("sound", "odd"):
        assert_page(explorer, client, study_id)
    told = CliRunner().invoke(main, ["verify", str(studies / "odd")])
    assert told.exception is None or isinstance(told.exception, SystemExit)
    assert_lines(told.output.removesuffix("\n").split("\n"))
    assert verify_study(studies / "sound") == ()


@pytest.mark.parametrize(("character", "escape"), UNDRAWABLE.items())
def test_undrawable_characters_are_drawn_as_escapes(studies: Path, character: str, escape: str):
    study, text = studies / "odd", f"a{character}b"
    rewrite(study / "study.json", lambda fields: {**fields, "title": text, "class_names": [text, "1", "2"]})
    values = {"lr": text, f"n{character}": 1}
    rewrite(study / "runs" / "a" / "run.json", lambda fields: {**fields, "hyperparameters": values})
    read = open_study(study)
    assert read.title == read.class_names[0] == read.runs.loc["a", "lr"] == f"a{escape}b"
    assert read.runs.loc["a", f"n{escape}"] == 1


def test_undrawable_folder_names_are_drawn_as_escapes(studies: Path):
    no_utf8(studies / "odd")
    break_in_run(studies / "odd")
    problems = open_study(studies / "odd").problems
    assert [problem.run_id for problem in problems] == ["caf\\udce9", "x\\n\\x1b[2J"]


def test_text_that_runs_right_to_left_stays():
    text = "\u05e9\u05dc\u05d5\u05dd\u200f, \u0645\u0631\u062d\u0628\u0627, Z\u00fcrich 3\u202f000 \U0001f600"
    assert drawable(text) == text


@pytest.mark.parametrize("character", UNDRAWABLE)
@pytest.mark.parametrize(
    "options",
    [
        {"title": "a{}b"},
        {"class_names": ("a", "{}", "c")},
        {"hyperparameters": {"lr": "{}"}},
        {"hyperparameters": {"a{}b": 1}},
        {"run_id": "a{}"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_undrawable_characters_are_not_recorded(tmp_path: Path, options: dict[str, Any], character: str):
    given = json.loads(json.dumps(options).replace("{}", json.dumps(character)[1:-1]))
    with pytest.raises(InvalidSpecError):
        Recorder(tmp_path / "study", **{"hyperparameters": {}, "labels": LABELS, **given})
    assert not (tmp_path / "study" / "study.json").exists()


def test_collected_settings_are_recorded_on_one_line(tmp_path: Path):
    settings = usable_hyperparameters({"notes": "first\nsecond", "lr": 0.1})
    assert settings == {"notes": "first\\nsecond", "lr": 0.1}
    Recorder(tmp_path / "study", settings, LABELS).close()


def test_too_deep_a_document_is_a_named_problem(studies: Path):
    origin = studies / "odd" / "runs" / "a" / "origin.json"
    raw = origin.read_bytes().replace(b'"runs"', b"[" * 900 + b"]" * 900)
    blank = raw[:-12] + b"00000000" + raw[-4:]
    raw = raw[:-12] + b"%08x" % zlib.crc32(blank) + raw[-4:]
    with pytest.raises(ValueError, match=r"origin\.json nests"):
        parse_document(raw, "origin")
    origin.write_bytes(raw)
    assert imported_digests(studies / "odd") == {}


def journal_line(body: object) -> bytes:
    raw = json.dumps(body).encode()
    return b"%08x %s\n" % (zlib.crc32(raw), raw)


DOCUMENTS = ["study.json", "runs/a/run.json", "runs/a/seal.json", "runs/a/origin.json"]


def mutate_one(study: Path, views: Path, rng: random.Random) -> str:
    """Mutate a file of a study or its saved views, and make its checksums right again."""
    name = rng.choice([*DOCUMENTS, "runs/a/journal.jsonl", "tour.json", "views.json", "bytes"])
    texts = [*(value for value in WRONG_VALUES if isinstance(value, str) and len(value) < 100), *UNDRAWABLE]
    path = views if name == "views.json" else study / name
    if name == "bytes":
        path = rng.choice([views, *sorted(path for path in study.rglob("*") if path.is_file())])
        raw = bytearray(path.read_bytes())
        for _ in range(rng.randint(1, 4)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        path.write_bytes(raw)
    elif name.endswith(".jsonl"):
        lines = [json.loads(line[9:]) for line in path.read_bytes().splitlines()]
        changed = mutated(lines, rng, texts)
        path.write_bytes(b"".join(map(journal_line, changed if isinstance(changed, list) else [changed])))
    elif name in DOCUMENTS:
        try:
            rewrite(path, lambda fields: mutated(fields, rng, texts))
        except ValueError:
            return f"{name}, as it was: the document would be too large"
    else:
        path.write_text(json.dumps(mutated(json.loads(path.read_text()), rng, texts)))
    return name


@pytest.mark.full
def test_mutated_files_end_in_named_problems(
    studies: Path, served: tuple[Explorer, Any], caplog: pytest.LogCaptureFixture
):
    explorer, client = served
    rng = random.Random(0)
    original = studies.parent / "original"
    shutil.copytree(studies / "odd", original)
    (views,) = (studies.parent / "kept").glob(f"*/{VIEWS_FILE}")
    kept = views.read_bytes()
    n_views_refused = 0
    for number in range(amount(300, 20_000)):
        shutil.rmtree(studies / "odd")
        shutil.copytree(original, studies / "odd")
        views.write_bytes(kept)
        name = mutate_one(studies / "odd", views, rng)
        try:
            summaries = {summary.study_id: summary for summary in list_studies(studies)}
            assert summaries["sound"].n_runs == 2
            assert_lines(map(str, verify_study(studies / "odd")))
            assert_lines(text for each in summaries.values() for text in (each.study_id, each.title, each.error))
            imported_digests(studies / "odd")
            if not summaries["odd"].error:
                study = open_study(studies / "odd").checked()
                _ = [study.predictions(split) for split in study.splits]
                _ = study.runs, study.checkpoints
                answer = client.get("/api/studies/odd/views").get_json()
                n_views_refused += len(answer["problems"])
                assert_lines(answer["problems"])
                assert_lines(text for view in (*answer["views"], *answer["tour"]) for text in view.values())
            if number % 10 == 0:
                explorer._catalogue._entries.clear()
                for study_id in ("sound", "odd"):
                    assert_page(explorer, client, study_id)
        except Exception as error:
            error.add_note(f"case {number}, {name}")
            raise
    assert n_views_refused > 0
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
