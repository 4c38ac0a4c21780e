"""A link is the view: what is written parses back, and nothing in a link can break the page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.view_state import REFERENCE_MODES, ViewState

names = st.text(min_size=1, max_size=12)
numbers = st.floats(-1e6, 1e6, allow_nan=False)

views = st.builds(
    ViewState,
    study=names.filter(str.strip),
    split=st.sampled_from(["train", "test"]),
    levels=st.lists(st.tuples(names, st.lists(names, min_size=1, max_size=3, unique=True).map(tuple)), max_size=3).map(
        tuple
    ),
    ranges=st.lists(
        st.tuples(names, numbers, numbers).map(lambda entry: (entry[0], *sorted(entry[1:]))), max_size=3
    ).map(tuple),
    picked=st.lists(names, max_size=3, unique=True).map(tuple),
    references=st.sampled_from(REFERENCE_MODES),
    axes=st.permutations([1, 2, 3, 4, 7]).map(lambda axes: tuple(axes[:3])),
    color_by=st.sampled_from(["", "run:architecture", "model:progress"]),
    dark=st.sampled_from([None, True, False]),
    camera=st.just(()) | st.tuples(*[st.integers(-9, 9).map(float)] * 9),
)


@given(views)
def test_a_view_survives_its_own_query(view: ViewState) -> None:
    assert ViewState.from_query(view.to_query()) == view


@given(st.text(max_size=300))
def test_any_text_parses_to_a_valid_view(query: str) -> None:
    view = ViewState.from_query(query)
    assert view.split in ("train", "test")
    assert len(set(view.axes)) == 3
    assert len(view.camera) in (0, 9)


def test_defaults_give_the_empty_query() -> None:
    assert ViewState().to_query() == ""
    assert ViewState.from_query("") == ViewState()


@pytest.mark.parametrize(
    "query",
    [
        "?split=validation",
        "?ax=1,1,2",
        "?ax=0,1,2",
        "?ax=a",
        "?r=lr:x..1",
        "?r=lr:nan..1",
        "?cam=1,2",
        "?cam=" + "inf," * 8 + "1",
        "?ref=delete",
        "?th=neon",
        "?c=<script>",
        "?v=99&split=test",
        "?" + "a" * 20_000,
    ],
)
def test_what_cannot_be_read_becomes_its_default(query: str) -> None:
    assert ViewState.from_query(query) == ViewState()


def test_one_broken_field_does_not_take_the_others_down() -> None:
    view = ViewState.from_query("?d=digits&split=test&ax=1,1,1&f=architecture:CNN,ViT")
    assert view == ViewState(study="digits", split="test", levels=(("architecture", ("CNN", "ViT")),))


def test_separators_inside_names_are_escaped() -> None:
    view = ViewState(levels=(("a;b:c", ("x,y", "100%")),), picked=("run,1",))
    assert ViewState.from_query(view.to_query()) == view
