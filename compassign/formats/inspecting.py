"""What a table of another program is and says of itself, so that a person is asked only for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from compassign.errors import InputError
from compassign.formats.layout import RtUnit, Sample
from compassign.formats.registry import recognise
from compassign.formats.samples import map_samples, possible_samples
from compassign.formats.source import open_source
from compassign.formats.stated import stated_polarity, stated_species


@dataclass(frozen=True)
class Inspection:
    """A peak table as its head shows it.

    format : a name of `registry.FORMAT_NAMES`. samples : those that the table names, or without any the columns that
    could be samples (has_samples False). rt_unit : None = has to be said. polarity, species : as in `stated`.
    """

    format: str
    title: str
    samples: tuple[Sample, ...]
    has_samples: bool
    rt_unit: RtUnit | None
    polarity: str | None
    species: str | None


def inspect_table(path: Path) -> Inspection | None:
    """What a file says of itself; None where it is no peak table."""
    try:
        head = open_source(path).head()
        program, header = recognise(head)
        layout = program.lay_out(head, header)
    except InputError:
        return None
    samples = map_samples(head, layout, None, None)
    return Inspection(
        format=program.name,
        title=program.title,
        samples=samples or possible_samples(head, layout),
        has_samples=bool(samples),
        rt_unit=layout.rt_unit,
        polarity=stated_polarity(head, layout, samples),
        species=stated_species(layout, samples),
    )
