"""Counts of components added up, with their derivatives by nuisances or strengths.

All of it serves NumPy and jax, at one point or at many.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cevnsjax.core.namespaces import numpy_of, picked, times
from cevnsjax.core.types import Arrays
from cevnsjax.likelihood.components import Templates, are_positive, bend, kept_positive
from cevnsjax.likelihood.stacks import Stack, base_of, side_by_side
from cevnsjax.numerics import total


class View(NamedTuple):
    """Coordinates of a problem: its nuisances, or strengths of components and other nuisances.

    Attributes:
        strengths: Of each component, in the order of the experiments, [..., component] [1].
        slopes: Their derivatives by the coordinates, [component, coordinate] [1].
        nuisances: The nuisances that bend components or multiply them by exponentials, by index,
            [...], with the numbers of their coordinates.
    """

    strengths: Arrays
    slopes: Float[np.ndarray, "component coordinate"]
    nuisances: Mapping[int, tuple[Arrays, int]]

    def values(self, indices: Sequence[int]) -> Arrays:
        """Some nuisances, [..., index] [1]."""
        chosen = [self.nuisances[k][0] for k in indices]
        return numpy_of(*chosen).stack(chosen, axis=-1)

    def places(self, indices: Sequence[int], dtype: np.dtype) -> Float[np.ndarray, "_c _index"]:
        """1 where a coordinate is one of some nuisances, 0 elsewhere [1]."""
        columns = [self.nuisances[k][1] for k in indices]
        return np.eye(self.slopes.shape[1], dtype=dtype)[:, columns]


def by_nuisances(problem: Templates, a: Arrays) -> View:
    """The nuisances themselves as coordinates, [..., nuisance] [1]."""
    components = [c for experiment in problem.experiments for c in experiment]
    slopes = [[float(c.pulls.count(k)) for k in range(a.shape[-1])] for c in components]
    matrix = np.array(slopes).reshape(len(components), a.shape[-1])
    strengths = base_of(problem) + times(a, matrix.T.astype(a.dtype))
    return View(strengths, matrix, {k: (a[..., k], k) for k in range(a.shape[-1])})


class Bend(NamedTuple):
    """What the morphs change about the parts.

    Attributes:
        slope: Derivative of counts by the interpolated template, [..., part, cell] [1]; None
            where NumPy finds no cell that has to be kept positive.
        second: Second derivative, [..., part, cell] [1/count]; None likewise.
        linear: Derivative of the interpolated template by the morphs, [..., morph, part, cell]
            [count].
        curved: Second derivative, [..., morph, part, cell] [count].
    """

    slope: Arrays | None
    second: Arrays | None
    linear: Arrays
    curved: Arrays

    def weighted(self, changes: Arrays, weights: Arrays) -> Arrays:
        """Sum over cells of changes of the template, with weights [..., 1, cell] of counts.

        Changes are [..., morph, part, cell], the sums [..., morph, part].
        """
        if self.slope is None:
            return (changes @ weights[..., None, :, :].swapaxes(-1, -2))[..., 0]
        return (changes * (self.slope * weights)[..., None, :, :]).sum(-1)


class Growth(NamedTuple):
    """What exponentials multiply the parts by.

    Attributes:
        factor: [..., part] [1].
        rate: Derivative of its logarithm by the coordinates, [coordinate, part] [1].
        straight: Derivative of the parts' factor through the strengths alone, [..., coordinate,
            part] [1].
    """

    factor: Arrays
    rate: Arrays
    straight: Arrays


class Scaled(NamedTuple):
    """The parts of one experiment at coordinates: counts are factors times parts, added up.

    Attributes:
        factor: What multiplies each part, [..., part] [1].
        slope: Its derivative by the coordinates, [..., coordinate, part] [1].
        growth: What of it are exponentials; None without.
        parts: Parts after bending, [..., part, cell] [count].
        bend: How they are bent; None if they are not.
        morph_places: 1 where a coordinate is a morph, [coordinate, morph] [1].
    """

    factor: Arrays
    slope: Arrays
    growth: Growth | None
    parts: Arrays
    bend: Bend | None
    morph_places: Arrays


def scaled(stack: Stack, view: View) -> Scaled:
    """The parts of an experiment at coordinates."""
    factor, slope, growth = _factor(stack, view)
    places = view.places(stack.morphs, stack.nominal.dtype)
    if stack.linear is None or stack.curved is None:
        return Scaled(factor, slope, growth, stack.nominal, None, places)
    x = view.values(stack.morphs)
    u, bend_slope, curvature = bend(x)
    changed = stack.nominal + _summed(x, stack.linear) + _summed(u, stack.curved)
    linear = stack.linear + bend_slope[..., None, None] * stack.curved
    curved = curvature[..., None, None] * stack.curved
    if numpy_of(changed) is np and are_positive(stack.nominal, changed):
        return Scaled(factor, slope, growth, changed, Bend(None, None, linear, curved), places)
    parts, first, second = kept_positive(stack.nominal, changed)
    return Scaled(factor, slope, growth, parts, Bend(first, second, linear, curved), places)


def _summed(x: Arrays, templates: Arrays) -> Arrays:
    """Sum over morphs of x [..., morph] times templates [..., morph, part, cell]."""
    out = times(x, templates.reshape(*templates.shape[:-2], -1))
    return out.reshape(*out.shape[:-1], *templates.shape[-2:])


def _factor(stack: Stack, view: View) -> tuple[Arrays, Arrays, Growth | None]:
    """What multiplies the parts, and its derivatives by the coordinates."""
    strength = picked(view.strengths, stack.owner)
    slope = view.slopes[stack.owner].T.astype(stack.nominal.dtype)
    if stack.log_widths is None:
        return strength, slope, None
    xp = numpy_of(strength, stack.log_widths)
    rate = view.places(stack.log_pulls, slope.dtype) @ stack.log_widths
    growth = xp.exp(times(view.values(stack.log_pulls), stack.log_widths))
    factor, straight = strength * growth, slope * growth[..., None, :]
    return factor, straight + factor[..., None, :] * rate, Growth(growth, rate, straight)


class Mean(NamedTuple):
    """Expected counts [..., cell], slopes [..., coordinate, cell], and each experiment's parts."""

    mu: Arrays
    slopes: Arrays
    experiments: list[Scaled]


def mean_of(stacks: Sequence[Stack], view: View) -> Mean:
    """Counts and their derivatives by coordinates."""
    experiments = [scaled(stack, view) for stack in stacks]
    counts = [times(p.factor, p.parts) for p in experiments]
    slopes = []
    for p in experiments:
        rows = p.slope @ p.parts
        if p.bend is not None:
            rows = rows + p.morph_places @ _by_morphs(p.factor, p.bend)
        slopes.append(rows)
    return Mean(side_by_side(counts), side_by_side(slopes), experiments)


def _by_morphs(factor: Arrays, bent: Bend) -> Arrays:
    """Derivatives of counts by morphs, [..., morph, cell] [count]."""
    if bent.slope is None:
        return (factor[..., None, None, :] @ bent.linear)[..., 0, :]
    return ((factor[..., :, None] * bent.slope)[..., None, :, :] * bent.linear).sum(-2)


def curving(mean: Mean, pull: Arrays) -> Arrays:
    """Second derivatives of mu by the coordinates, summed over cells with weights [..., cell]."""
    out, first = [], 0
    for p in mean.experiments:
        cells = p.parts.shape[-1]
        here = pull[..., None, first : first + cells]
        first += cells
        if p.growth is not None:
            out.append(_growing(p, (p.parts * here).sum(-1)))
        if p.bend is not None:
            out.append(_bending(p, p.bend, here))
    size = mean.slopes.shape[-2]
    return total(out) if out else np.zeros((size, size), mean.mu.dtype)


def _growing(p: Scaled, counts: Arrays) -> Arrays:
    """Through exponentials, with weighted counts of the parts [..., part]."""
    assert p.growth is not None
    _, rate, straight = p.growth
    mixed = (straight * counts[..., None, :]) @ rate.T
    both = (rate * (p.factor * counts)[..., None, :]) @ rate.T
    return mixed + mixed.swapaxes(-1, -2) + both


def _bending(p: Scaled, bent: Bend, here: Arrays) -> Arrays:
    """Through morphs, with weights [..., 1, cell] of the cells."""
    linear, factor = bent.linear, p.factor[..., :, None]
    tilt, curved = bent.weighted(linear, here), bent.weighted(bent.curved, here)
    eye = np.eye(len(p.morph_places.T), dtype=linear.dtype)
    bends = (curved @ factor) * eye
    if bent.second is not None:
        weighted = linear * (factor * here * bent.second)[..., None, :, :]
        flat = linear.reshape(*linear.shape[:-2], -1).swapaxes(-1, -2)
        bends = bends + weighted.reshape(*weighted.shape[:-2], -1) @ flat
    mixed = p.slope @ tilt.swapaxes(-1, -2) @ p.morph_places.T
    return p.morph_places @ bends @ p.morph_places.T + mixed + mixed.swapaxes(-1, -2)
