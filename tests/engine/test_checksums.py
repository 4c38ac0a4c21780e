"""Checksums of pieces of a buffer: those of zlib, of every length, and damage found."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from engine.cache import checksums

ROADS = [checksums._by_zlib, *({checksums.find_damaged} - {checksums._by_zlib})]


@pytest.fixture
def pieces() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A buffer, with pieces of 0 to 400 words, some missing."""
    sizes = 4 * np.arange(401)
    starts = np.cumsum(sizes + 4) - sizes
    buffer = np.random.default_rng(0).integers(0, 256, int(sizes.sum()) + 4 * len(sizes), dtype=np.uint8)
    crcs = [zlib.crc32(buffer[start : start + size].tobytes()) for start, size in zip(starts, sizes, strict=True)]
    starts[[0, 77]] = -1
    return buffer, starts, sizes, np.array(crcs, dtype=np.uint32)


@pytest.mark.parametrize("road", ROADS)
def test_pieces_of_every_length_have_their_checksum(road, pieces):
    buffer, starts, sizes, crcs = pieces
    np.testing.assert_array_equal(np.flatnonzero(road(buffer, starts, sizes, crcs)), [0, 77])


@pytest.mark.parametrize("road", ROADS)
def test_a_flipped_bit_of_each_piece_is_found(road, pieces):
    buffer, starts, sizes, crcs = pieces
    random = np.random.default_rng(1)
    changed = buffer.copy()
    for start, size in zip(starts[1:], sizes[1:], strict=True):
        if start >= 0:
            changed[start + random.integers(size)] ^= 1 << random.integers(8)
    assert road(changed, starts, sizes, crcs)[1:].all()
    # The bytes between the pieces count for none of them.
    between = buffer.copy()
    between[starts[starts > 0] - 1] ^= 1
    assert np.flatnonzero(road(between, starts, sizes, crcs)).tolist() == [0, 77]
