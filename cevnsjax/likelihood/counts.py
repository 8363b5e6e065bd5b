"""Counts of components added up, with their derivatives by nuisances or strengths.

All of it serves NumPy and jax, at one point or at many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from cevnsjax.core.lazy import lazy
from cevnsjax.core.namespaces import numpy_of, picked, placed, product, times
from cevnsjax.core.types import Arrays
from cevnsjax.likelihood.components import are_positive, bend, kept_positive
from cevnsjax.likelihood.stacks import Stack, side_by_side
from cevnsjax.likelihood.views import View
from cevnsjax.numerics import total


@dataclass(frozen=True, eq=False)
class Bend:
    """What the morphs change about the parts.

    Attributes:
        straight: Half the difference of the templates at +1 and -1, [..., morph, bent part, cell]
            [count].
        bow: Half their sum minus nominal, likewise [count].
        slope: Derivative of counts by the interpolated template, [..., bent part, cell] [1]; None
            where NumPy finds no cell that has to be kept positive.
        second: Second derivative, [..., part, cell] [1/count]; None likewise.
        by_morphs: First derivatives of the factors of the bows, [..., morph] [1].
        twice: Second ones, [..., morph] [1].
    """

    straight: Arrays
    bow: Arrays
    slope: Arrays | None
    second: Arrays | None
    by_morphs: Arrays
    twice: Arrays

    @lazy
    def linear(self) -> Arrays:
        """Derivative of the template by the morphs, [..., morph, part, cell] [count]."""
        return self.straight + self.by_morphs[..., None, None] * self.bow

    @lazy
    def curved(self) -> Arrays:
        """Second derivative of the template, [..., morph, part, cell] [count]."""
        return self.twice[..., None, None] * self.bow

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
        owner: Component of each part, [part].
        factor: What multiplies each part, [..., part] [1].
        slope: Its derivative by the coordinates, [..., coordinate, part] [1].
        growth: What of it are exponentials; None without.
        pieces: Parts after bending, those that are not bent apart behind the others, each
            [..., part, cell] [count].
        bend: How they are bent; None if they are not.
        morph_places: The coordinates that are morphs.
    """

    owner: Int[np.ndarray, " part"]
    factor: Arrays
    slope: Arrays
    growth: Growth | None
    pieces: tuple[Arrays, ...]
    bend: Bend | None
    morph_places: tuple[int, ...]

    @property
    def parts(self) -> Arrays:
        """All parts after bending, [..., part, cell] [count]."""
        return side_by_side(self.pieces, axis=-2)

    @property
    def mu(self) -> Arrays:
        """Expected counts, [..., cell] [count]."""
        return total([times(f, piece) for f, piece in self._along_pieces(self.factor)])

    @property
    def mu_slopes(self) -> Arrays:
        """Their derivatives by the coordinates, [..., coordinate, cell] [count]."""
        rows = total([product(s, piece) for s, piece in self._along_pieces(self.slope)])
        if self.bend is None:
            return rows
        bent = _by_morphs(self.factor, self.bend)
        return rows + placed(bent, self.morph_places, rows.shape[-2])

    def _along_pieces(self, array: Arrays) -> list[tuple[Arrays, Arrays]]:
        """What an array [..., part] has for each piece, with the piece.

        In jax the parts of a component, which share it, are added up first.
        """
        first, out = 0, []
        for piece in self.pieces:
            last = first + piece.shape[-2]
            out += _shared(array[..., first:last], piece, self.owner[first:last])
            first = last
        return out


def _shared(
    array: Arrays, piece: Arrays, owner: Int[np.ndarray, " part"]
) -> list[tuple[Arrays, Arrays]]:
    if numpy_of(array, piece) is np:
        return [(array, piece)]
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    spans = zip(starts, [*starts[1:], owner.size], strict=True)
    return [(array[..., i : i + 1], piece[..., i:j, :].sum(-2, keepdims=True)) for i, j in spans]


def scaled(stack: Stack, view: View) -> Scaled:
    """The parts of an experiment at coordinates."""
    factor, slope, growth = _factor(stack, view)
    places = view.places(stack.morphs)
    if stack.linear is None or stack.curved is None:
        return Scaled(stack.owner, factor, slope, growth, (stack.nominal,), None, places)
    x = view.values(stack.morphs)
    u, bend_slope, curvature = bend(x)
    # Parts behind the last one that is bent stay as they are.
    last = stack.linear.shape[-2]
    nominal, straight = stack.nominal[..., :last, :], stack.nominal[..., last:, :]
    changed = nominal + _summed(x, stack.linear) + _summed(u, stack.curved)
    if numpy_of(changed) is np and are_positive(nominal, changed):
        parts, first, second = changed, None, None
    else:
        parts, first, second = kept_positive(nominal, changed)
    bent = Bend(stack.linear, stack.curved, first, second, bend_slope, curvature)
    pieces = (parts, straight) if straight.shape[-2] else (parts,)
    return Scaled(stack.owner, factor, slope, growth, pieces, bent, places)


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
    rate = placed(stack.log_widths, view.places(stack.log_pulls), slope.shape[0])
    growth = xp.exp(times(view.values(stack.log_pulls), stack.log_widths))
    factor, straight = strength * growth, slope * growth[..., None, :]
    return factor, straight + factor[..., None, :] * rate, Growth(growth, rate, straight)


@dataclass(frozen=True, eq=False)
class Mean:
    """Expected counts, from each experiment's parts."""

    experiments: Sequence[Any]

    @lazy
    def mu(self) -> Arrays:
        """[..., cell] [count]."""
        return side_by_side([p.mu for p in self.experiments])

    @lazy
    def slopes(self) -> Arrays:
        """Derivatives by coordinates, [..., coordinate, cell] [count]."""
        return side_by_side([p.mu_slopes for p in self.experiments])


def mean_of(stacks: Sequence[Stack], view: View) -> Mean:
    """Counts at coordinates."""
    return Mean([scaled(stack, view) for stack in stacks])


def _by_morphs(factor: Arrays, bent: Bend) -> Arrays:
    """Derivatives of counts by morphs, [..., morph, cell] [count]."""
    factor = factor[..., : bent.linear.shape[-2]]
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
    if out:
        return total(out)
    slope = mean.experiments[0].slope
    return np.zeros((slope.shape[-2], slope.shape[-2]), mean.mu.dtype)


def _growing(p: Scaled, counts: Arrays) -> Arrays:
    """Through exponentials, with weighted counts of the parts [..., part]."""
    assert p.growth is not None
    _, rate, straight = p.growth
    mixed = (straight * counts[..., None, :]) @ rate.T
    both = (rate * (p.factor * counts)[..., None, :]) @ rate.T
    return mixed + mixed.swapaxes(-1, -2) + both


def _bending(p: Scaled, bent: Bend, here: Arrays) -> Arrays:
    """Through morphs, with weights [..., 1, cell] of the cells."""
    last = bent.linear.shape[-2]
    linear, factor = bent.linear, p.factor[..., :last, None]
    tilt, curved = bent.weighted(linear, here), bent.weighted(bent.curved, here)
    eye = np.eye(len(p.morph_places), dtype=linear.dtype)
    bends = product(curved, factor) * eye
    if bent.second is not None:
        weighted = linear * (factor * here * bent.second)[..., None, :, :]
        flat = linear.reshape(*linear.shape[:-2], -1).swapaxes(-1, -2)
        bends = bends + weighted.reshape(*weighted.shape[:-2], -1) @ flat
    size = p.slope.shape[-2]
    mixed = product(placed(tilt, p.morph_places, size), p.slope[..., :last].swapaxes(-1, -2))
    bends = placed(bends.swapaxes(-1, -2), p.morph_places, size).swapaxes(-1, -2)
    return placed(bends, p.morph_places, size) + mixed + mixed.swapaxes(-1, -2)
