"""The CsI-2021 Poisson likelihood in plain NumPy, value and gradient, and its fits.

The signal of each neutrino source is a quadratic in sin2_theta_w with a template for every morph;
morphs follow pyhf's code 4p and stay positive as cevnsjax/likelihood/components.py says.
Coordinates are in units of each parameter's scale: sin2_theta_w first, then the eight nuisances.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

import cevnsjax as cj

EXPERIMENT, NAME = "csi-2021", "sin2_theta_w"
NORMS = tuple(f"alpha_{n}_csi2021" for n in ("sig", "brn", "nin", "ss"))
MORPHS = tuple(f"alpha_{n}_csi2021" for n in ("qf_1", "qf_2", "eff", "time"))
NAMES = (NAME, *NORMS, *MORPHS)
_LINEAR_DOWN_TO, _SMALLEST_COUNT = 0.1, 1e-9
# Size of the pulls at which templates are read off: there every cell stays well above the tenth of
# its nominal count (_LINEAR_DOWN_TO) below which it is kept positive.
_PULL_STEP = 0.5


@dataclass(frozen=True)
class Fit:
    """A fit: values in the order of ``NAMES``, chi2, and the minimiser's own flag."""

    values: np.ndarray
    chi2: float
    converged: bool


def bend(a: Any) -> tuple[Any, Any]:
    """Code 4p: the factor of the curved part of a morph at a pull a, and its derivative."""
    s, outside = a * a, np.abs(a) > 1
    return (
        np.where(outside, np.abs(a), s * (15 - 10 * s + 3 * s * s) / 8),
        np.where(outside, np.sign(a), a * (15 - 20 * s + 9 * s * s) / 4),
    )


def templates(model: cj.Model, values: dict[str, float]) -> np.ndarray:
    """Nominal, linear and curved parts of the signal, [9, source, cell] [count]."""

    def signal(**moved: float) -> np.ndarray:
        signals = model.predicted({**values, **moved})[EXPERIMENT]["signal"]
        return np.array([np.asarray(x) for x in signals.values()])

    nominal = signal()
    up, down = (np.array([signal(**{n: s * _PULL_STEP}) for n in MORPHS]) for s in (1, -1))
    if np.any((nominal > _SMALLEST_COUNT) & (np.minimum(up, down) < 2 * _LINEAR_DOWN_TO * nominal)):
        raise ValueError("a template is too small to be read off")
    linear = (up - down) / (2 * _PULL_STEP)
    curved = ((up + down) / 2 - nominal) / bend(_PULL_STEP)[0]
    return np.concatenate([nominal[None], linear, curved])


class Likelihood:
    """-log L of counts and auxiliary measurements at scaled points [9], as ``model.nll``."""

    def __init__(self, model: cj.Model, values: Mapping[str, float] | None = None) -> None:
        """Templates of a model; ``values`` are of other parameters than sin2_theta_w."""
        grid = (0.0, 0.25, 0.5)
        at_angles = np.array([templates(model, {**(values or {}), NAME: s}) for s in grid])
        self.shape = at_angles.shape[2:]
        powers = np.vander(grid, 3, increasing=True)
        solved = np.linalg.solve(powers, at_angles.reshape(3, -1))
        # [power x template, source x cell]
        self.coefficients = solved.reshape(3 * at_angles.shape[1], -1)
        self.nominal = np.ascontiguousarray(self.coefficients[:: at_angles.shape[1]])
        backgrounds = model.by_component({})[EXPERIMENT]["background"]
        self.backgrounds = np.array([np.asarray(x) for x in backgrounds.values()])
        table = model.parameters
        self.scale = np.array([table[n].scale for n in NAMES])
        self.start = np.array([table[n].default for n in NAMES]) / self.scale
        self.sd = np.array([table[n].prior.sd for n in NAMES[1:]])  # pyright: ignore
        self.bounds = [(0.0, 1 / self.scale[0]), *[(None, None)] * (len(NAMES) - 1)]
        self.set_data(model.observed[0], np.zeros(len(NAMES) - 1))

    def set_data(self, counts: Any, auxiliary: Any) -> None:
        """Set the counts [cell] and the results of the auxiliary measurements [nuisance]."""
        self.counts, self.centre = np.asarray(counts, float), np.asarray(auxiliary, float)
        n = self.counts[self.counts > 0]
        self.constant = float(np.sum(n * np.log(n) - n))

    def value(self, u: np.ndarray) -> float:
        """-log L."""
        x = u * self.scale
        a = x[5:]
        w = np.concatenate([[1.0], a, bend(a)[0]])
        p = np.array([1.0, x[0], x[0] ** 2])
        changed, nominal = np.outer(p, w).ravel() @ self.coefficients, p @ self.nominal
        edge = _LINEAR_DOWN_TO * nominal
        low = (changed < edge) & (nominal > _SMALLEST_COUNT)
        if low.any():
            t = 1 - changed[low] / edge[low]
            changed[low] = edge[low] * np.exp(-t - t**2 / 2)
        mu = (1 + x[1]) * changed.reshape(self.shape).sum(axis=0)
        mu = np.maximum(mu + (1 + x[2:5]) @ self.backgrounds, _SMALLEST_COUNT)
        deviation = (x[1:] - self.centre) / self.sd
        return float(
            np.sum(mu) - self.counts @ np.log(mu) + self.constant + deviation @ deviation / 2
        )

    def value_and_gradient(self, u: np.ndarray) -> tuple[float, np.ndarray]:
        """-log L and its gradient in scaled units."""
        x = u * self.scale
        s, a = x[0], x[5:]
        bent, slope = bend(a)
        w = np.concatenate([[1.0], a, bent])
        p = np.array([1.0, s, s * s])
        rows = np.zeros((6, 3, 9))
        rows[0], rows[1] = np.outer(p, w), np.outer([0.0, 1.0, 2 * s], w)
        for k in range(4):
            rows[2 + k, :, 1 + k] = p
            rows[2 + k, :, 5 + k] = p * slope[k]
        shifted = rows.reshape(6, -1) @ self.coefficients
        changed, slopes = shifted[0], shifted[1:]
        nominal = p @ self.nominal
        edge = _LINEAR_DOWN_TO * nominal
        low = (changed < edge) & (nominal > _SMALLEST_COUNT)
        if low.any():
            t = 1 - changed[low] / edge[low]
            down = np.exp(-t - t**2 / 2)
            changed[low] = edge[low] * down
            slopes[:, low] *= (1 + t) * down
            by_s = np.array([0.0, 1.0, 2 * s]) @ self.nominal[:, low]
            slopes[0, low] += t**2 * down * _LINEAR_DOWN_TO * by_s
        signal = changed.reshape(self.shape).sum(axis=0)
        by_x = np.empty((9, signal.size))
        shapes = (1 + x[1]) * slopes.reshape(5, *self.shape).sum(axis=1)
        by_x[0], by_x[1], by_x[2:5], by_x[5:] = shapes[0], signal, self.backgrounds, shapes[1:]
        mu = np.maximum((1 + x[1]) * signal + (1 + x[2:5]) @ self.backgrounds, _SMALLEST_COUNT)
        deviation = (x[1:] - self.centre) / self.sd
        gradient = by_x @ (1 - self.counts / mu)
        gradient[1:] += deviation / self.sd
        value = np.sum(mu) - self.counts @ np.log(mu) + self.constant + deviation @ deviation / 2
        return float(value), gradient * self.scale

    def gradient(self, u: np.ndarray) -> np.ndarray:
        """The gradient of -log L in scaled units."""
        return self.value_and_gradient(u)[1]

    def errors(self, values: np.ndarray) -> np.ndarray:
        """Errors by central differences of the gradient."""
        u, steps = values / self.scale, np.eye(len(NAMES)) * 1e-4
        rows = [(self.gradient(u + h) - self.gradient(u - h)) / 2e-4 for h in steps]
        return np.sqrt(np.diag(np.linalg.inv((np.array(rows) + np.array(rows).T) / 2))) * self.scale

    def by_scipy(self, method: str, *, analytic: bool) -> Fit:
        """scipy.optimize.minimize from the defaults."""
        # The tightest tolerances at which rounding still lets the line search succeed.
        options: dict[str, float] = {"gtol": 1e-4 if analytic or method == "L-BFGS-B" else 1e-3}
        if method == "L-BFGS-B":
            options["ftol"] = 1e-12 if analytic else 1e-10
        fit = minimize(
            self.value_and_gradient if analytic else self.value,
            self.start,
            jac=True if analytic else None,
            method=method,
            bounds=self.bounds if method == "L-BFGS-B" else None,
            options=options,
        )
        return Fit(fit.x * self.scale, 2 * float(fit.fun), bool(fit.success))

    def conditional(self, s: float | None = None) -> float:
        """Least chi2 over the nuisances at sin2_theta_w, its default if None, by scipy L-BFGS-B."""
        first = self.start[:1] if s is None else np.array([s]) / self.scale[0]

        def held(u: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = self.value_and_gradient(np.concatenate([first, u]))
            return value, gradient[1:]

        options = {"gtol": 1e-4, "ftol": 1e-12}
        fit = minimize(held, self.start[1:], jac=True, method="L-BFGS-B", options=options)
        return 2 * float(fit.fun)

    def by_minuit(self, *, analytic: bool) -> Fit:
        """Migrad of iminuit from the defaults."""
        import iminuit

        m = iminuit.Minuit(
            self.value,  # pyright: ignore[reportArgumentType]
            self.start,
            grad=self.gradient if analytic else None,  # pyright: ignore[reportArgumentType]
            name=NAMES,
        )
        # Strategy 0 leaves out Hesse after Migrad; the default tolerance stops 7e-4 sd too early.
        m.errordef, m.strategy, m.tol = 0.5, 0, 1e-3
        m.limits[NAME] = self.bounds[0]
        m.migrad()
        return Fit(np.array(m.values) * self.scale, 2 * float(m.fval or np.nan), bool(m.valid))
