"""What `compassign simulate` does: replay rounds of labelling, print each and write their table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from compassign.config import RunConfig, SamplerConfig
from compassign.data.bundled import demo_dataset
from compassign.data.load import load_dataset
from compassign.errors import InputError
from compassign.eval_loop import LoopSettings, Round, make_refit, run_loop, start_loop
from compassign.files import written_whole
from compassign.oracles import ORACLES
from compassign.progress import SilentProgress

SAMPLER = SamplerConfig(draws=250, tune=200, chains=2)  # a refit of seconds, as the desk needs it
_HEAD = f"{'asked':>6} {'labels':>6}  log loss   Brier   right  accepted at 5 % (false)"


def make_settings(acquisition: str, oracle: str, n_rounds: int, batch_size: int) -> LoopSettings:
    """Settings from the command's words; raises InputError for one that means nothing."""
    if oracle not in ORACLES:
        raise InputError(f"oracle {oracle!r}: expected one of {', '.join(ORACLES)}")
    return LoopSettings(acquisition, ORACLES[oracle], n_rounds, batch_size)


def simulate_labelling(config: RunConfig, settings: LoopSettings, to: Path) -> Iterator[str]:
    """Run the loop and give a line for each round; the table is written at the end, to a file that is not there yet."""
    if to.exists():
        raise InputError(f"{to}: exists already, expected a new file")
    dataset = demo_dataset(config.difficulty) if config.data is None else load_dataset(config.data)
    question = start_loop(dataset, config, SilentProgress())
    yield f"{len(question.scored)} peaks with a truth score the loop; nobody is asked about their compounds"
    yield _HEAD
    rounds = []
    for found in run_loop(question, make_refit(question, config), settings, config.seed):
        rounds.append(found)
        yield _line(found)
    with written_whole(to) as path:
        pd.DataFrame([asdict(found) for found in rounds]).to_csv(path, index=False)
    yield f"File: {to}"


def _line(found: Round) -> str:
    share = "-" if found.false_share is None else f"{found.false_share:.1%}"
    numbers = f"{found.log_loss:>8.3f}  {found.brier:>6.3f}  {found.top1:>6.3f}"
    return f"{found.n_asked:>6} {found.n_labels:>6}  {numbers}  {found.n_accepted} ({share})"
