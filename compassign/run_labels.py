"""The labels of the store that a run sees: frozen into its folder when it starts, read from there ever after."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from compassign.config import RunConfig
from compassign.data.bundled import demo_dataset
from compassign.data.dataset import Dataset
from compassign.data.load import load_dataset
from compassign.data.split import Split, default_label_fraction, split_labels
from compassign.data.stored_labels import stored_rows
from compassign.data.workspace import dataset_key
from compassign.files import written_whole
from compassign.label_events import LabelEvent, Snapshot, fold, snapshot

if TYPE_CHECKING:
    from compassign.store.labels import LabelStore

STORED_LABELS_NAME = "stored_labels.csv"
_NUMBERS = {"inclusion_prob": float, "mz": float, "rt_min": float, "event": int}


@dataclass(frozen=True)
class SeenDataset:
    """A dataset with the labels of files and store, and what of it a run trains on and is scored by."""

    dataset: Dataset
    split: Split


@dataclass(frozen=True)
class StoredNow:
    """How far the labels of an output folder are; newest : dataset key -> id of its newest event."""

    output: Path = Path()
    newest: Mapping[str, int] = field(default_factory=dict)

    def last(self, config: RunConfig) -> int:
        """Id of the newest event about a run's dataset, 0 if there is none."""
        return self.newest.get(dataset_key(self.output, config.data, config.difficulty), 0)


def freeze_labels(output: Path, config: RunConfig, results: Path, last: int | None = None) -> Snapshot:
    """Write what the store says of a run's dataset into the run's results, if it says anything; names what was seen.

    last : the newest event that the run may see; the newest of all unless given. Raises StoreError if the store cannot
    be used.
    """
    events = _stored_events(output, dataset_key(output, config.data, config.difficulty), last)
    rows = current_rows(events)
    if len(rows):
        with written_whole(results / STORED_LABELS_NAME) as temporary:
            rows.to_csv(temporary, index=False, lineterminator="\n")
    return snapshot(events)


def rows_now(output: Path, config: RunConfig) -> pd.DataFrame:
    """What counts of the stored labels of a run's dataset now; raises StoreError if the store cannot be used."""
    return current_rows(_stored_events(output, dataset_key(output, config.data, config.difficulty), None))


def current_rows(events: Sequence[LabelEvent]) -> pd.DataFrame:
    """What stands after a dataset's events, as `stored_rows` has it: answers, and what settled some of them."""
    state = fold(events)
    said = [event for by in state.answers.values() for event in by.values()]
    return stored_rows([*said, *state.adjudicated.values()])


def frozen_rows(results: Path) -> pd.DataFrame | None:
    """The labels that were frozen into a run's results; None if there were none."""
    file = results / STORED_LABELS_NAME
    if not file.is_file():
        return None
    texts = pd.read_csv(file, dtype=str, keep_default_na=False)
    numbers = {name: pd.to_numeric(texts[name]).astype(kind) for name, kind in _NUMBERS.items()}
    return texts.assign(**numbers, is_adjudication=texts["is_adjudication"] == "True")


def seen_dataset(config: RunConfig, results: Path) -> SeenDataset:
    """Load a run's dataset as it sees it; results : where its stored labels were frozen.

    The share of the truth that becomes labels follows, unless the run says one, from labels.csv alone: a first label in
    the store must not take those away that the truth gives. Raises InputError as `load_dataset` and `split_labels` do.
    """
    stored = frozen_rows(results)
    dataset = load_with(config, stored)
    fraction = config.label_fraction
    if fraction is None:
        is_bare = stored is None or dataset.truth is None
        fraction = default_label_fraction(dataset if is_bare else load_with(config, None))
    return SeenDataset(dataset, split_labels(dataset, fraction, config.seed))


def load_with(config: RunConfig, stored: pd.DataFrame | None) -> Dataset:
    """Load a run's dataset with labels of the store."""
    return demo_dataset(config.difficulty, stored) if config.data is None else load_dataset(config.data, stored)


def _stored_events(output: Path, key: str, last: int | None) -> list[LabelEvent]:
    # found by name, when it is needed: what only shows datasets does not wait for the database
    database = importlib.import_module("compassign.store.database")
    if not os.environ.get(database.URL_VARIABLE) and not (output / database.DATABASE_NAME).is_file():
        return []
    store: LabelStore = importlib.import_module("compassign.store.labels").LabelStore.open(output)
    return store.events(key, last)
