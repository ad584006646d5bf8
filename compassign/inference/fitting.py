"""Fit any of the models to a problem: the same question, the same answer form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pymc as pm

from compassign.config import ModelName, RunConfig, SamplerConfig
from compassign.inference.draws import Draws, ModelFit
from compassign.inference.native import NativeModel, compile_model
from compassign.inference.sampling import sample
from compassign.models import calibrated, generative, lookup, reliability, softmax
from compassign.models.draws import Block, DrawSource
from compassign.models.generative import GenerativeTerms
from compassign.models.labelled import labelled_part
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Values
from compassign.progress import Progress
from compassign.units import FloatArray

PRIOR_DRAWS = 500  # SD of the prior to 3 %
WARM_TUNE = 100  # steps: the scales are known; after 60 the slowest directions of a large table moved too little


Fitter = Callable[[AssignmentProblem, RunConfig, Progress], ModelFit]


def fit(problem: AssignmentProblem, config: RunConfig, progress: Progress) -> ModelFit:
    """Fit the model that the configuration names; with `mode="prior"` nothing is sampled."""
    return FITTERS[config.model](problem, config, progress)


def generative_source(
    problem: AssignmentProblem, terms: GenerativeTerms, values: Values, shape: tuple[int, int]
) -> DrawSource:
    """Draws of `r` for every peak from shape[0] * shape[1] draws of the free variables."""

    def block(peaks: slice) -> Block:
        evidence = generative.term_evidence(problem, terms, values, peaks)
        said = reliability.emission(problem, values, peaks)
        return generative.to_block(generative.peak_posterior(problem, terms, evidence, peaks, said), evidence)

    return DrawSource(problem.offsets, *shape, block)


@dataclass(frozen=True)
class GenerativeEngine:
    """The generative model, compiled: fits to other labels, unlisted shares or data of the same structure reuse it.

    prior_sd : SDs of the hyperparameters under the prior. problem : the one whose data `native` holds.
    """

    terms: GenerativeTerms
    native: NativeModel
    prior_sd: Mapping[str, FloatArray]
    problem: AssignmentProblem

    def fit(
        self,
        problem: AssignmentProblem,
        settings: SamplerConfig,
        seed: int,
        progress: Progress,
        near: Values | None = None,
    ) -> ModelFit:
        """Sample the posterior of a problem; compiles nothing.

        near : draws of a similar problem, (n_chains, n_draws, ...) each, from which chains start, tuned for WARM_TUNE
        steps at most. Raises SamplingError where the problem needs other parameters than the one that was compiled.
        """
        if settings.backend == "pymc":
            model = generative.build_generative_model(problem, self.terms)
            return self.describe(problem, sample(model, settings, seed, progress))
        native = self.native
        if problem is not self.problem:
            native = native.with_model(generative.build_generative_model(problem, self.terms))
        if near is not None:
            native = native.near(near)
            settings = settings.model_copy(update={"tune": min(settings.tune, WARM_TUNE)})
        return self.describe(problem, sample(native, settings, seed, progress))

    def describe(self, problem: AssignmentProblem, draws: Draws) -> ModelFit:
        """The fit that draws of the parameters amount to."""
        at_share = partial(_at_share, problem, self.terms, draws.flat(), draws.is_divergent.shape)
        names = generative.hyperparameters(problem, self.terms)
        return ModelFit("r", at_share(problem.unlisted_share), False, draws, names, self.prior_sd, at_share)


def compile_generative(problem: AssignmentProblem, terms: GenerativeTerms, seed: int) -> GenerativeEngine:
    """Compile the generative model for problems of the structure of this one.

    seed : of the draws from the prior that `prior_sd` is computed from.
    """
    model = generative.build_generative_model(problem, terms)
    names = generative.hyperparameters(problem, terms)
    return GenerativeEngine(terms, compile_model(model), _prior_sd(model, names, seed), problem)


@dataclass
class WarmGenerative:
    """Fits one problem after the other; the generative model is compiled anew only where it has other parameters.

    seed : of the draws from the prior, as in `compile_generative`. near : draws that chains start from, as in
    `GenerativeEngine.fit`; those of the first fit where nothing is given: a fit does not depend on the one before.
    """

    seed: int
    near: Values | None = None
    _engine: GenerativeEngine | None = field(default=None, init=False)
    _parameters: tuple[tuple[str, ...], ...] = field(default=(), init=False)

    def fit(self, problem: AssignmentProblem, config: RunConfig, progress: Progress) -> ModelFit:
        """As the function `fit`."""
        if config.model != "generative" or config.mode == "prior" or not problem.n_slots:
            return fit(problem, config, progress)
        fitted = self.engine(problem).fit(problem, config.sampler, config.seed, progress, self.near)
        if self.near is None and fitted.draws is not None:
            self.near = fitted.draws.values
        return fitted

    def engine(self, problem: AssignmentProblem) -> GenerativeEngine:
        """The compiled model of problems like this one."""
        terms = generative.terms_of(problem)
        names, annotators = generative.hyperparameters(problem, terms), problem.statements.annotator_names
        parameters = (tuple(term.name for term in terms.all), names, annotators)
        if self._engine is None or parameters != self._parameters:
            self._engine, self._parameters = compile_generative(problem, terms, self.seed), parameters
        return self._engine


def _fit_generative(problem: AssignmentProblem, config: RunConfig, progress: Progress) -> ModelFit:
    terms = generative.terms_of(problem)
    if config.mode == "prior" or not problem.n_slots:
        values: Values = generative.prior_location(problem, terms)
        at_share = partial(_at_share, problem, terms, values, (1, 1))
        return ModelFit("r", at_share(problem.unlisted_share), is_prior_only=True, unlisted=at_share)
    engine = compile_generative(problem, terms, config.seed)
    return engine.fit(problem, config.sampler, config.seed, progress)


def _at_share(
    problem: AssignmentProblem, terms: GenerativeTerms, values: Values, shape: tuple[int, int], unlisted_share: float
) -> DrawSource:
    """The draws' responsibilities as if another share of the real compounds were missing from the library."""
    return generative_source(replace(problem, unlisted_share=unlisted_share), terms, values, shape)


def _fit_softmax(problem: AssignmentProblem, config: RunConfig, progress: Progress) -> ModelFit:
    part = labelled_part(problem)
    rng = np.random.default_rng(config.seed)
    if config.mode == "prior" or not part.is_enough:
        source = softmax.softmax_source(problem, part, softmax.prior_location(), (1, 1), rng)
        return ModelFit("p", source, is_prior_only=True)
    model = softmax.build_softmax_model(problem, part)
    draws = sample(model, config.sampler, config.seed, progress)
    source = softmax.softmax_source(problem, part, draws.flat(), draws.is_divergent.shape, rng)
    names = softmax.HYPERPARAMETERS
    return ModelFit("p", source, False, draws, names, _prior_sd(model, names, config.seed))


def _fit_calibrated(problem: AssignmentProblem, config: RunConfig, progress: Progress) -> ModelFit:
    if config.mode == "prior" or not labelled_part(problem).is_enough:
        source = calibrated.calibrated_source(problem, calibrated.prior_location(), 1.0, (1, 1))
        return ModelFit("p", source, is_prior_only=True)
    held_out = calibrated.temperature_peaks(problem, np.random.default_rng(config.seed))
    model = calibrated.build_calibrated_model(problem, labelled_part(problem, ~held_out))
    draws = sample(model, config.sampler, config.seed, progress)
    values = draws.flat()
    temperature = calibrated.fit_temperature(problem, labelled_part(problem, held_out), values)
    source = calibrated.calibrated_source(problem, values, temperature, draws.is_divergent.shape)
    names = calibrated.HYPERPARAMETERS
    return ModelFit("p", source, False, draws, names, _prior_sd(model, names, config.seed))


def _fit_lookup(problem: AssignmentProblem, config: RunConfig, progress: Progress) -> ModelFit:
    return ModelFit("p", lookup.lookup_source(problem))


FITTERS: Mapping[ModelName, Fitter] = {
    "generative": _fit_generative,
    "softmax": _fit_softmax,
    "calibrated": _fit_calibrated,
    "lookup": _fit_lookup,
}


def _prior_sd(model: pm.Model, names: tuple[str, ...], seed: int) -> dict[str, FloatArray]:
    """SD of each named variable under the prior, of the shape of one draw."""
    drawn = pm.draw([model[name] for name in names], draws=PRIOR_DRAWS, random_seed=seed, mode="FAST_COMPILE")
    return {name: np.asarray(values).std(axis=0) for name, values in zip(names, drawn, strict=True)}
