"""Pseudo-experiments at the points of a Feldman-Cousins grid, kept in a run if there is one."""

from functools import partial
from typing import Any

import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.inference.runs.blocks import compute_or_read
from cevnsjax.inference.runs.run import Run
from cevnsjax.inference.toys.data_fit import observed, with_solved_nuisances
from cevnsjax.inference.toys.draws import Draws
from cevnsjax.inference.toys.feldman_cousins_result import GridPoint
from cevnsjax.inference.toys.fitter import Fits, ToyFitter, batch_of_one
from cevnsjax.likelihood.draws import BLOCK
from cevnsjax.model.structure import gaussian_priors

# Blocks at first, and how many errors the data's q must be away from every critical value.
_FIRST_BLOCKS, _CLEAR_ERRORS = 1, 4.0

Point = dict[str, float]
"""Values of the tested parameters."""


class Construction:
    """Pseudo-experiments and fits at the points of a grid."""

    def __init__(
        self,
        fitter: ToyFitter,
        true_nuisances: str,
        auxiliary: bool,
        seed: int,
        data: Any,
    ) -> None:
        self._fitter, self._true_nuisances, self._data = fitter, true_nuisances, data
        self._observed = observed(fitter.model, data)
        self._centres = {n: p.mean for n, p in gaussian_priors(fitter.model.parameters).items()}
        from_priors = tuple(n for n in self._centres if n not in fitter.fixed)
        if true_nuisances != "prior":
            from_priors = ()
        # Nuisances drawn from their priors stand for what their measurements leave open.
        self._draws_at = partial(
            Draws,
            fitter.model,
            seed,
            auxiliary=auxiliary and not from_priors,
            from_priors=from_priors,
        )
        self._fits_of_data: dict[tuple[float, ...], Fits] = {}

    def best(self, points: list[Point]) -> tuple[float, dict[str, float]]:
        """Lowest chi2 of the data and its parameters; the data are fitted at every point."""
        lowest, parameters = np.inf, {}
        for point in points:
            fits = self._fitter.at(point, self._observed)(batch_of_one(self._observed))
            self._fits_of_data[tuple(point.values())] = fits
            ends = (
                (fits.converged[0], fits.chi2[0], fits.x[0]),
                (fits.fixed_converged[0], fits.fixed_chi2[0], fits.fixed_x[0]),
            )
            for converged, chi2, x in ends:
                if converged and chi2 < lowest:
                    lowest = float(chi2)
                    parameters = dict(zip(self._fitter.names, x.tolist(), strict=True))
        if not parameters:
            raise InputError(
                "no fit of the data converged on the grid; narrow it, or fix parameters"
            )
        return lowest, parameters

    def grid_points(
        self,
        points: list[Point],
        lowest: float,
        levels: tuple[float, ...],
        most: int,
        run: Run | None,
    ) -> list[GridPoint]:
        """Pseudo-experiments at all points that ``best`` has seen; a run's blocks are read."""

        def arrays(k: int) -> dict[str, np.ndarray]:
            point = self._grid_point(points[k], lowest, levels, most)
            sizes, q_data = np.array([point.q.size]), np.array([point.q_data])
            return {"q": point.q, "toys": sizes, "q_data": q_data}

        computed = []
        for block in compute_or_read(run, arrays, len(points), "Feldman-Cousins"):
            parts = np.split(block["q"], np.cumsum(block["toys"])[:-1])
            pairs = zip(parts, block["q_data"].tolist(), strict=True)
            computed += [GridPoint(q, q_data, levels) for q, q_data in pairs]
        return computed

    def _grid_point(
        self, point: Point, lowest: float, levels: tuple[float, ...], most: int
    ) -> GridPoint:
        """Pseudo-experiments at one point, until the data's q is clear of the critical values."""
        fits = self._fits_of_data[tuple(point.values())]
        truth, is_solved = self._truth(point, fits)
        # Without a converged fit of the data the point has no q, and no p-value.
        is_fitted = bool(fits.fixed_converged[0]) and is_solved
        q_data = max(float(fits.fixed_chi2[0]) - lowest, 0.0) if is_fitted else np.nan
        draws = self._draws_at(truth)
        batch_fit = self._fitter.at(point, draws.asimov)
        q, blocks = np.zeros(0), -(-most // BLOCK)
        done, more = 0, _FIRST_BLOCKS
        while done < blocks and more:
            end = min(done + more, blocks)
            more_q = [batch_fit(draws.block(block)).q for block in range(done, end)]
            q = np.concatenate([q, *more_q])[:most]
            done = end
            more = 0 if GridPoint(q, q_data, levels).clear(_CLEAR_ERRORS) else done
        return GridPoint(q, q_data, levels)

    def _truth(self, point: Point, fits: Fits) -> tuple[dict[str, float], bool]:
        """True values of all parameters and nuisances at a point, and whether they were found."""
        values = dict(zip(self._fitter.names, fits.fixed_x[0].tolist(), strict=True)) | point
        is_solved = True
        if self._true_nuisances == "profile":
            values, is_solved = with_solved_nuisances(self._fitter, values, self._data)
        else:
            values |= self._centres
        return {**values, **self._fitter.fixed, **point}, is_solved
