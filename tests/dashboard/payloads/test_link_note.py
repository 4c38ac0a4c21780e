"""Note on a link that does not fit its study."""

from __future__ import annotations

from pathlib import Path

import pytest

import engine
from dashboard.payloads.link import link_note
from dashboard.payloads.study import study_filters
from dashboard.view_state import ViewState
from engine.store.study import Study


@pytest.fixture(scope="module")
def study(studies_folder: Path) -> Study:
    return engine.open_study(studies_folder / "small")


def note(study: Study, view: ViewState, color_is_offered: bool = True) -> str:
    return link_note(study, view, study_filters(study), color_is_offered)


@pytest.mark.parametrize(
    "view",
    [
        ViewState(),
        ViewState(levels=(("architecture", ("CNN", "ViT")),), ranges=(("learning_rate", 0.0005, 0.02),)),
        ViewState(picked=("cnn-0.001-0",), color_by="run:seed", split="test"),
    ],
)
def test_a_link_that_fits_needs_no_note(study: Study, view: ViewState) -> None:
    assert note(study, view) == ""


def test_a_mask_of_the_present_needs_no_note(study: Study) -> None:
    assert note(study, ViewState(picked_mask=f"{study.fingerprint[:12]}.AQAAAA==")) == ""
    assert "choice of runs" in note(study, ViewState(picked_mask="0123.AQAAAA=="))


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (ViewState(levels=(("architecture", ("CNN", "Mamba")),)), "architecture Mamba, which no run has"),
        (ViewState(levels=(("momentum", ("0.9",)),)), "the filter on momentum, which does not differ"),
        (ViewState(levels=(("dropout", ("0.9",)),)), "the filter on dropout, which this study lacks"),
        (ViewState(ranges=(("architecture", 0.0, 1.0),)), "the range of architecture"),
        (ViewState(ranges=(("learning_rate", 5.0, 6.0),)), "learning rate from 5 to 6"),
        (ViewState(picked=("ghost",)), "the run ghost, not in this study"),
        (ViewState(picked=tuple(f"ghost-{k}" for k in range(9))), "9 runs, ghost-0, ghost-1, ghost-2 and 6 more"),
        (ViewState(unread=("ax=9, which cannot be read",)), "ax=9"),
        (ViewState(levels=(("x" * 500, ("a",)),)), f"{'x' * 39}…"),
    ],
)
def test_what_does_not_fit_is_named(study: Study, view: ViewState, words: str) -> None:
    text = note(study, view)
    assert text.startswith("Not all of this link applies here. Left out: ")
    assert words in text


def test_an_unknown_colouring_is_named(study: Study) -> None:
    assert "colouring by ghost" in note(study, ViewState(color_by="run:ghost"), color_is_offered=False)
