"""Benchmark: published forms, timing discipline, cases and page of results."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.engine.cases import (
    analyses,
    card,
    checks,
    growth,
    large,
    progress,
    selections,
    store,
    trajectories,
)
from benchmarks.engine.cases import (
    distances as distance_cases,
)
from benchmarks.engine.measuring import models, published, timing
from benchmarks.engine.measuring.accuracy import Oracle, exact_distance
from benchmarks.engine.measuring.floor import Floor
from benchmarks.engine.measuring.report import Goal, Table, duration, goals_table, markdown, seconds_cells, short
from benchmarks.engine.measuring.timing import Candidate, Discipline, Sample, Timing, busy_ticks, measure
from engine.analyses import ANALYSES
from engine.embedding.inpca import embed
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


def test_progress_case_compares_both_roads_on_equal_models():
    case = progress.ProgressCase(12, 9, 4, 6, 1e-9, 0.0)
    table, goals = progress.run_progress(case, HASTY)
    assert [row[0] for row in table.rows][-2] == "published: a minimisation per model, from 6 models"
    assert [float(row[6]) < 1e-4 for row in table.rows[-2:]] == [True, True]
    assert [goal.is_met for goal in goals] == [False, True]


def test_checks_are_left_out_every_second_time(studies_folder, tmp_path, monkeypatch):
    turns = []
    for name in ("_check", "_take_as_it_is"):
        really = getattr(checks, name)
        monkeypatch.setattr(checks, name, lambda *tiles, name=name, really=really: turns.append(name) or really(*tiles))
    case = checks.CheckCase(studies_folder / "small", (4,), ((3, 8),), 1e9)
    table, (goal,) = checks.run_checks(case, "cpu", tmp_path, HASTY)
    assert [row[1] for row in table.rows] == 4 * [checks.CHECKED, checks.TRUSTED]
    assert goal.is_met
    assert set(itertools.pairwise(turns)) >= {("_check", "_take_as_it_is"), ("_take_as_it_is", "_check")}
    assert checks.TileReader._check.__name__ == "<lambda>", "what was there before is there again"


def test_trajectory_case_compares_both_roads_on_equal_points():
    case = trajectories.TrajectoryCase(5, 6, 9, 4, 2, 1e-9)
    table, goals = trajectories.run_trajectories(case, "cpu", 1e12, HASTY)
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


def test_errors_are_the_largest_at_the_judged_pairs():
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


def test_a_case_keeps_the_rounds_of_its_discipline():
    timings, _ = measure({"a": Candidate(lambda _: None)}, 9, HASTY)
    assert len(timings["a"].samples) == 3


def test_calls_get_own_arguments_and_keep_first_results():
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


def test_median_and_spread_of_samples_scale_together():
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


def test_a_disturbed_sample_is_repeated_the_quietest_stands(monkeypatch):
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


def test_busy_ticks_exclude_idle_and_count_guests_once():
    assert busy_ticks([1, 2, 4, 1000, 2000, 8, 16, 32, 1, 1]) == 1 + 2 + 4 + 8 + 16 + 32


def test_runs_are_deterministic_and_look_like_training():
    logits = models.run_logits(3, 50, 10)
    assert np.array_equal(logits, models.run_logits(3, 50, 10))
    assert not np.array_equal(logits, models.run_logits(4, 50, 10))
    truth = models.labels(50, 10)
    accuracy = (logits.argmax(axis=2) == truth).mean(axis=1)
    assert accuracy[0] < 0.5 < accuracy[-1]


def test_spectrum_starts_large_with_an_early_negative_eigenvalue():
    family = models.log_probabilities(400, 100, 10)
    eigenvalues = embed(FORMS["numpy"](sample_major(family))).eigenvalues
    assert (eigenvalues < 0).any()
    assert eigenvalues[0] > 5 * np.abs(eigenvalues[1])


def test_selections_are_deterministic_and_exchange_a_few_runs():
    first, again = (list(itertools.islice(selections.selections(60, 40), 5)) for _ in range(2))
    assert first == again
    for old, new in itertools.pairwise(first):
        assert len(set(new)) == 40
        assert 1 <= len(set(new) - set(old)) <= 2


def test_selections_of_almost_everything_change_too():
    first, second = itertools.islice(selections.selections(4, 3), 2)
    assert len(set(first) & set(second)) == 2


def test_preview_error_is_its_worst_component_sign_ignored():
    right = np.array([[3.0, 0.0, 1.0, 9.0], [-3.0, 1.0, 0.0, 9.0], [0.0, -1.0, -1.0, 9.0]])
    found = right * [1.0, -1.0, 1.0, 0.0] + [[0.0, 0.3, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.1, 0.0]]
    preview, exact = (SimpleNamespace(coordinates=x, n_components=4) for x in (found, right))
    assert selections.coordinate_error(preview, exact) == pytest.approx(0.3 / np.sqrt(18))


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
    monkeypatch.setattr(growth, "QUICK", (growth.GrowthCase(2, 9, 1e9, 0.0),))
    monkeypatch.setattr(selections, "QUICK", (selections.SelectionCase(4, 9, ((2, 1e9),), 100, 1e9),))


@pytest.mark.full
@pytest.mark.usefixtures("tiny_shapes")
def test_the_quick_benchmark_finishes_and_fills_every_column(tmp_path):
    output = tmp_path / "benchmark.md"
    arguments = ["engine", "--quick", "--output", str(output)]
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


@pytest.mark.full
def test_large_studies_are_measured_in_fresh_processes(tmp_path):
    case = large.LargeCase(5, 9, 2**30, 8192 * 200 + 1000, 1e-3)
    table, (peak, residual) = large.run_large(case, "cpu", tmp_path)
    assert [row[4] for row in table.rows] == ["memory", "tiles on disk"]
    assert not peak.is_met
    assert residual.is_met
    assert 2**26 < large.peak_bytes() < 2**40


def test_card_case_extrapolates_from_two_numbers_of_samples(monkeypatch):
    seconds = {5: 1.0, 25: 3.0}

    def timed(candidates, rounds, discipline):
        timings = {name: Timing((Sample(seconds[int(name.split()[0])], 0.0),)) for name in candidates}
        return timings, {name: candidate.call(None) for name, candidate in candidates.items()}

    monkeypatch.setattr(card, "measure", timed)
    case = card.CardCase(4, 5, 25, 3, (320, 50), 1.0)
    (table,), (goal,) = card.run_card(case, "cpu", Floor(1e9, 1e9, None, Table("", (), [])), HASTY)
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
def test_roofline_is_the_slowest_part_of_the_card(rates, bound, share):
    pytest.importorskip("triton")
    multiply_adds, copied, tensor_flops = rates
    floor = Floor(multiply_adds, copied, tensor_flops, Table("", (), []))
    # Two terms, three products, ten classes padded to sixteen: 96 operations; at 1e14 a second, 0.96 ps of one.
    table, measured = card.roofline(10, 2, floor, 1e-12)
    assert measured == pytest.approx(share, rel=1e-3)
    assert [row[0].startswith(bound) for row in table.rows] == [bool(row[4]) for row in table.rows]


@pytest.mark.full
def test_only_what_is_asked_for_is_measured(monkeypatch):
    monkeypatch.setattr(selections, "QUICK", (selections.SelectionCase(3, 9, ((2, None),), 0),))
    result = CliRunner().invoke(main, ["engine", "--quick", "--only", "selections"])
    assert result.exit_code == 0, result.output
    assert "## Selection change" in result.output
    assert "## Distances" not in result.output
    assert "## Floor" not in result.output
    assert "| published |" not in result.output


def test_the_card_case_is_refused_on_a_cpu():
    result = CliRunner().invoke(main, ["engine", "--quick", "--only", "card"])
    assert result.exit_code == 1
    assert "--device cuda" in result.output


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_missing_device_is_refused_before_measuring():
    result = CliRunner().invoke(main, ["engine", "--quick", "--device", "cuda"])
    assert result.exit_code == 1
    assert "Error: " in result.output
    assert "cuda" in result.output


@pytest.mark.full
def test_every_figure_is_asked_thrice_refusals_say_so(monkeypatch, tmp_path):
    chosen = {"progress": ANALYSES["progress"]}
    monkeypatch.setattr(analyses, "ANALYSES", chosen)
    case = analyses.AnalysisCase("digits", 2, 100.0, 100.0)
    table, goals = analyses.run_analyses(case, "cpu", tmp_path / "a")
    assert [row[0] for row in table.rows] == ["Progress and error"]
    assert [goal.is_met for goal in goals] == [True, True]
    assert all(goal.measured > 0 for goal in goals)
    refused = analyses.AnalysisCase("digits", 0)
    table, goals = analyses.run_analyses(refused, "cpu", tmp_path / "b")
    assert table.rows[0][1] == "refused"
    assert goals == []


@pytest.mark.full
def test_the_store_is_measured_against_its_goals(monkeypatch, tmp_path):
    monkeypatch.setattr(store, "N_OPENED", 1)
    case = store.StoreCase(4, 20, 5, 23, 3, 4, 1e9, 1e9, 0.0)
    table, goals = store.run_store(case, tmp_path)
    assert [row[0].split()[-1] for row in table.rows] == ["appended", "disk", "opened", "imported"]
    assert "5 runs, 23 checkpoints" in table.rows[2][0]
    assert [goal.is_met for goal in goals] == [True, True, True, False]
