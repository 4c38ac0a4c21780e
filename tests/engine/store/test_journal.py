"""Journal lines: committed, incomplete, damaged."""

from __future__ import annotations

import json
import math
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.store.journal import SECTOR, line_bytes, parse_journal


def _line(index: int, **changes: object) -> bytes:
    fields = {"step": 10 * index, "epoch": index / 2, "time": 1.5, "metrics": {"loss": 0.25}, "crcs": {"train": index}}
    return line_bytes(index=index, **(fields | changes))


THREE = b"".join(_line(index) for index in range(3))


def test_journal_returns_what_was_written():
    journal = parse_journal(THREE, ["train"])
    assert len(journal) == 3
    np.testing.assert_array_equal(journal.steps, [0, 10, 20])
    np.testing.assert_array_equal(journal.epochs, [0, 0.5, 1])
    np.testing.assert_array_equal(journal.metrics["loss"], [0.25] * 3)
    assert journal.crcs == {"train": (0, 1, 2)}
    assert (journal.n_bytes, journal.n_tail) == (len(THREE), 0)


def test_empty_journal_has_no_checkpoints():
    assert len(parse_journal(b"", ["train"])) == 0


def test_every_cut_leaves_the_complete_lines_before_it():
    ends = [len(_line(0)), len(_line(0) + _line(1)), len(THREE)]
    for cut in range(len(THREE) + 1):
        journal = parse_journal(THREE[:cut], ["train"])
        assert len(journal) == sum(end <= cut for end in ends)
        assert journal.n_bytes + journal.n_tail == cut


@pytest.mark.parametrize("extra", range(0, 600, 7))
def test_an_append_without_a_sector_is_incomplete(extra: int):
    """A power cut may keep the end of the last line, with its newline, and not a sector before it."""
    whole = [_line(index, metrics={"x" * extra: 1.0}) for index in range(4)]
    before, last = b"".join(whole[:3]), whole[3]
    raw = before + last
    sectors = range(len(before) // SECTOR, (len(raw) - 1) // SECTOR)
    for sector in sectors:
        first, end = max(sector * SECTOR, len(before)), (sector + 1) * SECTOR
        torn = raw[:first] + bytes(end - first) + raw[end:]
        journal = parse_journal(torn, ["train"])
        assert (len(journal), journal.n_bytes, journal.n_tail) == (3, len(before), len(last))
        with pytest.raises(ValueError, match=r"line 4 .* is damaged"):
            parse_journal(torn + _line(4), ["train"])
        with pytest.raises(ValueError, match=r"line 4 .* is damaged"):
            parse_journal(raw[: first + 1] + bytes(end - first - 1) + raw[end:], ["train"])


def test_every_flipped_bit_of_a_journal_is_damage():
    for position in range(len(THREE)):
        raw = bytearray(THREE)
        raw[position] ^= 1 << (position % 8)
        with pytest.raises(ValueError, match=r"journal\.jsonl line [123] "):
            parse_journal(bytes(raw), ["train"])


def _forged(**changes: object) -> bytes:
    entry = json.loads(_line(3)[9:]) | changes
    body = json.dumps({name: value for name, value in entry.items() if value != "drop"}).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (_forged(index=4), "the indices in journal.jsonl must count"),
        (_forged(step=20), "the steps in journal.jsonl must rise"),
        (_forged(step=2**53 + 1), "the steps in journal.jsonl must rise"),
        (_forged(step=2**63), "its content is not as expected"),
        (_forged(step=2**70), "each step in journal.jsonl must be an integer"),
        (_forged(step=30.0), "each step in journal.jsonl must be an integer"),
        (_forged(crc={"test": 1}), r"one crc for each of \['train'\]"),
        (_forged(crc={"train": "1"}), "each crc in journal.jsonl must be an integer"),
        (_forged(crc=None), "its content is not as expected"),
        (_forged(epoch=True), "each 'epoch' in journal.jsonl must be a finite number"),
        (_forged(time="now"), "each 'time' in journal.jsonl must be a finite number"),
        (_forged(metrics={"loss": "low"}), "each 'loss' in journal.jsonl must be a finite number"),
        (_forged(metrics=[1]), "its content is not as expected"),
        (_forged(time="drop"), "exactly the fields"),
        (_forged(note=1), "exactly the fields"),
        (_forged(time=math.inf), "not made of JSON objects"),
    ],
)
def test_rule_breaking_lines_are_damage_despite_right_crc(line: bytes, message: str):
    with pytest.raises(ValueError, match=message):
        parse_journal(THREE + line, ["train"])


@pytest.mark.parametrize("body", [b"1,2", b"[]", b"null", b'{"index":0}', b"NaN", b"{", b"[" * 100_000])
def test_forged_body_is_a_named_error(body: bytes):
    with pytest.raises(ValueError, match=r"journal\.jsonl"):
        parse_journal(b"%08x %s\n" % (zlib.crc32(body), body), ["train"])


def test_a_nonfinite_metric_comes_back_as_nan():
    journal = parse_journal(_line(0, metrics={"loss": math.inf}), ["train"])
    assert np.isnan(journal.metrics["loss"][0])


def test_metric_that_comes_late_is_nan_before():
    journal = parse_journal(_line(0) + _line(1, metrics={"late": 3.0}), ["train"])
    np.testing.assert_array_equal(journal.metrics["late"], [np.nan, 3.0])
    np.testing.assert_array_equal(journal.metrics["loss"], [0.25, np.nan])


@settings(max_examples=60, deadline=None)
@given(
    step=st.integers(0, 2**53),
    epoch=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    metrics=st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
    crc=st.integers(0, 2**32 - 1),
)
def test_any_entry_survives_the_round_trip(step, epoch, metrics, crc):
    raw = line_bytes(index=0, step=step, epoch=epoch, time=1.0, metrics=metrics, crcs={"test": crc})
    journal = parse_journal(raw, ["test"])
    assert journal.steps[0] == step
    assert math.isnan(journal.epochs[0]) if epoch is None else journal.epochs[0] == epoch
    assert {name: column[0] for name, column in journal.metrics.items()} == metrics
    assert journal.crcs == {"test": (crc,)}
