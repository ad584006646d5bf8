"""What was measured of a peak beside its row, against one candidate; nothing where the data have nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from compassign.errors import InputError
from compassign.figures.base import Figure
from compassign.figures.spectra import draw_chromatogram, draw_isotopes, draw_mirror
from compassign.queries.detail import PeakDetail
from compassign.queries.run_folder import Run
from compassign.queries.spectra import AROUND_MIN, MAX_FILES, eluting, isotopes, mirror
from pages.shared.figures import on_paper
from pages.shared.text import complain

HEIGHT_PX = 300


@dataclass(frozen=True)
class _Panel:
    """One figure with its heading and what it says in words."""

    title: str
    about: str
    figure: Figure


def show_measured(run: Run, detail: PeakDetail, chosen: int) -> None:
    """Fragments, chromatogram and isotopes of a peak against its candidate of a row; only those that there are."""
    panels = [panel for make in (_mirror, _chromatogram, _isotopes) if (panel := _made(make, run, detail, chosen))]
    for column, panel in zip(st.columns(len(panels), gap="medium") if panels else (), panels, strict=True):
        with column:
            st.markdown(f"**{panel.title}**")
            st.plotly_chart(on_paper(panel.figure), height=HEIGHT_PX, key=f"measured {panel.title}", alt=panel.title)
            st.text(panel.about)


def _made(
    make: Callable[[Run, str, dict[str, object]], _Panel | None], run: Run, detail: PeakDetail, chosen: int
) -> _Panel | None:
    candidate = {str(name): value for name, value in detail.candidates.iloc[chosen].items()}
    try:
        return make(run, str(detail.peak["peak_id"]), candidate)
    except InputError as error:
        complain("What was measured of this peak cannot be read.", str(error))
        return None


def _mirror(run: Run, peak_id: str, candidate: dict[str, object]) -> _Panel | None:
    found = mirror(run, peak_id, str(candidate["compound_id"]), float(str(candidate["mz_theoretical"])))
    if found is None:
        return None
    about = (
        f"similarity {found.similarity:.2f}, {found.n_matched} fragments in common; the most alike of the library's "
        f"{found.n_references} of this ion"
        if found.n_references
        else "the library has no spectrum of this ion"
    )
    return _Panel("Fragments", about, draw_mirror(found))


def _chromatogram(run: Run, peak_id: str, candidate: dict[str, object]) -> _Panel | None:
    found = eluting(run, peak_id, str(candidate["compound_id"]))
    if found is None:
        return None
    band = "; the band holds the predicted time with 90 %" if found.predicted_min else ""
    files = f"the first {MAX_FILES} files" if len(found.traces) == MAX_FILES else "this ion"
    return _Panel(
        "Chromatogram", f"{files}, {AROUND_MIN:g} min around the peak (dotted){band}", draw_chromatogram(found)
    )


def _isotopes(run: Run, peak_id: str, candidate: dict[str, object]) -> _Panel | None:
    found = isotopes(run, peak_id, str(candidate["formula"]), str(candidate["adduct"]))
    if found is None:
        return None
    return _Panel("Isotopes", "peaks of its isotope_group, against the formula", draw_isotopes(found))
