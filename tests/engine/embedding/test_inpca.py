"""Laws of the embedding, on divergences with negative eigenvalues."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine import machine
from engine.embedding import inpca
from engine.embedding.eigenpairs import DenseSource, sum_of_moduli, top_pairs
from engine.embedding.inpca import embed, fix_signs, minkowski_distances, project
from tests import families, oracles

COINS = (0.72214070, -0.05767927, 0.00480560, -0.00033013)
GEODESICS = {
    2: ((2.808398, -0.066970, 0.002032, -0.000068), (0.976149, 0.999276, 0.999976)),
    10: ((8.158600, -0.644288, 0.064130, -0.007057), (0.920883, 0.992116, 0.999132)),
    100: ((12.968037, -1.904743, 0.360625, -0.075566), (0.852038, 0.971870, 0.994091)),
    1000: ((15.281867, -2.964832, 0.783982, -0.232781), (0.802642, 0.947310, 0.984287)),
}


@pytest.fixture(scope="module")
def cloud():
    distances = oracles.bhattacharyya(families.dirichlet_cloud(40))
    assert (oracles.eigenpairs(distances)[0] < -1e-3).sum() > 5
    return distances


@pytest.fixture(scope="module")
def large():
    """Divergence matrix for the iterative solver: large, flat spectrum, time-like components near the top."""
    distances = oracles_of_many()
    assert (oracles.eigenpairs(distances)[0][:20] < 0).sum() >= 2
    return distances


def oracles_of_many():
    models, _ = families.training_family(38, 14, n_samples=5)
    roots = np.sqrt(oracles.probabilities(models))
    distances = -np.log(np.einsum("isc,jsc->sij", roots, roots)).mean(axis=0)
    np.fill_diagonal(distances, 0.0)
    return 0.5 * (distances + distances.T)


def test_eigenpairs_agree_with_the_oracle(cloud):
    embedding = embed(cloud, 12)
    eigenvalues, vectors = oracles.eigenpairs(cloud)
    assert embedding.eigenvalues == pytest.approx(eigenvalues[:12], rel=1e-11)
    assert np.array_equal(embedding.signature, np.sign(eigenvalues[:12]))
    overlaps = np.abs((embedding.coordinates / np.sqrt(np.abs(embedding.eigenvalues)) * vectors[:, :12]).sum(axis=0))
    assert overlaps == pytest.approx(np.ones(12), abs=1e-9)


def test_iteration_agrees_with_the_whole_solution(large):
    embedding = embed(large, 20)
    eigenvalues, vectors = oracles.eigenpairs(large)
    assert len(large) > inpca.ALL_PAIRS_MODELS
    assert embedding.eigenvalues == pytest.approx(eigenvalues[:20], abs=1e-11 * eigenvalues[0])
    expected = fix_signs(vectors[:, :3]) * np.sqrt(np.abs(eigenvalues[:3]))
    assert embedding.coordinates[:, :3] == pytest.approx(expected, abs=1e-6)


def test_iteration_falls_back_where_the_spectrum_is_flat():
    random = np.random.default_rng(0)
    distances = random.random((400, 400))
    distances = distances + distances.T
    np.fill_diagonal(distances, 0.0)
    eigenvalues, _, residual = top_pairs(DenseSource(distances), 25)
    assert residual < 1e-6
    assert eigenvalues == pytest.approx(oracles.eigenpairs(distances)[0][:25], rel=1e-9)


def test_iteration_survives_an_exhausted_space():
    equidistant = np.ones((600, 600)) - np.eye(600)
    assert embed(equidistant, 20).eigenvalues == pytest.approx(np.full(20, 0.5), rel=1e-12)


def test_whole_spectrum_reconstructs_the_distances(cloud):
    embedding = embed(cloud, 100)
    assert embedding.n_components == 39
    assert np.abs(oracles.reconstructed(embedding.coordinates, embedding.signature) - cloud).max() < 1e-12


def test_minkowski_distances_agree_with_the_double_sum(cloud):
    embedding = embed(cloud, 7)
    fast = minkowski_distances(embedding.coordinates, embedding.signature)
    assert np.abs(fast - oracles.reconstructed(embedding.coordinates, embedding.signature)).max() < 1e-12
    assert np.array_equal(fast, fast.T)
    assert not np.diagonal(fast).any()


def test_columns_are_centred_with_squared_norm_eigenvalue(cloud):
    embedding = embed(cloud, 10)
    assert np.abs(embedding.coordinates.mean(axis=0)).max() < 1e-12
    assert (embedding.coordinates**2).sum(axis=0) == pytest.approx(np.abs(embedding.eigenvalues), rel=1e-12)


def test_modulus_falls_and_negative_eigenvalues_stay(cloud):
    eigenvalues = embed(cloud, 39).eigenvalues
    assert (np.diff(np.abs(eigenvalues)) <= 1e-15).all()
    assert eigenvalues.min() < 0


def test_coins_have_their_known_spectrum():
    distances = engine.pairwise_distances(families.coins())
    assert embed(distances, 4).eigenvalues == pytest.approx(COINS, abs=1e-6)
    assert embed(oracles.bhattacharyya(families.coins()), 4).eigenvalues == pytest.approx(COINS, abs=5e-9)


def test_symmetrised_kl_of_coins_embeds_in_opposite_axes():
    p = np.linspace(0.05, 0.95, 11)
    models = np.stack([p, 1 - p], axis=-1)[:, None]
    embedding = embed(oracles.symmetrised_kl(models), 10)
    assert embedding.eigenvalues == pytest.approx([4.98176310, -0.03539957], abs=5e-9)
    logit = np.log(p / (1 - p))
    space, time = 0.5 * (p + logit), 0.5 * (p - logit)
    assert minkowski_distances(np.stack([space, time], axis=1), [1, -1]) == pytest.approx(
        oracles.symmetrised_kl(models), abs=1e-12
    )


def test_symmetrised_kl_of_dice_embeds_in_opposite_axes():
    dice = np.random.default_rng(0).dirichlet(np.ones(5), size=(30, 1))
    signature = embed(oracles.symmetrised_kl(dice), 29).signature
    assert (signature > 0).sum() == (signature < 0).sum() == 4


@pytest.mark.parametrize("n_classes", GEODESICS)
def test_geodesic_has_its_known_spectrum(n_classes):
    eigenvalues, stress = GEODESICS[n_classes]
    angles = np.linspace(0, 1, 100) * np.arccos(1 / np.sqrt(n_classes))
    embedding = embed(-np.log(np.cos(angles[:, None] - angles)), 4)
    assert embedding.eigenvalues == pytest.approx(eigenvalues, abs=6e-7)
    assert embedding.explained_stress[:3] == pytest.approx(stress, abs=6e-7)


@pytest.mark.parametrize("n_classes", GEODESICS)
def test_geodesic_keeps_its_spectrum_through_predictions_and_kernels(n_classes):
    # Every sample rounds alike here, so that nothing averages out.
    models = engine.geodesic(np.arange(3) % n_classes, n_classes, np.linspace(0, 1, 100))
    embedding = embed(engine.pairwise_distances(models), 4)
    assert embedding.eigenvalues == pytest.approx(GEODESICS[n_classes][0], abs=2e-6 if n_classes <= 100 else 3e-5)
    assert embedding.explained_stress[:3] == pytest.approx(GEODESICS[n_classes][1], abs=3e-6)


def test_hellinger_is_principal_components_without_negative_eigenvalues():
    models = families.dirichlet_cloud(20, 6, 4)
    embedding = embed(oracles.hellinger(models), 19)
    roots = np.sqrt(oracles.probabilities(models)).reshape(20, -1)
    singular = np.linalg.svd(roots - roots.mean(axis=0), compute_uv=False)
    assert embedding.eigenvalues == pytest.approx(singular[:19] ** 2 / (2 * 6), abs=1e-12)


def test_squared_euclidean_distances_give_principal_components():
    points = np.random.default_rng(0).standard_normal((15, 3)) * [3.0, 2.0, 1.0]
    embedding = embed(((points[:, None] - points) ** 2).sum(axis=-1) / 8, 10)
    assert embedding.n_components == 3
    singular = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    assert np.linalg.norm(embedding.coordinates, axis=0) == pytest.approx(singular / np.sqrt(8), rel=1e-10)


def test_permuting_models_permutes_coordinates(cloud):
    order = np.random.default_rng(3).permutation(40)
    permuted = embed(cloud[np.ix_(order, order)], 6)
    assert permuted.coordinates == pytest.approx(embed(cloud, 6).coordinates[order], abs=1e-10)


def test_scaling_distances_scales_coordinates_by_the_root(cloud):
    one, four = embed(cloud, 6), embed(4.0 * cloud, 6)
    assert four.coordinates == pytest.approx(2.0 * one.coordinates, abs=1e-11)
    assert four.explained_stress == pytest.approx(one.explained_stress, rel=1e-12)


def test_a_repeated_model_gets_equal_coordinates(cloud):
    twice = np.r_[0:40, 7]
    coordinates = embed(cloud[np.ix_(twice, twice)], 10).coordinates
    assert coordinates[7] == pytest.approx(coordinates[40], abs=1e-9)


def test_signs_are_fixed_and_solutions_repeat_bytewise(large):
    first, again = embed(large, 20), embed(large.copy(), 20)
    assert np.array_equal(first.coordinates, again.coordinates)
    largest = np.abs(first.coordinates).argmax(axis=0)
    assert (first.coordinates[largest, np.arange(20)] > 0).all()
    flips = np.where(np.arange(20) % 2, 1.0, -1.0)
    assert np.array_equal(fix_signs(first.coordinates * flips), first.coordinates)


@pytest.mark.parametrize("matrix", ["cloud", "large"])
def test_residual_is_the_true_one(matrix, request):
    distances = request.getfixturevalue(matrix)
    embedding = embed(distances, 10)
    vectors = embedding.coordinates / np.sqrt(np.abs(embedding.eigenvalues))
    errors = np.linalg.norm(oracles.centred(distances) @ vectors - vectors * embedding.eigenvalues, axis=0)
    assert embedding.residual == pytest.approx(errors.max() / abs(embedding.eigenvalues[0]), rel=1e-2, abs=1e-13)
    assert embedding.residual < 1e-6


def test_projecting_a_fitted_model_returns_its_coordinates(cloud):
    embedding = embed(cloud, 20)
    assert (embedding.signature < 0).any()
    assert project(embedding, cloud) == pytest.approx(embedding.coordinates, abs=1e-10)


def test_projecting_without_the_signature_would_mirror_the_geodesic():
    distances = oracles.bhattacharyya(engine.geodesic([0, 1], 10, np.linspace(0, 0.9, 30)))
    embedding = embed(distances, 3)
    assert embedding.signature.tolist() == [1, -1, 1]
    unsigned = project(embedding, distances) * embedding.signature
    assert unsigned[:, 1] == pytest.approx(-embedding.coordinates[:, 1], abs=1e-9)


def test_projected_point_misses_its_distances_by_a_constant(cloud):
    fitted, point = np.arange(39), 39
    embedding = embed(cloud[np.ix_(fitted, fitted)], 39)
    x = project(embedding, cloud[[point]][:, fitted])[0]
    reached = (embedding.signature * (embedding.coordinates - x) ** 2).sum(axis=1)
    height = cloud[point, fitted] - reached
    assert height == pytest.approx(np.full(39, height[0]), abs=1e-9)


def test_projection_ignores_a_constant_added_to_distances(cloud):
    embedding = embed(cloud, 8)
    assert project(embedding, cloud[:3] + 5.0) == pytest.approx(project(embedding, cloud[:3]), abs=1e-10)


@pytest.mark.parametrize("n_models", [5, 600])
def test_equal_models_have_no_component(n_models):
    embedding = embed(np.zeros((n_models, n_models)), 3)
    assert embedding.coordinates.shape == (n_models, 0)
    assert embedding.frobenius_norm == embedding.trace == embedding.residual == 0.0
    assert project(embedding, np.ones((2, n_models))).shape == (2, 0)


@pytest.mark.parametrize("n_models", [30, 600])
def test_a_lower_rank_gives_fewer_components(n_models):
    points = np.random.default_rng(0).standard_normal((n_models, 2))
    embedding = embed(((points[:, None] - points) ** 2).sum(axis=-1), 20)
    assert embedding.n_components == 2
    assert embedding.explained_stress[-1] == pytest.approx(1.0, abs=1e-6)


def test_moduli_of_the_whole_spectrum_are_summed(large):
    expected = np.abs(oracles.eigenpairs(large)[0]).sum()
    assert sum_of_moduli(oracles.centred(large)) == pytest.approx(expected, rel=1e-12)


def spoiled(change):
    matrix = oracles.bhattacharyya(families.dirichlet_cloud(6))
    change(matrix)
    return matrix


def set_to(*place, value):
    return lambda matrix: matrix.__setitem__(place, value)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.zeros((4, 5)), "square"),
        (np.zeros(4), "square"),
        (spoiled(set_to(2, 3, value=np.nan)), "finite, received nan between models 2 and 3"),
        (spoiled(set_to(2, 3, value=np.inf)), "finite"),
        (spoiled(set_to(4, 4, value=0.1)), "zero on the diagonal, received 0.1 for model 4"),
        (spoiled(set_to(4, 4, value=-0.1)), "zero on the diagonal"),
        (spoiled(set_to(1, 5, value=9.0)), "symmetric: models 1 and 5"),
    ],
)
def test_what_is_no_matrix_of_divergences_is_refused(matrix, message):
    with pytest.raises(engine.InvalidSpecError, match=message):
        embed(matrix)


def test_arrays_too_large_to_copy_are_refused_early(cloud, monkeypatch):
    monkeypatch.setattr(machine, "free_bytes", lambda: 8 * cloud.size)
    with pytest.raises(engine.MemoryBudgetError, match="embed what DistanceStore"):
        embed(cloud)


def test_rounding_in_float32_is_forgiven(cloud):
    rounded = cloud.astype(np.float32)
    rounded[3, 4] = np.nextafter(rounded[3, 4], np.float32(np.inf))
    rounded[5, 5] = 1e-9
    assert embed(rounded, 3).coordinates == pytest.approx(embed(cloud, 3).coordinates, abs=1e-5)


def test_too_few_models_or_wrong_points_are_refused(cloud):
    with pytest.raises(engine.SelectionError, match="at least 3 models, received 2"):
        embed(np.zeros((2, 2)))
    with pytest.raises(engine.InvalidSpecError, match="n_components"):
        embed(cloud, 0)
    embedding = embed(cloud, 3)
    with pytest.raises(engine.InvalidSpecError, match=r"\(point, 40\)"):
        project(embedding, cloud[:, :39])
    with pytest.raises(engine.InvalidSpecError, match="finite"):
        project(embedding, np.full((1, 40), np.nan))
