"""Fits of pseudo-experiments, block by block: which method, from which starts.

Two methods fit many pseudo-experiments side by side. One parameter of Gaussian experiments has a
chi2 in closed form, whose minima are all found (``closed_form``). Everything else is minimised by
Newton's method, parameters and nuisances together (``joint_fit``), from the lowest places of a
quadratic surrogate at shared points (``start_surrogate``).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from cevnsjax.inference.minimise.problems import CONVERGED
from cevnsjax.inference.toys.closed_form import ClosedFormFit, closed_form_of
from cevnsjax.inference.toys.joint_fit import FitEnd, JointFit
from cevnsjax.inference.toys.start_surrogate import StartSurrogate
from cevnsjax.inference.toys.starts import StartPoints, start_points_of
from cevnsjax.model.data import Pseudodata
from cevnsjax.model.model import Model

# Valleys of the surrogate that fits start from, and how much higher than the lowest they may be.
_MAX_VALLEYS, _VALLEY_MARGIN = 4, 30.0
# Along a parameter with many minima they differ by little, and the surrogate knows no bounds: so
# many take the first steps, and as many as above of the lowest go on.
_MAX_LADDER_VALLEYS, _FIRST_STEPS = 60, 14
# A global fit above its conditional one by more than this missed the minimum.
_MISSED_CHI2 = 1e-8
# Ends of fits whose chi2 agrees to so many digits are one minimum.
_SAME_CHI2_DIGITS = 9


class Fits(NamedTuple):
    """Fits of some pseudo-experiments.

    Attributes:
        x: Best fit of all parameters, in their units.
        chi2: There.
        converged: Whether it is a minimum.
        fixed_x: Best fit with the tested parameters at their true values.
        fixed_chi2: There.
        fixed_converged: Whether it is a minimum.
    """

    x: Float[np.ndarray, "toy name"]
    chi2: Float[np.ndarray, " toy"]
    converged: Bool[np.ndarray, " toy"]
    fixed_x: Float[np.ndarray, "toy name"]
    fixed_chi2: Float[np.ndarray, " toy"]
    fixed_converged: Bool[np.ndarray, " toy"]

    @property
    def q(self) -> Float[np.ndarray, " toy"]:
        """Test statistic: chi2 with the tested parameters fixed less chi2 without."""
        return np.where(self.both_converged, np.maximum(self.fixed_chi2 - self.chi2, 0.0), np.nan)

    @property
    def both_converged(self) -> Bool[np.ndarray, " toy"]:
        """Whether the global and the conditional fit converged."""
        return self.converged & self.fixed_converged


BatchFit = Callable[[Pseudodata], Fits]
"""Fits of a batch of pseudo-experiments."""


class ToyFitter:
    """Fits of named parameters of a model to pseudo-experiments.

    Attributes:
        model: The model.
        names: Parameters that a fit may move.
        tested: Those of them that the conditional fit holds.
        fixed: Values of parameters that all fits hold.
    """

    def __init__(
        self,
        model: Model,
        names: tuple[str, ...],
        tested: tuple[str, ...],
        fixed: dict[str, float],
    ) -> None:
        self.model, self.names, self.tested, self.fixed = model, names, tested, fixed
        self._global_search: tuple[Pseudodata, _Search] | None = None
        self._box = np.array([model.parameters[n].bounds for n in names], dtype=float)
        self._closed_form: ClosedFormFit | None = None
        if len(names) == 1 and tested:
            self._closed_form = closed_form_of(model, names[0], fixed, self._box[0])
        if self._closed_form is None:
            self.use_newton()

    @property
    def name(self) -> str:
        """How it fits, "closed form" or "newton"."""
        return "newton" if self._closed_form is None else "closed form"

    def use_newton(self) -> None:
        """Use Newton's method, also where a closed form exists."""
        self._closed_form = None
        self._joint_fit = JointFit(self.model, self.names, self.fixed, self._box)

    def at(self, truth: dict[str, float], asimov: Pseudodata) -> BatchFit:
        """Fits of pseudo-experiments drawn where the tested parameters have true values.

        The counts expected there, ``asimov``, say where fits should start.
        """
        if self._closed_form is not None:
            return _closed_form_fits(self._closed_form, truth[self.names[0]])
        descents = _Descents(self.model, self._joint_fit, self.fixed, asimov)
        # The expected counts decide where global fits start, whatever is tested. Other threads may
        # put their own search in its place meanwhile.
        latest = self._global_search
        if latest is None or latest[0] is not asimov:
            latest = asimov, descents.search({})
            self._global_search = latest
        everywhere, conditional = latest[1], descents.search(truth)
        return lambda data: descents.fits(data, everywhere, conditional)


def _closed_form_fits(closed_form: ClosedFormFit, true: float) -> BatchFit:
    def fits(data: Pseudodata) -> Fits:
        x, chi2, converged = closed_form.minima(data)
        fixed_x = np.full((x.size, 1), true)
        certain = np.ones(x.size, dtype=bool)
        return Fits(x[:, None], chi2, converged, fixed_x, closed_form.chi2(data, true), certain)

    return fits


class _Search(NamedTuple):
    """Shared points that fits start from, and the quadratic approximation of chi2 at them."""

    starts: StartPoints
    surrogate: StartSurrogate

    @property
    def is_fixed(self) -> Bool[np.ndarray, " name"]:
        """Which parameters keep their values."""
        return ~self.starts.moving


class _Descents:
    """Global and conditional fits by Newton's method from chosen starts."""

    def __init__(
        self, model: Model, joint_fit: JointFit, fixed: dict[str, float], asimov: Pseudodata
    ) -> None:
        self._model, self._joint_fit, self._fixed = model, joint_fit, fixed
        self._asimov = batch_of_one(asimov)

    def search(self, fixed: dict[str, float]) -> _Search:
        """Points to start from, with the surrogate at them, for fits that hold some values."""
        starts = start_points_of(self._model, self._joint_fit.names, fixed)
        surrogate, ends = self._surrogate(starts)
        if starts.is_ladder or not starts.moving.any():
            return _Search(starts, surrogate)
        rows = starts.near_lowest(ends.chi2)
        minima = self._fits_of_expected(starts.points[rows], ends.pulls[rows], ~starts.moving)
        starts = starts.narrowed(rows, minima.x, minima.chi2, minima.distance < CONVERGED)
        return _Search(starts, self._surrogate(starts)[0])

    def _surrogate(self, starts: StartPoints) -> tuple[StartSurrogate, FitEnd]:
        """The surrogate at some points, and fits of the expected counts' nuisances there."""
        points, names = starts.points, self._joint_fit.names
        no_pulls = np.zeros((len(points), len(self._joint_fit.solved)))
        ends = self._fits_of_expected(points, no_pulls, np.ones(points.shape[1], dtype=bool))
        surrogate = StartSurrogate(
            self._model, names, points, starts.spacing, ends.pulls, self._fixed
        )
        return surrogate, ends

    def _fits_of_expected(
        self,
        x: Float[np.ndarray, "start name"],
        pulls: Float[np.ndarray, "start nuisance"],
        is_fixed: Bool[np.ndarray, " name"],
    ) -> FitEnd:
        data = self._asimov[np.zeros(len(x), dtype=int)]
        return self._joint_fit.descend(x, pulls, data, is_fixed)

    def fits(self, data: Pseudodata, everywhere: _Search, conditional: _Search) -> Fits:
        """Fits of a batch from the starts of global and of conditional fits."""
        fixed = self._lowest(data, conditional)
        best = self._repaired(data, self._lowest(data, everywhere), fixed)
        converged = [end.distance < CONVERGED for end in (best, fixed)]
        return Fits(best.x, best.chi2, converged[0], fixed.x, fixed.chi2, converged[1])

    def _lowest(self, data: Pseudodata, search: _Search) -> FitEnd:
        """The lowest end of descents from the valleys that the surrogate shows."""
        chi2 = search.surrogate.chi2(data)
        most = _MAX_LADDER_VALLEYS if search.starts.is_ladder else _MAX_VALLEYS
        toy, place = search.starts.valleys(chi2, most, _VALLEY_MARGIN)
        x, pulls = search.surrogate.starts(data[toy], place)
        if search.starts.is_ladder:
            near = self._joint_fit.descend(x, pulls, data[toy], search.is_fixed, _FIRST_STEPS)
            lowest = _lowest_of_each(toy, near.chi2, _MAX_VALLEYS)
            toy, x, pulls = toy[lowest], near.x[lowest], near.pulls[lowest]
        ends = self._joint_fit.descend(x, pulls, data[toy], search.is_fixed)
        # For each toy the lowest end; of equal ones one that converged.
        rounded = np.round(ends.chi2, _SAME_CHI2_DIGITS)
        order = np.lexsort((ends.distance >= CONVERGED, rounded, toy))
        _, first = np.unique(toy[order], return_index=True)
        return FitEnd(*(x[order[first]] for x in ends))

    def _repaired(self, data: Pseudodata, best: FitEnd, fixed: FitEnd) -> FitEnd:
        """Global fits, again from the conditional one where that is lower or they failed."""
        missed = ~(best.chi2 <= fixed.chi2 + _MISSED_CHI2) | ~(best.distance < CONVERGED)
        rows = np.flatnonzero(missed & np.isfinite(fixed.chi2))
        if not rows.size:
            return best
        nothing_fixed = np.zeros(best.x.shape[1], dtype=bool)
        again = self._joint_fit.descend(fixed.x[rows], fixed.pulls[rows], data[rows], nothing_fixed)
        better = ~(best.chi2[rows] <= again.chi2) & (again.distance < CONVERGED)
        repaired = FitEnd(*(x.copy() for x in best))
        for column, new in zip(repaired, again, strict=True):
            column[rows[better]] = new[better]
        return repaired


def _lowest_of_each(
    toy: Int[np.ndarray, " start"], chi2: Float[np.ndarray, " start"], most: int
) -> Int[np.ndarray, " lowest"]:
    """Indices of the lowest starts of each toy, toy by toy."""
    order = np.lexsort((chi2, toy))
    _, first, count = np.unique(toy[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(first, count)
    return order[rank < most]


def batch_of_one(data: Pseudodata) -> Pseudodata:
    """One pseudo-experiment as a batch."""
    return Pseudodata(
        {n: np.asarray(x)[None] for n, x in data.counts.items()},
        {n: np.asarray(x)[None] for n, x in data.auxiliary.items()},
    )
