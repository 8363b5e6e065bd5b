"""The profile over nuisances from derivatives by parameters and nuisances: a Schur complement."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

# Determinant and curvatures of a Hessian with a diagonal of 1: below, directions are flat.
_SINGULAR, _FLAT = 1e-12, 1e-13


class Solved(NamedTuple):
    """One or many points: what ``Expansion`` has, by parameters and coordinates of nuisances.

    ``held`` are coordinates on their bounds; ``at_bound`` are nuisances that hold one there.
    """

    value: Any
    gradient: Any
    hessian: Any
    full: Any
    pulls: Any
    distance: Any
    held: Any
    at_bound: Any


def profiled(
    n: int, solved: Solved
) -> tuple[
    Float[np.ndarray, " point"], Float[np.ndarray, "point name"], Float[np.ndarray, "point name _n"]
]:
    """Value and derivatives of the profile by n parameters, from those at the solution."""
    value, slope, hessian = solved.value, solved.gradient[:, :n], solved.hessian[:, :n, :n]
    if solved.held.shape[1]:
        free = ~solved.held
        cross = solved.hessian[:, :n, n:] * free[:, None, :]
        left = solved.gradient[:, n:] * free
        # The last Newton step, which the solver left over, makes gradient and value exact.
        right = np.concatenate([np.swapaxes(cross, 1, 2), left[:, :, None]], axis=2)
        shift = solution(solved.hessian[:, n:, n:], right, free)
        # Beyond what numbers can hold, as other values that are not finite.
        with np.errstate(over="ignore", invalid="ignore"):
            hessian = hessian - cross @ shift[:, :, :n]
        step = shift[:, :, n]
        slope = slope - np.einsum("pnk,pk->pn", cross, step)
        value = value - 0.5 * np.einsum("pk,pk->p", left, step)
    return value, slope, hessian


def solution(
    inner: Float[np.ndarray, "point coordinate coordinate"],
    right: Float[np.ndarray, "point coordinate column"],
    free: Bool[np.ndarray, "point coordinate"],
) -> Float[np.ndarray, "point coordinate column"]:
    """inner^-1 right on free coordinates; the shortest solution where curvatures vanish."""
    diagonal = np.abs(np.diagonal(inner, axis1=1, axis2=2))
    usable = free & (diagonal > 0) & np.all(np.isfinite(inner), axis=(1, 2))[:, None]
    scale = np.where(usable, 1 / np.sqrt(np.where(usable, diagonal, 1.0)), 0.0)
    scaled = np.where(usable[:, :, None] & usable[:, None, :], inner, 0.0)
    scaled = scaled * scale[:, :, None] * scale[:, None, :]
    scaled = scaled + ~usable[:, :, None] * np.eye(inner.shape[1])
    _, size = np.linalg.slogdet(scaled)
    singular = size < np.log(_SINGULAR)
    plain = np.where(singular[:, None, None], np.eye(inner.shape[1]), scaled)
    out = np.linalg.solve(plain, right * scale[:, :, None])
    for k in np.flatnonzero(singular):
        curvatures, axes = np.linalg.eigh(scaled[k])
        is_flat = np.abs(curvatures) < _FLAT * np.max(np.abs(curvatures))
        inverse = np.where(is_flat, 0.0, 1 / np.where(is_flat, 1.0, curvatures))
        out[k] = (axes * inverse) @ (axes.T @ (right[k] * scale[k][:, None]))
    return out * scale[:, :, None]
