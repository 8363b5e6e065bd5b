"""Binned counts with Gaussian constraints, nuisances solved by Newton's method.

A prediction is a sum of components; normalisations multiply them, shape morphs bend them from
nominal through their shifted templates, kept positive. Poisson cells:
chi2 = 2 sum(mu - n + n ln(n/mu)); cells with a weight: w (n - mu)^2; constraints:
((a - centre)/sd)^2.

Far from the data the exact Hessian misleads, so each step of the search
takes the lowest of Newton's and of shortened steps with the weights max(1, n/mu)/mu, which bound
it from above. Derivatives come from one more, undamped step with a differentiable right-hand
side: value, gradient and Hessian are exact.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cevnsjax.numerics import total
from cevnsjax.types import Reals

# Steps at most; most points need four or five.
_STEPS, _LEFT = 30, 1e-10
# Guarded steps to choose from besides Newton's and none; long ones where the bound is too steep.
_SIZES = (10.0, 3.0, 1.0, 0.3, 0.03)
_FLOOR = 1e-9
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
        extra: What its factor has besides 1 and the nuisances that multiply it [1].
    """

    nominal: Reals
    pulls: tuple[int, ...] = eqx.field(static=True, default=())
    linear: Any = None
    curved: Any = None
    morphs: tuple[int, ...] | None = eqx.field(static=True, default=None)
    extra: Any = 0.0


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
    """What multiplies ``curved``: 0 at 0, 1 at +-1, |a| outside; with slope and curvature.

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
    edge = jnp.where(nominal > _FLOOR, _KEPT * nominal, 1.0)
    t = jnp.where(nominal > _FLOOR, jnp.maximum((edge - changed) / edge, 0.0), 0.0)
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
    factor = 1 + total([component.extra, *(a[k] for k in component.pulls)])
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


class _Mean(NamedTuple):
    """Expected counts at nuisances a, their slopes [nuisance, cell], and what curves them."""

    mu: Reals
    slopes: Reals
    parts: list[list[_Bent]]


def _mean(problem: Templates, a: Reals) -> _Mean:
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
        return _Mean(counts[0], slopes[0], parts)
    return _Mean(jnp.concatenate(counts), jnp.concatenate(slopes, axis=1), parts)


def _curving(problem: Templates, mean: _Mean, pull: Reals) -> Any:
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


def expected(problem: Templates, a: Reals) -> Reals:
    """Prediction at nuisances a, floored above 0 in Poisson cells, [cell] [count]."""
    return _floored(problem, _mean(problem, a).mu)


def _floored(problem: Templates, mu: Reals) -> Reals:
    return _cellwise(problem, mu, jnp.maximum(mu, _FLOOR))


def _cellwise(problem: Templates, gaussian: Any, poisson: Reals) -> Reals:
    return poisson if problem.weights is None else jnp.where(problem.weights > 0, gaussian, poisson)


def chi2(observed: Reals, problem: Templates, a: Reals) -> Reals:
    """Deviance plus constraints at nuisances a.

    Args:
        observed: Observed counts, [cell] [count].
        problem: The prediction.
        a: Nuisances, [nuisance] [1].

    Returns:
        Scalar [1].
    """
    mu = expected(problem, a)
    # n ln(n/mu) is 0 at n = 0; the inner where keeps its derivative finite there.
    ratio = jnp.where(observed > 0, observed, 1.0) / _cellwise(problem, 1.0, mu)
    entropy = jnp.where(observed > 0, observed * jnp.log(ratio), 0.0)
    deviance = 2 * (mu - observed + entropy)
    weights = 0.0 if problem.weights is None else problem.weights
    cells = _cellwise(problem, weights * (observed - mu) ** 2, deviance)
    return jnp.sum(cells) + jnp.sum((a - problem.centre) ** 2 * problem.inverse_variance)


def _gradient(observed: Reals, problem: Templates, a: Reals, mean: _Mean) -> tuple[Reals, Reals]:
    """Gradient of chi2/2 by the nuisances, and its derivative by mu, the pull of each cell."""
    mu, weights = _floored(problem, mean.mu), problem.weights
    poisson = 1 - observed / _cellwise(problem, 1.0, mu)
    pull = _cellwise(problem, 0.0 if weights is None else weights * (mu - observed), poisson)
    return mean.slopes @ pull + (a - problem.centre) * problem.inverse_variance, pull


def _hessian(
    observed: Reals, problem: Templates, mean: _Mean, pull: Reals, *, guarded: bool
) -> Reals:
    """Hessian of chi2/2 by the nuisances, or a bound on it that is positive everywhere."""
    positive = _cellwise(problem, 1.0, _floored(problem, mean.mu))
    ratio = observed / positive
    poisson = (jnp.maximum(1.0, ratio) if guarded else ratio) / positive
    curvature = _cellwise(problem, problem.weights, poisson)
    slopes = mean.slopes
    hessian = (slopes * curvature[None, :]) @ slopes.T + jnp.diag(problem.inverse_variance)
    return hessian if guarded else hessian + _curving(problem, mean, pull)


def _step(observed: Reals, problem: Templates, a: Reals) -> tuple[Reals, Reals]:
    """The lowest of Newton's step, shortened guarded steps and no step; chi2/2 left to gain."""
    mean = _mean(problem, a)
    gradient, pull = _gradient(observed, problem, a, mean)
    bound, exact = (
        _hessian(observed, problem, mean, pull, guarded=guarded) for guarded in (True, False)
    )
    newton, guarded = jnp.linalg.solve(exact, gradient), jnp.linalg.solve(bound, gradient)
    steps = jnp.stack([newton, *(size * guarded for size in _SIZES), jnp.zeros_like(a)])
    trials = a[None, :] - steps
    values = jax.vmap(lambda trial: chi2(observed, problem, trial))(trials)
    # A singular Hessian gives a step that is not a number: never the lowest.
    best = trials[jnp.argmin(jnp.where(jnp.isfinite(values), values, jnp.inf))]
    return best, 0.5 * gradient @ guarded


def _search(observed: Reals, problem: Templates) -> Reals:
    """Nuisances near the minimum; a point that has converged waits for the others of a batch."""

    def unfinished(state: Any) -> Any:
        steps, _, left = state
        return (steps < _STEPS) & ~(left < _LEFT)

    def step(state: Any) -> Any:
        steps, a, _ = state
        return steps + 1, *_step(observed, problem, a)

    start = jnp.zeros_like(problem.inverse_variance)
    return jax.lax.while_loop(unfinished, step, (0, start, jnp.asarray(jnp.inf, start.dtype)))[1]


def best_nuisances(observed: Reals, problem: Templates) -> tuple[Reals, Reals]:
    """Nuisances that minimise chi2, differentiable twice, and the distance left.

    Args:
        observed: Observed counts, [cell] [count].
        problem: The prediction.

    Returns:
        a [nuisance] [1] and the estimated vertical distance to the minimum in chi2/2, infinite
        where counts are negative or the curvature is not positive [1].
    """
    still_n, still = jax.lax.stop_gradient((observed, problem))
    if not problem.inverse_variance.size:
        return problem.centre, jnp.zeros((), problem.centre.dtype)
    # A compiled loop: nothing is differentiated through the search.
    a = jax.lax.stop_gradient(_search(still_n, still))
    gradient, _ = _gradient(observed, problem, a, _mean(problem, a))
    still_mean = _mean(still, a)
    _, pull = _gradient(still_n, still, a, still_mean)
    hessian = _hessian(still_n, still, still_mean, pull, guarded=False)
    least = jnp.min(_cellwise(still, jnp.inf, still_mean.mu))
    is_minimum = (least > 0) & jnp.all(jnp.isfinite(jnp.linalg.cholesky(hessian)))
    # Where the search has not arrived a last step could lead anywhere.
    safe = jnp.where(is_minimum, hessian, jnp.eye(a.size, dtype=a.dtype))
    move = jnp.where(is_minimum, jnp.linalg.solve(safe, gradient), 0.0)
    distance = jnp.where(is_minimum, 0.5 * gradient @ move, jnp.inf)
    return a - move, jax.lax.stop_gradient(distance)
