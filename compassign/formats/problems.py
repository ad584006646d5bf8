"""Collects what is wrong with a large table: every kind of problem, the first of each in full, then how many more."""

from __future__ import annotations

from collections import Counter

from compassign.data.raw import MAX_LISTED
from compassign.errors import InputError, Place, Problem


class Problems:
    """What was found in one file until now."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._counts: Counter[str] = Counter()
        self._listed: list[Problem] = []

    def add(self, kind: str, row: int | None, column: str, found: str, expected: str) -> None:
        """Add a problem; kind : those alike are listed up to `MAX_LISTED` times."""
        self._counts[kind] += 1
        if self._counts[kind] <= MAX_LISTED:
            self._listed.append(Problem.at(Place(self._file, row, column), found, expected))

    def raise_any(self) -> None:
        """Raise InputError with all of them, if there are any."""
        more = [
            Problem.at(Place(self._file), f"and {count - MAX_LISTED:,} more like these: {kind}")
            for kind, count in self._counts.items()
            if count > MAX_LISTED
        ]
        if self._listed:
            raise InputError([*self._listed, *more])
