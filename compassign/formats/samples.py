"""Sample columns to injections: what a sheet, a regular expression, the file or the names themselves say of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from compassign.data.raw import list_some, show_value
from compassign.data.uploads import guess_columns
from compassign.errors import InputError, Place, Problem
from compassign.formats.cells import is_formula
from compassign.formats.layout import Head, Layout, Sample
from compassign.formats.source import open_source
from compassign.tables import POLARITIES, ROLES

_ENDING = re.compile(r"\.(?:mzml|mzxml|mzdata|raw|d|wiff2?|cdf|abf|ibf|lcd|featurexml)$", re.IGNORECASE)
_ROLE_WORDS: Mapping[str, str] = {
    **{role: role for role in ROLES},
    **{"qc": "pool", "pooled": "pool", "pooled qc": "pool", "quality control": "pool"},
    **{"solvent": "blank", "process blank": "blank", "standard": "sample", "unknown": "sample"},
}
_ROLE_IN_NAME = (
    ("blank", re.compile(r"(?<![a-z])(?:blank|blk|solvent)(?![a-z])")),
    ("pool", re.compile(r"(?<![a-z])(?:pool|pooled|qc)(?![a-z])")),
)
_GROUPS = ("species", "order", "role", "polarity")
_SHEET_ENDINGS = (".csv", ".tsv", ".txt", ".xlsx")


def map_samples(head: Head, layout: Layout, given: str | None, species: str | None) -> tuple[Sample, ...]:
    """The injections of a table, each with species, order and role; polarity where it was given.

    given : a sheet's file with a column `injection`, or a regular expression that matches whole names and may have the
    groups species, order, role and polarity; with a table that does not say which columns are samples it chooses them.
    species : of all that the sheet or the expression gives none; the file's own classes count where it is None.
    Raises InputError with every sample that cannot be mapped; `check_samples` tells what is missing then.
    """
    stated = layout.samples or (possible_samples(head, layout) if given is not None else ())
    free = tuple(
        replace(sample, name=_ENDING.sub("", sample.name), species=species or sample.species) for sample in stated
    )
    samples = free if layout.samples else ()
    if given is not None:
        is_sheet = _is_sheet(given)
        mapped = _by_sheet(Path(given), free) if is_sheet else _by_pattern(given, free)
        source = show_value(Path(given).name if is_sheet else given)
        problems = [
            f"{head.file}: sample {show_value(sample.name)} is not in {source}, expected every sample of it"
            for sample in samples
            if sample.column not in mapped
        ]
        if not mapped:
            problems = [f"{source} names no sample of {head.file}, which has {list_some(_names(free))}"]
        if problems:
            raise InputError(problems)
        samples = tuple(mapped.values())
    return tuple(_complete(sample, position) for position, sample in enumerate(samples, start=1))


def _names(samples: Sequence[Sample]) -> list[str]:
    return [sample.name for sample in samples]


def possible_samples(head: Head, layout: Layout) -> tuple[Sample, ...]:
    """The columns of numbers that mean nothing else."""
    used = set(layout.columns.values()) | layout.left_out
    free = (at for at in range(len(layout.names)) if at not in used and head.is_numeric(layout.header, at))
    return tuple(Sample(at, layout.names[at]) for at in free)


def _is_sheet(given: str) -> bool:
    """Whether a text names a sheet; raises InputError for one that is not there."""
    if Path(given).is_file():
        return True
    if given.lower().endswith(_SHEET_ENDINGS):
        raise InputError(f"--samples {given}: there is no such file")
    return False


def _by_pattern(given: str, samples: Sequence[Sample]) -> dict[int, Sample]:
    """Column -> sample, of the names that the expression matches."""
    try:
        pattern = re.compile(given, re.IGNORECASE)
    except re.error as error:
        raise InputError(f"--samples {given}: neither a file nor a regular expression ({error})") from error
    unknown = sorted(set(pattern.groupindex) - set(_GROUPS))
    if unknown:
        raise InputError(f"--samples {given}: found the groups {list_some(unknown)}, expected {', '.join(_GROUPS)}")
    matches = [(sample, match) for sample in samples if (match := pattern.fullmatch(sample.name))]
    return _said("--samples", [(sample, _place(sample), match.groupdict().get) for sample, match in matches])


def _place(sample: Sample) -> Place:
    return Place(f"--samples, sample {show_value(sample.name)}")


def _by_sheet(path: Path, samples: Sequence[Sample]) -> dict[int, Sample]:
    """Column -> sample, of the names that the sheet has a row for."""
    records = list(open_source(path).records())
    header = [cell.strip() for cell in records[0][1]] if records else []
    columns = {ours: header.index(name) for ours, name in guess_columns("injections", header).items()}
    if "injection" not in columns:
        raise InputError([Problem.at(Place(path.name, 1), f"found {list_some(header)}", "a column injection")])
    by_name = {sample.name: sample for sample in samples}
    rows, problems = [], []
    for row, cells in records[1:]:
        about = {ours: cells[at].strip() if at < len(cells) else "" for ours, at in columns.items()}
        sample = by_name.get(_ENDING.sub("", about["injection"]))
        place = Place(path.name, row, "injection")
        if sample is None:
            expected = f"a sample of the table: {list_some(list(by_name))}"
            problems.append(Problem.at(place, f"found {show_value(about['injection'])}", expected))
        else:
            rows.append((sample, place, about.get))
    if problems:
        raise InputError(problems)
    return _said(path.name, rows)


def _said(where: str, rows: Sequence[tuple[Sample, Place, Callable[[str], str | None]]]) -> dict[int, Sample]:
    """Column -> sample with what was said of it; raises InputError for words that mean nothing."""
    problems = []
    mapped: dict[int, Sample] = {}
    for sample, place, about in rows:
        species, order, role, polarity = ((about(name) or "").strip() for name in _GROUPS)
        if order and not (order.isascii() and order.isdigit()):
            problems.append(Problem.at(replace(place, column="order"), f"found {show_value(order)}", "a whole number"))
            continue
        known_role = _ROLE_WORDS.get(role.lower(), "") if role else sample.role or _role_in(sample.name)
        if role and not known_role:
            problems.append(Problem.at(replace(place, column="role"), f"found {show_value(role)}", " or ".join(ROLES)))
        if polarity and polarity.lower() not in POLARITIES:
            expected = " or ".join(POLARITIES)
            problems.append(Problem.at(replace(place, column="polarity"), f"found {show_value(polarity)}", expected))
        if sample.column in mapped:
            problems.append(Problem.at(place, f"found {show_value(sample.name)} twice", "it once"))
        mapped[sample.column] = replace(
            sample,
            species=species or sample.species,
            order=int(order) if order else sample.order,
            role=known_role,
            polarity=polarity.lower(),
        )
    if problems:
        raise InputError(problems)
    return mapped


def _role_in(name: str) -> str:
    """The role that a sample's name gives away."""
    return next((role for role, pattern in _ROLE_IN_NAME if pattern.search(name.lower())), "sample")


def _complete(sample: Sample, position: int) -> Sample:
    """The sample with what follows from its name and place where nothing was said."""
    return replace(
        sample,
        order=position if sample.order is None else sample.order,
        role=sample.role or _role_in(sample.name),
    )


def check_samples(file: str, samples: Sequence[Sample]) -> None:
    """Raise InputError for samples without a name or species, with a formula for one, and for those there twice."""
    names = _names(samples)
    formulas = sorted({text for sample in samples for text in (sample.name, sample.species) if is_formula(text)})
    twice = [name for name, count in Counter(names).items() if count > 1]
    without = [sample.name for sample in samples if not sample.species]
    problems = [f"{file}: found more than one sample {list_some(twice)}, expected each once"] if twice else []
    if formulas:
        problems.append(f"{file}: samples or their species are called {list_some(formulas)}, expected no formula")
    if any(not name for name in names):
        problems.append(f"{file}: a sample column has no name")
    if without:
        problems.append(
            f"{file}: nothing says the species of {list_some(without)}: give --species NAME, or --samples with a sheet "
            "that has the columns injection and species"
        )
    if problems:
        raise InputError(problems)
