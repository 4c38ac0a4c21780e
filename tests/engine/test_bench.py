"""The benchmark measures what it says: right published forms, fair turns, a page with every column."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from engine.__main__ import main
from engine.analyses import ANALYSES
from engine.bench import (
    analysis_cases,
    card_cases,
    distance_cases,
    growth_cases,
    large_cases,
    models,
    progress_cases,
    published,
    selection_cases,
    store_cases,
    timing,
    trajectory_cases,
)
from engine.bench.accuracy import Oracle, exact_distance
from engine.bench.floor import Floor
from engine.bench.report import Goal, Table, duration, goals_table, markdown, seconds_cells, short
from engine.bench.timing import Candidate, Discipline, Sample, Timing, busy_ticks, measure
from engine.inpca import embed
from tests import families, oracles

HASTY = Discipline(most_rounds=3, window=0.0, settle=0.0, patience=0.0)


def sample_major(log_probabilities):
    return np.ascontiguousarray(np.exp(log_probabilities).transpose(1, 0, 2), dtype=np.float32)


FORMS = {
    "torch": lambda p: published.torch_form(torch.from_numpy(p)),
    "torch at its best": lambda p: published.bare_torch_form(torch.from_numpy(p)),
    "numpy": published.numpy_form,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("chunk_samples", [1, 7, 1000])
def test_published_forms_agree_with_the_oracle(form, chunk_samples, monkeypatch):
    trained, _ = families.training_family()
    chunk_bytes = 4 * len(trained) ** 2 * chunk_samples
    monkeypatch.setattr(published, "CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(published, "CACHED_CHUNK_BYTES", chunk_bytes)
    assert np.abs(form(sample_major(trained)) - oracles.bhattacharyya(trained)).max() < 1e-6


@pytest.mark.parametrize("form", ["torch", "numpy"])
def test_published_forms_treat_missing_overlap_as_published(form):
    one_hot = np.stack([families.one_hot([0, 1, 2, 2], 3), families.one_hot([0, 1, 1, 1], 3)])
    distances = FORMS[form](sample_major(one_hot))
    assert distances[0, 1] == pytest.approx(2 * published.NO_OVERLAP / 4)
    assert not np.diagonal(distances).any()


def test_published_eigenpairs_agree_with_the_oracle():
    distances = oracles.bhattacharyya(families.dirichlet_cloud())
    eigenvalues, vectors = published.embedding_eigenpairs(distances)
    assert (eigenvalues < -1e-3).any()
    assert np.allclose(eigenvalues, oracles.eigenpairs(distances)[0], atol=1e-12)
    assert np.allclose(oracles.centred(distances) @ vectors, vectors * eigenvalues, atol=1e-12)


def test_published_progress_agrees_with_the_oracle():
    trained, labels = families.training_family(2, 4)
    for form in (published.progress, published.bare_progress):
        found = form(oracles.probabilities(trained), labels)
        assert found == pytest.approx(oracles.progress(trained, labels, "angle"), abs=1e-4)


def test_the_progress_case_compares_both_roads_on_the_same_models():
    case = progress_cases.ProgressCase(12, 9, 4, 6, 1e-9, 0.0)
    table, goals = progress_cases.run_progress(case, HASTY)
    assert [row[0] for row in table.rows][-2] == "published: a minimisation per model, from 6 models"
    assert [float(row[6]) < 1e-4 for row in table.rows[-2:]] == [True, True]
    assert [goal.is_met for goal in goals] == [False, True]


def test_the_trajectory_case_compares_both_roads_on_the_same_points():
    case = trajectory_cases.TrajectoryCase(5, 6, 9, 4, 2, 1e-9)
    table, goals = trajectory_cases.run_trajectories(case, "cpu", 1e12, HASTY)
    assert [row[0] for row in table.rows] == [
        "runs to distances",
        "of that: distances",
        "published, torch form, from 2 points",
    ]
    assert float(table.rows[-1][7]) < 1e-6
    assert [goal.is_met for goal in goals] == [False]


def test_exact_distance_agrees_with_the_oracle():
    family, _ = families.training_family()
    exact = [exact_distance(family[0], model) for model in family]
    assert np.allclose(exact, oracles.bhattacharyya(family[:1], family)[0], rtol=1e-12, atol=1e-14)


def test_errors_are_the_largest_at_the_pairs_that_were_judged():
    family, _ = families.training_family()
    exact = oracles.bhattacharyya(family)
    oracle = Oracle(family)
    assert oracle.errors(exact).absolute < 1e-12
    wrong = exact.copy()
    i, j = oracle.rows[3], oracle.columns[3]
    wrong[i, j] += 1e-3
    errors = oracle.errors(wrong)
    assert errors.absolute == pytest.approx(1e-3, rel=1e-6)
    assert errors.relative == pytest.approx(1e-3 / exact[i, j], rel=1e-6)


def test_candidates_take_turns_after_one_warm_up():
    calls = []
    candidates = {name: Candidate(lambda argument, name=name: calls.append((name, argument))) for name in "ab"}
    timings, _ = measure(candidates, 3, HASTY)
    assert "".join(name for name, _ in calls) == "ab" + "ab" * 3
    assert {name: len(taken.samples) for name, taken in timings.items()} == {"a": 3, "b": 3}


def test_a_case_takes_no_more_rounds_than_discipline_allows():
    timings, _ = measure({"a": Candidate(lambda _: None)}, 9, HASTY)
    assert len(timings["a"].samples) == 3


def test_every_call_gets_an_argument_of_its_own_and_the_first_result_is_kept():
    numbers = itertools.count()
    _, results = measure({"a": Candidate(lambda number: 10 * number, lambda: next(numbers))}, 2, HASTY)
    assert results == {"a": 0}
    assert next(numbers) == 3


def test_preparing_is_not_timed(monkeypatch):
    now = itertools.count()
    clock = {"seconds": 0.0}

    def work(seconds):
        clock["seconds"] += seconds

    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock["seconds"])
    timings, _ = measure({"a": Candidate(lambda _: work(2.0), lambda: work(100.0 + next(now)))}, 3, HASTY)
    assert timings["a"].median == 2.0


def test_median_and_spread_are_of_the_samples_and_scale():
    taken = Timing(tuple(Sample(seconds, 0.0) for seconds in (1.0, 4.0, 2.0)))
    assert (taken.median, taken.spread) == (2.0, 1.5)
    assert (taken.scaled(3.0).median, taken.scaled(3.0).spread) == (6.0, 1.5)


def test_only_disturbed_samples_are_spoken_of():
    quiet = Timing((Sample(1.0, 0.02), Sample(1.0, None)))
    assert quiet.disturbance is None
    disturbed = Timing((Sample(1.0, 0.02), Sample(1.0, 0.7), Sample(1.0, 0.4)))
    assert disturbed.disturbance == 0.7
    assert seconds_cells(disturbed)[3] == "**0.70**"
    assert seconds_cells(quiet)[3] == "not known"


def test_a_disturbed_sample_is_taken_again_and_the_quietest_stands(monkeypatch):
    taken = iter([Sample(9.0, 1.5), Sample(5.0, 0.5), Sample(1.0, 0.01), Sample(7.0, 0.9)])
    monkeypatch.setattr(timing, "_sample", lambda *_: (next(taken), None))
    patient = Discipline(most_rounds=1, patience=60.0)
    timings, _ = measure({"a": Candidate(lambda _: None)}, 1, patient, warm_up=False)
    assert timings["a"].samples == (Sample(1.0, 0.01),)
    monkeypatch.setattr(timing, "_sample", lambda *_: (Sample(2.0, 0.8), None))
    timings, _ = measure({"a": Candidate(lambda _: None)}, 1, patient, warm_up=False)
    assert timings["a"].disturbance == 0.8


def test_without_patience_nothing_is_taken_again(monkeypatch):
    taken = []
    monkeypatch.setattr(timing, "_sample", lambda *_: (taken.append(1) or Sample(1.0, 2.0), None))
    measure({"a": Candidate(lambda _: None)}, 3, HASTY, warm_up=False)
    assert len(taken) == 3


def test_busy_ticks_leave_out_idle_time_and_count_guests_once():
    assert busy_ticks([1, 2, 4, 1000, 2000, 8, 16, 32, 1, 1]) == 1 + 2 + 4 + 8 + 16 + 32


def test_the_same_run_is_the_same_and_looks_like_training():
    logits = models.run_logits(3, 50, 10)
    assert np.array_equal(logits, models.run_logits(3, 50, 10))
    assert not np.array_equal(logits, models.run_logits(4, 50, 10))
    truth = models.labels(50, 10)
    accuracy = (logits.argmax(axis=2) == truth).mean(axis=1)
    assert accuracy[0] < 0.5 < accuracy[-1]


def test_the_spectrum_has_a_negative_eigenvalue_among_the_first_and_a_large_first_one():
    family = models.log_probabilities(400, 100, 10)
    eigenvalues = embed(FORMS["numpy"](sample_major(family))).eigenvalues
    assert (eigenvalues < 0).any()
    assert eigenvalues[0] > 5 * np.abs(eigenvalues[1])


def test_selections_are_deterministic_whole_and_exchange_a_few_runs():
    first, again = (list(itertools.islice(selection_cases.selections(60, 40), 5)) for _ in range(2))
    assert first == again
    for old, new in itertools.pairwise(first):
        assert len(set(new)) == 40
        assert 1 <= len(set(new) - set(old)) <= 2


def test_selections_of_almost_everything_change_too():
    first, second = itertools.islice(selection_cases.selections(4, 3), 2)
    assert len(set(first) & set(second)) == 2


def test_the_error_of_a_preview_is_of_its_worst_component_whichever_way_that_points():
    right = np.array([[3.0, 0.0, 1.0, 9.0], [-3.0, 1.0, 0.0, 9.0], [0.0, -1.0, -1.0, 9.0]])
    found = right * [1.0, -1.0, 1.0, 0.0] + [[0.0, 0.3, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.1, 0.0]]
    preview, exact = (SimpleNamespace(coordinates=x, n_components=4) for x in (found, right))
    assert selection_cases.coordinate_error(preview, exact) == pytest.approx(0.3 / np.sqrt(18))


def test_numbers_are_written_for_people():
    assert [duration(seconds) for seconds in (12.0, 0.0123, 4.5e-5)] == ["12 s", "12.3 ms", "45 µs"]
    assert [short(value) for value in (1234.5, 12.345, 0.0123)] == ["1234", "12.3", "0.0123"]


def test_goals_say_whether_they_are_reached():
    goals = [Goal("a", 90.0, 80.0, True, "times"), Goal("b", 130.0, 120.0, False, "ms"), Goal("c", 2.0, 2.0, False, "")]
    assert [row[3] for row in goals_table(goals).rows] == ["yes", "no", "yes"]
    assert goals_table(goals).rows[1] == ("b", "≤ 120 ms", "130 ms", "no")


def test_the_page_names_the_machine_and_every_table():
    page = markdown([("processor", "abacus")], [Table("Beads", ("what", "median"), [("one", "2 s")], "Slow.")])
    assert "| processor | abacus |" in page
    assert "## Beads\n\n| what | median |\n| --- | --- |\n| one | 2 s |\n\nSlow.\n" in page


@pytest.fixture
def tiny_shapes(monkeypatch):
    case = distance_cases.DistanceCase(12, 9, 4, 6, (1e9, 0.0, 0.0))
    monkeypatch.setattr(distance_cases, "QUICK", (case,))
    monkeypatch.setattr(growth_cases, "QUICK", (growth_cases.GrowthCase(2, 9, 1e9, 0.0),))
    monkeypatch.setattr(selection_cases, "QUICK", (selection_cases.SelectionCase(4, 9, ((2, 1e9),), 100, 1e9),))


@pytest.mark.usefixtures("tiny_shapes")
def test_the_quick_benchmark_runs_to_its_end_and_writes_every_column(tmp_path):
    output = tmp_path / "benchmark.md"
    arguments = ["bench", "--quick", "--output", str(output)]
    result = CliRunner().invoke(main, [*arguments, "--only", "distances", "--only", "growth", "--only", "selections"])
    assert result.exit_code == 0, result.output
    page = output.read_text()
    for title in ("Figures to reach", "Floor", "Distances, 12 x 9 x 4", "Adding a run", "Selection change"):
        assert f"## {title}" in page
    for column in (
        "median",
        "spread",
        "others",
        "x kernel",
        "share",
        "abs. error",
        "rel. error",
        "x whole",
        "residual",
        "coordinates",
        "estimate",
    ):
        assert f"| {column} " in page
    assert "published, numpy form, from 6 samples" in page
    (preview,) = (line.split("|") for line in page.splitlines() if "| preview: runs" in line)
    assert float(preview[10]) < 1e-2
    assert "| preview of a selection of 80 |" in page
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| engine, from")]
    assert [float(row[9]) < 1e-6 for row in rows] == [True]


def test_a_large_study_is_measured_in_fresh_processes_and_once_without_room(tmp_path):
    case = large_cases.LargeCase(5, 9, 2**30, 8192 * 200 + 1000, 1e-3)
    table, (peak, residual) = large_cases.run_large(case, "cpu", tmp_path)
    assert [row[4] for row in table.rows] == ["memory", "tiles on disk"]
    assert not peak.is_met
    assert residual.is_met
    assert 2**26 < large_cases.peak_bytes() < 2**40


def test_the_case_for_a_card_predicts_a_study_from_two_numbers_of_samples(monkeypatch):
    seconds = {5: 1.0, 25: 3.0}

    def timed(candidates, rounds, discipline):
        timings = {name: Timing((Sample(seconds[int(name.split()[0])], 0.0),)) for name in candidates}
        return timings, {name: candidate.call(None) for name, candidate in candidates.items()}

    monkeypatch.setattr(card_cases, "measure", timed)
    case = card_cases.CardCase(4, 5, 25, 3, (320, 50), 1.0)
    (table,), (goal,) = card_cases.run_card(case, "cpu", Floor(1e9, 1e9, None, Table("", (), [])), HASTY)
    # A tenth of a second for a sample more; twice the models, fifty samples.
    assert goal.measured == pytest.approx(0.1 * 4 * 50)
    assert all(float(row[5]) < 1e-6 for row in table.rows)


@pytest.mark.parametrize(
    ("rates", "bound", "share"),
    [
        ((1e14, 1e13, 1e14), "tensor", 96.0),
        ((1e12, 1e13, 1e15), "float32", 200.0),
        ((1e14, 1e9, 1e15), "memory", 5208.3),
    ],
)
def test_the_roofline_is_the_part_of_the_card_that_takes_longest(rates, bound, share):
    pytest.importorskip("triton")
    multiply_adds, copied, tensor_flops = rates
    floor = Floor(multiply_adds, copied, tensor_flops, Table("", (), []))
    # Two terms, three products, ten classes padded to sixteen: 96 operations; at 1e14 a second, 0.96 ps of one.
    table, measured = card_cases.roofline(10, 2, floor, 1e-12)
    assert measured == pytest.approx(share, rel=1e-3)
    assert [row[0].startswith(bound) for row in table.rows] == [bool(row[4]) for row in table.rows]


def test_only_what_is_asked_for_is_measured(monkeypatch):
    monkeypatch.setattr(selection_cases, "QUICK", (selection_cases.SelectionCase(3, 9, ((2, None),), 0),))
    result = CliRunner().invoke(main, ["bench", "--quick", "--only", "selections"])
    assert result.exit_code == 0, result.output
    assert "## Selection change" in result.output
    assert "## Distances" not in result.output
    assert "## Floor" not in result.output
    assert "| published |" not in result.output


def test_the_case_for_a_card_is_refused_on_a_cpu():
    result = CliRunner().invoke(main, ["bench", "--quick", "--only", "card"])
    assert "--device cuda" in str(result.exception)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_device_that_is_not_there_is_refused_before_anything_is_measured():
    result = CliRunner().invoke(main, ["bench", "--quick", "--device", "cuda"])
    assert result.exit_code == 1
    assert "cuda" in str(result.exception)


def test_every_figure_is_asked_for_three_times_and_what_is_refused_says_so(monkeypatch, tmp_path):
    chosen = {"progress": ANALYSES["progress"]}
    monkeypatch.setattr(analysis_cases, "ANALYSES", chosen)
    case = analysis_cases.AnalysisCase("digits", 2, 100.0, 100.0)
    table, goals = analysis_cases.run_analyses(case, "cpu", tmp_path / "a")
    assert [row[0] for row in table.rows] == ["Progress and error"]
    assert [goal.is_met for goal in goals] == [True, True]
    (first, again) = (goal.measured for goal in goals)
    assert 0 < again <= first
    refused = analysis_cases.AnalysisCase("digits", 0)
    table, goals = analysis_cases.run_analyses(refused, "cpu", tmp_path / "b")
    assert table.rows[0][1] == "refused"
    assert goals == []


def test_the_store_is_measured_and_held_to_its_figures(monkeypatch, tmp_path):
    monkeypatch.setattr(store_cases, "N_OPENED", 1)
    case = store_cases.StoreCase(4, 20, 5, 23, 3, 4, 1e9, 1e9, 0.0)
    table, goals = store_cases.run_store(case, tmp_path)
    assert [row[0].split()[-1] for row in table.rows] == ["appended", "disk", "opened", "imported"]
    assert "5 runs, 23 checkpoints" in table.rows[2][0]
    assert [goal.is_met for goal in goals] == [True, True, True, False]
