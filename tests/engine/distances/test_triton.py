"""Triton kernel, interpreted or on a GPU, and compiled for Hopper."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from engine.distances import kernels
from engine.distances.kernels import triton_program, triton_tile
from engine.distances.kernels.torch_tile import TorchKernel
from engine.distances.kernels.triton_program import EXACT, HOPPER_SHARED_BYTES, ROUND, SPLIT
from tests import families, oracles, triton_tiles

ROOT = Path(__file__).resolve().parents[3]
TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    path = tmp_path_factory.mktemp("triton") / "tiles.npz"
    device = "cuda" if torch.cuda.is_available() else "cpu"
    environment = os.environ | {"TRITON_INTERPRET": "0" if device == "cuda" else "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.triton_tiles", str(path), device]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return dict(np.load(path, allow_pickle=False))


def error(values, models):
    values = values.copy()
    np.fill_diagonal(values, 0.0)
    return np.abs(values - oracles.bhattacharyya(models)).max()


@pytest.mark.full
@pytest.mark.parametrize("family", triton_tiles.FAMILIES)
def test_tile_agrees_with_the_oracle(found, family):
    models = triton_tiles.FAMILIES[family]().astype(np.float32)
    assert error(found[f"float32 {family}"], models) < 1e-6


@pytest.mark.full
@pytest.mark.parametrize("family", triton_tiles.FAMILIES)
def test_faster_mode_stays_within_the_error_it_names(found, family):
    models = triton_tiles.FAMILIES[family]().astype(np.float32)
    assert error(found[f"float16 {family}"], models) < 2.0**-9


@pytest.mark.full
def test_faster_mode_is_what_it_says(found):
    models = triton_tiles.FAMILIES["training"]()
    assert 1e-6 < error(found["float16 training"], models) < 2e-4


@pytest.mark.full
def test_square_tile_is_exactly_symmetric(found):
    values = found["float32 three tiles, two stretches"]
    assert np.array_equal(values, values.T)


@pytest.mark.full
def test_rectangle_agrees_with_the_oracle(found):
    models = families.dirichlet_cloud(140, 70).astype(np.float32)
    assert np.abs(found["rectangle"] - oracles.bhattacharyya(models[:5], models[5:])).max() < 1e-6


@pytest.mark.full
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_capped_counts_agree_with_the_oracle(found, precision):
    counts = found[f"{precision} capped counts"]
    assert np.array_equal(counts, counts.T)
    assert np.tril(counts, -1).sum() == oracles.count_capped(triton_tiles.capped().astype(np.float32)) > 100
    assert not found[f"{precision} tiny counts"].any()


@pytest.mark.full
def test_lack_of_memory_halves_the_work_without_changes(found):
    models = families.dirichlet_cloud(140, 70).astype(np.float32)
    tiles, samples = found["shrunk to"]
    assert tiles == 1
    assert samples <= 40
    assert error(found["little memory"], models) < 1e-6


@pytest.mark.full
def test_no_memory_at_all_is_refused_by_name(found):
    assert "no memory left for a tile of 128 x 128 models and 8 samples" in str(found["refusal"])


def test_panels_stay_on_the_host_without_room(monkeypatch):
    allocate = torch.empty

    def full(*args, device=None, **kwargs):
        if device is not None:
            raise torch.OutOfMemoryError
        return allocate(*args, **kwargs)

    monkeypatch.setattr(triton_tile.torch, "empty", full)
    models = triton_tiles.roots(families.dirichlet_cloud(3))
    assert triton_tile.TritonKernel("cuda:0").pack([models], 3).roots.device.type == "cpu"


@pytest.mark.parametrize(
    ("installed", "capability", "expected"),
    [
        (True, (9, 0), triton_tile.TritonKernel),
        (True, (7, 5), TorchKernel),
        (False, (9, 0), TorchKernel),
    ],
)
def test_cuda_is_for_triton_where_it_can_be(monkeypatch, installed, capability, expected):
    monkeypatch.setattr(kernels, "find_spec", lambda name: name if installed else None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert type(kernels.select_kernel("cuda:0")) is expected


def compile_for_hopper(n_terms, n_classes, counting):
    """Return the registers, stack bytes and machine code of a program, from the compiler that a GPU would ask."""
    program = triton_program.sum_logarithms
    shape = triton_program.choose_shape(n_terms, n_classes, HOPPER_SHARED_BYTES)
    constants = triton_program.constants(n_terms, n_classes, counting, shape)
    block = f"tensordesc<{'bf16' if n_terms == EXACT else 'fp16'}[1,1,{shape.classes},{{}}]>"
    types = {
        "left": block.format(triton_program.BLOCK),
        "right": block.format(shape.columns),
        "products": "*fp32",
        "smallest": "*fp32",
        **dict.fromkeys(("tiles", "exponents", "capped"), "*i32"),
        **dict.fromkeys(("n_samples", "samples_per_program", "n_classes"), "i32"),
        **dict.fromkeys(constants, "constexpr"),
    }
    names = program.arg_names
    source = ASTSource(
        program,
        {name: types[name] for name in names},
        {(names.index(name),): value for name, value in constants.items()},
        {(names.index(name),): [["tt.divisibility", 16]] for name in names if types[name].startswith("*")},
    )
    options = {"num_warps": triton_program.WARPS, "num_stages": shape.stages, "enable_fp_fusion": False}
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    assert compiled.metadata.shared <= HOPPER_SHARED_BYTES
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(compiled.asm["cubin"])
        file.flush()
        read = {"capture_output": True, "text": True, "check": True}
        usage = subprocess.run([TOOLS / "cuobjdump", "--dump-resource-usage", file.name], **read).stdout
        code = subprocess.run([TOOLS / "nvdisasm", "-c", file.name], **read).stdout
    registers, stack = (int(re.search(rf"{word}:(\d+)", usage)[1]) for word in ("REG", "STACK"))
    return registers, stack, re.findall(r"^\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z0-9_]+)", code, re.M)


@pytest.mark.full
@pytest.mark.parametrize(
    ("n_terms", "n_classes", "counting", "n_products"),
    [
        (ROUND, 10, False, 1),
        (SPLIT, 2, False, 3),
        (SPLIT, 10, False, 3),
        (SPLIT, 64, False, 3 * 4),
        (SPLIT, 1000, False, 3 * 4),
        (EXACT, 10, False, 6),
        (EXACT, 10, True, 6),
        (EXACT, 1000, True, 6 * 4),
    ],
)
def test_the_hopper_program_uses_matrix_instructions_without_spills(
    monkeypatch, tmp_path, n_terms, n_classes, counting, n_products
):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    registers, stack, code = compile_for_hopper(n_terms, n_classes, counting)
    assert registers <= 255
    assert stack == 0
    assert not {"LDL", "STL"} & set(code)
    # Sixteen classes to an instruction; a program that multiplies without them has none, or the older HMMA.
    assert code.count("HGMMA") == n_products
    assert "HMMA" not in code
    # Loaded by the copy engine, and no library's logarithm in the loop or after it.
    assert "UTMALDG" in code
    assert "MUFU" not in code
    print(f"{n_terms=} {n_classes=} {counting=}: {registers} registers, {len(code)} instructions")
