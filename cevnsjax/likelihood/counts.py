"""Counts of components added up, with their derivatives by nuisances or strengths."""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cevnsjax.core.types import Real, Reals
from cevnsjax.likelihood.components import Component, Templates, bend, kept_positive
from cevnsjax.numerics import total


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
