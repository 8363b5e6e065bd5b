"""chi2 of experiments that share nuisances, to second order in parameters and nuisances."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from cevnsjax.core.namespaces import times
from cevnsjax.likelihood import coordinates, poisson
from cevnsjax.likelihood.stacks import side_by_side
from cevnsjax.model.expansion.member import Member, member_at
from cevnsjax.model.expansion.nearby import block_diagonal
from cevnsjax.model.nuisance_groups import NuisanceProblem


class GroupExpansion(NamedTuple):
    """chi2/2 by parameters, then coordinates of nuisances.

    Attributes:
        value: [point] [1].
        gradient: [point, coordinate].
        hessian: [point, coordinate, coordinate].
        origins: Derivatives of the nuisances' coordinates by the parameters at given nuisances,
            [nuisance, name] [1].
    """

    value: Float[Any, " point"]
    gradient: Float[Any, "point coordinate"]
    hessian: Float[Any, "point coordinate coordinate"]
    origins: Float[Any, "nuisance name"]


def expanded_group(
    problem: NuisanceProblem, members: Sequence[Member], z: Float[Any, "point nuisance"]
) -> GroupExpansion:
    """chi2/2 of a group at coordinates z of its nuisances."""
    solved, n = problem.solved, members[0].pulled.shape[0]
    at_z, view = solved.expansion(problem.data, z), solved.view(z)
    mean = at_z.mean
    pulled = np.concatenate([m.pulled for m in members], axis=1)
    slopes = _strength_slopes(solved, view.strengths, pulled)
    triples = zip(members, solved.stacks, mean.experiments, strict=True)
    parts = [member_at(m, stack, at, view, problem.names, slopes) for m, stack, at in triples]
    tilt = poisson.cell_tilt(problem.data, solved.problem, mean.mu)
    curvature = poisson.cell_curvature(problem.data, solved.problem, mean.mu)
    by_names = side_by_side([p.mu_slopes for p in parts])
    by_all = side_by_side([by_names, mean.slopes], axis=-2)
    gradient, rows, origins = _penalty(solved, z, pulled)
    rows = rows + (by_names * curvature[..., None, :]) @ by_all.swapaxes(-1, -2)
    ends = np.cumsum([p.at.parts.shape[-1] for p in parts])
    for p, here in zip(parts, np.split(tilt, ends[:-1], axis=-1), strict=True):
        rows = rows + p.curving(here)
    lower = np.concatenate([rows[..., n:].swapaxes(-1, -2), at_z.hessian], axis=-1)
    return GroupExpansion(
        at_z.value,
        np.concatenate([gradient + poisson.along(by_names, tilt), at_z.gradient], axis=-1),
        np.concatenate([rows, lower], axis=-2),
        origins,
    )


def _strength_slopes(
    solved: coordinates.Coordinates,
    strengths: Float[Any, "... component"],
    pulled: Float[Any, "name component"],
) -> Float[Any, "... name component"]:
    """Derivatives of strengths by free pulls at fixed coordinates."""
    layout = solved.strengths.layout
    moved = pulled[:, list(layout.chosen)] @ layout.strengths.T
    # A strength that is held at 0 stays there.
    is_held = solved.strengths.bounded & (strengths <= 0)
    return np.where(is_held[..., None, :], 0.0, pulled - moved)


def _penalty(
    solved: coordinates.Coordinates,
    z: Float[Any, "point nuisance"],
    pulled: Float[Any, "name component"],
) -> tuple[Any, Any, Any]:
    """Gradient by names of half the constraints, its derivatives by all, and the origins."""
    chosen = pulled[:, list(solved.strengths.layout.chosen)]
    (n, k), gradient, hessian = chosen.shape, solved.penalty_slope(z), solved.curvature
    # The constraints see coordinates less what free pulls add to all strengths.
    rows = -chosen @ hessian[:k]
    origins = np.zeros((z.shape[-1], n))
    origins[:k] = chosen.T
    return (
        -times(gradient[..., :k], chosen.T),
        np.concatenate([-rows[:, :k] @ chosen.T, rows], axis=1),
        origins,
    )


def assembled(
    n: int, points: int, groups: Sequence[GroupExpansion | coordinates.Expanded]
) -> tuple[
    Float[Any, " point"],
    Float[Any, "point coordinate"],
    Float[Any, "point coordinate coordinate"],
]:
    """Value, gradient and Hessian of all groups by n parameters, then their coordinates."""
    size = n + sum(g.gradient.shape[-1] - n for g in groups)
    value, gradient = np.zeros(points), np.zeros((points, size))
    hessian = np.zeros((points, size, size))
    first = n
    for g in groups:
        last = first + g.gradient.shape[-1] - n
        places = np.array([*range(n), *range(first, last)])
        value += g.value
        gradient[:, places] += g.gradient
        hessian[:, places[:, None], places] += g.hessian
        first = last
    return value, gradient, hessian


def by_nuisances(
    n: int,
    hessian: Float[Any, "point coordinate coordinate"],
    problems: Sequence[NuisanceProblem],
    origins: Sequence[Float[Any, "_nuisance name"]],
) -> Float[Any, "point nuisance nuisance"]:
    """The Hessian by n parameters and nuisances, from that by parameters and coordinates."""
    moved = block_diagonal([q.by_nuisances for q in problems])
    change = np.zeros((hessian.shape[-1], n + moved.shape[1]))
    change[:n, :n] = np.eye(n)
    # Free pulls move strengths at given nuisances.
    change[n:, :n] = np.concatenate(list(origins))
    change[n:, n:] = moved
    pairs = [q.constraints() for q in problems]
    least, actual = (block_diagonal(c) for c in zip(*pairs, strict=True))
    out = change.T @ hessian @ change
    out[:, n:, n:] += actual - moved.T @ least @ moved
    return out
