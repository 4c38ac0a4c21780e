"""Vectorisable natural logarithm of float64 numbers.

The C library's logarithm is one call per number. Here x = m 2^e with m in [sqrt(1/2), sqrt(2)), and
log x = e log 2 + log m, where log m = f P(f), f = m - 1, with a polynomial P. Exponent and mantissa are read from the
bits. The logarithm of zero is -1023 log 2, so that 0 log 0 is 0.
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
"""Degree of P, for an error of 1e-15. The nearest singularity is x = 0: each degree divides the error by 5.8."""


def polynomial(function: Any, low: float, high: float, degree: int) -> tuple[float, ...]:
    """Return the power-basis coefficients, constant first, of the Chebyshev interpolant.

    The function must be finite at the interpolation nodes.
    """
    found = Chebyshev.interpolate(function, degree, domain=[low, high])
    return tuple(map(float, found.convert(kind=np.polynomial.Polynomial).coef))


_P = polynomial(lambda f: np.log1p(f) / f, math.sqrt(0.5) - 1.0, math.sqrt(2.0) - 1.0, DEGREE)
_LOG_2 = math.log(2.0)
# Bit patterns of sqrt(1/2), of 1 (the exponent's bias) and of 2^52.
_ROOT_HALF = int(np.float64(math.sqrt(0.5)).view(np.int64))
_BIAS = 1023 << 52
_TO_BIASED = _BIAS - _ROOT_HALF
_TWO_52 = int(np.float64(2.0**52).view(np.int64))


def _reinterpreting(source: Any, target: Any, kind: ir.Type) -> Any:
    """Return the intrinsic that reinterprets the bits of a number as another type."""

    @intrinsic
    def reinterpret(typing_context, value):  # type: ignore[no-untyped-def]
        return target(source), lambda _, builder, __, arguments: builder.bitcast(arguments[0], kind)

    return reinterpret


_bits = _reinterpreting(types.float64, types.int64, ir.IntType(64))
_double = _reinterpreting(types.int64, types.float64, ir.DoubleType())


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy", inline="always")
def logarithm(x):  # type: ignore[no-untyped-def]
    """Return log x of a float64 x, zero or normal, positive, finite; relative error 2e-15, absolute near x = 1."""
    bits = _bits(x)
    # The sum carries into the exponent from a mantissa of sqrt(2) on, so that m is in [sqrt(1/2), sqrt(2)).
    biased = (bits + _TO_BIASED) >> 52
    f = _double(bits - (biased << 52) + _BIAS) - 1.0
    # The bits of 2^52 with an integer k or-ed in are the double 2^52 + k; few machines convert 64-bit integers.
    exponent = _double(biased | _TWO_52) - (2.0**52 + 1023.0)
    p = ((((_P[17] * f + _P[16]) * f + _P[15]) * f + _P[14]) * f + _P[13]) * f + _P[12]
    p = (((((p * f + _P[11]) * f + _P[10]) * f + _P[9]) * f + _P[8]) * f + _P[7]) * f + _P[6]
    p = (((((p * f + _P[5]) * f + _P[4]) * f + _P[3]) * f + _P[2]) * f + _P[1]) * f + _P[0]
    return exponent * _LOG_2 + f * p
