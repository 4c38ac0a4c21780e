"""View state of links, and the errors in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.view_state import ViewState, saved_query
from engine import DIVERGENCES


@given(st.text(max_size=300))
def test_any_text_parses_to_a_valid_view(query: str) -> None:
    view = ViewState.from_query(query)
    assert view.split in ("train", "test")
    assert len(set(view.axes)) == 3
    assert len(view.camera) in (0, 9)


def test_an_empty_link_is_the_default_view() -> None:
    assert ViewState.from_query("") == ViewState.from_query("?") == ViewState()


def test_a_link_with_everything_is_read_whole() -> None:
    query = (
        "?v=1&d=digits&split=test&div=fisher_rao&f=architecture%3ACNN%2CViT%3Bseed%3A0&r=test_error%3A0.01..0.2"
        "&tab=distances&q=cnn%20seed%3A1&runs=run-1%2Crun-2&mask=abc.AQ%3D%3D&s=abcdefgh23&ref=fit"
        "&m=compare&pc=7&cmp=sel%3Aabc.AQ%3D%3D&ax=2%2C1%2C5&c=model%3Aprogress&fl=2%2C3&th=dark"
        "&pin=run-3%2Crun-4&ctx=hidden"
        "&cam=1%2C2%2C3%2C0%2C0%2C0%2C0%2C0%2C1&scale=stretched&clk=epoch&t=3.5"
    )
    assert ViewState.from_query(query) == ViewState(
        study="digits",
        split="test",
        divergence="fisher_rao",
        levels=(("architecture", ("CNN", "ViT")), ("seed", ("0",))),
        ranges=(("test_error", 0.01, 0.2),),
        search="cnn seed:1",
        picked=("run-1", "run-2"),
        picked_mask="abc.AQ==",
        picked_name="abcdefgh23",
        references="fit",
        mode="compare",
        paired=7,
        comparison="sel:abc.AQ==",
        axes=(2, 1, 5),
        color_by="model:progress",
        flips=(2, 3),
        dark=True,
        tab="distances",
        pinned=("run-3", "run-4"),
        context="hidden",
        camera=(1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
        scale="stretched",
        clock="epoch",
        moment=3.5,
    )


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
        "?m=4d",
        "?pc=1",
        "?pc=8",
        "?pc=two",
        "?cmp=split:validation",
        "?div=manhattan",
        "?cmp=div:manhattan",
        "?cmp=sel:abc.<script>",
        "?th=neon",
        "?tab=secret",
        "?scale=logarithmic",
        "?clk=loss",
        "?t=-1",
        "?t=inf",
        "?ctx=loud",
        "?c=<script>",
        "?q=%00",
        "?q=" + "a" * 500,
        "?s=../../etc",
        "?fl=0",
        "?fo=" + "[" * 5000,
        '?fo={"smoothing":NaN}',
        "?v=99&split=test",
        "?" + "a" * 20_000,
    ],
)
def test_unreadable_fields_become_defaults_and_are_named(query: str) -> None:
    view = ViewState.from_query(query)
    assert view == ViewState()
    assert len(view.unread) == 1


def test_one_broken_field_spares_the_others() -> None:
    view = ViewState.from_query("?d=digits&split=test&ax=1,1,1&f=architecture:CNN,ViT")
    assert view == ViewState(study="digits", split="test", levels=(("architecture", ("CNN", "ViT")),))


def test_separators_inside_names_are_escaped_twice() -> None:
    view = ViewState.from_query("?f=a%253Bb%253Ac%3Ax%252Cy%2C100%2525&runs=run%252C1")
    assert view == ViewState(levels=(("a;b:c", ("x,y", "100%")),), picked=("run,1",))


def test_a_link_pins_at_most_a_dozen_runs() -> None:
    view = ViewState.from_query("?pin=" + ",".join(f"run-{run}" for run in range(40)))
    assert view.pinned == tuple(f"run-{run}" for run in range(12))


@pytest.mark.parametrize("key", DIVERGENCES)
def test_every_divergence_can_be_linked_to_and_saved(key: str) -> None:
    view = ViewState.from_query(f"?div={key}&cmp=div:{key}")
    assert (view.divergence, view.comparison, view.unread) == (key, f"div:{key}", ())
    assert f"div={key}" in saved_query(f"?div={key}&th=dark")
