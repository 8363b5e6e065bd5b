"""Fits of pseudo-experiments, block by block: which engine, from which starts.

Two engines fit many pseudo-experiments side by side. One parameter of Gaussian experiments has a
chi2 in closed form, whose minima are all found (``model.toy_rational``). Everything else comes down
by Newton's method, parameters and nuisances together (``model.toy_joint``), from the lowest places
of a first look at shared points (``model.toy_glance``).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from cevnsjax.inference.minimise.problems import CONVERGED
from cevnsjax.inference.objective import Objective
from cevnsjax.inference.toys.closed_form import ClosedFormFit, rational_of
from cevnsjax.inference.toys.joint_fit import FitEnd, JointFit
from cevnsjax.inference.toys.start_surrogate import StartSurrogate
from cevnsjax.inference.toys.starts import StartPoints, lattice_of
from cevnsjax.model.data import Pseudodata

# Valleys that are gone down from the first look, and how much higher than the lowest they may be.
_VALLEYS, _MARGIN = 4, 30.0
# A global fit above its conditional one by more than this missed the minimum.
_MISSED = 1e-8


class Fits(NamedTuple):
    """Fits of some pseudo-experiments, each [toy] or [toy, name].

    Attributes:
        x: Best fit of all parameters, in their units.
        chi2: There.
        converged: Whether it is a minimum.
        fixed_x: Best fit with the tested parameters at their true values.
        fixed_chi2: There.
        fixed_converged: Whether it is a minimum.
    """

    x: np.ndarray
    chi2: np.ndarray
    converged: np.ndarray
    fixed_x: np.ndarray
    fixed_chi2: np.ndarray
    fixed_converged: np.ndarray

    @property
    def q(self) -> np.ndarray:
        """Test statistic: chi2 with the tested parameters held less chi2 without, [toy]."""
        return np.where(self.fine, np.maximum(self.fixed_chi2 - self.chi2, 0.0), np.nan)

    @property
    def fine(self) -> np.ndarray:
        """Whether both fits converged, [toy]."""
        return self.converged & self.fixed_converged


Fitter = Callable[[Pseudodata], Fits]


class ToyFitter:
    """Fits of named parameters of a model to pseudo-experiments.

    Attributes:
        names: Parameters that a fit may move.
    """

    def __init__(
        self,
        model: Objective,
        names: tuple[str, ...],
        tested: tuple[str, ...],
        held: dict[str, float],
    ) -> None:
        """Choose and prepare.

        Args:
            model: The model.
            names: Parameters that a fit may move.
            tested: Those of them that the conditional fit holds.
            held: Values of others.
        """
        self._model: Any = model
        self.names, self._held = names, held
        self._still = np.array([n in tested for n in names], dtype=bool)
        self._prepared: tuple[Pseudodata, _Search] | None = None
        self._box = np.array([model.parameters[n].bounds for n in names], dtype=float)
        self._rational: ClosedFormFit | None = None
        if len(names) == 1 and tested:
            self._rational = rational_of(self._model, names[0], held, self._box[0])
        if self._rational is None:
            self.use_newton()

    @property
    def name(self) -> str:
        """How it fits, "closed form" or "newton"."""
        return "newton" if self._rational is None else "closed form"

    def use_newton(self) -> None:
        """Take Newton's method, also where a closed form is there."""
        self._rational = None
        self._joint = JointFit(self._model, self.names, self._held, self._box)

    def fitter(self, truth: dict[str, float], asimov: Pseudodata) -> Fitter:
        """What fits pseudo-experiments that are thrown about a truth.

        Args:
            truth: Values of the tested parameters.
            asimov: What is expected there, which says where fits should start.
        """
        if self._rational is not None:
            return _closed_form(self._rational, truth[self.names[0]])
        descents = _Descents(self._model, self._joint, self._held, asimov)
        # What is expected decides where global fits start, whatever is tested. Other threads may
        # put their own in its place meanwhile.
        prepared = self._prepared
        if prepared is None or prepared[0] is not asimov:
            prepared = asimov, descents.search({}, np.zeros_like(self._still))
            self._prepared = prepared
        everything, fixed = prepared[1], descents.search(truth, self._still)
        return lambda data: descents.fits(data, everything, fixed)


def _closed_form(engine: ClosedFormFit, true: float) -> Fitter:
    def fits(data: Pseudodata) -> Fits:
        x, chi2, converged = engine.minima(data)
        fixed = np.full(x.size, true)
        certain = np.ones(x.size, dtype=bool)
        return Fits(x[:, None], chi2, converged, fixed[:, None], engine.chi2(data, true), certain)

    return fits


class _Search(NamedTuple):
    """Where fits start, and which parameters they hold.

    Attributes:
        lattice: Shared points.
        glance: The first look at them.
        still: Which parameters keep their values, [name].
    """

    lattice: StartPoints
    glance: StartSurrogate
    still: np.ndarray


class _Descents:
    """Global and conditional fits by Newton's method from chosen starts."""

    def __init__(
        self, model: Any, joint: JointFit, held: dict[str, float], asimov: Pseudodata
    ) -> None:
        self._model, self._joint, self._held = model, joint, held
        self._asimov = batch_of_one(asimov)

    def search(self, fixed: dict[str, float], still: np.ndarray) -> _Search:
        """Points to start from, and the first look at them.

        Args:
            fixed: Values of parameters that fits hold.
            still: Which ones they are, [name].
        """
        lattice = lattice_of(self._model, self._joint.names, fixed)
        if still.all():
            return _Search(lattice, self._look(lattice)[0], still)
        at_points = self._look(lattice)[1]
        rows = lattice.worth(at_points.chi2)
        found = self._expected_fits(lattice.points[rows], at_points.pulls[rows], still)
        lattice = lattice.chosen(rows).joined(found.x, found.chi2, found.distance < CONVERGED)
        return _Search(lattice, self._look(lattice)[0], still)

    def _look(self, lattice: StartPoints) -> tuple[StartSurrogate, FitEnd]:
        """A first look at points, and the best nuisances of what is expected there."""
        points, joint = lattice.points, self._joint
        nothing = np.zeros((len(points), len(joint.solved)))
        found = self._expected_fits(points, nothing, np.ones(points.shape[1], dtype=bool))
        names, held = joint.names, self._held
        return StartSurrogate(self._model, names, points, lattice.spacing, found.pulls, held), found

    def _expected_fits(self, x: np.ndarray, pulls: np.ndarray, still: np.ndarray) -> FitEnd:
        """Descents on what is expected."""
        data = self._asimov[np.zeros(len(x), dtype=int)]
        return self._joint.descend(x, pulls, data, still)

    def fits(self, data: Pseudodata, everything: _Search, fixed: _Search) -> Fits:
        """Fits of a batch.

        Args:
            data: The batch.
            everything: Starts of global fits.
            fixed: Starts of conditional fits.
        """
        held = self._lowest(data, fixed)
        best = self._repaired(data, self._lowest(data, everything), held)
        fine = [x.distance < CONVERGED for x in (best, held)]
        return Fits(best.x, best.chi2, fine[0], held.x, held.chi2, fine[1])

    def _lowest(self, data: Pseudodata, search: _Search) -> FitEnd:
        """The lowest of descents from the valleys that the first look shows."""
        lattice, glance, still = search
        toy, place = lattice.valleys(glance.chi2(data), _VALLEYS, _MARGIN)
        some = data[toy]
        found = self._joint.descend(*glance.starts(some, place), some, still)
        # Of each the lowest; one that converged before others within rounding of it.
        order = np.lexsort((found.distance >= CONVERGED, np.round(found.chi2, 9), toy))
        _, first = np.unique(toy[order], return_index=True)
        return FitEnd(*(x[order[first]] for x in found))

    def _repaired(self, data: Pseudodata, best: FitEnd, fixed: FitEnd) -> FitEnd:
        """Global fits again from where the conditional one is lower, or theirs did not arrive."""
        missed = ~(best.chi2 <= fixed.chi2 + _MISSED) | ~(best.distance < CONVERGED)
        rows = np.flatnonzero(missed & np.isfinite(fixed.chi2))
        if not rows.size:
            return best
        anywhere = np.zeros(best.x.shape[1], dtype=bool)
        again = self._joint.descend(fixed.x[rows], fixed.pulls[rows], data[rows], anywhere)
        better = ~(best.chi2[rows] <= again.chi2) & (again.distance < CONVERGED)
        out = FitEnd(*(x.copy() for x in best))
        for mine, new in zip(out, again, strict=True):
            mine[rows[better]] = new[better]
        return out


def batch_of_one(data: Pseudodata) -> Pseudodata:
    """One pseudo-experiment as a batch."""
    return Pseudodata(
        {n: np.asarray(x)[None] for n, x in data.counts.items()},
        {n: np.asarray(x)[None] for n, x in data.auxiliary.items()},
    )
