"""The package's own exceptions: one root, so that a caller can catch everything we raise on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Place:
    """Where a file is wrong; row : line number, the header is 1, None for the file as a whole. column : "" for none."""

    file: str
    row: int | None = None
    column: str = ""

    def __str__(self) -> str:
        """Words of a message: `peaks.csv, row 3, column mz`."""
        row = [] if self.row is None else [f"row {self.row}"]
        return ", ".join([self.file, *row, *([f"column {self.column}"] if self.column else [])])


class Problem(str):
    """A message about input that also knows its parts, for those who list many in a table."""

    place: Place
    found: str
    expected: str

    def __new__(cls, message: str, place: Place = Place(""), found: str = "", expected: str = "") -> Self:
        """A message whose parts are `found` and `expected`; expected : "" where `found` says it all."""
        problem = super().__new__(cls, message)
        problem.place, problem.found, problem.expected = place, found or message, expected
        return problem

    @classmethod
    def at(cls, place: Place, found: str, expected: str = "") -> Self:
        """A problem that says `found` at its place, such as `found 'x'`, and then what was expected."""
        return cls(f"{place}: {found}" + (f", expected {expected}" if expected else ""), place, found, expected)


class CompAssignError(Exception):
    """Root of every error that CompAssign raises on purpose; `str(error)` is a message for the user."""


class InputError(CompAssignError, ValueError):
    """Input that cannot be used; carries every problem found, not only the first.

    Parameters
    ----------
    problems : one message each: file, row, column, what was found, what was expected.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class StoreError(CompAssignError):
    """The database of runs cannot be opened, read or written."""


class SamplingError(CompAssignError):
    """A sampler could not produce draws."""


class RunCancelledError(CompAssignError):
    """The user stopped the run; nothing it computed is kept."""
