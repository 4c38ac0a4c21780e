"""Kernels for tiles of Bhattacharyya distances, one per kind of device."""

from importlib.util import find_spec

from engine.distances.kernels.contract import Kernel


def select_kernel(device: str) -> Kernel:
    """Return the kernel for the device."""
    if device == "cpu":
        from engine.distances.kernels.numba_tile import NumbaKernel

        return NumbaKernel()
    if device.startswith("cuda") and find_spec("triton") is not None:
        from engine.distances.kernels.triton_tile import TritonKernel, runs_on

        if runs_on(device):
            return TritonKernel(device)
    from engine.distances.kernels.torch_tile import TorchKernel

    return TorchKernel(device)
