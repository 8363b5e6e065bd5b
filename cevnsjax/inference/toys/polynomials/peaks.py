"""Polynomials of one variable, and maxima on grids."""

import numpy as np
from jaxtyping import Float, Int
from numpy.polynomial.polynomial import polyder, polyval

# Maxima of one row that are returned.
_MAX_PEAKS = 3

Coefficients = Float[np.ndarray, "power *rows"]
Numbers = Float[np.ndarray, " z"]


def with_derivatives(coefficients: Coefficients, z: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """A polynomial, its slope and its curvature; coefficients may differ by point, [power, z]."""
    value, slope, curvature = (
        polyval(z, polyder(coefficients, order, axis=0), tensor=False) for order in range(3)
    )
    return value, slope, curvature


def grid_maxima(
    values: Float[np.ndarray, "row point"],
) -> tuple[Int[np.ndarray, " peak"], Int[np.ndarray, " peak"]]:
    """Local maxima on a grid: row and place of each, the highest few of a row."""
    is_peak = np.ones(values.shape, dtype=bool)
    is_peak[:, 1:] &= values[:, 1:] >= values[:, :-1]
    is_peak[:, :-1] &= values[:, :-1] >= values[:, 1:]
    rows, places = np.nonzero(is_peak)
    count = np.bincount(rows, minlength=len(values))
    if count.max() <= _MAX_PEAKS:
        return rows, places
    # Flat stretches have a maximum at every point.
    order = np.lexsort((-values[rows, places], rows))
    rank = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    highest = order[rank < _MAX_PEAKS]
    return rows[highest], places[highest]
