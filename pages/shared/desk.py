"""The labels of a run's dataset, opened once for the pages about labels."""

from __future__ import annotations

import streamlit as st

from compassign.data.workspace import Source
from compassign.errors import InputError, StoreError
from compassign.queries.label_desk import source_of
from compassign.queries.labels import Desk, open_desk
from compassign.queries.run_folder import Run
from compassign.store.labels import LabelStore
from pages.shared.current_run import output_folder
from pages.shared.text import complain


@st.cache_resource(max_entries=4, show_spinner="Reading the dataset")
def _desk(source: Source, stamp: tuple[str, ...]) -> Desk:
    """The desk of a dataset; one whose files changed has another stamp."""
    del stamp
    return open_desk(LabelStore.open(output_folder()), output_folder(), source)


def open_run_desk(run: Run) -> Desk:
    """The desk of a run's dataset; a page that cannot have it says why and stops."""
    if run.dataset_problem:
        st.info("Peaks are labelled in their dataset, and that of this run is gone or has changed since.")
        st.stop()
    source = source_of(run)
    try:
        return _desk(source, (str(output_folder()), *source.stamp()))
    except (InputError, StoreError) as error:
        complain("The labels of this dataset cannot be read.", str(error))
        st.stop()
