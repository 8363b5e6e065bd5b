"""The CsI-2021 likelihood of the signal strength as a pyhf model.

One channel of 99 cells. The signal of each source has the normfactor "mu" = 1 + alpha_sig and a
histosys for each morph, interpolated by code 4p; backgrounds have a symmetric histosys, which is
exactly linear as their pulls are (normsys would not be). Templates are not kept positive.
"""

import math
from typing import Any

import numpy as np
from numpy_poisson import EXPERIMENT, MORPHS, NORMS, Fit, templates
from scipy.special import gammaln

import cevnsjax as cj

STRENGTH = NORMS[0]
NAMES = (*NORMS, *MORPHS)
BACKENDS = ("numpy", "jax")
_COMPONENTS = dict(zip(NORMS[1:], ("brn", "nin", "steady_state"), strict=True))


def build() -> cj.Model:
    """The same parametrisation in cevnsjax: a free strength, sin2_theta_w at its default."""
    experiment = cj.experiments.csi_2021(pulls={"sig": math.inf})
    return cj.Model(experiment, free_pulls=[STRENGTH])


class PyhfModel:
    """A pyhf model and one backend, which pyhf uses in the whole process once activated."""

    def __init__(
        self, model: cj.Model, backend: str, samples: list[dict[str, Any]] | None = None
    ) -> None:
        import pyhf

        self.pyhf, self.backend = pyhf, backend
        self.activate()
        self.pdf = pyhf.Model(
            {"channels": [{"name": "csi", "samples": samples or samples_at(model, {})}]},
            modifier_settings={
                "normsys": {"interpcode": "code4"},
                "histosys": {"interpcode": "code4p"},
            },
        )
        priors = {n: model.parameters[n].prior for n in NAMES[1:]}
        self.sd = {n: p.sd for n, p in priors.items()}  # pyright: ignore
        self.order = list(self.pdf.config.par_order)

    def activate(self) -> None:
        """Make this backend the one that pyhf uses in this process."""
        self.pyhf.set_backend(self.backend)

    def data(self, counts: Any, auxiliary: dict[str, Any]) -> list[float]:
        """Counts and auxiliary measurements in units of their standard deviations."""
        pulls = [float(auxiliary.get(n, 0.0)) / self.sd[n] for n in self.pdf.config.auxdata_order]
        return [*np.asarray(counts, float).tolist(), *pulls]

    def chi2(self, values: dict[str, float], data: list[float]) -> float:
        """-2 log L less that of counts equal to their expectation."""
        self.activate()
        point = [1 + values[STRENGTH] if n == "mu" else values[n] / self.sd[n] for n in self.order]
        return -2 * float(self.pdf.logpdf(point, data)[0]) - self._constant(data)

    def _constant(self, data: list[float]) -> float:
        n = np.array(data[: -len(self.sd)])
        positive = np.where(n > 0, n, 1.0)
        saturated = np.sum(n - n * np.log(positive) + gammaln(n + 1))
        return 2 * float(saturated) + len(self.sd) * math.log(2 * math.pi)

    def fit(self, data: list[float]) -> Fit:
        """Maximum likelihood; activate the backend first."""
        try:
            best, value = self.pyhf.infer.mle.fit(data, self.pdf, return_fitted_val=True)
        except self.pyhf.exceptions.FailedMinimization:
            return Fit(np.full(len(NAMES), math.nan), math.nan, False)
        named = dict(zip(self.order, np.asarray(best).tolist(), strict=True))
        values = [named["mu"] - 1, *(named[n] * self.sd[n] for n in NAMES[1:])]
        return Fit(np.array(values), float(value) - self._constant(data), True)

    def at_standard_strength(self, data: list[float]) -> float:
        """chi2 at strength 1, minimised over all nuisances; activate the backend first."""
        self.pdf.config.set_poi("mu")
        best = self.pyhf.infer.mle.fixed_poi_fit(1.0, data, self.pdf, return_fitted_val=True)
        return float(best[1]) - self._constant(data)


def samples_at(model: cj.Model, values: dict[str, float]) -> list[dict[str, Any]]:
    """Samples of the channel, with the signal at given parameters."""
    parts = templates(model, values)
    samples = []
    for k in range(parts.shape[1]):
        nominal, linear, curved = parts[0, k], parts[1:5, k], parts[5:, k]
        modifiers: list[dict[str, Any]] = [{"name": "mu", "type": "normfactor", "data": None}]
        for name, l, c in zip(MORPHS, linear, curved, strict=True):
            modifiers.append(_histosys(name, nominal + l + c, nominal - l + c))
        samples.append({"name": f"signal{k}", "data": nominal.tolist(), "modifiers": modifiers})
    backgrounds = model.by_component({})[EXPERIMENT]["background"]
    for name, component in _COMPONENTS.items():
        nominal, sd = np.asarray(backgrounds[component]), model.parameters[name].prior.sd  # pyright: ignore
        both = _histosys(name, nominal * (1 + sd), nominal * (1 - sd))
        samples.append({"name": component, "data": nominal.tolist(), "modifiers": [both]})
    return samples


def _histosys(name: str, high: np.ndarray, low: np.ndarray) -> dict[str, Any]:
    data = {"hi_data": high.tolist(), "lo_data": low.tolist()}
    return {"name": name, "type": "histosys", "data": data}
