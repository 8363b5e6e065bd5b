"""Components of binned counts: normalisations multiply them, shape morphs bend them.

A morph goes through its shifted templates at +1 and -1 and straight on beyond; a component that is
bent is kept positive.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from cevnsjax.core.types import Reals
from cevnsjax.numerics import total

FLOOR = 1e-9
"""Least expected counts of a Poisson cell [count]."""
_KEPT = 0.1


class Component(eqx.Module):
    """One component of the counts of one experiment; its parts are bent one by one, then added.

    Attributes:
        nominal: Counts before nuisances, [cell] or [part, cell] [count].
        pulls: Indices of the nuisances that multiply it.
        linear: Half the difference of the templates at +1 and -1, [morph, cell] or
            [part, morph, cell] [count]; None if no nuisance bends it.
        curved: Half their sum less nominal, shaped like ``linear`` [count].
        morphs: Indices of the nuisances that bend it; all, in order, if None.
        extra: What its factor has besides 1 and the nuisances that multiply it [1]; None for 0.
    """

    nominal: Reals
    pulls: tuple[int, ...] = eqx.field(static=True, default=())
    linear: Any = None
    curved: Any = None
    morphs: tuple[int, ...] | None = eqx.field(static=True, default=None)
    extra: Any = None


class Templates(eqx.Module):
    """Experiments side by side that share one list of nuisances.

    Attributes:
        experiments: Components of each experiment; cells are concatenated in this order.
        inverse_variance: 1/sd^2 of the constraints, 0 for none, [nuisance] [1].
        centre: What the auxiliary measurements of the nuisances found, [nuisance] [1].
        weights: Inverse variances where cells are Gaussian, 0 where they are Poisson, [cell]
            [1/count^2]; all Poisson if None.
    """

    experiments: tuple[tuple[Component, ...], ...]
    inverse_variance: Reals
    centre: Reals
    weights: Reals | None = None


def bend(a: Any) -> tuple[Any, Any, Any]:
    """What multiplies ``curved``: 0 at 0, 1 at +-1, ``|a|`` outside; with slope and curvature.

    With it the template goes through nominal and both shifted ones and straight on beyond, with
    two continuous derivatives (pyhf's interpolation code 4p; HistFactory, CERN-OPEN-2012-016).

    Args:
        a: Value of the morph [1].
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

    A component that may vanish can give chi2 a second minimum, where counts are few.
    Down to a tenth of nominal it is ``changed`` itself; below, it falls as exp(-t - t^2/2), which
    joins with two continuous derivatives and is log-concave, as ``changed`` itself is. Cells that
    are empty at nominal have no tenth to keep and are left as they are.

    Args:
        nominal: Template before the morph, [cell] [count].
        changed: Interpolated template, [cell] [count].

    Returns:
        Template [count], its first [1] and second derivative [1/count], each [cell].
    """
    edge = jnp.where(nominal > FLOOR, _KEPT * nominal, 1.0)
    t = jnp.where(nominal > FLOOR, jnp.maximum((edge - changed) / edge, 0.0), 0.0)
    down = jnp.exp(-t - t**2 / 2)
    return (
        jnp.where(t > 0, edge * down, changed),
        jnp.where(t > 0, (1 + t) * down, 1.0),
        jnp.where(t > 0, t * (2 + t) * down / edge, 0.0),
    )


class _Bent(NamedTuple):
    """A component at nuisances a: normalisation, shape and its derivatives by the morphs.

    Arrays are [part, cell], ``bent`` and ``curved`` [part, morph, cell].
    """

    factor: Any
    kept: Reals
    slope: Any = 1.0
    second: Any = 0.0
    bent: Any = None
    curved: Any = None


def _at(component: Component, a: Reals) -> _Bent:
    extra = () if component.extra is None else (component.extra,)
    factor = total([1.0, *extra, *(a[k] for k in component.pulls)])
    cells = component.nominal.shape[-1]
    nominal = component.nominal.reshape(-1, cells)
    if component.linear is None:
        return _Bent(factor, nominal)
    morphs = range(a.size) if component.morphs is None else component.morphs
    x = jnp.stack([a[m] for m in morphs])
    linear, curved = (y.reshape(-1, x.size, cells) for y in (component.linear, component.curved))
    u, slope, curvature = bend(x)
    bends = x[None, :, None] * linear + u[None, :, None] * curved
    changed = nominal + jnp.sum(bends, axis=1)
    kept, first, second = kept_positive(nominal, changed)
    bent = linear + slope[None, :, None] * curved
    return _Bent(factor, kept, first, second, bent, curvature[None, :, None] * curved)


def _multiplied(component: Component, like: Reals) -> Reals:
    """1 for the nuisances that multiply a component, 0 for others, [nuisance] [1]."""
    return jnp.asarray([float(k in component.pulls) for k in range(like.size)], like.dtype)


def _placed(component: Component, like: Reals) -> Reals:
    """Where the morphs of a component stand among all nuisances, [nuisance, morph] of 0 and 1."""
    places = jnp.eye(like.size, dtype=like.dtype)
    return places if component.morphs is None else places[:, np.array(component.morphs)]


class Mean(NamedTuple):
    """Expected counts at nuisances a, their slopes [nuisance, cell], and what curves them."""

    mu: Reals
    slopes: Reals
    parts: list[list[_Bent]]


def mean_of(problem: Templates, a: Reals) -> Mean:
    """Counts and their derivatives.

    Args:
        problem: Components of all experiments.
        a: Nuisances, [nuisance] [1].
    """
    parts = [[_at(c, a) for c in components] for components in problem.experiments]
    counts, slopes = [], []
    for components, sides in zip(problem.experiments, parts, strict=True):
        counts.append(total([p.factor * jnp.sum(p.kept, axis=0) for p in sides]))
        rows = []
        for component, p in zip(components, sides, strict=True):
            rows.append(_multiplied(component, a)[:, None] * jnp.sum(p.kept, axis=0)[None, :])
            if p.bent is not None:
                bent = jnp.sum(p.slope[:, None, :] * p.bent, axis=0)
                rows.append(p.factor * (_placed(component, a) @ bent))
        slopes.append(total(rows))
    if len(counts) == 1:
        return Mean(counts[0], slopes[0], parts)
    return Mean(jnp.concatenate(counts), jnp.concatenate(slopes, axis=1), parts)


def curving(problem: Templates, mean: Mean, pull: Reals) -> Any:
    """Second derivatives of mu by the nuisances, summed with the pull of each cell."""
    out, first = [jnp.zeros_like(problem.inverse_variance)[:, None]], 0
    for components, sides in zip(problem.experiments, mean.parts, strict=True):
        cells = components[0].nominal.shape[-1]
        here = pull[first : first + cells]
        first += cells
        for component, p in zip(components, sides, strict=True):
            if p.bent is None:
                continue
            weighted = p.bent * (here[None, :] * p.second)[:, None, :]
            slope = (here[None, :] * p.slope)[:, None, :]
            bends = jnp.einsum("pkc,plc->kl", weighted, p.bent)
            bends = bends + jnp.diag(jnp.sum(p.curved * slope, axis=(0, 2)))
            place = _placed(component, problem.inverse_variance)
            bends, tilt = place @ bends @ place.T, place @ jnp.sum(p.bent * slope, axis=(0, 2))
            mixed = _multiplied(component, tilt)[:, None] * tilt[None, :]
            out.append(p.factor * bends + mixed + mixed.T)
    return total(out)
