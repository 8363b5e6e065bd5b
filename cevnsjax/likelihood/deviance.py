"""Deviance of Poisson counts, without cancellation at any number of counts.

With r = (mu - n)/n it is 2 n (r - log1p(r)). Where r is small, s = (mu - n)/(mu + n) turns this
into an even series without the terms that cancel:

    mu - n + n ln(n/mu) = (mu - n)^2/(mu + n) - 2 n s^3 (1/3 + s^2/5 + s^4/7 + ...).
"""

import jax
import jax.numpy as jnp
import numpy as np

from cevnsjax.core.namespaces import numpy_of
from cevnsjax.core.types import Arrays, Reals

FLOOR = 1e-9
"""Least expected counts of a cell with events; below, its deviance is a straight line [count]."""
# Largest |s| of the series, and its number of terms: what is left out is below rounding.
_MAX_SERIES, _TERMS = 0.05, 6


def deviance(n: Arrays, mu: Arrays) -> Arrays:
    """2 (mu - n + n ln(n/mu)) for each cell; 2 mu without events.

    Below ``FLOOR`` a cell with events continues along its tangent; one without events costs
    nothing below 0. Derivatives are those of this one function.

    Args:
        n: Observed counts of NumPy or jax, [..., cell] [count].
        mu: Expected counts, [..., cell] [count].

    Returns:
        [..., cell] [1].
    """
    return _deviance(n, mu) if numpy_of(n, mu) is jnp else _of_cells(n, mu)


def _of_cells(n: Arrays, mu: Arrays) -> Arrays:
    xp = numpy_of(n, mu)
    floored = xp.maximum(mu, FLOOR)
    ratio = xp.where(n > 0, n, 1.0) / floored
    away = floored - n
    s = away / (floored + n)
    is_near = xp.abs(s) < _MAX_SERIES
    with_events = away + n * xp.log(ratio)
    if xp is np:
        # The series where it is wanted, and the tangent if it is: few cells of many.
        n = np.broadcast_to(n, with_events.shape)
        with_events[is_near] = _series(n[is_near], away[is_near], s[is_near])
        if not (floored == mu).all():
            with_events += _tangent(ratio, mu)
    else:
        with_events = xp.where(is_near, _series(n, away, xp.where(is_near, s, 0.0)), with_events)
        with_events = with_events + _tangent(ratio, mu)
    return 2 * xp.where(n > 0, with_events, xp.maximum(mu, 0.0))


def _series(n: Arrays, away: Arrays, s: Arrays) -> Arrays:
    y = s * s
    series = numpy_of(y).full_like(y, 1 / (2 * _TERMS + 1))
    for k in range(2 * _TERMS - 1, 1, -2):
        series = series * y + 1 / k
    return away * s - 2 * n * s * y * series


def _tangent(ratio: Arrays, mu: Arrays) -> Arrays:
    return (1 - ratio) * numpy_of(ratio, mu).minimum(mu - FLOOR, 0.0)


def curvature(n: Arrays, mu: Arrays) -> Arrays:
    """Half the second derivative of the deviance by mu, [..., cell] [1/count^2]."""
    xp = numpy_of(n, mu)
    return xp.where(mu >= FLOOR, n / xp.maximum(mu, FLOOR) ** 2, 0.0)


def tilt(n: Arrays, mu: Arrays) -> Arrays:
    """Half the derivative of the deviance by mu, [..., cell] [1/count]."""
    return _tilt(n, mu) if numpy_of(n, mu) is jnp else _tilt_of_cells(n, mu)


def _tilt_of_cells(n: Arrays, mu: Arrays) -> Arrays:
    xp = numpy_of(n, mu)
    floored = xp.maximum(mu, FLOOR)
    return xp.where(n > 0, (floored - n) / floored, xp.where(mu >= 0, 1.0, 0.0))


_deviance, _tilt = jax.custom_jvp(_of_cells), jax.custom_jvp(_tilt_of_cells)


@_tilt.defjvp
def _tilt_jvp(primals: tuple[Reals, Reals], tangents: tuple[Reals, Reals]) -> tuple[Arrays, Arrays]:
    (n, mu), (dn, dmu) = primals, tangents
    return _tilt(n, mu), curvature(n, mu) * dmu - jnp.where(n > 0, dn, 0.0) / jnp.maximum(mu, FLOOR)


@_deviance.defjvp
def _deviance_jvp(
    primals: tuple[Reals, Reals], tangents: tuple[Reals, Reals]
) -> tuple[Arrays, Arrays]:
    (n, mu), (dn, dmu) = primals, tangents
    ratio = jnp.where(n > 0, n, 1.0) / jnp.maximum(mu, FLOOR)
    by_n = jnp.where(n > 0, jnp.log(ratio) - jnp.minimum(mu / FLOOR - 1, 0.0), 0.0)
    return _deviance(n, mu), 2 * (_tilt(n, mu) * dmu + by_n * dn)
