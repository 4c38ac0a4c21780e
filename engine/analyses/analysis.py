"""One row of the table of analyses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import Offer, Option, Value
from engine.errors import InvalidSpecError

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Analysis:
    """One figure, or a few that belong together.

    Attributes:
        key: how addresses and files name it.
        title: how people name it.
        group: what it is about, for lists.
        shows: a sentence for people: what can be seen.
        computed: a sentence or two for people: how it is computed, with the definition.
        options: what can be chosen, in order.
        run: (material, options by key) -> finding.
        version: raise it when its numbers change.
        needs: options that mean something only where another, which stands before them, has one of these values; else
            they have their defaults.
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

    def parse(self, raw: Mapping[str, Any], offer: Offer) -> tuple[tuple[str, Value], ...]:
        """Return all options with their values, defaults where ``raw`` is silent.

        Raises:
            InvalidSpecError: an unknown option, or a value it cannot have.
        """
        if unknown := set(raw) - {option.key for option in self.options}:
            names = ", ".join(option.key for option in self.options) or "none"
            raise InvalidSpecError(f"{self.key} has no option {sorted(unknown)[0][:40]!r}: it has {names}.")
        chosen: dict[str, Value] = {}
        for option in self.options:
            value = option.parse(raw.get(option.key), offer, chosen)
            chosen[option.key] = value if self.applies(option.key, chosen) else option.parse(None, offer, chosen)
        return tuple(chosen.items())

    def applies(self, key: str, chosen: Mapping[str, Value]) -> bool:
        """Whether an option means something beside what else is chosen."""
        other, values = self.needs.get(key, ("", ()))
        return not other or chosen[other] in values
