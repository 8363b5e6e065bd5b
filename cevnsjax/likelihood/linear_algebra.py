"""Small symmetric systems at one or many points, in units that make their diagonals 1."""

import numpy as np

from cevnsjax.core.namespaces import numpy_of
from cevnsjax.core.types import Arrays, Flags


def unit_diagonal(hessian: Arrays, free: Flags) -> tuple[Arrays, Arrays]:
    """The Hessian by free coordinates with a diagonal of 1, and its units; unity for others.

    Args:
        hessian: [..., coordinate, coordinate].
        free: Which coordinates count, [..., coordinate].
    """
    xp = numpy_of(hessian, free)
    diagonal = abs(xp.diagonal(hessian, axis1=-2, axis2=-1))
    usable = free & (diagonal > 0)
    scale = xp.where(usable, 1 / xp.sqrt(xp.where(usable, diagonal, 1.0)), 1.0)
    mask = xp.where(free, scale, 0.0)
    held = xp.where(free, 0.0, 1.0)[..., None] * np.eye(free.shape[-1], dtype=hessian.dtype)
    return hessian * mask[..., :, None] * mask[..., None, :] + held, scale


def direction(hessian: Arrays, gradient: Arrays, free: Flags, flat: float) -> Arrays:
    """H^-1 g on free coordinates, 0 on others, [..., coordinate]; NaN where H is singular.

    Args:
        hessian: [..., coordinate, coordinate].
        gradient: [..., coordinate].
        free: Which coordinates count, [..., coordinate].
        flat: Added to the diagonal, in units in which it is 1.
    """
    xp = numpy_of(hessian, gradient)
    scaled, scale = unit_diagonal(hessian, free)
    scaled = scaled + flat * np.eye(free.shape[-1], dtype=scaled.dtype)
    right = xp.where(free, gradient * scale, 0.0)
    return xp.where(free, scale * _solved(scaled, right), 0.0)


def is_positive(matrix: Arrays) -> Flags:
    """Whether symmetric matrices [..., row, row] are positive definite, [...]."""
    xp = numpy_of(matrix)
    if xp is not np:
        return xp.isfinite(xp.linalg.cholesky(matrix)).all((-2, -1))
    try:
        return np.all(np.isfinite(np.linalg.cholesky(matrix)), axis=(-2, -1))
    except np.linalg.LinAlgError:
        finite = np.all(np.isfinite(matrix), axis=(-2, -1))
    safe = np.where(finite[..., None, None], matrix, -np.eye(matrix.shape[-1]))
    return np.linalg.eigvalsh(safe).min(-1, initial=np.inf) > 0


def _solved(matrix: Arrays, right: Arrays) -> Arrays:
    xp = numpy_of(matrix, right)
    try:
        return xp.linalg.solve(matrix, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        # One singular matrix among many: the others are solved all the same.
        whole = np.linalg.matrix_rank(matrix) == matrix.shape[-1]
        safe = np.where(whole[..., None, None], matrix, np.eye(matrix.shape[-1]))
        out = np.linalg.solve(safe, np.broadcast_to(right, matrix.shape[:-1])[..., None])[..., 0]
        return np.where(whole[..., None], out, np.nan)
