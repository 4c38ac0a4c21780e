"""Note on the parts of a link that do not apply."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard import text
from dashboard.payloads.filters import Filter, LevelsFilter, RangeFilter
from dashboard.view_state import ViewState
from engine.store.study import Study

MOST_NAMED = 3
LONGEST_NAME = 40


def link_note(study: Study, view: ViewState, filters: tuple[Filter, ...], color_is_offered: bool) -> str:
    """Sentence that names the parts of a link that do not apply to its study; empty if all apply.

    Args:
        study: the study that the link opens.
        view: the link as read, before defaults replace invalid parts.
        filters: filters of the study.
        color_is_offered: whether the study has the link's colouring.
    """
    missed = [*view.unread, *_missed_filters(study, view, filters), *_missed_runs(study, view)]
    if view.split not in study.splits:
        missed.append(f"the {view.split} split, which was not recorded")
    if view.color_by and not color_is_offered:
        missed.append(f"the colouring by {_short(view.color_by.partition(':')[2])}, which this study lacks")
    return f"Not all of this link applies here. Left out: {'; '.join(missed)}." if missed else ""


def _missed_filters(study: Study, view: ViewState, filters: tuple[Filter, ...]) -> Iterator[str]:
    levels = {entry.name: entry.levels for entry in filters if isinstance(entry, LevelsFilter)}
    stops = {entry.name: entry.stops for entry in filters if isinstance(entry, RangeFilter)}
    for name, chosen in view.levels:
        if name not in levels:
            why = "does not differ between these runs" if name in study.runs else "this study lacks"
            yield f"the filter on {_short(text.label(name))}, which {why}"
        elif unknown := [level for level in chosen if level not in levels[name]]:
            yield f"{text.label(name)} {_list(unknown)}, which no run has"
    for name, low, high in view.ranges:
        if name not in stops:
            yield f"the range of {_short(text.label(name))}, which these runs cannot be ranged by"
        elif high < stops[name][0] or low > stops[name][-1]:
            yield f"{text.label(name)} from {low:g} to {high:g}, where no run lies"


def _missed_runs(study: Study, view: ViewState) -> Iterator[str]:
    if unknown := [run_id for run_id in view.picked if run_id not in study.runs.index]:
        noun = "the run" if len(unknown) == 1 else f"{len(unknown)} runs,"
        yield f"{noun} {_list(unknown)}, not in this study"
    fingerprint, _, mask = view.picked_mask.partition(".")
    if view.picked_mask and not (mask and study.fingerprint.startswith(fingerprint)):
        yield "its choice of runs, made when the study held others"


def _list(names: list[str]) -> str:
    shown = ", ".join(map(_short, names[:MOST_NAMED]))
    return shown if len(names) <= MOST_NAMED else f"{shown} and {len(names) - MOST_NAMED} more"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
