r"""CRC-32 of many pieces of a buffer, as zlib's, by carry-less multiplication where the processor has it.

zlib checks some 4 GB/s and holds the interpreter's lock for pieces below 5 kB, which doubles the time of a pass over
tiles in the file cache. Folding (Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", Intel
2009) replaces 64 bytes of a message by their remainder: with :math:`M = H x^{64} + L` and k bits behind it,

.. math:: M x^k \equiv H (x^{k + 64} \bmod P) + L (x^k \bmod P),

two products of 64 bits that reach over the next piece. The last 16 bytes and the rest are divided by table.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import config, njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

POLYNOMIAL = 0xEDB88320
"""CRC-32's, bits reversed: the highest bit is the coefficient of one."""
FOLDED_BYTES = 64
_LONG = ir.IntType(64)
_PAIR = ir.VectorType(_LONG, 2)


def _shifted(remainder: int) -> int:
    """Return the remainder of a polynomial times x."""
    return (remainder >> 1) ^ (POLYNOMIAL if remainder & 1 else 0)


def _power(exponent: int) -> int:
    """Return x to a power, modulo the polynomial; one bit up, since a product of reversed factors is one bit short."""
    remainder = 1 << 31
    for _ in range(exponent):
        remainder = _shifted(remainder)
    return remainder << 1


def _tables() -> NDArray[np.uint32]:
    """Return (4, 256) remainders of a byte with 0 to 3 bytes behind it."""
    tables = np.zeros((4, 256), dtype=np.uint32)
    for byte in range(256):
        remainder = byte
        for bit in range(32):
            remainder = _shifted(remainder)
            if bit % 8 == 7:
                tables[bit // 8, byte] = remainder
    return tables


_TABLES = _tables()


def _folding(typing_context, start, n_bytes, out):  # type: ignore[no-untyped-def]
    """Write 16 bytes with the remainder of the message: addresses, and a positive multiple of ``FOLDED_BYTES``."""

    def generate(context: Any, builder: ir.IRBuilder, _: Any, arguments: list[ir.Value]) -> ir.Value:
        address, length, target = arguments
        multiply = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            builder.module, ir.FunctionType(_PAIR, [_PAIR, _PAIR, ir.IntType(8)]), "llvm.x86.pclmulqdq"
        )

        def place(at: ir.Value, offset: int) -> ir.Value:
            return builder.inttoptr(builder.add(at, _LONG(offset)), _PAIR.as_pointer())

        def read(at: ir.Value, offset: int) -> ir.Value:
            return builder.load(place(at, offset), align=4)

        def folded(piece: ir.Value, onto: ir.Value, n_bits: int) -> ir.Value:
            """Emit the sum of a piece of 16 bytes and one that follows ``n_bits`` later."""
            # Of reversed bits the lower half stands for the higher powers.
            powers = ir.Constant(_PAIR, [_power(n_bits + 32), _power(n_bits - 32)])
            halves = [builder.call(multiply, [piece, powers, ir.IntType(8)(which)]) for which in (0x00, 0x11)]
            return builder.xor(builder.xor(halves[0], halves[1]), onto)

        pieces = [read(address, offset) for offset in range(0, FOLDED_BYTES, 16)]
        pieces[0] = builder.xor(pieces[0], ir.Constant(_PAIR, [0xFFFFFFFF, 0]))
        before = builder.block
        condition, body, after = (builder.append_basic_block(name) for name in ("more", "fold", "folded"))
        builder.branch(condition)
        builder.position_at_end(condition)
        done = builder.phi(_LONG)
        states = [builder.phi(_PAIR) for _ in pieces]
        done.add_incoming(_LONG(FOLDED_BYTES), before)
        for state, piece in zip(states, pieces, strict=True):
            state.add_incoming(piece, before)
        builder.cbranch(builder.icmp_signed("<", done, length), body, after)
        builder.position_at_end(body)
        at = builder.add(address, done)
        for k, state in enumerate(states):
            state.add_incoming(folded(state, read(at, 16 * k), 8 * FOLDED_BYTES), body)
        done.add_incoming(builder.add(done, _LONG(FOLDED_BYTES)), body)
        builder.branch(condition)
        builder.position_at_end(after)
        rest = states[0]
        for state in states[1:]:
            rest = folded(rest, state, 128)
        builder.store(rest, place(target, 0), align=4)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


_fold: Any = intrinsic(_folding)


@njit(nogil=True, cache=True)
def _divide(remainder, words):  # type: ignore[no-untyped-def]
    """Return the remainder after some more words of a message."""
    for word in words:
        remainder ^= word
        remainder = (
            _TABLES[3, remainder & 0xFF]
            ^ _TABLES[2, (remainder >> 8) & 0xFF]
            ^ _TABLES[1, (remainder >> 16) & 0xFF]
            ^ _TABLES[0, remainder >> 24]
        )
    return remainder


@njit(nogil=True, cache=True)
def _by_folding(buffer, starts, sizes, crcs):  # type: ignore[no-untyped-def]
    damaged = np.zeros(len(starts), dtype=np.bool_)
    folded = np.zeros(4, dtype=np.uint32)
    words = buffer.view(np.uint32)
    for k in range(len(starts)):
        start, size = starts[k], sizes[k]
        if start < 0:
            damaged[k] = True
            continue
        length = size - size % FOLDED_BYTES
        remainder = np.uint32(0xFFFFFFFF)
        if length:
            _fold(buffer.ctypes.data + start, length, folded.ctypes.data)
            remainder = _divide(np.uint32(0), folded)
        remainder = _divide(remainder, words[(start + length) // 4 : (start + size) // 4])
        damaged[k] = remainder ^ np.uint32(0xFFFFFFFF) != crcs[k]
    return damaged


def _by_zlib(
    buffer: NDArray[np.uint8], starts: NDArray[np.int64], sizes: NDArray[np.int64], crcs: NDArray[np.uint32]
) -> NDArray[np.bool_]:
    pieces = zip(starts.tolist(), sizes.tolist(), crcs.tolist(), strict=True)
    return np.array(
        [start < 0 or zlib.crc32(buffer.data[start : start + size]) != crc for start, size, crc in pieces], dtype=bool
    )


def _can_fold() -> bool:
    """Return whether numba compiles for this very processor, and it multiplies so."""
    is_of_host = all(getattr(config, name, None) is None for name in ("CPU_NAME", "CPU_FEATURES"))
    return bool(is_of_host and binding.get_host_cpu_features().get("pclmul"))


find_damaged = _by_folding if _can_fold() else _by_zlib
"""Return (piece,) bool, whether a piece of a buffer is missing or has another CRC-32.

Args:
    buffer: (byte,) uint8, a multiple of four bytes.
    starts: (piece,) int64, first byte of the piece, a multiple of four; negative if it is missing.
    sizes: (piece,) int64, bytes of the piece, a multiple of four.
    crcs: (piece,) uint32, the CRC-32 that it should have.
"""
