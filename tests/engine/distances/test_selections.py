"""Laws of the eigenpairs of a selection, computed from tiles."""

from __future__ import annotations

import os

import numpy as np
import pytest

import engine
from engine import machine
from engine.distances.distance_store import DistanceStore
from engine.distances.tiles import reader
from engine.distances.tiles.packed import PackedDistances, Spare
from engine.distances.tiles.products import multiply
from engine.distances.tiles.streamed import TiledDistances
from engine.embedding import eigenpairs
from engine.embedding.eigenpairs import DenseSource, centred_product, top_pairs
from engine.embedding.inpca import embed, minkowski_distances, project
from engine.machine import free_bytes
from engine.trajectories.geodesics import on_geodesic
from tests import oracles
from tests.stub_study import StubStudy, only, select


@pytest.fixture(scope="module")
def study():
    # Runs of one checkpoint, of less than a group of rows, of odd lengths, and of more than a block.
    return StubStudy((1, 5, 170, 39, 8, 3, 64, 33, 200, 17))


@pytest.fixture(scope="module")
def folder(study, tmp_path_factory):
    path = tmp_path_factory.mktemp("tiles")
    # Written in another order than they are asked for, so that some tiles lie transposed.
    DistanceStore(path, device="cpu").matrix(select(study, study.run_ids[::2][::-1]))
    DistanceStore(path, device="cpu").matrix(select(study))
    return path


@pytest.fixture(scope="module")
def matrix(study, folder):
    values = DistanceStore(folder, device="cpu").matrix(select(study)).values
    assert (oracles.eigenpairs(values.astype(np.float64))[0][:12] < 0).any()
    return values


@pytest.fixture(params=["packed", "tiled"])
def selection(request, study, folder, monkeypatch):
    monkeypatch.setattr(reader, "READ_BYTES", 30_000)
    budget = 2**30 if request.param == "packed" else 5_000_000
    found = DistanceStore(folder, "cpu", budget).operator(select(study))
    assert isinstance(found, PackedDistances if request.param == "packed" else TiledDistances)
    assert found.is_streamed is (request.param == "tiled")
    return found


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (8, 16), (21, 300), (530, 530)])
@pytest.mark.parametrize("n_vectors", [1, 16, 20])
def test_products_agree_with_the_plain_ones(shape, n_vectors):
    random = np.random.default_rng(0)
    factor, vectors = random.random(shape), random.standard_normal((shape[1], n_vectors))
    expected = oracles.product(factor.astype(np.float32), vectors)
    scale = np.sqrt(shape[1])
    assert np.abs(multiply(factor.astype(np.float32), vectors, np.dtype(np.float64)) - expected).max() < 1e-14 * scale
    assert np.abs(multiply(factor.astype(np.float32), vectors, np.dtype(np.float32)) - expected).max() < 2e-6 * scale
    assert (
        np.abs(multiply(factor, vectors, np.dtype(np.float64)) - oracles.product(factor, vectors)).max() < 1e-14 * scale
    )


@pytest.mark.parametrize(("dtype", "error"), [(np.float64, 1e-13), (np.float32, 2e-6)])
@pytest.mark.parametrize("n_vectors", [3, 16, 35])
def test_products_do_not_depend_on_where_distances_lie(selection, matrix, dtype, error, n_vectors):
    vectors = np.random.default_rng(1).standard_normal((len(matrix), n_vectors))
    product = selection.multiply(vectors, np.dtype(dtype))
    assert np.abs(product - oracles.product(matrix, vectors)).max() < error * np.sqrt(len(matrix))


@pytest.mark.parametrize("lengths", [(300, 7, 270), (1, 2), (256, 1, 255, 2), (3,) * 100])
def test_runs_of_any_length_make_equivalent_blocks(tmp_path, lengths):
    study = StubStudy(lengths)
    found = DistanceStore(tmp_path, "cpu").operator(select(study))
    whole = DistanceStore(tmp_path, "cpu").matrix(select(study)).values
    assert np.array_equal(found.columns(range(found.n_models)), whole)
    vectors = np.random.default_rng(2).standard_normal((len(whole), 11))
    for dtype, error in ((np.float32, 2e-6), (np.float64, 1e-13)):
        product = found.multiply(vectors, np.dtype(dtype))
        assert np.abs(product - oracles.product(whole, vectors)).max() < error * np.sqrt(len(whole))


def test_columns_sums_and_squares_match_the_matrix(selection, matrix):
    wanted = [0, 539, 17, 200, 17, 3]
    assert np.array_equal(selection.columns(wanted), matrix[:, wanted])
    exact = matrix.astype(np.float64)
    assert selection.sums.rows == pytest.approx(exact.sum(axis=1), rel=1e-14)
    assert selection.sums.squares == pytest.approx((exact**2).sum(), rel=1e-13)
    assert selection.n_models == len(matrix)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1), [3, 0, 8, 2]])
@pytest.mark.parametrize("budget", [2**30, 5_000_000])
def test_selections_in_any_order_hold_their_own_distances(study, folder, order, budget):
    run_ids = list(np.array(study.run_ids)[order])
    store = DistanceStore(folder, "cpu", budget)
    expected = store.matrix(select(study, run_ids)).values
    found = store.operator(select(study, run_ids))
    assert np.array_equal(found.columns(range(found.n_models)), expected)


def test_selection_memory_is_reused_and_never_shared(study, folder):
    store = DistanceStore(folder, "cpu", 2**30)
    first = store.operator(select(study))
    expected = first.columns(range(first.n_models))
    address = first.values.ctypes.data
    second = store.operator(select(study, study.run_ids[:4]))
    assert not np.shares_memory(first.values, second.values)
    assert np.array_equal(first.columns(range(first.n_models)), expected)
    del second
    del first
    third = store.operator(select(study, study.run_ids[::-1]))
    assert third.values.ctypes.data == address
    assert np.array_equal(
        third.columns(range(540))[:, ::-1],
        store.matrix(select(study, study.run_ids[::-1])).values[:, ::-1],
    )


def test_kept_memory_counts_as_free_and_makes_way(study, folder, monkeypatch):
    store = DistanceStore(folder, "cpu")
    monkeypatch.setattr(machine, "free_bytes", lambda: 20_000_000)
    store.operator(select(study))
    kept = store._spare.n_bytes
    assert kept > 2 * 540**2
    # Half of what is left besides would not do; with what is kept it does.
    monkeypatch.setattr(machine, "free_bytes", lambda: 2 * (4 * 540**2 // 2 + 8192 * 540) - kept)
    assert not store.operator(select(study)).is_streamed
    monkeypatch.setattr(machine, "free_bytes", lambda: 10_000_000 - kept)
    assert store.operator(select(study)).is_streamed
    assert store._spare.n_bytes == 0


def test_spare_memory_is_one_array_within_its_limit():
    spare = Spare(limit=1000)
    small, large = spare.take(10), spare.take(300)
    spare.give(large)
    assert spare.n_bytes == 0
    spare.give(small)
    assert spare.take(9) is small
    spare.give(small)
    assert len(spare.take(20)) >= 20
    assert spare.n_bytes == 0


def test_embedding_agrees_with_the_oracle_wherever_distances_lie(selection, matrix):
    exact = matrix.astype(np.float64)
    eigenvalues, vectors = oracles.eigenpairs(exact)
    embedding = embed(selection, 12)
    assert embedding.residual < 1e-6
    assert embedding.eigenvalues == pytest.approx(eigenvalues[:12], abs=1e-10 * eigenvalues[0])
    overlaps = np.abs((embedding.coordinates / np.sqrt(np.abs(embedding.eigenvalues)) * vectors[:, :12]).sum(axis=0))
    assert overlaps[:4] == pytest.approx(np.ones(4), abs=1e-9)
    stress, variance, _, distance = oracles.explained(exact, 5)
    assert embedding.explained_stress[4] == pytest.approx(stress, abs=1e-7)
    assert embedding.explained_variance[4] == pytest.approx(variance, abs=1e-7)
    assert embedding.explained_distance[4] == pytest.approx(distance, abs=1e-7)
    errors = oracles.centred(exact) @ embedding.coordinates - embedding.coordinates * embedding.eigenvalues
    true = (np.linalg.norm(errors, axis=0) / np.sqrt(np.abs(embedding.eigenvalues))).max() / eigenvalues[0]
    assert embedding.residual == pytest.approx(true, rel=1e-3)


def test_solving_again_gives_the_same_bytes(selection):
    assert np.array_equal(embed(selection, 20).coordinates, embed(selection, 20).coordinates)


def test_float32_rounding_is_refined_in_float64(matrix, monkeypatch):
    class Coarse(DenseSource):
        """Products in float32 with the rounding of a much larger matrix."""

        n_exact = 0

        def multiply(self, vectors, dtype):
            self.n_exact += dtype == np.float64
            product = super().multiply(vectors, dtype)
            noise = 1e-5 * np.linalg.norm(product, axis=0) / np.sqrt(len(product))
            return product + (dtype == np.float32) * noise * np.sin(1e6 * product)

    source = Coarse(matrix)
    eigenvalues, vectors, residual = top_pairs(source, 10)
    errors = np.linalg.norm(centred_product(DenseSource(matrix), vectors) - vectors * eigenvalues, axis=0)
    assert source.n_exact > 1
    assert errors.max() / eigenvalues[0] == pytest.approx(residual, rel=1e-3)
    assert residual <= eigenpairs.TOLERANCE


def test_a_good_start_saves_passes_and_changes_nothing(matrix):
    class Counting(DenseSource):
        n_passes = 0

        def multiply(self, vectors, dtype):
            self.n_passes += 1
            return super().multiply(vectors, dtype)

    cold, warm = Counting(matrix), Counting(matrix)
    eigenvalues, vectors, _ = top_pairs(cold, 20)
    disturbed = vectors + 1e-4 * np.random.default_rng(0).standard_normal(vectors.shape) / np.sqrt(len(matrix))
    again, _, residual = top_pairs(warm, 20, disturbed)
    assert warm.n_passes < cold.n_passes
    assert again == pytest.approx(eigenvalues, abs=1e-11 * eigenvalues[0])
    assert residual <= eigenpairs.TOLERANCE


def test_a_poor_start_hides_no_first_component(selection, matrix):
    eigenvalues, vectors = oracles.eigenpairs(matrix.astype(np.float64))
    found = embed(selection, 8, start=vectors[:, 1:30].copy()).eigenvalues
    assert found == pytest.approx(eigenvalues[:8], abs=1e-10 * eigenvalues[0])


def test_starts_from_earlier_embeddings_are_filled_by_projection(study, folder, matrix):
    store = DistanceStore(folder, device="cpu")
    earlier = embed(store.operator(select(study, study.run_ids[:-1])), 10)
    start = project(earlier, matrix[:, : earlier.n_models])
    now = embed(store.operator(select(study)), 10, start=start)
    assert now.eigenvalues == pytest.approx(embed(matrix, 10).eigenvalues, abs=1e-10 * now.eigenvalues[0])


def test_a_start_for_other_models_is_refused(selection):
    for start in (np.zeros((3, 2)), np.full((selection.n_models, 2), np.nan), np.zeros(selection.n_models)):
        with pytest.raises(engine.InvalidSpecError, match="start must be finite"):
            embed(selection, 3, start=start)


@pytest.mark.parametrize("budget", [2**30, 5_000_000])
def test_equal_runs_have_no_component(tmp_path, budget):
    study = StubStudy((110, 110, 110))
    one = study.models["run0"][:1]
    study.models = {run_id: np.repeat(one, 110, axis=0) for run_id in study.models}
    embedding = embed(DistanceStore(tmp_path, "cpu", budget).operator(select(study)), 5)
    assert (embedding.n_components, embedding.residual, embedding.frobenius_norm) == (0, 0.0, 0.0)


def test_a_run_twice_over_changes_no_direction(tmp_path):
    study = StubStudy((90, 90, 90, 90))
    study.models["run3"] = study.models["run1"]
    embedding = embed(DistanceStore(tmp_path, "cpu").operator(select(study)), 6)
    assert embedding.residual < 1e-6
    assert embedding.coordinates[90:180] == pytest.approx(embedding.coordinates[270:], abs=1e-4)


def test_two_real_axes_stay_two_in_float32():
    points = np.random.default_rng(0).integers(0, 50, (900, 2)).astype(np.float64)
    distances = ((points[:, None] - points) ** 2).sum(axis=-1)
    from engine.values import Distances, DistanceSums

    sums = DistanceSums(distances.sum(axis=1), float((distances**2).sum()))
    embedding = embed(Distances(distances.astype(np.float32), "given", 0, "cpu", sums), 20)
    assert embedding.n_components == 2
    assert (
        np.abs(minkowski_distances(embedding.coordinates, embedding.signature) - distances).max()
        < 1e-6 * distances.max()
    )


def test_geodesic_points_are_the_last_rows(study, folder):
    points = on_geodesic(study, "train", np.linspace(0, 1, 9))
    store = DistanceStore(folder, device="cpu")
    joint = store.operator(select(study, ["run3", "run1"]), points)
    rectangle = store.references(select(study, ["run3", "run1"]), points)
    columns = joint.columns(range(joint.n_models))
    assert np.array_equal(columns[-9:, :-9], rectangle.values)
    square = engine.pairwise_distances(points.load(None)).values
    assert columns[-9:, -9:] == pytest.approx(square, abs=1e-6)


def test_a_matrix_beyond_the_budget_is_refused_early(study, tmp_path):
    reads = study.reads
    with pytest.raises(engine.MemoryBudgetError, match=r"A matrix of 540 models takes about 1 MiB .* budget is 0 MiB"):
        DistanceStore(tmp_path, "cpu", 400_000).matrix(select(study))
    with pytest.raises(MemoryError, match="select fewer runs"):
        DistanceStore(tmp_path, "cpu", 4_000).operator(select(study))
    assert study.reads == reads
    assert not list(tmp_path.iterdir())


def test_the_budget_is_a_share_of_free_memory(study, folder, monkeypatch):
    assert 2**20 < free_bytes() < 2**50
    monkeypatch.setattr(machine, "free_bytes", lambda: 10_000_000)
    assert DistanceStore(folder, "cpu").operator(select(study)).is_streamed
    monkeypatch.setattr(machine, "free_bytes", lambda: 20_000_000)
    assert not DistanceStore(folder, "cpu").operator(select(study)).is_streamed


def test_what_the_system_says_of_memory_is_read(tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 100 kB\nMemAvailable:     77 kB\n")
    assert machine._available(tmp_path / "meminfo") == 77 * 1024
    assert machine._available(tmp_path / "nothing") is None
    for name, text in (
        ("memory.max", "1000\n"),
        ("memory.current", "900"),
        ("memory.stat", "anon 1\ninactive_file 200\nactive_file 50"),
    ):
        (tmp_path / name).write_text(text)
    assert machine._left_in_group(tmp_path) == 350
    (tmp_path / "memory.max").write_text("max\n")
    assert machine._left_in_group(tmp_path) is None


@pytest.mark.parametrize("budget", [2**30, 5_000_000])
def test_damage_is_found_by_either_way_of_reading(study, tmp_path, caplog, budget):
    DistanceStore(tmp_path, "cpu").matrix(select(study))
    data = only(tmp_path, "tiles.f32")
    raw = bytearray(data.read_bytes())
    raw[len(raw) // 3] ^= 0x10
    data.write_bytes(raw)
    found = DistanceStore(tmp_path, "cpu", budget).operator(select(study))
    assert "1 of 55 tiles" in caplog.text
    assert np.abs(found.columns(range(found.n_models)) - study.expected()).max() < 1e-7


def test_tiles_shortened_under_a_running_solution_are_named(study, tmp_path):
    found = DistanceStore(tmp_path, "cpu", 5_000_000).operator(select(study))
    os.truncate(only(tmp_path, "tiles.f32"), 1000)
    with pytest.raises(engine.CacheError, match="ask again"):
        embed(found, 5)
    assert DistanceStore(tmp_path, "cpu").operator(select(study)).n_models == 540


def test_deleting_the_folder_spares_a_running_solution(study, tmp_path):
    found = DistanceStore(tmp_path, "cpu", 5_000_000).operator(select(study))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.unlink()
    assert embed(found, 3).n_components == 3
