"""Polynomials and maxima on grids, for chi2 of many pseudo-experiments in one parameter."""

import numpy as np

# Maxima of one grid that are given.
_PEAKS = 3
_TINY = float(np.finfo(float).tiny)


def gained(n: np.ndarray, d: np.ndarray, mean: np.ndarray, precision: float | None) -> np.ndarray:
    """What a signal takes off chi2 on a grid, [toy, point].

    Args:
        n: N of each pseudo-experiment, [toy, point].
        d: D, [point].
        mean: Mean strength of the signal, [toy].
        precision: None where the strength is known.
    """
    if precision is None:
        return 2 * mean[:, None] * n - mean[:, None] ** 2 * d
    return n**2 / np.maximum(d, _TINY)


def at(coefficients: np.ndarray, z: np.ndarray) -> np.ndarray:
    """A polynomial by Horner; coefficients [power, ...] that broadcast against z."""
    out = np.broadcast_to(coefficients[-1], z.shape)
    for lower in coefficients[-2::-1]:
        out = out * z + lower
    return out


def with_slopes(
    coefficients: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A polynomial, its slope and curvature."""
    value = np.zeros(z.shape)
    slope, bend = np.zeros(z.shape), np.zeros(z.shape)
    for c in coefficients[::-1]:
        bend = bend * z + 2 * slope
        slope = slope * z + value
        value = value * z + c
    return value, slope, bend


def peaks(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Local maxima on a grid: row and place of each, the highest few of a row."""
    higher = np.ones(values.shape, dtype=bool)
    higher[:, 1:] &= values[:, 1:] >= values[:, :-1]
    higher[:, :-1] &= values[:, :-1] >= values[:, 1:]
    rows, places = np.nonzero(higher)
    many = np.bincount(rows, minlength=len(values))
    if many.max() <= _PEAKS:
        return rows, places
    # Flat stretches have a maximum at every point.
    order = np.lexsort((-values[rows, places], rows))
    rank = np.arange(len(rows)) - np.repeat(np.cumsum(many) - many, many)
    kept = order[rank < _PEAKS]
    return rows[kept], places[kept]
