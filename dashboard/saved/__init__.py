"""Stores of saved views and selections on the server's disk."""

from __future__ import annotations

import os
from dataclasses import dataclass

from dashboard.saved.folder import saved_folder
from dashboard.saved.selections import SelectionStore
from dashboard.saved.views import ViewStore


@dataclass(frozen=True, slots=True)
class Saved:
    """The two stores of one folder.

    Attributes:
        views: store of saved views.
        selections: store of selections that links name.
    """

    views: ViewStore
    selections: SelectionStore

    @classmethod
    def at(cls, folder: str | os.PathLike[str] | None) -> Saved:
        """Stores in a folder, by default in the user's data directory; the folder is created on the first write."""
        place = saved_folder(folder)
        return cls(ViewStore(place), SelectionStore(place))
