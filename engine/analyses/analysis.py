"""Row of the table ``ANALYSES``: texts, options and function of an analysis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import REPLICATES, Offer, Option, Value
from engine.errors import InvalidSpecError

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Analysis:
    """An analysis: one figure, or a few related ones.

    Attributes:
        key: identifier in addresses and files.
        title: display name.
        group: heading in lists.
        shows: display sentence: what the figure shows.
        computed: one or two display sentences: how it is computed, with the definition.
        options: its options, in order.
        run: (material, options by key) -> finding.
        version: part of the cache key of its findings; raise it when its numbers change.
        needs: option key -> (key of an earlier option, values): the option applies only if the earlier one has one of
            the values; otherwise it has its default.
        not_shown: display sentence: what a reader might take it to show and it does not; of what a band is an interval.
    """

    key: str
    title: str
    group: str
    shows: str
    computed: str
    options: tuple[Option, ...]
    run: Callable[[Material, Options], Finding]
    version: int = 1
    needs: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    not_shown: str = ""

    def parse(self, raw: Mapping[str, Any], offer: Offer) -> tuple[tuple[str, Value], ...]:
        """Return all options with their values, with defaults for those missing in ``raw``.

        Raises:
            InvalidSpecError: an unknown option, or an invalid value.
        """
        # A role is kept while figures change, and not all of them group runs.
        if unknown := set(raw) - {option.key for option in self.options} - {REPLICATES.key}:
            names = ", ".join(option.key for option in self.options) or "none"
            raise InvalidSpecError(f"{self.key} has no option {sorted(unknown)[0][:40]!r}: it has {names}.")
        chosen: dict[str, Value] = {}
        for option in self.options:
            value = option.parse(raw.get(option.key), offer, chosen)
            chosen[option.key] = value if self.applies(option.key, chosen) else option.parse(None, offer, chosen)
        return tuple(chosen.items())

    def applies(self, key: str, chosen: Mapping[str, Value]) -> bool:
        """Return whether an option applies, given the other chosen values."""
        other, values = self.needs.get(key, ("", ()))
        return not other or chosen[other] in values
