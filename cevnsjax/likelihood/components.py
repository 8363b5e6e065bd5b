"""Components of binned counts: normalisations multiply them, shape morphs bend them.

A morph interpolates between the templates at +1 and -1 and continues linearly outside. A component
that is bent stays positive.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cevnsjax.core.types import Real, Reals
from cevnsjax.numerics import total

# Nominal counts below which a cell is empty [count].
_EMPTY = 1e-9
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
        morphs: Indices of the nuisances that bend it; they multiply no component.
        extra: Added to its strength, 1 plus the nuisances that multiply it [1]; None for 0.
        log_pulls: Indices of the nuisances whose exponentials multiply it.
        log_widths: What multiplies those in the exponent, [log pull] [1].
    """

    nominal: Reals
    pulls: tuple[int, ...] = eqx.field(static=True, default=())
    linear: Reals | None = None
    curved: Reals | None = None
    morphs: tuple[int, ...] = eqx.field(static=True, default=())
    extra: Real | None = None
    log_pulls: tuple[int, ...] = eqx.field(static=True, default=())
    log_widths: Reals | None = None


class Templates(eqx.Module):
    """Experiments side by side that share one list of nuisances.

    Attributes:
        experiments: Components of each experiment; cells are concatenated in this order.
        inverse_variance: 1/sd^2 of the constraints, 0 without a constraint, [nuisance] [1].
        centre: Results of the auxiliary measurements of the nuisances, [nuisance] [1].
        weights: Inverse variances where cells are Gaussian, 0 where they are Poisson, [cell]
            [1/count^2]; all Poisson if None.
        bounded: Whether the components of each experiment stay at or above 0; all if None.
    """

    experiments: tuple[tuple[Component, ...], ...]
    inverse_variance: Reals
    centre: Reals
    weights: Reals | None = None
    bounded: tuple[bool, ...] | None = eqx.field(static=True, default=None)


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
    edge = jnp.where(nominal > _EMPTY, _LINEAR_DOWN_TO * nominal, 1.0)
    t = jnp.where(nominal > _EMPTY, jnp.maximum((edge - changed) / edge, 0.0), 0.0)
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
    """A component at coordinates: factor times the sum of its ``parts``, [part, cell] [count].

    ``slope`` and ``curve`` are derivatives of the factor by coordinates, [coordinate] and
    [coordinate, coordinate]; the latter is None if the factor is linear.
    """

    factor: Real
    slope: Reals
    curve: Reals | None
    parts: Reals
    bend: _Bend | None = None


class View(NamedTuple):
    """Coordinates of a problem: its nuisances, or strengths of components and other nuisances.

    Attributes:
        strengths: Of each component, in the order of the experiments [1].
        slopes: Their derivatives by the coordinates, [component, coordinate] [1].
        nuisances: The nuisances that bend components or multiply them by exponentials, by index,
            with their coordinates.
    """

    strengths: Sequence[Real]
    slopes: Float[np.ndarray, "component coordinate"]
    nuisances: Mapping[int, tuple[Real, int]]


def by_nuisances(problem: Templates, a: Reals) -> View:
    """The nuisances themselves as coordinates, [nuisance] [1]."""
    components = [c for experiment in problem.experiments for c in experiment]
    strengths = [total([base_of(c), *(a[k] for k in c.pulls)]) for c in components]
    slopes = [[float(c.pulls.count(k)) for k in range(a.size)] for c in components]
    slopes = np.array(slopes).reshape(len(components), a.size)
    return View(strengths, slopes, {k: (a[k], k) for k in range(a.size)})


def base_of(component: Component) -> Real:
    """Strength without pulls [1]."""
    return 1.0 if component.extra is None else 1.0 + component.extra


def _at(component: Component, view: View, c: int) -> _Scaled:
    scale, slope, curve = _factor(component, view, c)
    cells = component.nominal.shape[-1]
    nominal = component.nominal.reshape(-1, cells)
    if component.linear is None or component.curved is None:
        return _Scaled(scale, slope, curve, nominal)
    x = jnp.stack([view.nuisances[m][0] for m in component.morphs])
    linear, curved = (y.reshape(-1, x.size, cells) for y in (component.linear, component.curved))
    u, bend_slope, curvature = bend(x)
    bends = x[None, :, None] * linear + u[None, :, None] * curved
    changed = nominal + jnp.sum(bends, axis=1)
    positive, first, second = kept_positive(nominal, changed)
    linear = linear + bend_slope[None, :, None] * curved
    bent = _Bend(first, second, linear, curvature[None, :, None] * curved)
    return _Scaled(scale, slope, curve, positive, bent)


def _factor(component: Component, view: View, c: int) -> tuple[Real, Reals, Reals | None]:
    """What multiplies a component, and its derivatives by the coordinates."""
    strength, like = view.strengths[c], component.nominal.dtype
    slope = jnp.asarray(view.slopes[c], like)
    if component.log_widths is None:
        return strength, slope, None
    widths = component.log_widths
    moved = [widths[i] * view.nuisances[k][0] for i, k in enumerate(component.log_pulls)]
    places = np.zeros((len(moved), slope.size))
    places[np.arange(len(moved)), [view.nuisances[k][1] for k in component.log_pulls]] = 1.0
    direction, growth = widths @ jnp.asarray(places, like), jnp.exp(total(moved))
    factor, slope = strength * growth, slope * growth
    mixed = slope[:, None] * direction[None, :]
    curve = mixed + mixed.T + factor * direction[:, None] * direction[None, :]
    return factor, slope + factor * direction, curve


def _placed(component: Component, view: View) -> Reals:
    """1 where a coordinate is a morph of the component, 0 elsewhere, [coordinate, morph] [1]."""
    places = np.eye(view.slopes.shape[1])
    columns = [view.nuisances[m][1] for m in component.morphs]
    return jnp.asarray(places[:, columns], component.nominal.dtype)


class Mean(NamedTuple):
    """Expected counts [cell], slopes [coordinate, cell], and the components of each experiment."""

    mu: Reals
    slopes: Reals
    components: list[list[_Scaled]]


def mean_of(problem: Templates, view: View) -> Mean:
    """Counts and their derivatives by coordinates."""
    places, scaled = itertools.count(), []
    for experiment in problem.experiments:
        scaled.append([_at(component, view, next(places)) for component in experiment])
    counts, slopes = [], []
    for components, sides in zip(problem.experiments, scaled, strict=True):
        counts.append(total([p.factor * jnp.sum(p.parts, axis=0) for p in sides]))
        rows = []
        for component, p in zip(components, sides, strict=True):
            rows.append(p.slope[:, None] * jnp.sum(p.parts, axis=0)[None, :])
            if p.bend is not None:
                bent = jnp.sum(p.bend.slope[:, None, :] * p.bend.linear, axis=0)
                rows.append(p.factor * (_placed(component, view) @ bent))
        slopes.append(total(rows))
    if len(counts) == 1:
        return Mean(counts[0], slopes[0], scaled)
    return Mean(jnp.concatenate(counts), jnp.concatenate(slopes, axis=1), scaled)


def curving(problem: Templates, view: View, mean: Mean, pull: Reals) -> Reals:
    """Second derivatives of mu by the coordinates, summed over cells with the weights ``pull``."""
    out, first = [jnp.zeros_like(mean.slopes[:, :1])], 0
    for components, sides in zip(problem.experiments, mean.components, strict=True):
        cells = components[0].nominal.shape[-1]
        here = pull[first : first + cells]
        first += cells
        for component, p in zip(components, sides, strict=True):
            if p.curve is not None:
                out.append(p.curve * jnp.sum(p.parts * here[None, :]))
            if p.bend is None:
                continue
            linear = p.bend.linear
            weighted = linear * (here[None, :] * p.bend.second)[:, None, :]
            slope = (here[None, :] * p.bend.slope)[:, None, :]
            bends = jnp.einsum("pkc,plc->kl", weighted, linear)
            bends = bends + jnp.diag(jnp.sum(p.bend.curved * slope, axis=(0, 2)))
            place = _placed(component, view)
            bends, tilt = place @ bends @ place.T, place @ jnp.sum(linear * slope, axis=(0, 2))
            mixed = p.slope[:, None] * tilt[None, :]
            out.append(p.factor * bends + mixed + mixed.T)
    return total(out)
