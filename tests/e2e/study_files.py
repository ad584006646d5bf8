"""A study of a few peaks, small enough to be read at a glance, to be changed one thing at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PEAKS = """peak_id,species,mz,rt_min,intensity,polarity
p1,human,195.0877,4.1,100000,positive
p2,human,181.0720,3.1,90000,positive
p3,human,132.1019,2.1,80000,positive
p4,mouse,132.1020,2.0,70000,positive
p5,mouse,500.2000,5.0,1000,positive
"""
COMPOUNDS = """compound_id,name,formula,exact_mass,rt_pred_min
c1,caffeine,C8H10N4O2,194.080376,4.0
c2,theophylline,C7H8N4O2,180.064726,3.0
c3,theobromine,C7H8N4O2,,2.5
c4,leucine,C6H13NO2,131.094629,2.0
c5,isoleucine,C6H13NO2,,1.9
"""
CALIBRANTS = """species,compound_id,rt_min
human,c1,4.05
human,c4,2.05
mouse,c2,2.95
mouse,c5,1.85
"""
LABELS = """peak_id,compound_id
p1,c1
p5,
"""
STUDY: Mapping[str, str] = {"peaks.csv": PEAKS, "compounds.csv": COMPOUNDS}

Content = str | bytes | None


def write_study(folder: Path, **files: Content) -> Path:
    """Write the study; `peaks`, `compounds`, ... replace or add a table, None leaves it out."""
    folder.mkdir(exist_ok=True)
    tables: dict[str, Content] = {**STUDY, **{f"{name}.csv": content for name, content in files.items()}}
    for name, content in tables.items():
        if content is not None:
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def swap(text: str, old: str, new: str) -> str:
    """The text with one thing replaced, which must be there exactly once."""
    if text.count(old) != 1:
        raise ValueError(f"{old!r} occurs {text.count(old)} times")
    return text.replace(old, new)
