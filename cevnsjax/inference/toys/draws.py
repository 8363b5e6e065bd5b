"""Pseudo-experiments of a model block by block, the same ones as ``Model.toy`` draws."""

import jax
import numpy as np
from jaxtyping import Float

from cevnsjax.likelihood.draws import BLOCK
from cevnsjax.model import compiled
from cevnsjax.model.data import Pseudodata, expected_data
from cevnsjax.model.model import Model
from cevnsjax.model.structure import gaussian_priors

# Streams of a seed: counts, auxiliary measurements, nuisances drawn from their priors.
_COUNTS, _AUXILIARY, _NUISANCES = 0, 1, 2
_TOYS_SIDE_BY_SIDE = 64


class Draws:
    """Pseudo-experiments at given true values, ``BLOCK`` of them at a time.

    Attributes:
        asimov: Data equal to what is expected.
    """

    def __init__(
        self,
        model: Model,
        seed: int,
        truth: dict[str, float],
        *,
        auxiliary: bool = True,
        from_priors: tuple[str, ...] = (),
    ) -> None:
        """Compute the expected counts; InputError if they are not finite.

        Parameters that ``truth`` leaves out have their defaults. Nuisances ``from_priors`` have
        other true values in each pseudo-experiment, drawn from their priors.
        """
        self._model, self._seed, self._auxiliary = model, seed, auxiliary
        self._truth = {**model.parameters.defaults(), **truth}
        self._priors, self._from_priors = gaussian_priors(model.parameters), from_priors
        self.asimov = expected_data(model.expected, self._priors, self._truth)

    def block(self, index: int) -> Pseudodata:
        """The pseudo-experiments of one block."""
        means, nuisances = self.asimov.counts, {}
        if self._from_priors:
            nuisances = self._nuisances(index)
            means = self._means(nuisances)
        truth = {**self._truth, **nuisances}
        counts = {}
        for k, (name, e) in enumerate(self._model.experiments.items()):
            rng, mu, shape = self._stream(_COUNTS, k, index), means[name], (BLOCK, e.observed.size)
            if e.statistic == "poisson":
                counts[name] = rng.poisson(np.maximum(mu, 0.0), shape).astype(float)
            else:
                counts[name] = rng.normal(mu, np.sqrt(e.variance), shape)
        auxiliary = {
            name: self._stream(_AUXILIARY, k, index).normal(truth[name], prior.sd, BLOCK)
            for k, (name, prior) in enumerate(self._priors.items())
            if self._auxiliary
        }
        return Pseudodata(counts, auxiliary)

    def _stream(self, kind: int, k: int, index: int) -> np.random.Generator:
        # The child that spawn() of the whole seed gives at this number.
        seed = np.random.SeedSequence((self._seed, kind, k), spawn_key=(index,))
        return np.random.default_rng(seed)

    def _nuisances(self, index: int) -> dict[str, Float[np.ndarray, " toy"]]:
        """True nuisances drawn from their priors."""
        drawn = {}
        for k, name in enumerate(self._from_priors):
            prior, bounds = self._priors[name], self._model.parameters[name].bounds
            rng = self._stream(_NUISANCES, k, index)
            drawn[name] = np.clip(rng.normal(prior.mean, prior.sd, BLOCK), *bounds)
        return drawn

    def _means(
        self, nuisances: dict[str, Float[np.ndarray, " toy"]]
    ) -> dict[str, Float[np.ndarray, "toy cell"]]:
        """Expected counts at drawn nuisances, by experiment."""
        state = self._model.state
        inputs = state.inputs(self._truth, needed=False)
        means = compiled.run_map("expected", state.structure, inputs, nuisances, _TOYS_SIDE_BY_SIDE)
        return {n: np.asarray(x) for n, x in jax.device_get(means).items()}
