"""Components of binned counts: normalisations multiply them, shape morphs bend them.

A morph interpolates between the templates at +1 and -1 and continues linearly outside. A component
that is bent stays positive.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from cevnsjax.core.types import Real, Reals
from cevnsjax.numerics import total

FLOOR = 1e-9
"""Least expected counts of a Poisson cell [count]."""
# Fraction of the nominal counts below which a bent template no longer falls linearly.
_LINEAR_DOWN_TO = 0.1


class Component(eqx.Module):
    """One component of the counts of one experiment; its parts are bent one by one, then added.

    Attributes:
        nominal: Counts before nuisances, [cell] or [part, cell] [count].
        pulls: Indices of the nuisances that multiply it.
        linear: Half the difference of the templates at +1 and -1, [morph, cell] or
            [part, morph, cell] [count]; None if no nuisance bends it.
        curved: Half their sum minus nominal, shaped like ``linear`` [count].
        morphs: Indices of the nuisances that bend it; all, in order, if None.
        extra: Added to its factor, 1 plus the nuisances that multiply it [1]; None for 0.
    """

    nominal: Reals
    pulls: tuple[int, ...] = eqx.field(static=True, default=())
    linear: Reals | None = None
    curved: Reals | None = None
    morphs: tuple[int, ...] | None = eqx.field(static=True, default=None)
    extra: Real | None = None


class Templates(eqx.Module):
    """Experiments side by side that share one list of nuisances.

    Attributes:
        experiments: Components of each experiment; cells are concatenated in this order.
        inverse_variance: 1/sd^2 of the constraints, 0 without a constraint, [nuisance] [1].
        centre: Results of the auxiliary measurements of the nuisances, [nuisance] [1].
        weights: Inverse variances where cells are Gaussian, 0 where they are Poisson, [cell]
            [1/count^2]; all Poisson if None.
    """

    experiments: tuple[tuple[Component, ...], ...]
    inverse_variance: Reals
    centre: Reals
    weights: Reals | None = None


def bend(a: Real) -> tuple[Reals, Reals, Reals]:
    """Factor of ``curved`` at morph a: 0 at 0, 1 at +-1, ``|a|`` outside; its slope and curvature.

    The template then goes through nominal and both shifted ones and continues linearly, with two
    continuous derivatives (pyhf's interpolation code 4p; HistFactory, CERN-OPEN-2012-016).
    """
    square, outside = a**2, jnp.abs(a) > 1
    inside = square * (15 - 10 * square + 3 * square**2) / 8
    slope = a * (15 - 20 * square + 9 * square**2) / 4
    curvature = 15 * (1 - 4 * square + 3 * square**2) / 4
    return (
        jnp.where(outside, jnp.abs(a), inside),
        jnp.where(outside, jnp.sign(a), slope),
        jnp.where(outside, 0.0, curvature),
    )


def kept_positive(nominal: Reals, changed: Reals) -> tuple[Reals, Reals, Reals]:
    """A morphed template that stays above 0, with its slope and curvature in ``changed``.

    A component that may vanish can give chi2 a second minimum where counts are few. Down to a
    tenth of nominal the template is ``changed`` itself; below, it falls as exp(-t - t^2/2), which
    joins with two continuous derivatives and is log-concave, as ``changed`` is. Cells that are
    empty at nominal are left as they are.

    Args:
        nominal: Template before the morph, [cell] [count].
        changed: Interpolated template, [cell] [count].

    Returns:
        Template [count], its first [1] and second derivative [1/count], each [cell].
    """
    edge = jnp.where(nominal > FLOOR, _LINEAR_DOWN_TO * nominal, 1.0)
    t = jnp.where(nominal > FLOOR, jnp.maximum((edge - changed) / edge, 0.0), 0.0)
    down = jnp.exp(-t - t**2 / 2)
    return (
        jnp.where(t > 0, edge * down, changed),
        jnp.where(t > 0, (1 + t) * down, 1.0),
        jnp.where(t > 0, t * (2 + t) * down / edge, 0.0),
    )


class _Bend(NamedTuple):
    """What the morphs change about a component.

    Attributes:
        slope: Derivative of its counts by the interpolated template, [part, cell] [1].
        second: Second derivative, [part, cell] [1/count].
        linear: Derivative of the interpolated template by the morphs, [part, morph, cell] [count].
        curved: Second derivative, [part, morph, cell] [count].
    """

    slope: Reals
    second: Reals
    linear: Reals
    curved: Reals


class _Scaled(NamedTuple):
    """A component at nuisances a: factor times the sum of its ``parts``, [part, cell] [count]."""

    factor: Real
    parts: Reals
    bend: _Bend | None = None


def _at(component: Component, a: Reals) -> _Scaled:
    extra = () if component.extra is None else (component.extra,)
    factor = total([1.0, *extra, *(a[k] for k in component.pulls)])
    cells = component.nominal.shape[-1]
    nominal = component.nominal.reshape(-1, cells)
    if component.linear is None or component.curved is None:
        return _Scaled(factor, nominal)
    morphs = range(a.size) if component.morphs is None else component.morphs
    x = jnp.stack([a[m] for m in morphs])
    linear, curved = (y.reshape(-1, x.size, cells) for y in (component.linear, component.curved))
    u, slope, curvature = bend(x)
    bends = x[None, :, None] * linear + u[None, :, None] * curved
    changed = nominal + jnp.sum(bends, axis=1)
    positive, first, second = kept_positive(nominal, changed)
    linear = linear + slope[None, :, None] * curved
    return _Scaled(
        factor, positive, _Bend(first, second, linear, curvature[None, :, None] * curved)
    )


def _multiplied(component: Component, like: Reals) -> Reals:
    """1 for the nuisances that multiply a component, 0 for others, [nuisance] [1]."""
    return jnp.asarray([float(k in component.pulls) for k in range(like.size)], like.dtype)


def _placed(component: Component, like: Reals) -> Reals:
    """1 where a nuisance is a morph of the component, 0 elsewhere, [nuisance, morph] [1]."""
    places = jnp.eye(like.size, dtype=like.dtype)
    return places if component.morphs is None else places[:, np.array(component.morphs)]


class Mean(NamedTuple):
    """Expected counts [cell], slopes [nuisance, cell], and the components of each experiment."""

    mu: Reals
    slopes: Reals
    components: list[list[_Scaled]]


def mean_of(problem: Templates, a: Reals) -> Mean:
    """Counts and their derivatives at nuisances a, [nuisance] [1]."""
    scaled = [[_at(c, a) for c in components] for components in problem.experiments]
    counts, slopes = [], []
    for components, sides in zip(problem.experiments, scaled, strict=True):
        counts.append(total([p.factor * jnp.sum(p.parts, axis=0) for p in sides]))
        rows = []
        for component, p in zip(components, sides, strict=True):
            rows.append(_multiplied(component, a)[:, None] * jnp.sum(p.parts, axis=0)[None, :])
            if p.bend is not None:
                bent = jnp.sum(p.bend.slope[:, None, :] * p.bend.linear, axis=0)
                rows.append(p.factor * (_placed(component, a) @ bent))
        slopes.append(total(rows))
    if len(counts) == 1:
        return Mean(counts[0], slopes[0], scaled)
    return Mean(jnp.concatenate(counts), jnp.concatenate(slopes, axis=1), scaled)


def curving(problem: Templates, mean: Mean, pull: Reals) -> Reals:
    """Second derivatives of mu by the nuisances, summed over cells with the weights ``pull``."""
    like = problem.inverse_variance
    out, first = [jnp.zeros_like(like)[:, None]], 0
    for components, sides in zip(problem.experiments, mean.components, strict=True):
        cells = components[0].nominal.shape[-1]
        here = pull[first : first + cells]
        first += cells
        for component, p in zip(components, sides, strict=True):
            if p.bend is None:
                continue
            linear = p.bend.linear
            weighted = linear * (here[None, :] * p.bend.second)[:, None, :]
            slope = (here[None, :] * p.bend.slope)[:, None, :]
            bends = jnp.einsum("pkc,plc->kl", weighted, linear)
            bends = bends + jnp.diag(jnp.sum(p.bend.curved * slope, axis=(0, 2)))
            place = _placed(component, like)
            bends, tilt = place @ bends @ place.T, place @ jnp.sum(linear * slope, axis=(0, 2))
            mixed = _multiplied(component, tilt)[:, None] * tilt[None, :]
            out.append(p.factor * bends + mixed + mixed.T)
    return total(out)
