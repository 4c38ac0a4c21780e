"""A logarithm that compilers turn into vector instructions; the C library's is a call per number.

A double is m 2^e with m in [sqrt(1/2), sqrt(2)), and log x = e log 2 + log m, where log m = f P(f), f = m - 1, by a
polynomial. Exponent and mantissa are read off the bits. Of zero it gives -1023 log 2, so that 0 log 0 is 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.polynomial import Chebyshev

DEGREE = 17
"""Of P: its error is 1e-15. The nearest singularity, x = 0, makes each further degree 5.8 times as exact."""


def polynomial(function: Any, low: float, high: float, degree: int) -> tuple[float, ...]:
    """Return coefficients, constant first, of the Chebyshev interpolant of a function without a zero in the nodes."""
    found = Chebyshev.interpolate(function, degree, domain=[low, high])
    return tuple(map(float, found.convert(kind=np.polynomial.Polynomial).coef))


_P = polynomial(lambda f: np.log1p(f) / f, math.sqrt(0.5) - 1.0, math.sqrt(2.0) - 1.0, DEGREE)
_LOG_2 = math.log(2.0)
_ROOT_HALF = int(np.float64(math.sqrt(0.5)).view(np.int64))
_BIAS = 1023 << 52
_TO_BIASED = _BIAS - _ROOT_HALF
_TWO_52 = int(np.float64(2.0**52).view(np.int64))


def _reinterpreting(source: Any, target: Any, kind: ir.Type) -> Any:
    """Return the intrinsic that reads the bits of a number as another kind of number."""

    @intrinsic
    def reinterpret(typing_context, value):  # type: ignore[no-untyped-def]
        return target(source), lambda _, builder, __, arguments: builder.bitcast(arguments[0], kind)

    return reinterpret


_bits = _reinterpreting(types.float64, types.int64, ir.IntType(64))
_double = _reinterpreting(types.int64, types.float64, ir.DoubleType())


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy", inline="always")
def logarithm(x):  # type: ignore[no-untyped-def]
    """log x of a double that is zero or positive, normal and finite; to 2e-15 of its size, or of one near x = 1."""
    bits = _bits(x)
    biased = (bits + _TO_BIASED) >> 52
    f = _double(bits - (biased << 52) + _BIAS) - 1.0
    # Ored into 2^52, an integer is that much above it as a double; few machines convert integers of 64 bits.
    exponent = _double(biased | _TWO_52) - (2.0**52 + 1023.0)
    p = ((((_P[17] * f + _P[16]) * f + _P[15]) * f + _P[14]) * f + _P[13]) * f + _P[12]
    p = (((((p * f + _P[11]) * f + _P[10]) * f + _P[9]) * f + _P[8]) * f + _P[7]) * f + _P[6]
    p = (((((p * f + _P[5]) * f + _P[4]) * f + _P[3]) * f + _P[2]) * f + _P[1]) * f + _P[0]
    return exponent * _LOG_2 + f * p
