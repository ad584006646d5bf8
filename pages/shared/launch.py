"""Runs that a form starts: once, however often and however fast it is clicked."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compassign.config import RunConfig
from compassign.errors import CompAssignError
from compassign.jobs.launcher import enqueue
from compassign.jobs.watcher import keep_watched
from compassign.store.runs import RunStore

_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Order:
    """What a click on Launch starts; form : names the form on the screen, owner : who clicked."""

    form: str
    output: Path
    configs: Sequence[RunConfig]
    title: str
    owner: str


def launch_once(order: Order, started: dict[str, list[str]]) -> str:
    """Queue the runs of a form unless it did so before, and see that somebody computes them.

    started : form -> ids of its runs; gets those of this form. Returns why not all was started ("" if it was). A second
    click runs in a thread of its own beside the first one's, so it waits until all runs of the first have ids. Nothing
    of Streamlit is touched here, because the second click could interrupt it there.
    """
    with _one_at_a_time:
        if order.form in started:
            return ""
        run_ids = started[order.form] = []
        try:
            store = RunStore.open(order.output)
            for config in order.configs:
                title = f"{order.title} ({config.model})" if order.title and len(order.configs) > 1 else order.title
                run_ids.append(enqueue(store, config, title, order.owner).id)
            keep_watched(order.output)
        except CompAssignError as error:
            return str(error)
        return ""
