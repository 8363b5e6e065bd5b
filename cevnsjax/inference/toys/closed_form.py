"""chi2 of Gaussian experiments in one parameter, for many pseudo-experiments at once.

In the space of ``rows_strength`` chi2 = min_u |d - u s|^2 + (u - u_0)^2/v, with data d and the mean
strength u_0 of each pseudo-experiment and a signal s that is a polynomial of the parameter. Hence

    chi2 = |d|^2 + u_0^2/v - N^2/D,  N = d.s + u_0/v,  D = s.s + 1/v,

with a polynomial N for each pseudo-experiment and one D for all. N^2/D is bounded by the terms
before it, so that nothing large cancels. As a function of the parameter it has a few maxima, as
smooth as s itself: those on a grid are refined by Newton's method between their neighbours.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.inference.minimise.problems import CONVERGED
from cevnsjax.inference.toys.joint_fit import observed_batch
from cevnsjax.inference.toys.peaks import at, gained, peaks, with_slopes
from cevnsjax.inference.toys.polynomial_signal import find_signals
from cevnsjax.model.data import Pseudodata
from cevnsjax.model.templates.polynomial import Polynomial
from cevnsjax.model.templates.signal_strength import strength_of

if TYPE_CHECKING:
    from cevnsjax.model.model import Model

# Points of the grid: even steps in the inverse hyperbolic sine of the reduced parameter.
_POINTS, _REACH = 129, 1e3
# Steps of Newton at most, and when they are small enough.
_STEPS, _ARRIVED = 40, 1e-13
_TINY = float(np.finfo(float).tiny)


class _Part(NamedTuple):
    """One experiment: N = counts . of_counts + found . of_found + fixed, by power; likewise d.

    Attributes:
        of_counts: [cell, power].
        of_found: [nuisance, power].
        fixed: [power].
        data_counts: d by counts, [cell, axis].
        data_found: [nuisance, axis].
        data_fixed: [axis].
        mean: u_0 by auxiliary measurements, [nuisance], and its constant.
        precision: 1/v, 0 if v is infinite; None if v is 0 and the strength is known.
        square: D by power, [power].
    """

    of_counts: np.ndarray
    of_found: np.ndarray
    fixed: np.ndarray
    data_counts: np.ndarray
    data_found: np.ndarray
    data_fixed: np.ndarray
    mean: tuple[np.ndarray, float]
    precision: float | None
    square: np.ndarray


class ClosedFormFit:
    """Global minima of chi2 in one parameter, and chi2 at given values of it."""

    def __init__(self, model: "Model", parts: list[_Part], found: Polynomial, box: np.ndarray):
        """See ``rational_of``."""
        self._model, self._parts = model, parts
        self._centre, self._scale = float(found.centre[0]), float(found.scale[0, 0])
        low, high = (box - self._centre) / self._scale
        self._box = box
        reach = np.arcsinh(np.clip([low, high], -_REACH, _REACH))
        self._z = np.sinh(np.linspace(reach[0], reach[1], _POINTS))
        self._z[[0, -1]] = max(low, self._z[0]), min(high, self._z[-1])

    def chi2(self, data: Pseudodata, x: float) -> np.ndarray:
        """chi2 [toy] at one value of the parameter.

        Args:
            data: A batch of pseudo-experiments.
            x: The value, in the parameter's unit.
        """
        base, curves = self._curves(data)
        z = np.full(len(base), (x - self._centre) / self._scale)
        return base - self._gain(curves, z)[0]

    def minima(self, data: Pseudodata) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values of the parameter, chi2 and whether it is a minimum, each [toy].

        Args:
            data: A batch of pseudo-experiments.
        """
        base, curves = self._curves(data)
        on_grid = np.zeros((len(base), self._z.size))
        powers = self._z ** np.arange(curves[0][0].shape[1])[:, None]
        for n, part in zip(curves, self._parts, strict=True):
            on_grid += gained(n[0] @ powers, at(part.square, self._z), n[1], part.precision)
        toy, index = peaks(on_grid)
        z, gain, ok = self._refined(curves, toy, index)
        # The highest of each: sorted by it, the last one stays.
        order = np.argsort(gain, kind="stable")
        best = np.empty(len(base), dtype=int)
        best[toy[order]] = order
        x = np.clip(self._centre + self._scale * z[best], *self._box)
        return x, base - gain[best], ok[best]

    def _curves(self, data: Pseudodata) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
        """chi2 before the gain [toy]; N by power [toy, power] and u_0 [toy] by experiment."""
        counts, found = observed_batch(self._model, data)
        base, curves = np.zeros(len(found)), []
        for n, p in zip(counts, self._parts, strict=True):
            d = n @ p.data_counts + found @ p.data_found + p.data_fixed
            mean = found @ p.mean[0] + p.mean[1]
            base = base + np.einsum("ta,ta->t", d, d)
            curve = n @ p.of_counts + found @ p.of_found + p.fixed
            if p.precision is not None:
                base = base + p.precision * mean**2
                curve[:, 0] += p.precision * mean
            curves.append((curve, mean))
        return base, curves

    def _gain(
        self, curves: list[tuple[np.ndarray, np.ndarray]], z: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the signal takes off chi2, its slope and curvature in z, shaped like ``z``."""
        out = np.zeros((3, *z.shape))
        for (curve, mean), part in zip(curves, self._parts, strict=True):
            n, dn, ddn = with_slopes(curve.T, z)
            d, dd, ddd = with_slopes(part.square, z)
            if part.precision is None:
                both = ((n, d), (dn, dd), (ddn, ddd))
                out += np.array([2 * mean * a - mean**2 * b for a, b in both])
                continue
            d = np.maximum(d, _TINY)
            ratio = n / d
            slope = 2 * ratio * dn - ratio**2 * dd
            dratio = (dn - ratio * dd) / d
            out[0] += n * ratio
            out[1] += slope
            out[2] += 2 * (dratio * dn + ratio * ddn - ratio * dratio * dd) - ratio**2 * ddd
        return out[0], out[1], out[2]

    def _refined(
        self, curves: list[tuple[np.ndarray, np.ndarray]], toy: np.ndarray, index: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Maxima near points of the grid: z, gain and whether it is one, each [peak].

        Args:
            curves: N and u_0 of all pseudo-experiments.
            toy: Whose maxima, [peak].
            index: Points of the grid, [peak].
        """
        last = self._z.size - 1
        a, b = self._z[np.maximum(index - 1, 0)], self._z[np.minimum(index + 1, last)]
        z, out, ok = self._z[index], np.zeros(len(toy)), np.zeros(len(toy), dtype=bool)
        live, end = np.arange(len(toy)), (index == 0) | (index == last)
        for _ in range(_STEPS):
            here = z[live]
            value, slope, bend = self._gain([(n[toy[live]], m[toy[live]]) for n, m in curves], here)
            out[live] = value
            a[live], b[live] = (
                np.where(slope > 0, here, a[live]),
                np.where(slope < 0, here, b[live]),
            )
            with np.errstate(divide="ignore", invalid="ignore"):
                step = -slope / bend
                left = np.where(bend < 0, slope * step / 4, np.inf)
            inside = (here + step > a[live]) & (here + step < b[live]) & (bend < 0)
            middle = (a[live] + b[live]) / 2
            new = np.where(inside, here + step, middle)
            # At an end of the range the slope leads out of it, or nothing is left of the bracket.
            pressed = end[live] & (middle == here)
            done = pressed | (left < CONVERGED) | (slope == 0)
            ok[live] = done
            settled = pressed | (slope == 0) | (np.abs(new - here) < _ARRIVED * (1 + np.abs(here)))
            settled |= left < _ARRIVED
            live, new = live[~settled], new[~settled]
            if not live.size:
                break
            z[live] = new
        return z, out, ok


def rational_of(
    model: "Model", name: str, held: dict[str, float], box: np.ndarray
) -> ClosedFormFit | None:
    """The engine, where it is exact.

    It needs Gaussian experiments with pulls of their own and a signal that is a polynomial of the
    parameter.

    Args:
        model: The model.
        name: The parameter.
        held: Values of others.
        box: Bounds of the parameter, [2].

    Returns:
        The engine, or None where there is none.
    """
    structure = model.state.structure
    experiments = model.state.arrays
    simple = all(e.statistic == "gaussian" and e.spread is None for e in experiments)
    theory = model.parameters[name].kind == "theory"
    if structure.constraints or len(structure.groups) < len(experiments) or not (simple and theory):
        return None
    found = find_signals(model, (name,), held, box[None])
    cells = np.cumsum([0, *(e.weights.size for e in experiments)])
    if found is None or found.coefficients.shape[2] != cells[-1]:
        return None
    by_power = np.zeros((int(found.exponents.max()) + 1, int(cells[-1])))
    by_power[found.exponents[:, 0]] = found.coefficients[:, 0]
    values = {**model.parameters.defaults(), **held}
    parts = [
        _part(e, by_power[:, i:j], structure.auxiliary_names, values)
        for e, i, j in zip(experiments, cells, cells[1:], strict=False)
    ]
    return ClosedFormFit(model, parts, found, box)


def _part(
    e: ExperimentArrays,
    signal: np.ndarray,
    measured: tuple[str, ...],
    values: dict[str, float],
) -> _Part:
    """One experiment with a signal [power, cell]; how its problem depends on the data is asked."""
    none = np.zeros(signal.shape[1])
    # Without data on the direction is arbitrary, so that the problem is asked with some.
    base = strength_of(e, none, {}, values)
    along, across = base.split(signal[:, None])
    s = (along[..., None] * base.direction + across)[:, 0]
    data = base.y * base.direction
    moved = [strength_of(e, none, {n: 1.0}, values) for n in measured]
    shifts = np.array([m.y * m.direction - data for m in moved]).reshape(len(measured), -1)
    means = np.array([m.mean - base.mean for m in moved])
    known = base.variance == 0
    precision = None if known else base.finite / base.variance
    axes = np.zeros((none.size, base.offset.size))
    axes[:, : none.size] = np.diag(base.root_weights)
    axes = axes - (axes @ base.projected) @ base.projected.T
    square = np.zeros(2 * len(s) - 1)
    for i, a in enumerate(s):
        for j, b in enumerate(s):
            square[i + j] += a @ b
    square[0] += precision or 0.0
    pieces = (axes @ s.T, shifts @ s.T, data @ s.T, axes, shifts, data)
    return _Part(*pieces, (means, base.mean), precision, square)
