"""What `compassign simulate` does: replay rounds of labelling, print each, and keep a table of every loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from compassign.config import RunConfig, SamplerConfig
from compassign.data.bundled import demo_dataset
from compassign.data.dataset import Dataset
from compassign.data.load import load_dataset
from compassign.decisions.acquisition import DEFAULT_ACQUISITION
from compassign.errors import InputError
from compassign.eval_loop import RANDOM, LoopSettings, Round, make_refit, run_loop, start_loop
from compassign.files import written_whole
from compassign.oracles import ORACLES
from compassign.queries.learning import ABOUT, learning_folder, mended_by, n_rounds_of, read_learning

SAMPLER = SamplerConfig(draws=250, tune=200, chains=2)  # a refit of seconds, as the desk needs it
_HEAD = f"{'asked':>6} {'labels':>6}  log loss   Brier   right  accepted at 5 % (false)"


@dataclass(frozen=True)
class Loops:
    """What to replay: `n_seeds` loops from `seed` on of each acquisition, with one annotator."""

    acquisitions: tuple[str, ...]
    oracle: str
    n_rounds: int
    batch_size: int
    n_seeds: int = 1

    def settings(self, acquisition: str) -> LoopSettings:
        """Settings of a loop; raises InputError for a word that means nothing."""
        if self.oracle not in ORACLES:
            raise InputError(f"oracle {self.oracle!r}: expected one of {', '.join(ORACLES)}")
        return LoopSettings(acquisition, ORACLES[self.oracle], self.n_rounds, self.batch_size)


def make_loops(acquisitions: Sequence[str], oracle: str, n_rounds: int, batch_size: int, n_seeds: int) -> Loops:
    """Loops from the command's words, those at random among them, with which all are compared; raises InputError."""
    names = dict.fromkeys([RANDOM, *(acquisitions or [DEFAULT_ACQUISITION])])
    loops = Loops(tuple(names), oracle, n_rounds, batch_size, n_seeds)
    for name in loops.acquisitions:
        loops.settings(name)
    return loops


def simulate_labelling(config: RunConfig, loops: Loops, output: Path) -> Iterator[str]:
    """Run the loops and give a line for each round; one that is done already is not repeated.

    Each table is written when its loop has ended, so that an interrupted command loses one loop at most.
    """
    dataset = demo_dataset(config.difficulty) if config.data is None else load_dataset(config.data)
    folder = learning_folder(output, dataset.dataset_hash)
    for seed in range(config.seed, config.seed + loops.n_seeds):
        seeded = config.model_copy(update={"seed": seed})
        files = {name: folder / _file_name(seeded, loops, name) for name in loops.acquisitions}
        missing = [name for name, file in files.items() if n_rounds_of(file) < loops.n_rounds]
        if missing:
            loop = start_loop(dataset, seeded)
            refit = make_refit(loop)
            yield f"Seed {seed}: {len(loop.scored)} peaks score; nobody is asked about them"
        for name in missing:
            yield f"{name}\n{_HEAD}"
            rounds = []
            for found in run_loop(loop, refit, loops.settings(name), seed):
                rounds.append(found)
                yield _line(found)
            _write(rounds, _about(dataset, seeded, loops, name), files[name])
    for learning in read_learning(output, dataset.dataset_hash).values():
        if learning.dataset_hash == dataset.dataset_hash:
            yield "\n".join([f"Mean of all loops, {learning.name}:", *mended_by(learning)])
    yield f"Tables: {folder}; the Label page draws them"


def _file_name(config: RunConfig, loops: Loops, acquisition: str) -> str:
    return f"{config.model}-{acquisition}-{loops.oracle}-{loops.batch_size}-{config.seed}.csv"


def _about(dataset: Dataset, config: RunConfig, loops: Loops, acquisition: str) -> tuple[str | int, ...]:
    """ABOUT of a loop."""
    what = (dataset.name, dataset.dataset_hash, config.model, acquisition, loops.oracle)
    return (*what, loops.batch_size, config.seed)


def _write(rounds: Sequence[Round], about: tuple[str | int, ...], file: Path) -> None:
    common = dict(zip(ABOUT, about, strict=True))
    with written_whole(file) as temporary:
        pd.DataFrame([{**common, **asdict(found)} for found in rounds]).to_csv(temporary, index=False)


def _line(found: Round) -> str:
    share = "-" if found.false_share is None else f"{found.false_share:.1%}"
    numbers = f"{found.log_loss:>8.3f}  {found.brier:>6.3f}  {found.top1:>6.3f}"
    return f"{found.n_asked:>6} {found.n_labels:>6}  {numbers}  {found.n_accepted} ({share})"
