"""Runs that a form starts: once, however often and however fast it is clicked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compassign.config import RunConfig
from compassign.errors import CompAssignError
from compassign.jobs.launcher import enqueue
from compassign.jobs.watcher import keep_watched
from compassign.store.runs import RunStore


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

    started : form -> ids of its runs; gets those of this form. Returns why not all was started ("" if it was). Nothing
    of Streamlit is touched here, because a second click could interrupt it there.
    """
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
