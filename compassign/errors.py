"""The package's own exceptions: one root, so that a caller can catch everything we raise on purpose."""

from __future__ import annotations

from collections.abc import Sequence


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
