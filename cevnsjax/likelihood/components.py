"""Components of binned counts: normalisations multiply them, shape morphs bend them.

A morph interpolates between the templates at +1 and -1 and continues linearly outside. A component
that is bent stays positive.
"""

from dataclasses import dataclass
from functools import partial

import jax

from cevnsjax.core.namespaces import numpy_of
from cevnsjax.core.types import Arrays, Numbers

# Nominal counts below which a cell is empty [count].
_EMPTY = 1e-9
LINEAR_DOWN_TO = 0.1
"""Fraction of the nominal counts below which a bent template no longer falls linearly."""


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["nominal", "linear", "curved", "extra", "log_widths"],
    meta_fields=["pulls", "morphs", "log_pulls"],
)
@dataclass(frozen=True, eq=False)
class Component:
    """One component of the counts of one experiment; its parts are bent one by one, then added.

    Attributes:
        nominal: Counts before nuisances, [cell] or [..., part, cell] [count]; axes in front are
            points.
        pulls: Indices of the nuisances that multiply it.
        linear: Half the difference of the templates at +1 and -1, [morph, cell] or
            [..., part, morph, cell] [count]; None if no nuisance bends it.
        curved: Half their sum minus nominal, shaped like ``linear`` [count].
        morphs: Indices of the nuisances that bend it; they multiply no component.
        extra: Added to its strength, 1 plus the nuisances that multiply it, [...] [1]; None for 0.
        log_pulls: Indices of the nuisances whose exponentials multiply it.
        log_widths: What multiplies those in the exponent, [log pull] [1].
    """

    nominal: Arrays
    pulls: tuple[int, ...] = ()
    linear: Arrays | None = None
    curved: Arrays | None = None
    morphs: tuple[int, ...] = ()
    extra: Numbers | None = None
    log_pulls: tuple[int, ...] = ()
    log_widths: Arrays | None = None


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["experiments", "inverse_variance", "centre", "weights"],
    meta_fields=["bounded", "wide"],
)
@dataclass(frozen=True, eq=False)
class Templates:
    """Experiments side by side that share one list of nuisances.

    Attributes:
        experiments: Components of each experiment; cells are concatenated in this order.
        inverse_variance: 1/sd^2 of the constraints, 0 without a constraint, [nuisance] [1].
        centre: Results of the auxiliary measurements of the nuisances, [nuisance] [1].
        weights: Inverse variances where cells are Gaussian, 0 where they are Poisson, [cell]
            [1/count^2]; all Poisson if None.
        bounded: Whether the components of each experiment stay at or above 0; all if None.
        wide: Whether lognormal pulls, if there are any, may be so wide that chi2 has curved
            valleys and several minima.
    """

    experiments: tuple[tuple[Component, ...], ...]
    inverse_variance: Arrays
    centre: Arrays
    weights: Arrays | None = None
    bounded: tuple[bool, ...] | None = None
    wide: bool = True


def bend(a: Numbers) -> tuple[Arrays, Arrays, Arrays]:
    """Factor of ``curved`` at morph a: 0 at 0, 1 at +-1, ``|a|`` outside; its slope and curvature.

    The template then goes through nominal and both shifted ones and continues linearly, with two
    continuous derivatives (pyhf's interpolation code 4p; HistFactory, CERN-OPEN-2012-016).
    """
    xp = numpy_of(a)
    square, outside = a**2, xp.abs(a) > 1
    inside = square * (15 - 10 * square + 3 * square**2) / 8
    slope = a * (15 - 20 * square + 9 * square**2) / 4
    curvature = 15 * (1 - 4 * square + 3 * square**2) / 4
    return (
        xp.where(outside, xp.abs(a), inside),
        xp.where(outside, xp.sign(a), slope),
        xp.where(outside, 0.0, curvature),
    )


def are_positive(nominal: Arrays, changed: Arrays) -> bool:
    """Whether ``kept_positive`` leaves all cells of NumPy arrays, [..., cell], as they are."""
    return bool(((changed >= LINEAR_DOWN_TO * nominal) | (nominal <= _EMPTY)).all())


def kept_positive(nominal: Arrays, changed: Arrays) -> tuple[Arrays, Arrays, Arrays]:
    """A morphed template that stays above 0, with its slope and curvature in ``changed``.

    A component that may vanish can give chi2 a second minimum where counts are few. Down to a
    tenth of nominal the template is ``changed`` itself; below, it falls as exp(-t - t^2/2), which
    joins with two continuous derivatives and is log-concave, as ``changed`` is. Cells that are
    empty at nominal are left as they are.

    Args:
        nominal: Template before the morph, [..., cell] [count].
        changed: Interpolated template, [..., cell] [count].

    Returns:
        Template [count], its first [1] and second derivative [1/count], each [..., cell].
    """
    xp = numpy_of(nominal, changed)
    edge = xp.where(nominal > _EMPTY, LINEAR_DOWN_TO * nominal, 1.0)
    t = xp.where(nominal > _EMPTY, xp.maximum((edge - changed) / edge, 0.0), 0.0)
    down = xp.exp(-t - t**2 / 2)
    return (
        xp.where(t > 0, edge * down, changed),
        xp.where(t > 0, (1 + t) * down, 1.0),
        xp.where(t > 0, t * (2 + t) * down / edge, 0.0),
    )
