"""Nuisances of many points whose counts are sums of shared templates, side by side in NumPy.

The weights of templates are the counts of a tiny problem: one that has a cell for each template,
with nothing but 1 in it. Its coordinates and their derivatives are those of any problem.
"""

from dataclasses import dataclass, fields, replace
from itertools import accumulate
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.core.types import Arrays, Flags
from cevnsjax.likelihood.components import Component, Templates
from cevnsjax.likelihood.coordinates import Coordinates, Expanded, coordinates_of
from cevnsjax.likelihood.counts import Mean, curving, mean_of
from cevnsjax.likelihood.poisson import along, cell_hessian, cell_tilt
from cevnsjax.likelihood.shared.kept import Bent, Monomials
from cevnsjax.likelihood.shared.spans import Span, span_at

Table = Float[Any, "monomial part cell"]
# Points side by side, and cells of all of them whose numbers stay in the cache.
_FEWEST, _MOST, _CELLS = 8, 256, 25_600


@dataclass(frozen=True, eq=False)
class Spanned(Coordinates):
    """Coordinates of points whose counts are sums of shared templates; see ``spanned``.

    With n parameters in the monomials, ``expansion`` is by these and then by the coordinates.

    Attributes:
        spans: The cells of each experiment.
        monomials: Of the points, [..., monomial].
    """

    spans: tuple[Span, ...]
    monomials: Monomials

    def chi2(self, observed: Arrays, z: Arrays) -> Arrays:
        """chi2 with the least constraints of nuisances at coordinates z, [...] [1]."""
        if z.ndim > self.monomials.value.ndim:
            # Several trials for each point.
            return np.stack([self.chi2(observed, trial) for trial in z])
        return self._chi2(observed, z, self._at(self._weights(z)).mu)

    def expansion(self, observed: Arrays, z: Arrays) -> Expanded:
        """chi2/2 to second order at coordinates z, [..., coordinate] [1]."""
        weights, n = self._weights(z), self.monomials.slope.shape[-2]
        mean = self._at(weights)
        spans, tilt = mean.experiments, cell_tilt(observed, self.problem, mean.mu)
        gradient = along(mean.slopes, tilt)
        hessian = np.asarray(cell_hessian(observed, self.problem, mean))
        gradient[..., n:] += self.penalty_slope(z)
        ends = list(accumulate(s.span.merged.shape[-1] for s in spans))[:-1]
        pairs = zip(spans, np.split(tilt, ends, axis=-1), strict=True)
        pull = np.concatenate([s.add_curving(here, hessian) for s, here in pairs], axis=-1)
        hessian[..., n:, n:] += self.curvature + curving(weights, pull)
        return Expanded(self._chi2(observed, z, mean.mu) / 2, gradient, hessian, mean)

    def at_points(self, points: Flags) -> "Spanned":
        """The coordinates of some of the points."""
        some = Monomials(*(x[points] for x in self.monomials))
        inner = super().at_points(points)
        mine = {f.name: getattr(inner, f.name) for f in fields(Coordinates)}
        return Spanned(**mine, spans=self.spans, monomials=some)

    def _weights(self, z: Arrays) -> Mean:
        return mean_of(self.stacks, self.view(z))

    def _at(self, weights: Mean) -> Any:
        pairs = zip(self.spans, weights.experiments, strict=True)
        return Mean([span_at(span, at, self.monomials) for span, at in pairs])


def spans_of(problem: Templates) -> tuple[Span, ...]:
    """What experiments share at many points, from their templates for each monomial.

    Args:
        problem: The prediction of one monomial at a time, signals [monomial, part, cell] and their
            shifts [monomial, part, morph, cell]; what has no axis of monomials belongs to the
            first one, which is 1.
    """
    return tuple(_span(components) for components in problem.experiments)


def points_together(cells: int) -> int:
    """How many points with so many cells are best computed at once."""
    return int(np.clip(_CELLS // cells, _FEWEST, _MOST))


def spanned(problem: Templates, spans: tuple[Span, ...], monomials: Monomials) -> Spanned:
    """Many points of a problem; ``spans`` are its own, constraints may have axes of points."""
    tiny = tuple(_of_weights(components) for components in problem.experiments)
    inner = coordinates_of(replace(problem, experiments=tiny))
    mine = {f.name: getattr(inner, f.name) for f in fields(inner)}
    return Spanned(**mine, spans=spans, monomials=monomials)


def _of_weights(components: tuple[Component, ...]) -> tuple[Component, ...]:
    """Components with a cell for each of their templates, and 1 in it."""
    sizes = [1 + 2 * len(c.morphs) for c in components]
    out, first, eye = [], 0, np.eye(sum(sizes), dtype=components[0].nominal.dtype)
    for c, size in zip(components, sizes, strict=True):
        linear, curved = np.split(eye[first + 1 : first + size], 2)
        bends = {"linear": linear, "curved": curved} if c.morphs else {}
        out.append(replace(c, nominal=eye[first], **bends))
        first += size
    return tuple(out)


def _span(components: tuple[Component, ...]) -> Span:
    template, monomial, merged, bent, first = [], [], [], [], 0
    for place, component in enumerate(components):
        tables = _tables(component)
        count = len(tables[0])
        for k, table in enumerate(tables):
            template += [first + k] * count
            monomial += range(count)
            merged.append(table.sum(1))
        if component.morphs:
            templates = slice(first, first + len(tables))
            parts = np.moveaxis(np.stack(tables, axis=-1), 0, -1)
            bent.append(Bent(place, templates, np.ascontiguousarray(parts)))
        first += len(tables)
    joined = np.concatenate(merged)
    return Span(np.array(template), np.array(monomial), joined, tuple(bent))


def _tables(component: Component) -> list[Table]:
    """Nominal, linear and curved templates of a component for its monomials."""
    tables = [component.nominal]
    for shifts in (component.linear, component.curved):
        if shifts is not None:
            tables += [shifts[..., k, :] for k in range(shifts.shape[-2])]
    by_part = [np.asarray(x) if x.ndim > 1 else np.asarray(x)[None] for x in tables]
    return [x if x.ndim > 2 else x[None] for x in by_part]
