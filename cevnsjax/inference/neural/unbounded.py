"""Coordinates without bounds, in which the prior of a parameter is a standard normal."""

import math

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr, ndtri

from cevnsjax.core.types import RealLike, Reals
from cevnsjax.inference.posteriors.priors import Density


def from_normal(prior: Density, z: RealLike) -> Reals:
    """Values of the parameter at coordinates z, shaped like z, in the parameter's unit."""
    z = jnp.asarray(z)
    if prior.normal is not None and math.isinf(prior.low) and math.isinf(prior.high):
        return prior.normal.mean + prior.normal.sd * z
    if prior.normal is None:
        return prior.low + (prior.high - prior.low) * ndtr(z)
    low, high, side = prior.ends_in_sd
    below = ndtr(low) + (ndtr(high) - ndtr(low)) * ndtr(side * z)
    x = prior.normal.mean + side * prior.normal.sd * ndtri(below)
    # Rounding may put a value beyond an end.
    return jnp.clip(x, prior.low, prior.high)


def to_normal(prior: Density, x: RealLike) -> Reals:
    """Coordinates of values of the parameter, shaped like x; finite at the ends of the prior."""
    x = jnp.asarray(x)
    if prior.normal is not None and math.isinf(prior.low) and math.isinf(prior.high):
        return (x - prior.normal.mean) / prior.normal.sd
    if prior.normal is None:
        return _inverse((x - prior.low) / (prior.high - prior.low))
    low, high, side = prior.ends_in_sd
    below = ndtr(side * (x - prior.normal.mean) / prior.normal.sd)
    return side * _inverse((below - ndtr(low)) / (ndtr(high) - ndtr(low)))


def _inverse(p: Reals) -> Reals:
    finite = np.finfo(p.dtype)
    return ndtri(jnp.clip(p, finite.tiny, 1 - finite.epsneg))
