"""All states in which a dying process may leave a study: some prefix of what it wrote."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from engine import StudyNotFoundError, open_study
from tests.power_cuts import Disk, Log, first_parts, put
from tests.recording import begin, record_step
from tests.scale import amount
from tests.sound import assert_sound

pytestmark = pytest.mark.full

N_STEPS = amount(4, 20)


def assert_survived(root: Path, acknowledged: int) -> None:
    """The study opens with what was acknowledged, or with one checkpoint more; and recording goes on behind it."""
    study = root / "new" / "study"
    if not (study / "runs" / "run").exists():
        assert acknowledged == 0
        with suppress(StudyNotFoundError):
            assert open_study(study).problems == ()
        return
    count = assert_sound(study, "run", acknowledged, acknowledged + 1)
    if open_study(study).runs.loc["run", "status"] != "finished":
        with begin(study, 0, resume=True) as recorder:
            assert recorder.n_checkpoints == count
            record_step(recorder, count)
        assert_sound(study, "run", count + 1, count + 1)


def test_every_state_after_a_dying_process_is_sound(tmp_path: Path) -> None:
    log = Log(tmp_path / "recorded")
    with log.kept(), begin(log.root / "new" / "study", 0) as recorder:
        for step in range(N_STEPS):
            record_step(recorder, step)
            log.acknowledged = step + 1
    n_states = 0
    for position, change in enumerate(log.changes):
        done = log.changes[:position]
        for state in (done, *([*done, part] for part in first_parts(change))):
            put(Disk(state, log.folders).content(), tmp_path / "state")
            try:
                assert_survived(tmp_path / "state", change.acknowledged)
            except BaseException as error:
                error.add_note(f"{len(state)} changes; then {change}")
                raise
            n_states += 1
    assert n_states > amount(100, 600)
