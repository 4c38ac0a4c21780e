"""Content that no reader expects: it leaves out its run or study, and nothing else."""

from __future__ import annotations

import json
import os
import random
import shutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dashboard import create_app
from engine import EngineError, Explorer, InvalidSpecError, Recorder, list_studies, open_study, verify_study
from engine.__main__ import main
from engine.store.documents import document_bytes
from tests.hostile import WRONG_VALUES, mutated
from tests.recording import LABELS, record_run
from tests.scale import amount
from tests.wire import browser_calls, everything

UPDATE = "/_dash-update-component"
HALF = "\ud800"


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    """Two studies of two runs each."""
    for study in ("sound", "odd"):
        for run in ("a", "b"):
            record_run(tmp_path / "studies" / study, run, 3, lr=0.1 if run == "a" else 0.2)
    return tmp_path / "studies"


@pytest.fixture
def served(studies: Path, tmp_path: Path) -> Iterator[tuple[Explorer, Any]]:
    explorer = Explorer(studies, device="cpu", cache=tmp_path / "cache")
    yield explorer, create_app(explorer).server.test_client()
    explorer.close()


def rewrite(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change the fields of a document, and give it a right checksum."""
    fields = json.loads(path.read_text())
    kind = fields["format"].split()[-1]
    kept = {name: value for name, value in fields.items() if name not in ("format", "version", "crc32")}
    path.write_bytes(document_bytes(kind, change(kept)))


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


ODDITIES = [
    half_in_title,
    half_in_class,
    half_in_value,
    half_in_name,
    no_utf8,
    list_as_dtype,
    deep_value,
    file_for_runs,
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
    json.dumps([str(finding) for finding in verify_study(studies / "odd")], ensure_ascii=False).encode()
    assert verify_study(studies / "sound") == ()


def test_half_characters_are_drawn_as_escapes(studies: Path):
    half_in_title(studies / "odd")
    half_in_value(studies / "odd")
    no_utf8(studies / "odd")
    study = open_study(studies / "odd")
    assert study.title == "a\\ud800b"
    assert study.runs.loc["a", "lr"] == "x\\ud800"
    (problem,) = study.problems
    assert problem.run_id == "caf\\udce9"


@pytest.mark.parametrize(
    "options",
    [
        {"title": HALF},
        {"class_names": ("a", HALF, "c")},
        {"hyperparameters": {"lr": HALF}},
        {"hyperparameters": {HALF: 1}},
    ],
)
def test_half_characters_are_not_recorded(tmp_path: Path, options: dict[str, Any]):
    with pytest.raises(InvalidSpecError):
        Recorder(tmp_path / "study", **{"hyperparameters": {}, "labels": LABELS, **options})
    assert not (tmp_path / "study" / "study.json").exists()


def journal_line(body: object) -> bytes:
    raw = json.dumps(body).encode()
    return b"%08x %s\n" % (zlib.crc32(raw), raw)


def mutate_one(study: Path, rng: random.Random) -> str:
    """Mutate a file of a study, and make its checksums right again."""
    name = rng.choice(["study.json", "runs/a/run.json", "runs/a/seal.json", "runs/a/journal.jsonl", "bytes"])
    texts = [value for value in WRONG_VALUES if isinstance(value, str) and len(value) < 100]
    if name == "bytes":
        path = rng.choice(sorted(path for path in study.rglob("*") if path.is_file()))
        raw = bytearray(path.read_bytes())
        for _ in range(rng.randint(1, 4)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        path.write_bytes(raw)
    elif name.endswith(".jsonl"):
        lines = [json.loads(line[9:]) for line in (study / name).read_bytes().splitlines()]
        changed = mutated(lines, rng, texts)
        (study / name).write_bytes(b"".join(map(journal_line, changed if isinstance(changed, list) else [changed])))
    else:
        fields = json.loads((study / name).read_text())
        kept = {key: value for key, value in fields.items() if key not in ("format", "version", "crc32")}
        changed = mutated(kept, rng, texts)
        try:
            raw = document_bytes(fields["format"].split()[-1], changed if isinstance(changed, dict) else {"x": changed})
        except ValueError:
            return name
        (study / name).write_bytes(raw)
    return name


@pytest.mark.full
def test_mutated_files_end_in_named_problems(
    studies: Path, served: tuple[Explorer, Any], caplog: pytest.LogCaptureFixture
):
    explorer, client = served
    rng = random.Random(0)
    original = studies.parent / "original"
    shutil.copytree(studies / "odd", original)
    for number in range(amount(300, 20_000)):
        shutil.rmtree(studies / "odd")
        shutil.copytree(original, studies / "odd")
        name = mutate_one(studies / "odd", rng)
        try:
            summaries = {summary.study_id: summary for summary in list_studies(studies)}
            assert summaries["sound"].n_runs == 2
            json.dumps([str(finding) for finding in verify_study(studies / "odd")], ensure_ascii=False).encode()
            if not summaries["odd"].error:
                study = open_study(studies / "odd").checked()
                _ = [study.predictions(split) for split in study.splits]
                _ = study.runs, study.checkpoints
            if number % 10 == 0:
                explorer._catalogue._entries.clear()
                for study_id in ("sound", "odd"):
                    assert_page(explorer, client, study_id)
        except Exception as error:
            error.add_note(f"case {number}, {name}")
            raise
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
