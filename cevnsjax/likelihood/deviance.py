"""Deviance of Poisson counts, without cancellation at any number of counts.

With r = (mu - n)/n it is 2 n (r - log1p(r)). Where r is small, s = (mu - n)/(mu + n) turns this
into an even series without the terms that cancel:

    mu - n + n ln(n/mu) = (mu - n)^2/(mu + n) - 2 n s^3 (1/3 + s^2/5 + s^4/7 + ...).
"""

import jax
import jax.numpy as jnp

from cevnsjax.core.types import Reals

FLOOR = 1e-9
"""Least expected counts of a cell with events; below, its deviance is a straight line [count]."""
# Largest |s| of the series, and its number of terms: what is left out is below rounding.
_MAX_SERIES, _TERMS = 0.05, 6


@jax.custom_jvp
def deviance(n: Reals, mu: Reals) -> Reals:
    """2 (mu - n + n ln(n/mu)) for each cell; 2 mu without events.

    Below ``FLOOR`` a cell with events continues along its tangent; one without events costs
    nothing below 0. Derivatives are those of this one function.

    Args:
        n: Observed counts, [cell] [count].
        mu: Expected counts, [cell] [count].

    Returns:
        [cell] [1].
    """
    floored = jnp.maximum(mu, FLOOR)
    ratio = jnp.where(n > 0, n, 1.0) / floored
    s = (floored - n) / (floored + n)
    is_near = jnp.abs(s) < _MAX_SERIES
    y = jnp.where(is_near, s * s, 0.0)
    series = jnp.full_like(y, 1 / (2 * _TERMS + 1))
    for k in range(2 * _TERMS - 1, 1, -2):
        series = series * y + 1 / k
    near = (floored - n) * s - 2 * n * s * y * series
    far = floored - n + n * jnp.log(ratio)
    below = (1 - ratio) * jnp.minimum(mu - FLOOR, 0.0)
    with_events = jnp.where(is_near, near, far) + below
    return 2 * jnp.where(n > 0, with_events, jnp.maximum(mu, 0.0))


def curvature(n: Reals, mu: Reals) -> Reals:
    """Half the second derivative of the deviance by mu, [cell] [1/count^2]."""
    return jnp.where(mu >= FLOOR, n / jnp.maximum(mu, FLOOR) ** 2, 0.0)


@jax.custom_jvp
def tilt(n: Reals, mu: Reals) -> Reals:
    """Half the derivative of the deviance by mu, [cell] [1/count]."""
    floored = jnp.maximum(mu, FLOOR)
    return jnp.where(n > 0, (floored - n) / floored, jnp.where(mu >= 0, 1.0, 0.0))


@tilt.defjvp
def _tilt_jvp(primals: tuple[Reals, Reals], tangents: tuple[Reals, Reals]) -> tuple[Reals, Reals]:
    (n, mu), (dn, dmu) = primals, tangents
    return tilt(n, mu), curvature(n, mu) * dmu - jnp.where(n > 0, dn, 0.0) / jnp.maximum(mu, FLOOR)


@deviance.defjvp
def _deviance_jvp(
    primals: tuple[Reals, Reals], tangents: tuple[Reals, Reals]
) -> tuple[Reals, Reals]:
    (n, mu), (dn, dmu) = primals, tangents
    ratio = jnp.where(n > 0, n, 1.0) / jnp.maximum(mu, FLOOR)
    by_n = jnp.where(n > 0, jnp.log(ratio) - jnp.minimum(mu / FLOOR - 1, 0.0), 0.0)
    return deviance(n, mu), 2 * (tilt(n, mu) * dmu + by_n * dn)
