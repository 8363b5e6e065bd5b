"""Counts of many points as sums of templates that they share: products of matrices in NumPy.

Where signals are polynomials, sum_k m_k(theta) S_k, counts of a component with morphs x are

    f (sum_k m_k (N_k + sum_m (x_m L_mk + bend(x_m) C_mk))):

weights of points times templates that all points share. Cells in which a bent part has to be kept
positive are few; they are corrected one by one.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cevnsjax.core.lazy import lazy
from cevnsjax.likelihood.counts import Scaled
from cevnsjax.likelihood.shared.kept import Bent, Kept, Monomials, kept_of, spread


class Span(NamedTuple):
    """The cells of one experiment as products of weights and shared templates.

    Attributes:
        template: Which of the experiment's templates each shared one belongs to, [weight].
        monomial: Its monomial, [weight].
        merged: Shared templates, the parts of each component added, [weight, cell] [count].
        bent: The components that are bent.
    """

    template: Int[np.ndarray, " weight"]
    monomial: Int[np.ndarray, " weight"]
    merged: Float[Any, "weight cell"]
    bent: tuple[Bent, ...]

    def back(self, per_cell: Float[Any, "... cell"]) -> Float[Any, "... weight"]:
        """Sums over cells with all shared templates."""
        return spread(per_cell, self.merged.T)


@dataclass(frozen=True, eq=False)
class SpanAt:
    """One experiment at coordinates.

    Attributes:
        span: The experiment.
        at: Its templates, whose cells are weights.
        monomials: Of the points.
        kept: Corrections of cells that are kept positive.
    """

    span: Span
    at: Scaled
    monomials: Monomials
    kept: tuple[Kept, ...]

    @lazy
    def weights(self) -> Float[Any, "... template"]:
        """Of templates [1]."""
        return np.broadcast_to(self.at.mu, (*self._points, self.at.mu.shape[-1]))

    @lazy
    def weight_slopes(self) -> Float[Any, "... coordinate template"]:
        """Their derivatives by the coordinates."""
        slopes = self.at.mu_slopes
        return np.broadcast_to(slopes, (*self._points, *slopes.shape[-2:]))

    @property
    def _points(self) -> tuple[int, ...]:
        return np.broadcast_shapes(self.at.factor.shape[:-1], self.monomials.value.shape[:-1])

    @property
    def mu(self) -> Float[Any, "... cell"]:
        """Expected counts [count]."""
        s = self.span
        mu = spread(self.weights[..., s.template] * self.monomials.value[..., s.monomial], s.merged)
        for kept in self.kept:
            kept.add_counts(mu)
        return mu

    @property
    def mu_slopes(self) -> Float[Any, "... both cell"]:
        """Derivatives of expected counts by the parameters, then the coordinates [count]."""
        s, m = self.span, self.monomials
        inner = self.weight_slopes[..., s.template] * m.value[..., None, s.monomial]
        outer = self.weights[..., None, s.template] * m.slope[..., s.monomial]
        slopes = spread(np.concatenate([outer, inner], axis=-2), s.merged)
        for kept in self.kept:
            kept.add_slopes(slopes)
        return slopes

    def add_curving(self, tilt: np.ndarray, hessian: np.ndarray) -> np.ndarray:
        """Add second derivatives of mu weighted by ``tilt`` [..., cell], but for templates'.

        Returns the weights of those, [..., template].
        """
        s, m, n = self.span, self.monomials, self.monomials.slope.shape[-2]
        back = s.back(tilt)
        if n:
            slopes = (back[..., None, :] * m.slope[..., s.monomial]).swapaxes(-1, -2)
            mixed = self.weight_slopes[..., s.template] @ slopes
            hessian[..., n:, :n] += mixed
            hessian[..., :n, n:] += mixed.swapaxes(-1, -2)
            both = (
                m.second[..., s.monomial]
                @ (back * self.weights[..., s.template])[..., None, :, None]
            )
            hessian[..., :n, :n] += both[..., 0]
        for kept in self.kept:
            kept.add_curving(tilt, hessian)
        is_of = s.template[:, None] == np.arange(self.weights.shape[-1])
        return (back * m.value[..., s.monomial]) @ is_of.astype(back.dtype)


def span_at(span: Span, at: Scaled, monomials: Monomials) -> SpanAt:
    """An experiment at coordinates, from its templates there, whose cells are weights."""
    kept = [kept_of(bent, at, monomials) for bent in span.bent]
    return SpanAt(span, at, monomials, tuple(k for k in kept if k is not None))
