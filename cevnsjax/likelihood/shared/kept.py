"""Cells of shared templates that are kept positive: few among many points, corrected one by one.

Where a bent part falls below a tenth of its nominal counts n, phi(c, n) replaces its template c.
phi is homogeneous in the two, so that n phi_n = phi - c phi_c and its second derivatives are those
by c along c' - (c/n) n'.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from cevnsjax.core.lazy import lazy
from cevnsjax.likelihood.components import LINEAR_DOWN_TO, kept_positive
from cevnsjax.likelihood.counts import Scaled

# Larger products BLAS shares out among threads, which would wait for those of other points.
_MOST_MULTIPLICATIONS = 1 << 18


class Monomials(NamedTuple):
    """What multiplies the shared signals of each point, with its derivatives by n parameters.

    Attributes:
        value: [..., monomial].
        slope: [..., parameter, monomial].
        second: [..., parameter, parameter, monomial].
    """

    value: Float[Any, "... monomial"]
    slope: Float[Any, "... parameter monomial"]
    second: Float[Any, "... parameter parameter monomial"]


class Bent(NamedTuple):
    """A component that is bent: shared templates of its parts.

    Attributes:
        place: Its place among the components of its experiment.
        templates: Its weights' places among those of its experiment.
        parts: Nominal, linear, and curved templates, [part, cell, template, monomial] [count].
    """

    place: int
    templates: slice
    parts: Float[Any, "part cell template monomial"]

    def low(
        self, shapes: Float[Any, "*point template"], monomials: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Points, parts and cells that have to be kept positive, as indices."""
        parts, cells, templates, count = self.parts.shape
        flat = self.parts.reshape(parts * cells, templates * count).T
        # Templates less the share of nominal counts below which they no longer fall linearly.
        above = shapes.copy()
        above[..., 0] -= LINEAR_DOWN_TO
        weights = above[..., :, None] * monomials[..., None, :]
        margin = spread(weights.reshape(*weights.shape[:-2], -1), flat)
        bad = ~(margin >= 0)
        return np.nonzero(bad.reshape(*bad.shape[:-1], parts, cells)) if bad.any() else ()


def spread(weights: Float[Any, "... weight"], merged: Float[Any, "weight column"]) -> Any:
    """Weights of points times what the points share, [..., column]."""
    shared, columns = merged.shape
    flat = weights.reshape(-1, shared)
    size = max(1, _MOST_MULTIPLICATIONS // (shared * columns))
    out = np.empty((len(flat), columns), np.result_type(weights, merged))
    whole = len(flat) - len(flat) % size
    blocks = flat[:whole].reshape(-1, size, shared)
    np.matmul(blocks, merged, out=out[:whole].reshape(-1, size, columns))
    np.matmul(flat[whole:], merged, out=out[whole:])
    return out.reshape(*weights.shape[:-1], columns)


class Kept:
    """What keeping parts of some cells positive changes about the counts there.

    Attributes:
        points: Indices of the points, one array for each of their axes, [change].
        part: Part of the component, [change].
        cell: Cell of the experiment, [change].
    """

    def __init__(self, where: tuple[np.ndarray, ...], bent: Bent, at: Scaled, m: Monomials) -> None:
        """The parts at indices of points, part and cell."""
        *points, self.part, self.cell = where
        self.points = tuple(points)
        assert at.bend is not None
        batch, parts = m.value.shape[:-1], bent.parts[self.part, self.cell]
        # By templates: counts, and their derivatives by the parameters.
        self._counts, self._slopes, self._seconds = (
            np.einsum("ivk,i...k->i...v", parts, x[self.points]) for x in m
        )
        self._shape, self._linear, self._curved = (
            x[..., bent.place, bent.templates][self.points]
            for x in (at.pieces[0], at.bend.linear, at.bend.curved)
        )
        self._factor = np.broadcast_to(at.factor[..., bent.place], batch)[self.points]
        n, by_z = m.slope.shape[-2], at.slope[..., bent.place]
        self._n, self._places = n, [n + k for k in at.morph_places]
        self._factor_slope = np.zeros((self.cell.size, n + by_z.shape[-1]))
        self._factor_slope[:, n:] = np.broadcast_to(by_z, (*batch, by_z.shape[-1]))[self.points]
        template = (self._shape * self._counts).sum(-1)
        kept, self._first, self._second = kept_positive(self._counts[:, 0], template)
        # Cells that are empty at nominal are not bent.
        is_bent = (self._second != 0) | (self._first != 1)
        nominal = np.where(is_bent, self._counts[:, 0], 1.0)
        self._ratio = np.where(is_bent, template / nominal, 0.0)
        self._edge = np.where(is_bent, kept / nominal - self._first * self._ratio, 0.0)
        self._change = kept - template

    def add_counts(self, mu: np.ndarray) -> None:
        """Add to expected counts, [..., cell] [count]."""
        np.add.at(mu, (*self.points, self.cell), self._factor * self._change)

    def add_slopes(self, slopes: np.ndarray) -> None:
        """Add to their derivatives, [..., both, cell] [count]."""
        change = self._factor_slope * self._change[:, None]
        change += self._factor[:, None] * self._change_slope
        # One part at a time: no cell is there twice.
        for part in range(int(self.part.max()) + 1):
            i = self.part == part
            place = (*(p[i] for p in self.points), slice(None), self.cell[i])
            slopes[place] += change[i]

    def add_curving(self, tilt: np.ndarray, hessian: np.ndarray) -> None:
        """Add to second derivatives weighted by ``tilt`` [..., cell], [..., both, both]."""
        n, places = self._n, self._places
        c = np.zeros((self.cell.size, *hessian.shape[-2:]))
        mixed = self._linear @ self._slopes.swapaxes(-1, -2)
        c[:, places, :n] = mixed
        c[:, :n, places] = mixed.swapaxes(-1, -2)
        c[:, places, places] = (self._curved @ self._counts[..., None])[..., 0]
        c[:, :n, :n] = (self._seconds @ self._shape[:, None, :, None])[..., 0]
        change = (self._first - 1)[:, None, None] * c
        change[:, :n, :n] += self._edge[:, None, None] * self._seconds[..., 0]
        along = self._template_slope - self._ratio[:, None] * self._nominal_slope
        change += (self._second[:, None] * along)[:, :, None] * along[:, None, :]
        change *= self._factor[:, None, None]
        crossed = self._factor_slope[:, :, None] * self._change_slope[:, None, :]
        change += crossed + crossed.swapaxes(-1, -2)
        change *= tilt[(*self.points, self.cell)][:, None, None]
        # Changes come point by point.
        flat = np.ravel_multi_index(self.points, hessian.shape[:-2])
        first = np.flatnonzero(np.diff(flat, prepend=-1))
        place = tuple(p[first] for p in self.points)
        hessian[place] += np.add.reduceat(change, first, axis=0)

    @lazy
    def _template_slope(self) -> Float[Any, "change both"]:
        """Derivative of the interpolated template [count]."""
        slope = np.zeros(self._factor_slope.shape)
        slope[:, : self._n] = (self._slopes @ self._shape[..., None])[..., 0]
        slope[:, self._places] = (self._linear @ self._counts[..., None])[..., 0]
        return slope

    @lazy
    def _nominal_slope(self) -> Float[Any, "change both"]:
        """Derivative of the nominal counts [count]."""
        slope = np.zeros(self._factor_slope.shape)
        slope[:, : self._n] = self._slopes[..., 0]
        return slope

    @lazy
    def _change_slope(self) -> Float[Any, "change both"]:
        """Derivative of the change by all but the factor [count]."""
        straight = (self._first - 1)[:, None] * self._template_slope
        return straight + self._edge[:, None] * self._nominal_slope


def kept_of(bent: Bent, at: Scaled, monomials: Monomials) -> Kept | None:
    """The changes of a component; None where no cell has to be kept positive."""
    # A background has the first one only.
    own = Monomials(*(x[..., : bent.parts.shape[-1]] for x in monomials))
    where = bent.low(at.pieces[0][..., bent.place, bent.templates], own.value)
    return Kept(where, bent, at, own) if where else None
