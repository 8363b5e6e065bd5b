"""chi2 of Gaussian experiments in one parameter, for many pseudo-experiments at once.

In the space of ``templates.signal_strength`` chi2 = min_u |d - u s|^2 + (u - u_0)^2/v, with data d
and the mean strength u_0 of each pseudo-experiment, and a signal s that is a polynomial of the
parameter. Hence

    chi2 = |d|^2 + u_0^2/v - N^2/D,  N = d.s + u_0/v,  D = s.s + 1/v,

with a polynomial N for each pseudo-experiment and one D for all. N^2/D is bounded by the terms
before it, so that nothing large cancels. As a function of the parameter it has a few maxima, as
smooth as s itself: those on a grid are refined by Newton's method between their neighbours.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.polynomial.polynomial import polyval

from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.inference.minimise.problems import CONVERGED
from cevnsjax.inference.toys.joint_fit import observed_batch
from cevnsjax.inference.toys.polynomials.peaks import grid_maxima, with_derivatives
from cevnsjax.inference.toys.polynomials.signal import find_signals
from cevnsjax.model.data import Pseudodata
from cevnsjax.model.model import Model
from cevnsjax.model.templates.polynomial import Polynomial
from cevnsjax.model.templates.signal_strength import strength_of

# Grid: even steps in the inverse hyperbolic sine of the reduced parameter, up to its largest size.
_GRID_POINTS, _MAX_REDUCED = 129, 1e3
# Newton's steps at most, and the relative size of a step that ends them.
_MAX_STEPS, _LEAST_STEP = 40, 1e-13
_TINY = float(np.finfo(float).tiny)

Peaks = Float[np.ndarray, " peak"]


class _Terms(NamedTuple):
    """What multiplies the data of one experiment: its counts, all auxiliary measurements, and 1.

    Attributes:
        d: Gives d.
        N: Gives d.s by power of the parameter.
        mean: Gives u_0.
        precision: 1/v, 0 if v is infinite; None if v is 0, so that the strength is known.
        D: By power.
    """

    d: Float[np.ndarray, "datum axis"]
    N: Float[np.ndarray, "datum power"]
    mean: Float[np.ndarray, " datum"]
    precision: float | None
    D: Float[np.ndarray, " double_power"]


class _Numerator(NamedTuple):
    """N by power of the parameter, and u_0, of one experiment for each pseudo-experiment."""

    N: Float[np.ndarray, "toy power"]
    mean: Float[np.ndarray, " toy"]


class ClosedFormFit:
    """Global minima of chi2 in one parameter, and chi2 at given values of it."""

    def __init__(
        self,
        model: Model,
        terms: list[_Terms],
        signal: Polynomial,
        box: Float[np.ndarray, " 2"],
    ) -> None:
        self._model, self._terms, self._box = model, terms, box
        self._centre, self._scale = float(signal.centre[0]), float(signal.scale[0, 0])
        low, high = (box - self._centre) / self._scale
        ends = np.arcsinh(np.clip([low, high], -_MAX_REDUCED, _MAX_REDUCED))
        self._z = np.sinh(np.linspace(ends[0], ends[1], _GRID_POINTS))
        self._z[[0, -1]] = max(low, self._z[0]), min(high, self._z[-1])

    def chi2(self, data: Pseudodata, x: float) -> Float[np.ndarray, " toy"]:
        """chi2 at one value of the parameter, in its unit."""
        base, numerators = self._numerators(data)
        z = np.full(len(base), (x - self._centre) / self._scale)
        return base - self._gain(numerators, z)[0]

    def minima(
        self, data: Pseudodata
    ) -> tuple[Float[np.ndarray, " toy"], Float[np.ndarray, " toy"], Bool[np.ndarray, " toy"]]:
        """Best values of the parameter, chi2 there, and whether it is a minimum."""
        base, numerators = self._numerators(data)
        on_grid = np.zeros((len(base), self._z.size))
        powers = self._z ** np.arange(numerators[0].N.shape[1])[:, None]
        for n, terms in zip(numerators, self._terms, strict=True):
            N, D = n.N @ powers, polyval(self._z, terms.D)
            if terms.precision is None:
                on_grid += 2 * n.mean[:, None] * N - n.mean[:, None] ** 2 * D
            else:
                on_grid += N**2 / np.maximum(D, _TINY)
        toy, index = grid_maxima(on_grid)
        z, gain, converged = self._refined(numerators, toy, index)
        # The highest maximum of each: sorted by height, the last one stays.
        order = np.argsort(gain, kind="stable")
        best = np.empty(len(base), dtype=int)
        best[toy[order]] = order
        x = np.clip(self._centre + self._scale * z[best], *self._box)
        return x, base - gain[best], converged[best]

    def _numerators(self, data: Pseudodata) -> tuple[Float[np.ndarray, " toy"], list[_Numerator]]:
        """chi2 before the gain, and N and u_0 by experiment."""
        counts, auxiliary = observed_batch(self._model, data)
        base, numerators = np.zeros(len(auxiliary)), []
        for n, t in zip(counts, self._terms, strict=True):
            data_row = np.concatenate([n, auxiliary, np.ones((len(n), 1))], axis=1)
            d, N, mean = data_row @ t.d, data_row @ t.N, data_row @ t.mean
            base = base + np.einsum("ta,ta->t", d, d)
            if t.precision is not None:
                base = base + t.precision * mean**2
                N[:, 0] += t.precision * mean
            numerators.append(_Numerator(N, mean))
        return base, numerators

    def _gain(self, numerators: list[_Numerator], z: Peaks) -> tuple[Peaks, Peaks, Peaks]:
        """What the signal takes off chi2, its slope and its curvature in z."""
        gain = np.zeros((3, *z.shape))
        for n, terms in zip(numerators, self._terms, strict=True):
            N, dN, ddN = with_derivatives(n.N.T, z)
            D, dD, ddD = with_derivatives(terms.D, z)
            if terms.precision is None:
                pairs = ((N, D), (dN, dD), (ddN, ddD))
                gain += np.array([2 * n.mean * a - n.mean**2 * b for a, b in pairs])
                continue
            D = np.maximum(D, _TINY)
            ratio = N / D
            dratio = (dN - ratio * dD) / D
            gain[0] += N * ratio
            gain[1] += 2 * ratio * dN - ratio**2 * dD
            gain[2] += 2 * (dratio * dN + ratio * ddN - ratio * dratio * dD) - ratio**2 * ddD
        return gain[0], gain[1], gain[2]

    def _refined(
        self,
        numerators: list[_Numerator],
        toy: Int[np.ndarray, " peak"],
        index: Int[np.ndarray, " peak"],
    ) -> tuple[Peaks, Peaks, Bool[np.ndarray, " peak"]]:
        """Maxima near points of the grid: z, gain and whether each is a maximum."""
        last = self._z.size - 1
        a, b = self._z[np.maximum(index - 1, 0)], self._z[np.minimum(index + 1, last)]
        z, gain = self._z[index], np.zeros(len(toy))
        is_maximum = np.zeros(len(toy), dtype=bool)
        live, at_end = np.arange(len(toy)), (index == 0) | (index == last)
        for _ in range(_MAX_STEPS):
            here, whose = z[live], toy[live]
            some = [_Numerator(n.N[whose], n.mean[whose]) for n in numerators]
            gain[live], slope, curvature = self._gain(some, here)
            a[live] = np.where(slope > 0, here, a[live])
            b[live] = np.where(slope < 0, here, b[live])
            with np.errstate(divide="ignore", invalid="ignore"):
                step = -slope / curvature
                distance = np.where(curvature < 0, slope * step / 4, np.inf)
            inside = (here + step > a[live]) & (here + step < b[live]) & (curvature < 0)
            middle = (a[live] + b[live]) / 2
            new = np.where(inside, here + step, middle)
            # At an end of the range the slope leads out of it, or nothing is left of the bracket.
            at_bound = at_end[live] & (middle == here)
            is_maximum[live] = at_bound | (distance < CONVERGED) | (slope == 0)
            is_small = np.abs(new - here) < _LEAST_STEP * (1 + np.abs(here))
            settled = at_bound | (slope == 0) | is_small | (distance < _LEAST_STEP)
            live, new = live[~settled], new[~settled]
            if not live.size:
                break
            z[live] = new
        return z, gain, is_maximum


def closed_form_of(
    model: Model, name: str, fixed: dict[str, float], box: Float[np.ndarray, " 2"]
) -> ClosedFormFit | None:
    """Fits in closed form, or None where chi2 has none.

    They need Gaussian experiments with normal pulls that share none, and a signal that is a
    polynomial of the parameter.
    """
    structure, experiments = model.state.structure, model.state.arrays
    simple = all(
        e.statistic == "gaussian" and e.spread is None and not e.log_widths for e in experiments
    )
    theory = model.parameters[name].kind == "theory"
    sharing = len(structure.groups) < len(experiments)
    if structure.constraints or sharing or not (simple and theory):
        return None
    signal = find_signals(model, (name,), fixed, box[None])
    cells = np.cumsum([0, *(e.weights.size for e in experiments)])
    if signal is None or signal.coefficients.shape[2] != cells[-1]:
        return None
    by_power = np.zeros((int(signal.exponents.max()) + 1, int(cells[-1])))
    by_power[signal.exponents[:, 0]] = signal.coefficients[:, 0]
    values = {**model.parameters.defaults(), **fixed}
    terms = [
        _terms(e, by_power[:, i:j], structure.auxiliary_names, values)
        for e, i, j in zip(experiments, cells, cells[1:], strict=False)
    ]
    return ClosedFormFit(model, terms, signal, box)


def _terms(
    e: ExperimentArrays,
    signal: Float[np.ndarray, "power cell"],
    auxiliary_names: tuple[str, ...],
    values: dict[str, float],
) -> _Terms:
    """One experiment; its dependence on the data comes from problems with unit data."""
    no_counts = np.zeros(signal.shape[1])
    base = strength_of(e, no_counts, {}, values)
    along, across = base.split(signal[:, None])
    s = (along[..., None] * base.direction + across)[:, 0]
    constant = base.y * base.direction
    moved = [strength_of(e, no_counts, {n: 1.0}, values) for n in auxiliary_names]
    shifts = [m.y * m.direction - constant for m in moved]
    axes = np.zeros((no_counts.size, base.offset.size))
    axes[:, : no_counts.size] = np.diag(base.root_weights)
    axes = axes - (axes @ base.projected) @ base.projected.T
    d = np.array([*axes, *shifts, constant])
    mean = np.array([*no_counts, *(m.mean - base.mean for m in moved), base.mean])
    precision = None if base.variance == 0 else base.finite / base.variance
    D = np.zeros(2 * len(s) - 1)
    for (i, j), product in np.ndenumerate(s @ s.T):
        D[i + j] += product
    D[0] += precision or 0.0
    return _Terms(d, d @ s.T, mean, precision, D)
