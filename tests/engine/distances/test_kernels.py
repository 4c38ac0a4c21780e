"""Kernels against one contract and one float64 oracle."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import engine
from engine.distances.kernels import torch_tile
from engine.distances.kernels.contract import OVERLAP_FLOOR
from engine.distances.kernels.near_pairs import repair, share_alike
from engine.distances.kernels.numba_tile import LANES, NumbaKernel, join
from engine.distances.kernels.roots import square_roots
from engine.distances.kernels.torch_tile import TorchKernel
from engine.distances.prepared import prepare
from engine.distances.uncompiled import TILE, NumpyKernel, measure
from tests import families, oracles

FAMILIES = {
    "cloud": lambda: families.dirichlet_cloud(),
    "training": lambda: families.training_family()[0],
    "twins": lambda: families.near_twins(),
    "tiny": lambda: families.tiny_probabilities(),
    "two classes": lambda: families.dirichlet_cloud(30, 41, 2),
    "chunked classes": lambda: families.dirichlet_cloud(20, 13, 33, 0.1),
    "a hundred classes": lambda: families.dirichlet_cloud(20, 6, 100, 0.1),
    "a thousand classes": lambda: families.dirichlet_cloud(20, 5, 1000, 0.1),
    "one sample": lambda: families.dirichlet_cloud(20, 1, 10),
    "beyond one panel": lambda: families.dirichlet_cloud(LANES + 3, 5, 4),
}
KERNELS = {
    "numba": lambda n_classes: NumbaKernel(),
    "torch": lambda n_classes: TorchKernel("cpu"),
    "numpy": lambda n_classes: NumpyKernel(),
}


def tile(kernel, rows, columns=None):
    packed = [None if block is None else kernel.pack([square_roots(block)], len(block)) for block in (rows, columns)]
    return kernel.tile(*packed)


@pytest.fixture(params=KERNELS)
def make_kernel(request):
    return KERNELS[request.param]


@pytest.mark.parametrize("family", FAMILIES)
def test_tile_agrees_with_the_oracle(make_kernel, family):
    models = FAMILIES[family]().astype(np.float32)
    values, _ = tile(make_kernel(models.shape[2]), models)
    np.fill_diagonal(values, 0.0)
    assert np.abs(values - oracles.bhattacharyya(models)).max() < 1e-6


def test_lack_of_memory_shortens_torch_steps_without_changes(monkeypatch):
    models, multiply = families.dirichlet_cloud(60, 70), torch.bmm
    expected, _ = tile(TorchKernel("cpu"), models)

    def short_of_memory(left, right):
        if len(left) > 20:
            raise torch.OutOfMemoryError
        return multiply(left, right)

    monkeypatch.setattr(torch, "bmm", short_of_memory)
    monkeypatch.setattr(torch_tile, "LEAST_BUFFER_BYTES", 4 * 60 * 60 * 4)
    kernel = TorchKernel("cpu")
    assert np.abs(tile(kernel, models)[0] - expected).max() < 1e-7
    assert kernel.buffer_bytes <= 20 * 4 * 60 * 60
    monkeypatch.setattr(torch, "bmm", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError()))
    with pytest.raises(engine.DeviceError, match="no memory left for 4 samples"):
        tile(kernel, models)


def test_torch_panels_stay_on_the_host_without_room(monkeypatch):
    allocate = torch.empty

    def full(*args, device=None, **kwargs):
        if device is not None:
            raise torch.OutOfMemoryError
        return allocate(*args, **kwargs)

    monkeypatch.setattr(torch, "empty", full)
    models = families.dirichlet_cloud(3)
    assert TorchKernel("cuda:0").pack([square_roots(models)], 3).roots.device.type == "cpu"


def test_rectangle_agrees_with_the_square(make_kernel):
    models = families.dirichlet_cloud(50)
    square, _ = tile(make_kernel(5), models)
    rectangle, _ = tile(make_kernel(5), models[:7], models[7:])
    assert np.abs(rectangle - square[:7, 7:]).max() < 2e-7


def test_numba_tiles_do_not_depend_on_cuts():
    models, kernel = families.dirichlet_cloud(LANES + 20), NumbaKernel()
    square, _ = tile(kernel, models)
    rectangle, _ = tile(kernel, models[LANES - 9 :], models[: LANES - 9])
    assert np.array_equal(rectangle, square[LANES - 9 :, : LANES - 9])


def test_square_tile_is_exactly_symmetric(make_kernel):
    values, capped = tile(make_kernel(5), families.dirichlet_cloud(LANES + 20))
    assert np.array_equal(values, values.T)
    assert np.array_equal(capped, capped.T)


def test_overlaps_under_the_floor_are_capped_and_counted(make_kernel):
    # Overlaps 1, sqrt(x) and 0, well above and well below the floor, in a known number of samples.
    n_samples = 13
    models = np.full((3, n_samples, 2), -np.inf)
    models[0, :, 0] = models[2, :, 1] = 0.0
    models[1, :5] = np.log([1e-30, 1.0])
    models[1, 5:] = np.log([1e-40, 1.0])
    values, capped = tile(make_kernel(2), models)
    assert np.array_equal(capped[np.tril_indices(3, -1)], [8, 13, 0])
    expected = -(5 * 0.5 * np.log(1e-30) + 8 * np.log(OVERLAP_FLOOR)) / n_samples
    assert values[1, 0] == pytest.approx(expected, abs=1e-5)
    assert values[2, 0] == pytest.approx(-np.log(OVERLAP_FLOOR), rel=1e-7)


def test_capped_counts_agree_with_the_oracle(make_kernel):
    models = families.normalised(150.0 * np.random.default_rng(0).standard_normal((20, 30, 3))).astype(np.float32)
    _, capped = tile(make_kernel(3), models)
    n_capped = int(np.tril(capped, -1).sum())
    assert n_capped == oracles.count_capped(models)
    assert n_capped > 100


def test_product_of_many_smallest_overlaps_does_not_underflow(make_kernel):
    n_samples = 4001
    models = np.full((2, n_samples, 2), -np.inf)
    models[0, :, 0] = models[1, :, 1] = 0.0
    values, _ = tile(make_kernel(2), models)
    assert values[0, 1] == pytest.approx(-np.log(OVERLAP_FLOOR), rel=1e-7)


def test_rows_are_renormalised(make_kernel):
    models = families.dirichlet_cloud(10)
    values, _ = tile(make_kernel(5), models)
    shifted, _ = tile(make_kernel(5), models + np.linspace(-0.01, 0.01, 10)[:, None, None])
    assert np.abs(values - shifted).max() < 2e-7


@pytest.mark.parametrize("n_samples", [1, 3, 50, 700])
def test_repair_keeps_the_digits_of_near_twins(n_samples):
    models = families.near_twins(12, n_samples).astype(np.float32)
    values, _ = tile(NumbaKernel(), models)
    repair(values, prepare(models, "cpu"), None)
    exact = oracles.near_bhattacharyya(models.astype(np.float64))
    near = (exact >= 1e-8) & (exact < 1e-2)
    assert near.sum() > 10
    assert np.abs(values - exact)[near].max() < 1e-6
    assert (np.abs(values - exact)[near] / exact[near]).max() < 1e-4


@pytest.mark.parametrize("n_classes", [2, 50])
def test_near_models_with_constant_answers_keep_their_digits(n_classes):
    # A network that collapsed to its biases: its rounding is the same in every sample, and does not average out.
    random = np.random.default_rng(0)
    logits = random.standard_normal(n_classes) + 0.03 * random.standard_normal((30, 1, n_classes))
    models = families.normalised(np.repeat(logits, 900, axis=1)).astype(np.float32)
    packed = prepare(models, "cpu")
    values, _ = packed.kernel.tile(packed.panels, None)
    repair(values, packed, None)
    exact = oracles.near_bhattacharyya(models[:, :1].astype(np.float64))
    judged = exact >= 1e-8
    assert (np.abs(values - exact)[judged] / exact[judged]).max() < 1e-4


def test_samples_alike_are_counted():
    models = np.zeros((3, 64, 2))
    models[1, :, 0] = np.arange(64)
    models[2, ::4, 0] = models[2, 2::4, 0] = np.arange(16)
    assert share_alike(models) == pytest.approx([1.0, 0.0, 1 / 31])
    assert share_alike(models[:, :1]) == pytest.approx([0.0] * 3)


@pytest.mark.parametrize("lengths", [(40,), (8, 3, 17), (1, 16, 24)])
def test_joined_panels_measure_like_those_of_all_models(lengths):
    models, kernel = families.dirichlet_cloud(sum(lengths)), NumbaKernel()
    whole = kernel.pack([square_roots(models)], len(models))
    parts = [kernel.pack([square_roots(part)], len(part)) for part in np.split(models, np.cumsum(lengths)[:-1])]
    assert np.array_equal(kernel.tile(join(parts), None)[0], kernel.tile(whole, None)[0])
    assert np.array_equal(kernel.tile(join(parts), whole)[0], kernel.tile(whole, None)[0])


def test_blocks_of_any_size_are_packed_alike():
    models, kernel = families.dirichlet_cloud(45), NumbaKernel()
    values, _ = kernel.tile(kernel.pack([square_roots(models)], 45), None)
    blocks = [square_roots(part) for part in np.split(models, [3, 20, 21, 39])]
    assert np.array_equal(kernel.tile(kernel.pack(blocks, 45), None)[0], values)


def test_repair_of_a_rectangle_agrees_with_the_square():
    models = families.near_twins()
    square, _ = tile(NumbaKernel(), models)
    rectangle = square[:4, 4:].copy()
    repair(square, prepare(models, "cpu"), None)
    repair(rectangle, prepare(models[:4], "cpu"), prepare(models[4:], "cpu"))
    assert np.allclose(rectangle, square[:4, 4:], rtol=1e-9, atol=0)


def test_uncompiled_distances_agree_to_a_millionth():
    models = families.training_family()[0].astype(np.float32)
    truth = np.full((1, *models.shape[1:]), -np.inf)
    truth[:, :, 0] = 0.0
    among, to_truth = measure(models, truth)
    assert np.array_equal(among, among.T)
    assert not np.diagonal(among).any()
    assert np.abs(among - engine.pairwise_distances(models, device="cpu").values).max() < 1e-6
    assert np.abs(to_truth - engine.pairwise_distances(truth, models, device="cpu").values).max() < 1e-6


def test_numpy_tiles_are_put_in_their_places():
    models = families.dirichlet_cloud(TILE + 5, 7, 3)
    values, _ = tile(NumpyKernel(), models)
    assert np.array_equal(values, values.T)
    np.fill_diagonal(values, 0.0)
    assert np.abs(values - oracles.bhattacharyya(models)).max() < 1e-6
