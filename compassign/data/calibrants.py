"""Which polarity the RT of a calibrant was measured in."""

from __future__ import annotations

import pandas as pd

from compassign.data.raw import Findings


def calibrant_polarity(calibrants: pd.DataFrame, peaks: pd.DataFrame) -> list[str | None]:
    """The polarity of the peaks of each calibrant's injection, of all of its species where it names none.

    None where these have both. A calibrant of an injection without peaks has that of all peaks.
    """
    of_runs: dict[tuple[str, str], set[str]] = {}
    for species, injection, polarity in peaks[["species", "injection", "polarity"]].drop_duplicates().to_numpy():
        for name in ("", injection):
            of_runs.setdefault((species, name), set()).add(polarity)
    of_any = set(peaks["polarity"])
    found = [of_runs.get((run[0], run[1]), of_any) for run in calibrants[["species", "injection"]].to_numpy()]
    return [next(iter(polarities)) if len(polarities) == 1 else None for polarities in found]


def check_calibrant_polarity(file: str, calibrants: pd.DataFrame, peaks: pd.DataFrame) -> Findings:
    """Warns of calibrants whose polarity is unknown: their compounds may elute elsewhere in either."""
    n_unknown = calibrant_polarity(calibrants, peaks).count(None)
    if not n_unknown:
        return Findings()
    how_many = f"{n_unknown:,} of {len(calibrants):,} rows are of unknown polarity, as the peaks of their injections"
    advice = "give each polarity injections of its own if its eluents differ"
    return Findings(warnings=(f"{file}: {how_many} have both; {advice}",))
