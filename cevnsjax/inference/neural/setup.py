"""What a trained posterior keeps of its model, as plain data, and how it reads counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.posteriors.priors import Density
from cevnsjax.parameters import Normal, Parameter, Uniform


def features(
    counts: Mapping[str, Float[Array, "toy _"] | Float[np.ndarray, "toy _"]],
    statistics: Mapping[str, str],
) -> Float[Array, "toy feature"]:
    """What the network sees of counts {experiment: [toy, cell]}.

    Poisson counts are transformed to 2 sqrt(n + 3/8), whose variance hardly depends on n (Anscombe,
    Biometrika 35 (1948) 246).
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
        statistics: (experiment, statistic, number of cells) of each experiment.
        parameters: Parameters that are inferred.
        priors: Priors of these, then those of nuisances that are integrated over.
        fixed: (name, value) of each parameter that was fixed.
        width: Number of neurons in a hidden layer.
    """

    analysis: str
    statistics: tuple[tuple[str, str, int], ...]
    parameters: tuple[Parameter, ...]
    priors: tuple[Density, ...]
    fixed: tuple[tuple[str, float], ...]
    width: int

    @classmethod
    def of(
        cls,
        model: Any,
        priors: tuple[Density, ...],
        inferred: int,
        fixed: Mapping[str, float],
        width: int,
    ) -> "Setup":
        """From the model and the priors, of which the first ``inferred`` are inferred."""
        pairs = zip(model.experiments.items(), model.observed, strict=True)
        return cls(
            model.name,
            tuple((name, e.statistic, np.size(counts)) for (name, e), counts in pairs),
            tuple(model.parameters[p.name] for p in priors[:inferred]),
            priors,
            tuple(fixed.items()),
            width,
        )

    @classmethod
    def read(cls, text: dict[str, Any]) -> "Setup":
        """From the JSON of its ``dataclasses.asdict``."""
        return cls(
            text["analysis"],
            tuple((n, s, c) for n, s, c in text["statistics"]),
            tuple(_parameter(p) for p in text["parameters"]),
            tuple(_density(p) for p in text["priors"]),
            # Earlier files call it "held".
            tuple((n, x) for n, x in text["fixed" if "fixed" in text else "held"]),
            text["width"],
        )

    def counts(self, data: PyTree) -> dict[str, Float[np.ndarray, "..."]]:
        """Counts in any form of data, {experiment: [cell] or [data set, cell]} [count].

        Auxiliary measurements away from their centres raise an InputError.
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
                    f"the auxiliary measurement of {prior.name} is random, but training kept it at "
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
