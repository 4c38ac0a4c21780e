"""Figures of importance, nulls, bands and outliers, read as data."""

from __future__ import annotations

import json

import pytest

from dashboard import theme
from dashboard.figures.analyses import ANALYSIS_FIGURES
from engine import EmbeddingSpec

KINDS = ("importance", "null", "dimension", "bootstrap", "distance-bands", "outliers")


@pytest.fixture(scope="module")
def find(shared_explorer):
    def answer(kind, study_id="small", **options):
        run_ids = tuple(shared_explorer.study(study_id).runs.index)
        return shared_explorer.analyses.find(kind, EmbeddingSpec(study_id, "train", run_ids), **options)

    return answer


@pytest.mark.parametrize("kind", KINDS)
def test_names_from_files_are_no_markup(find, kind):
    finding = find(kind, "train_only", **({"over": "samples"} if kind == "bootstrap" else {}))
    text = json.dumps(ANALYSIS_FIGURES[kind](finding))
    assert "<b>" not in text
    assert "<i>" not in text
    if kind not in ("dimension", "bootstrap"):
        assert "&lt;" in text


def test_bars_of_importance_span_their_intervals(find):
    finding = find("importance", repeats=5, permutations=99)
    bars = ANALYSIS_FIGURES["importance"](finding)[0]["data"][0]
    table = finding.tables["importance"].iloc[::-1]
    assert [name.rstrip() for name in bars["y"]] == [name.replace("_", " ") for name in table["hyperparameters"]]
    ends = [x + up for x, up in zip(bars["x"], bars["error_x"]["array"], strict=True)]
    starts = [x - down for x, down in zip(bars["x"], bars["error_x"]["arrayminus"], strict=True)]
    assert ends == pytest.approx(table["high"].tolist())
    assert starts == pytest.approx(table["low"].tolist())


def test_what_was_not_tested_says_so(find):
    shares = ANALYSIS_FIGURES["importance"](find("importance", "train_only"))[0]
    assert shares["title"] == "Share of variation"
    assert set(shares["data"][0]["text"]) == {"not tested"}


def test_every_pair_is_in_the_histogram_once(find):
    finding = find("null", points=5)
    bars = ANALYSIS_FIGURES["null"](finding)[0]["data"]
    assert sum(sum(bar["y"]) for bar in bars) == len(finding.tables["pairs"]) == 30 * 29 // 2


def test_imaginary_components_are_red_and_curves_have_bands(find):
    finding = find("bootstrap")
    stress, spectrum = ANALYSIS_FIGURES["bootstrap"](finding)
    low, high, _ = stress["data"]
    assert all(one <= other for one, other in zip(low["y"], high["y"], strict=True))
    assert high["name"] == spectrum["data"][0]["name"] == finding.numbers["intervals"]
    negative = finding.tables["components"]["eigenvalue"] < 0
    assert negative.any()
    assert [color == theme.TIME_LIKE for color in spectrum["data"][0]["marker"]["color"]] == negative.tolist()


def test_dots_without_an_interval_have_no_bar(find):
    finding = find("distance-bands", "one_seed")
    means = finding.tables["means"].iloc[::-1]
    assert means["low"].isna().all()
    (dots,) = ANALYSIS_FIGURES["distance-bands"](finding)[0]["data"]
    assert dots["name"] == "95 % for the level, configurations drawn again"
    assert dots["error_x"]["array"] == dots["error_x"]["arrayminus"] == [0] * len(means)
    assert set(dots["customdata"]) == {"no interval"}


def test_differences_of_levels_are_drawn_about_zero(find):
    finding = find("distance-bands")
    _, differences = ANALYSIS_FIGURES["distance-bands"](finding)
    table = finding.tables["differences"].iloc[::-1]
    (dots,) = differences["data"]
    assert dots["x"] == table["between minus within"].tolist()
    assert differences["layout"]["shapes"][0]["x0"] == 0
    ends = [x + up for x, up in zip(dots["x"], dots["error_x"]["array"], strict=True)]
    assert ends == pytest.approx(table["high"].tolist())


def test_outliers_are_counted_by_level_courses_by_run(find):
    finding = find("outliers", threshold=0.5)
    counts, courses = ANALYSIS_FIGURES["outliers"](finding)
    assert [bar["name"] for bar in counts["data"]] == ["CNN", "fully connected", "ViT"]
    assert sum(sum(bar["y"]) for bar in counts["data"]) == finding.numbers["outliers"] > 0
    assert len(courses["series"][0]["run_ids"]) == 30
    assert courses["layout"]["shapes"][0]["y0"] == 0.5


def test_low_dimension_is_drawn_beside_its_nulls(find):
    finding = find("dimension")
    spectrum, stress, numbers = ANALYSIS_FIGURES["dimension"](finding)
    names = ["shuffled runs", "one long random walk", "unrelated random walks", "runs"]
    for figure in (spectrum, stress):
        assert [trace["name"] for trace in figure["data"] if "name" in trace] == names
    assert [trace["name"] for trace in numbers["data"] if "name" in trace] == [names[0], *names[2:]]
    table = finding.tables["components"]
    runs = spectrum["data"][-1]
    assert runs["y"] == pytest.approx(table["share"].tolist(), rel=1e-4)
    assert [symbol == "diamond" for symbol in runs["marker"]["symbol"]] == (
        table["above shuffled runs"] == "yes"
    ).tolist()
    assert numbers["data"][-1]["x"] == [1, 2, 5, 10, 20, 30]
