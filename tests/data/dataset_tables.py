"""A small dataset that is right, to be made wrong one thing at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PEAKS = """peak_id,species,mz,rt_min,intensity,polarity
P1,plasma,181.0707,5.2,1000,positive
P2,plasma,203.0526,5.3,2000,positive
P3,urine,179.0561,5.1,3000,negative
"""
COMPOUNDS = """compound_id,name,formula,exact_mass,charge
C1,Glucose,C6H12O6,180.063388,0
C2,Fructose,C6H12O6,,
C3,Choline,C5H14NO+,104.106990,1
"""
FILES: Mapping[str, str] = {"peaks.csv": PEAKS, "compounds.csv": COMPOUNDS}


def write_dataset(folder: Path, files: Mapping[str, str | bytes | None]) -> Path:
    """Write the small dataset with some of its files replaced; None leaves one out."""
    for name, content in {**FILES, **files}.items():
        if content is not None:
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def peaks_with(old: str, new: str) -> Mapping[str, str]:
    """The small dataset's peaks with one text replaced."""
    return {"peaks.csv": replaced(PEAKS, old, new)}


def compounds_with(old: str, new: str) -> Mapping[str, str]:
    """The small dataset's library with one text replaced."""
    return {"compounds.csv": replaced(COMPOUNDS, old, new)}


def replaced(text: str, old: str, new: str) -> str:
    """The text with one thing replaced, which must be there exactly once."""
    if text.count(old) != 1:
        raise ValueError(f"{old!r} occurs {text.count(old)} times")
    return text.replace(old, new)
