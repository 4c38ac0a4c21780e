"""Pages opened from views and from links of any kind."""

from __future__ import annotations

import json
import re
from pathlib import Path

from dash.development.base_component import Component

from dashboard import create_app
from dashboard.layout import page
from dashboard.routes.callbacks import open_view
from dashboard.saved.selections import SelectionStore
from dashboard.text import PANELS
from dashboard.view_state import ViewState
from engine import Explorer
from tests.small_study import ARCHITECTURES, N_CHECKPOINTS, N_RUNS
from tests.wire import browser_calls

SELECTIONS = SelectionStore(Path("nowhere"))


def layout_ids(component: Component) -> list[str]:
    return [str(component.id), *(str(found.id) for found in component._traverse_ids())]


def test_every_id_stands_exactly_once_in_the_layout() -> None:
    found = layout_ids(page("CPU"))
    assert sorted(set(found)) == sorted(found)
    assert {"page", "picture", "run-table", *PANELS} <= set(found)


def test_callbacks_name_only_ids_of_the_layout(explorer: Explorer) -> None:
    app = create_app(explorer)
    known = set(layout_ids(page("CPU")))
    for callback in app.callback_map.values():
        assert {dependency["id"] for dependency in [*callback["inputs"], *callback["state"]]} <= known
        outputs = callback["output"] if isinstance(callback["output"], list) else [callback["output"]]
        assert {output.component_id for output in outputs} <= known


def test_assets_name_only_ids_of_the_layout() -> None:
    known = set(layout_ids(page("CPU")))
    scripts = "\n".join(path.read_text() for path in (Path(__file__).parents[3] / "assets").rglob("*.mjs"))
    named = set(re.findall(r'(?:byId|getElementById|getApiAsync)\("([^"]+)"\)', scripts)) - {"_dash-config"}
    assert named
    assert named <= known


def test_a_link_to_extensions_needs_some(explorer: Explorer) -> None:
    opened = {}
    for extensions in ([], [Path(__file__).parents[2] / "own_panel.py"]):
        client = create_app(explorer, extensions=extensions).server.test_client()
        (call,) = [each for name, each in browser_calls(client).items() if "study-picker" in name]
        call["inputs"][0]["value"] = "?d=small&tab=extensions"
        payload = client.post("/_dash-update-component", json=call).get_json()["response"]["study-data"]["data"]
        opened[len(extensions)] = payload["view"]["tab"], payload["notice"]
    assert opened[0][0] == "components"
    assert "extensions" in opened[0][1]
    assert opened[1] == ("extensions", "")


def test_a_study_opens_with_runs_filters_and_colours(explorer: Explorer) -> None:
    opened = open_view(explorer, SELECTIONS, ViewState())
    payload = opened["payload"]
    assert opened["study"] == "small"
    assert len(payload["run_ids"]) == N_RUNS
    assert (
        next(entry for entry in payload["columns"] if entry["name"] == "n_checkpoints")["numbers"]
        == [N_CHECKPOINTS] * N_RUNS
    )
    assert [entry["name"] for entry in payload["filters"]][:3] == ["architecture", "learning_rate", "seed"]
    assert "momentum" not in [entry["name"] for entry in payload["filters"]]
    assert opened["color"] == "run:architecture"
    assert payload["view"]["tab"] == "components"
    json.dumps(payload, allow_nan=False)


def test_levels_point_back_at_each_run_s_value(explorer: Explorer) -> None:
    payload = open_view(explorer, SELECTIONS, ViewState())["payload"]
    column = next(entry for entry in payload["columns"] if entry["name"] == "architecture")
    runs = explorer.study("small").runs
    assert [column["levels"][level] for level in column["level"]] == list(runs["architecture"])
    assert set(column["levels"]) == set(ARCHITECTURES)


def test_a_link_sets_the_controls(explorer: Explorer) -> None:
    view = ViewState(study="small", split="test", axes=(2, 3, 1), color_by="model:progress", references="fit")
    opened = open_view(explorer, SELECTIONS, view)
    assert (opened["split"], opened["axes"], opened["color"], opened["references"]) == (
        "test",
        ("2", "3", "1"),
        "model:progress",
        "fit",
    )


def test_links_to_missing_studies_open_another_with_note(explorer: Explorer) -> None:
    opened = open_view(explorer, SELECTIONS, ViewState(study="../../etc", split="test"))
    assert opened["study"] == "small"
    assert "no study" in opened["payload"]["notice"]


def test_a_colour_that_the_study_lacks_falls_back(explorer: Explorer) -> None:
    assert open_view(explorer, SELECTIONS, ViewState(color_by="run:nonsense"))["color"] == "run:architecture"


def test_the_picker_needs_no_note(explorer: Explorer) -> None:
    view = ViewState(study="small", split="nowhere", color_by="run:nonsense", references="fit")
    assert "nonsense" in open_view(explorer, SELECTIONS, view)["payload"]["notice"]
    opened = open_view(explorer, SELECTIONS, view, is_link=False)
    assert (opened["payload"]["notice"], opened["payload"]["is_link"]) == ("", False)
    assert (opened["split"], opened["color"], opened["references"]) == ("train", "run:architecture", "fit")


def test_an_empty_folder_shows_how_to_begin(tmp_path: Path) -> None:
    explorer = Explorer(tmp_path, device="cpu", cache=tmp_path / "cache")
    opened = open_view(explorer, SELECTIONS, ViewState())
    explorer.close()
    assert opened["study"] is None
    assert "engine.Recorder" in opened["payload"]["advice"]
