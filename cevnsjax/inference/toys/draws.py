"""Pseudo-experiments of a model block by block, the same ones as ``Model.toy`` draws."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.likelihood.draws import BLOCK
from cevnsjax.model import compiled
from cevnsjax.model.data import Pseudodata
from cevnsjax.model.structure import gaussian_priors

if TYPE_CHECKING:
    from cevnsjax.model.model import Model

# Streams of a seed: counts, auxiliary measurements, nuisances thrown from their priors.
_COUNTS, _AUXILIARY, _NUISANCES = 0, 1, 2
_SIDE_BY_SIDE = 64


class Draws:
    """Pseudo-experiments at one truth, ``BLOCK`` of them at a time.

    Attributes:
        asimov: Expected counts, with the true nuisances as auxiliary measurements.
    """

    def __init__(
        self,
        model: "Model",
        seed: int,
        truth: dict[str, float],
        *,
        auxiliary: bool = True,
        thrown: tuple[str, ...] = (),
    ) -> None:
        """Prepare.

        Args:
            model: The model.
            seed: Seed of all blocks.
            truth: True parameters, nuisances included; others have their defaults.
            auxiliary: Throw auxiliary measurements about the true nuisances.
            thrown: Nuisances whose true values are drawn from their priors, anew for each.

        Raises:
            InputError: If expected counts are not finite.
        """
        self._model, self._seed, self._auxiliary = model, seed, auxiliary
        self._truth = {**model.parameters.defaults(), **truth}
        self._priors, self._thrown = gaussian_priors(model.parameters), thrown
        mean = {n: np.asarray(x) for n, x in model.expected(self._truth).items()}
        for name, mu in mean.items():
            if not np.all(np.isfinite(mu)):
                raise InputError(f"{name}: expected counts are not finite at these values")
        self.asimov = Pseudodata(mean, {n: self._truth[n] for n in self._priors})

    def block(self, index: int) -> Pseudodata:
        """The pseudo-experiments of one block.

        Args:
            index: Its number.
        """
        means, true = self._means(index)
        counts = {}
        for k, (name, e) in enumerate(self._model.experiments.items()):
            rng, mu = self._stream(_COUNTS, k, index), means[name]
            if e.statistic == "poisson":
                counts[name] = rng.poisson(np.maximum(mu, 0.0), (BLOCK, e.observed.size))
            else:
                counts[name] = rng.normal(mu, np.sqrt(e.variance), (BLOCK, e.observed.size))
        found = {
            name: self._stream(_AUXILIARY, k, index).normal(true[name], prior.sd, BLOCK)
            for k, (name, prior) in enumerate(self._priors.items())
            if self._auxiliary
        }
        return Pseudodata({n: x.astype(float) for n, x in counts.items()}, found)

    def _stream(self, kind: int, k: int, index: int) -> np.random.Generator:
        # What spawn() of the whole seed gives as its child of this number.
        seed = np.random.SeedSequence((self._seed, kind, k), spawn_key=(index,))
        return np.random.default_rng(seed)

    def _means(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Expected counts, [cell] or [toy, cell], and true nuisances."""
        if not self._thrown:
            return self.asimov.counts, self._truth
        m, drawn = self._model, {}
        for k, name in enumerate(self._thrown):
            prior, low_high = self._priors[name], m.parameters[name].bounds
            rng = self._stream(_NUISANCES, k, index)
            drawn[name] = np.clip(rng.normal(prior.mean, prior.sd, BLOCK), *low_high)
        inputs = m.state.inputs(self._truth, needed=False)
        means = compiled.run_map("expected", m.state.structure, inputs, drawn, _SIDE_BY_SIDE)
        return {n: np.asarray(x) for n, x in jax.device_get(means).items()}, {
            **self._truth,
            **drawn,
        }
