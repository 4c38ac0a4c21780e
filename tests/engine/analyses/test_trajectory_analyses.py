"""Analyses of whole trajectories, number by number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine import EmbeddingSpec, Explorer
from engine.analyses.between_runs import aligned
from engine.analyses.between_runs import embedding as trajectory_embedding
from engine.analyses.between_runs import means as kinds_of_mean
from engine.errors import EngineError
from engine.trajectories.geodesics import geodesic, progress
from engine.trajectories.means import mean_model
from tests import oracles, oracles_paths, oracles_trajectories

N_POINTS = 5
GRID = np.arange(1, N_POINTS + 1) / N_POINTS


@pytest.fixture(scope="module")
def explorer(shared_explorer):
    return shared_explorer


def chosen(explorer, study_id="small", step=5):
    """A selection: some runs of the small study, always both seeds of a configuration, or a whole other one."""
    run_ids = tuple(explorer.study(study_id).runs.index)
    if study_id == "small":
        run_ids = tuple(run_id for k in range(2 * step - 2, len(run_ids), 2 * step) for run_id in run_ids[k : k + 2])
    return EmbeddingSpec(study_id, "train", run_ids)


def slow_runs(explorer, selection):
    """(run, point, sample, class) probabilities at equal progress, by the slow road."""
    study = explorer.study(selection.study_id)
    labels = study.splits["train"].labels
    runs = []
    for run_id in selection.run_ids:
        logs = study.log_probabilities("train", run_id, None)
        runs.append(oracles_paths.resampled(logs, progress(logs, labels), GRID, "hold")[0])
    return np.array(runs, dtype=np.float64)


def found(explorer, kind, selection, **options):
    return explorer.analyses.find(kind, selection, **{"points": N_POINTS, **options})


def matrix(finding, thing="run_id"):
    """The distances in the order of the selection, from the table of pairs, and its names."""
    leaves, pairs = finding.tables["leaves"], finding.tables["pairs"]
    names = sorted(leaves[thing])
    place = {name: k for k, name in enumerate(names)}
    values = np.zeros((len(names), len(names)))
    for row in pairs.to_dict("records"):
        i, j = place[row[thing]], place[row[f"other_{thing}"]]
        values[i, j] = values[j, i] = row["distance"]
    return names, values


@pytest.fixture(scope="module")
def slow(explorer):
    """Probabilities at equal progress and distances of all pairs, by a slow reference implementation."""
    runs = slow_runs(explorer, chosen(explorer))
    return runs, oracles_trajectories.trajectory_distances(np.log(runs))


def test_distances_agree_with_the_slow_road(explorer, slow):
    selection = chosen(explorer)
    finding = found(explorer, "trajectory-distances", selection)
    names, values = matrix(finding)
    order = [selection.run_ids.index(name) for name in names]
    assert np.abs(values - slow[1][np.ix_(order, order)]).max() < 1e-6
    study = explorer.study("small")
    labels = study.splits["train"].labels
    circle = geodesic(labels, study.n_classes, GRID)
    leaves = finding.tables["leaves"].set_index("run_id")
    for run_id, run in zip(selection.run_ids, slow[0], strict=True):
        expected = np.mean([oracles.bhattacharyya(np.log(run[[k]]), circle[[k]])[0, 0] for k in range(N_POINTS)])
        assert leaves.loc[run_id, "distance to the geodesic"] == pytest.approx(expected, abs=1e-6)


def test_matrix_pairs_and_leaves_are_in_one_order(explorer):
    finding = found(explorer, "trajectory-distances", chosen(explorer))
    names, values = matrix(finding)
    order = [names.index(name) for name in finding.tables["leaves"]["run_id"]]
    assert np.array_equal(finding.arrays["distances"], values[np.ix_(order, order)])
    assert finding.tables["joins"]["distance"].is_monotonic_increasing
    assert finding.tables["joins"]["distance"].iloc[-1] == values.max()


def test_profiles_are_means_over_pairs(explorer, slow):
    finding = found(explorer, "trajectory-distances", chosen(explorer))
    table = finding.tables["along_the_clock"]
    for point in range(N_POINTS):
        distances = oracles.bhattacharyya(np.log(slow[0][:, point]))
        seeds = [distances[k, k + 1] for k in range(0, len(distances), 2)]
        others = [distances[i, j] for i in range(len(distances)) for j in range(i) if i // 2 != j // 2]
        assert table["between seeds"][point] == pytest.approx(np.mean(seeds), abs=1e-6)
        assert table["between configurations"][point] == pytest.approx(np.mean(others), abs=1e-6)
    assert table["progress"].tolist() == GRID.tolist()
    assert finding.numbers["mean distance between seeds"] == pytest.approx(table["between seeds"].mean(), rel=1e-9)


def test_between_configurations_is_the_mean_over_seeds(explorer, slow):
    finding = found(explorer, "trajectory-distances", chosen(explorer), of="configurations")
    members = finding.tables["members"].set_index("run_id")["configuration"]
    names, values = matrix(finding, "configuration")
    runs = [[k for k, run_id in enumerate(chosen(explorer).run_ids) if members[run_id] == name] for name in names]
    for a, first in enumerate(runs):
        for b, second in enumerate(runs):
            expected = 0.0 if a == b else slow[1][np.ix_(first, second)].mean()
            assert values[a, b] == pytest.approx(expected, abs=1e-6)
    leaves = finding.tables["leaves"].set_index("configuration")["place"]
    assert (finding.tables["members"]["place"].to_numpy() == leaves.loc[members].to_numpy()).all()


def test_prefixes_and_snapshots_take_part_of_the_clock(explorer, slow):
    selection = chosen(explorer)
    runs = slow[0]
    for options, points in (({"at": 0.4}, [0, 1]), ({"at": 0.6, "part": "snapshot"}, [2]), ({"at": 0.0}, [0])):
        finding = found(explorer, "trajectory-distances", selection, **options)
        names, values = matrix(finding)
        order = [selection.run_ids.index(name) for name in names]
        expected = oracles_trajectories.trajectory_distances(np.log(runs[:, points]))
        assert np.abs(values - expected[np.ix_(order, order)]).max() < 1e-6
        assert len(finding.tables["along_the_clock"]) == len(points)


def test_measures_without_a_clock_agree_with_their_definitions(explorer):
    selection = chosen(explorer, step=7)
    study = explorer.study("small")
    logs = [study.log_probabilities("train", run_id, None) for run_id in selection.run_ids]
    steps = [np.diagonal(oracles.bhattacharyya(run), 1) for run in logs]
    for measure in ("frechet", "nearest", "kernel"):
        names, values = matrix(found(explorer, "trajectory-distances", selection, measure=measure))
        for a, first in enumerate(names):
            for b, second in enumerate(names[:a]):
                u, v = selection.run_ids.index(first), selection.run_ids.index(second)
                block = oracles.bhattacharyya(logs[u], logs[v])
                if measure == "frechet":
                    expected = oracles_trajectories.frechet(block)
                else:
                    one_way, scale = oracles_trajectories.trajectory_to_trajectory, 0.1 * (measure == "kernel")
                    there = one_way(block, steps[u], steps[v], scale, True)
                    back = one_way(block.T, steps[v], steps[u], scale, True)
                    expected = 0.5 * (there + back)
                assert values[a, b] == pytest.approx(expected, abs=1e-5)


def test_distances_are_computed_once_for_all_figures(explorer, monkeypatch):
    calls = []
    along = aligned.distances_along
    monkeypatch.setattr(aligned, "distances_along", lambda *a, **k: calls.append(1) or along(*a, **k))
    selection = chosen(explorer, step=3)
    for kind in ("trajectory-distances", "trajectory-embedding", "tube"):
        found(explorer, kind, selection, points=7)
    assert len(calls) == 1


@pytest.mark.parametrize("after", ["hold", "reference"])
def test_stretches_of_the_clock_change_no_bit(explorer, studies_folder, monkeypatch, after, tmp_path):
    whole = found(explorer, "trajectory-distances", chosen(explorer), after=after)
    monkeypatch.setattr(aligned, "CHUNK_BYTES", 1)
    other = Explorer(studies_folder, device="cpu", cache=tmp_path)
    again = found(other, "trajectory-distances", chosen(explorer), after=after)
    other.close()
    assert np.array_equal(whole.arrays["distances"], again.arrays["distances"])


def test_the_tube_is_the_distance_to_seed_means(explorer, slow):
    selection = chosen(explorer)
    finding = found(explorer, "tube", selection, mean="arithmetic")
    widths = finding.tables["widths"].set_index("run_id")["distance to the mean"]
    for k, run_id in enumerate(selection.run_ids):
        seeds = slow[0][2 * (k // 2) : 2 * (k // 2) + 2]
        mean = np.log(seeds.mean(axis=0))
        expected = [oracles.bhattacharyya(np.log(slow[0][k, [s]]), mean[[s]])[0, 0] for s in range(N_POINTS)]
        assert widths[run_id].tolist() == pytest.approx(expected, abs=1e-6)
    box = finding.tables["boxes"].iloc[-1]
    at_end = finding.tables["widths"].query("progress == 1.0")["distance to the mean"]
    assert box["median"] == np.median(at_end)
    assert (box["lower quartile"], box["upper quartile"]) == tuple(np.quantile(at_end, [0.25, 0.75]))
    assert at_end.min() <= box["lower whisker"] <= box["upper whisker"] <= at_end.max()


def test_the_tube_does_not_depend_on_the_divergence(explorer):
    selection = chosen(explorer)
    usual = found(explorer, "tube", selection)
    other = found(explorer, "tube", replace(selection, divergence="hellinger"))
    for name, table in usual.tables.items():
        assert table.equals(other.tables[name])
    distances = [
        found(explorer, "trajectory-distances", replace(selection, divergence=d))
        for d in ("bhattacharyya", "hellinger")
    ]
    assert distances[0].numbers["mean distance between seeds"] > distances[1].numbers["mean distance between seeds"]


def test_a_tube_needs_two_seeds(explorer):
    with pytest.raises(EngineError, match="at least two seeds"):
        found(explorer, "tube", chosen(explorer, "one_seed"))


def test_means_are_measured_as_models_are(explorer, slow):
    selection = chosen(explorer)
    finding = found(explorer, "mean-models", selection, column="architecture", level="CNN")
    labels = explorer.study("small").splits["train"].labels
    chosen_runs = [k for k, run_id in enumerate(selection.run_ids) if run_id.startswith("cnn")]
    means = finding.tables["means"]
    assert finding.numbers["runs averaged"] == len(chosen_runs)
    for key, title in (("arithmetic", "Arithmetic mean"), ("geometric", "Geometric mean")):
        for point in range(N_POINTS):
            p = oracles_trajectories.power_mean(np.log(slow[0][chosen_runs, point]), key)
            row = means[means["mean"] == title].iloc[point]
            true = p[np.arange(len(labels)), labels]
            assert row["true-class probability"] == pytest.approx(true.mean(), abs=1e-6)
            assert row["distance to the truth"] == pytest.approx(-0.5 * np.log(true).mean(), abs=1e-6)
            assert row["error"] == pytest.approx((p.argmax(axis=1) != labels).mean(), abs=1e-12)
            slow_progress = progress(np.log(p)[None], labels, "mean")[0]
            assert row["progress of the model"] == pytest.approx(slow_progress, abs=1e-6)
    assert not means[means["mean"] == "Arithmetic mean"]["distance to the arithmetic mean"].any()
    assert set(finding.tables["runs"]["run_id"]) == {selection.run_ids[k] for k in chosen_runs}


def test_means_and_runs_share_the_plane_of_distances(explorer, slow):
    selection = chosen(explorer)
    finding = found(explorer, "mean-models", selection, column="architecture", level="CNN")
    runs, means = finding.tables["places_of_runs"], finding.tables["places_of_means"]
    indices = [selection.run_ids.index(run_id) for run_id in runs["run_id"].unique()]
    models = [np.log(run) for run in slow[0][indices]]
    kinds = ("arithmetic", "geometric", "harmonic", "square_root")
    models += [
        np.log([oracles_trajectories.power_mean(np.log(slow[0][indices, k]), kind) for k in range(N_POINTS)])
        for kind in kinds
    ]
    models += [mean_model(np.log(slow[0][indices]), kind) for kind in ("bhattacharyya", "jeffreys")]
    eigenvalues, vectors = oracles.eigenpairs(oracles.bhattacharyya(np.concatenate(models)))
    for k in range(2):
        ours = np.concatenate([runs[f"PC{k + 1}"], means[f"PC{k + 1}"]])
        slow_ones = vectors[:, k] * np.sqrt(abs(eigenvalues[k]))
        assert np.abs(ours - np.sign(ours @ slow_ones) * slow_ones).max() < 1e-4
    stress = 1 - np.sqrt(1 - (eigenvalues[:2] ** 2).sum() / (eigenvalues**2).sum())
    assert finding.numbers["explained stress of the plane"] == pytest.approx(stress, abs=1e-5)
    assert finding.tables["components"]["signature"].tolist() == np.sign(eigenvalues[:2]).tolist()


def test_many_runs_are_thinned_in_the_plane(explorer, monkeypatch):
    monkeypatch.setattr(kinds_of_mean, "MOST_DRAWN_RUNS", 2)
    monkeypatch.setattr(kinds_of_mean, "MOST_EMBEDDED", 17)
    selection = chosen(explorer, step=1)
    finding = found(explorer, "mean-models", selection, column="architecture", level="CNN", points=9)
    assert finding.tables["places_of_runs"]["run_id"].nunique() == 2
    assert finding.tables["places_of_means"]["progress"].unique().tolist() == [1 / 9, 1.0]
    assert any("2 are drawn" in note for note in finding.notes)


def test_the_embedding_stands_for_the_distances(explorer):
    selection = chosen(explorer)
    finding = found(explorer, "trajectory-embedding", selection)
    distances = found(explorer, "trajectory-distances", selection)
    n = len(selection.run_ids)
    components = finding.tables["components"]
    assert len(components) == n, "one more trajectory, the geodesic, and one dimension less than trajectories"
    w = components["eigenvalue"]
    assert components["explained stress"].to_numpy() == pytest.approx(
        1 - np.sqrt(np.clip(1 - np.cumsum(w**2) / (w**2).sum(), 0, None)), abs=1e-6
    )
    to_geodesic = distances.tables["leaves"]["distance to the geodesic"].mean()
    assert finding.tables["geodesic"]["mean distance to the others"][0] == pytest.approx(to_geodesic, rel=1e-9)
    alone = found(explorer, "trajectory-embedding", selection, geodesic="no")
    assert "geodesic" not in alone.tables
    assert len(alone.tables["components"]) == n - 1


def test_a_heavy_geodesic_counts_as_several(explorer, monkeypatch):
    monkeypatch.setattr(trajectory_embedding, "HEAVY_SHARE", 0.5)
    selection = chosen(explorer)
    n = len(selection.run_ids)
    finding = found(explorer, "trajectory-embedding", selection, geodesic="heavy")
    among = matrix(found(explorer, "trajectory-distances", selection))
    leaves = found(explorer, "trajectory-distances", selection).tables["leaves"].set_index("run_id")
    to_geodesic = leaves.loc[among[0], "distance to the geodesic"].to_numpy()
    # A weight of three is three geodesics, at no distance from one another.
    repeated = np.zeros((n + 3, n + 3))
    repeated[:n, :n] = among[1]
    repeated[:n, n:] = to_geodesic[:, None]
    repeated[n:, :n] = to_geodesic
    eigenvalues, vectors = oracles.eigenpairs(repeated)
    coordinates = finding.tables["coordinates"].set_index("run_id").loc[among[0]]
    for k in range(2):
        ours = np.append(coordinates[f"PC{k + 1}"], finding.tables["geodesic"][f"PC{k + 1}"])
        slow_ones = (vectors[:, k] * np.sqrt(abs(eigenvalues[k])))[: n + 1]
        assert np.abs(ours - np.sign(ours @ slow_ones) * slow_ones).max() < 1e-6
    assert any("counts as 3 trajectories" in note for note in finding.notes)


def test_the_geodesic_has_no_place_at_equal_epochs(explorer):
    finding = found(explorer, "trajectory-embedding", chosen(explorer), clock="epoch")
    assert "geodesic" not in finding.tables
    assert any("geodesic is left out" in note for note in finding.notes)


def test_identical_runs_make_a_point_and_flat_tree(explorer):
    selection = chosen(explorer, "identical_runs")
    finding = found(explorer, "trajectory-distances", selection)
    assert not finding.arrays["distances"].any()
    assert not finding.tables["joins"]["distance"].any()
    # Three equal points and the geodesic: a single component.
    embedding = found(explorer, "trajectory-embedding", selection)
    assert len(embedding.tables["components"]) == 1
    assert np.ptp(embedding.tables["coordinates"]["PC1"]) < 1e-12
    nothing = found(explorer, "trajectory-embedding", selection, geodesic="no")
    assert "components" not in nothing.tables
    assert any("All trajectories are equal" in note for note in nothing.notes)
    tube = found(explorer, "tube", selection)
    assert tube.tables["widths"]["distance to the mean"].max() < 1e-12


def test_a_single_run_is_one_leaf_without_embedding(explorer):
    selection = chosen(explorer, "one_run")
    finding = found(explorer, "trajectory-distances", selection)
    assert finding.tables["leaves"]["run_id"].tolist() == list(selection.run_ids)
    assert "pairs" not in finding.tables
    with pytest.raises(EngineError, match="at least 3"):
        found(explorer, "trajectory-embedding", selection)
    means = found(explorer, "mean-models", selection)
    assert any("one run only" in note for note in means.notes)
    assert means.tables["means"]["distance to the arithmetic mean"].abs().max() < 1e-12
