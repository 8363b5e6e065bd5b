"""What a trained posterior keeps of its model: plain data, and how counts are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.posteriors.priors import Density
from cevnsjax.parameters import Normal, Parameter, Uniform


def features(counts: Mapping[str, Any], statistics: Mapping[str, str]) -> Any:
    """What the network sees of counts, [toy, feature] from {experiment: [toy, cell]}.

    Poisson counts go through 2 sqrt(n + 3/8), whose variance hardly depends on n (Anscombe 1948).
    """
    parts = [
        2 * jnp.sqrt(jnp.maximum(counts[n], 0.0) + 0.375) if s == "poisson" else counts[n]
        for n, s in statistics.items()
    ]
    return jnp.concatenate(parts, axis=1)


@dataclass(frozen=True)
class Setup:
    """What a trained posterior keeps of its model and training, as plain data.

    Attributes:
        analysis: Name of the analysis, may be empty.
        statistics: (experiment, statistic, number of cells).
        parameters: Those that are inferred.
        priors: Theirs first, then those of nuisances that are integrated over.
        held: (name, value) of what was fixed.
        width: Neurons in a hidden layer.
    """

    analysis: str
    statistics: tuple[tuple[str, str, int], ...]
    parameters: tuple[Parameter, ...]
    priors: tuple[Density, ...]
    held: tuple[tuple[str, float], ...]
    width: int

    @classmethod
    def of(
        cls,
        model: Any,
        priors: tuple[Density, ...],
        inferred: int,
        held: Mapping[str, float],
        width: int,
    ) -> "Setup":
        """From the model and the priors, of which the first so many are inferred."""
        cells = [np.size(x) for x in model.observed]
        known = zip(model.experiments.items(), cells, strict=True)
        return cls(
            model.name,
            tuple((n, e.statistic, c) for (n, e), c in known),
            tuple(model.parameters[p.name] for p in priors[:inferred]),
            priors,
            tuple(held.items()),
            width,
        )

    @classmethod
    def read(cls, text: dict[str, Any]) -> "Setup":
        """From what ``dataclasses.asdict`` made of one, by way of JSON."""
        return cls(
            text["analysis"],
            tuple((n, s, c) for n, s, c in text["statistics"]),
            tuple(_parameter(p) for p in text["parameters"]),
            tuple(_density(p) for p in text["priors"]),
            tuple((n, x) for n, x in text["held"]),
            text["width"],
        )

    def counts(self, data: Any) -> dict[str, Any]:
        """What is given of any form of data, {experiment: [cell] or [data set, cell]} [count].

        Raises:
            UnknownNameError: At an unknown experiment.
            InputError: At counts without name, or auxiliary measurements off their centres.
        """
        if data is None:
            return {}
        experiments = [n for n, _, _ in self.statistics]
        self._require_centred(getattr(data, "auxiliary", {}))
        data = getattr(data, "counts", data)
        if not isinstance(data, Mapping):
            if len(experiments) != 1:
                raise InputError(f"give data as {{experiment: counts}} for each of {experiments}")
            data = {experiments[0]: data}
        for name in data:
            if name not in experiments:
                raise UnknownNameError("experiment", name, experiments)
        return {n: np.asarray(x, dtype=float) for n, x in data.items()}

    def _require_centred(self, auxiliary: Mapping[str, Any]) -> None:
        for prior in self.priors:
            if prior.counted is None or prior.name not in auxiliary:
                continue
            if not np.allclose(auxiliary[prior.name], prior.counted.mean):
                raise InputError(
                    f"the auxiliary measurement of {prior.name} is thrown, and training kept it at "
                    f"{prior.counted.mean:g}; draw toys with auxiliary=False"
                )


def _parameter(text: dict[str, Any]) -> Parameter:
    prior = text["prior"]
    if prior:
        prior = Normal(**prior) if "sd" in prior else Uniform(**prior)
    pairs = {k: tuple(text[k]) for k in ("bounds", "physical")}
    return Parameter(**{**text, **pairs, "prior": prior})


def _density(text: dict[str, Any]) -> Density:
    both = {k: Normal(**text[k]) if text[k] else None for k in ("normal", "counted")}
    return Density(**{**text, **both})
