"""Simulated annotators, who know the truth and make of it what people do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from compassign.posterior.options import NULL_OPTION
from compassign.units import FloatArray, IntArray


@dataclass(frozen=True)
class Question:
    """What an annotator sees of one peak.

    compound : (n,) library indices of the candidates, each once; may be empty. mass : (n,) their exact masses, Da.
    probability : (n + 1,) what the model shows, the null first.
    """

    compound: IntArray
    mass: FloatArray
    probability: FloatArray


class Oracle(Protocol):
    """A simulated annotator."""

    def answer(self, question: Question, truth: int, rng: np.random.Generator) -> int | None:
        """Library index, NULL_OPTION, or None for a peak that is skipped; truth : library index or NULL_OPTION."""


@dataclass(frozen=True)
class Perfect:
    """Says the truth."""

    def answer(self, question: Question, truth: int, rng: np.random.Generator) -> int | None:
        """Truth, whatever is asked."""
        return truth


@dataclass(frozen=True)
class Noisy:
    """Says another option at a fixed rate, 0 to 1, each other one as often; the truth where there is no other."""

    rate: float = 0.1

    def answer(self, question: Question, truth: int, rng: np.random.Generator) -> int | None:
        """Truth, or a slip."""
        others = np.setdiff1d(np.append(question.compound, NULL_OPTION), truth)
        is_slip = others.size > 0 and rng.random() < self.rate
        return int(rng.choice(others)) if is_slip else truth


@dataclass(frozen=True)
class Random:
    """Says any option, the truth included, without looking."""

    def answer(self, question: Question, truth: int, rng: np.random.Generator) -> int | None:
        """Any option, each as often."""
        return int(rng.choice(np.append(question.compound, NULL_OPTION)))


@dataclass(frozen=True)
class Lazy:
    """Says the truth where the model is sure; otherwise skips the peak or calls it null."""

    easy: float = 0.7  # probability of the top option from which on the annotator looks closely enough
    null_rate: float = 0.5  # share of the other peaks that are called null

    def answer(self, question: Question, truth: int, rng: np.random.Generator) -> int | None:
        """Truth, NULL_OPTION or None."""
        if question.probability.max() >= self.easy:
            return truth
        return NULL_OPTION if rng.random() < self.null_rate else None


@dataclass(frozen=True)
class IsomerConfusing:
    """Takes a compound for one of its isomers among the candidates at a fixed rate, 0 to 1; never errs otherwise."""

    rate: float = 0.3
    tolerance_da: float = 1e-4  # masses of one formula differ by rounding only, those of two by more

    def answer(self, question: Question, truth: int, rng: np.random.Generator) -> int | None:
        """Truth, or an isomer of it."""
        own = question.mass[question.compound == truth]
        if not own.size or rng.random() >= self.rate:
            return truth
        is_isomer = (np.abs(question.mass - own[0]) < self.tolerance_da) & (question.compound != truth)
        isomers = question.compound[is_isomer]
        return int(rng.choice(isomers)) if isomers.size else truth


ORACLES: Mapping[str, Oracle] = {
    "perfect": Perfect(),
    "noisy": Noisy(),
    "random": Random(),
    "lazy": Lazy(),
    "isomer-confusing": IsomerConfusing(),
}
