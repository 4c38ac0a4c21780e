"""Tables of runs: plain, from MLflow, from Weights & Biases."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import ImportSourceError
from engine.formats import tables
from engine.formats.tables import RunTable, read_run_table


def read(folder: Path, text: str, **options: object) -> RunTable:
    path = folder / "runs.csv"
    path.write_text(text, encoding="utf-8")
    return read_run_table(path, **options)  # type: ignore[arg-type]


def test_types_are_inferred_cell_by_cell(tmp_path: Path) -> None:
    table = read(tmp_path, "run_id,a,b,c,d,e\nx,1,1e-3,True,,adam\ny,-2,nan,false,None,007_x\n")
    assert table.dialect == "plain"
    assert table.rows["x"] == {"a": 1, "b": 0.001, "c": True, "d": None, "e": "adam"}
    assert table.rows["y"] == {"a": -2, "b": "nan", "c": False, "d": None, "e": "007_x"}
    assert type(table.rows["x"]["a"]) is int


def test_text_of_several_lines_comes_in_escaped(tmp_path: Path) -> None:
    table = read(tmp_path, 'run_id,notes\nx,"two\nlines\u202e"\n')
    assert table.rows["x"] == {"notes": "two\\nlines\\u202e"}


def test_mlflow_gives_its_params_and_nothing_else(tmp_path: Path) -> None:
    text = "run_id,experiment_id,status,metrics.loss,params.lr,params.model,tags.user\nf00,0,FINISHED,0.3,0.1,vit,me\n"
    with_model = read(tmp_path, text, renamed={"params.model": "architecture"})
    assert with_model.dialect == "MLflow"
    assert with_model.rows == {"f00": {"lr": 0.1, "architecture": "vit"}}
    left_out = read(tmp_path, text)
    assert left_out.rows == {"f00": {"lr": 0.1}}
    assert "params.model" in left_out.notes[0]


def test_weights_and_biases_gives_its_config(tmp_path: Path) -> None:
    text = (
        ",summary,config,name\n"
        "0,\"{'loss': 0.2}\",\"{'lr': 0.1, 'bn': True, 'opt': 'sgd', 'nested': {'a': 1}, '_wandb': 1}\",calm-sky-1\n"
    )
    table = read(tmp_path, text)
    assert table.dialect == "Weights & Biases"
    assert table.rows["calm-sky-1"] == {"lr": 0.1, "bn": True, "opt": "sgd"}


def test_tracker_columns_are_omitted_and_said(tmp_path: Path) -> None:
    table = read(tmp_path, "Name,State,Runtime,lr,train_loss\nbold-1,finished,12,0.1,0.02\n")
    assert table.rows == {"bold-1": {"lr": 0.1}}
    assert table.notes == (
        "Columns left out, because the study makes them itself or a tracker keeps them: State, Runtime, train_loss. "
        "--rename OLD=NEW takes one in.",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("lr\n0.1\n", "no column 'run_id' to join by"),
        ("run_id,lr\nx,1\nx,2\n", "line 3: its run_id is 'x'"),
        ("run_id,lr\n,1\n", "its run_id is ''"),
        ("run_id,lr\nx\n", "has 1 fields, the first line 2"),
        ("run_id,a,a\nx,1,2\n", "names a column twice"),
        ('run_id,lr\nx,"1\n', "no readable CSV"),
        ("run_id,config\nx,__import__('os')\n", "no Python dictionary of plain values"),
        ("run_id,config\nx," + "[" * 5000 + "\n", "no Python dictionary"),
        ("run_id,config\nx,[1]\n", "must be a dictionary"),
        ("run_id,n\nx,99999999999999999999\n", "must fit into 64 bits"),
        ("run_id,a\x00b\nx,1\n", "printable"),
    ],
)
def test_bad_tables_are_refused_with_the_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ImportSourceError, match=words.replace("(", r"\(")):
        read(tmp_path, text)


def test_values_of_configurations_count_as_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "name,seed,config\n" + "".join(f"run{i},1,\"{{'a': 1, 'b': 2}}\"\n" for i in range(4))
    monkeypatch.setattr(tables, "MOST_CELLS", 12)
    assert len(read(tmp_path, text).rows) == 4
    monkeypatch.setattr(tables, "MOST_CELLS", 11)
    with pytest.raises(ImportSourceError, match="line 5: The table holds more than 11 values: split it"):
        read(tmp_path, text)


def test_the_column_to_join_by_can_be_named(tmp_path: Path) -> None:
    assert read(tmp_path, "run_id,tag\nx,left\n", id_column="tag").rows == {"left": {}}
    with pytest.raises(ImportSourceError, match="no column 'nope'"):
        read(tmp_path, "run_id,tag\nx,left\n", id_column="nope")
