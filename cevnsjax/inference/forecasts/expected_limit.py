"""The expected limit as a differentiable function of the design of the experiments.

The likelihood of a design's Asimov data is profiled about the truth (Cowan et al., EPJC 71, 1554,
section 3.2). The limit is where it reaches the height of a confidence level. Its slopes follow from
the implicit function theorem: at the crossing only the derivatives of the likelihood by the design
and by the parameter itself are left.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.levels import checked_levels, delta_chi2_at
from cevnsjax.core.types import Reals
from cevnsjax.inference.fits.profile import SIDES
from cevnsjax.inference.forecasts.design import Design, DesignChange, changes_of, truth_of
from cevnsjax.inference.forecasts.limit_root import Inner, crossing, settled
from cevnsjax.inference.forecasts.traced_asimov import Asimov, asimov_chi2, asimov_of
from cevnsjax.inference.forecasts.traced_design import Layout, layout_of
from cevnsjax.inference.objective import free_names
from cevnsjax.model.model import Model
from cevnsjax.model.structure import Leaves, prior_information


class _Numbers(NamedTuple):
    """Arrays that decide a limit; the others are the unknowns besides the parameter.

    Attributes:
        truth: True values of all parameters.
        prior: 1/sd^2 of the measured nuisances.
        scale: Of the parameter, then of the others.
        low: Lower bounds of the others, over their scales.
        high: Upper bounds of the others, over their scales.
        aside: 1 for even ones of the others.
        height: Delta chi2 of the level.
        ends: Where to stop on each side.
        closed: 1 where that is a physical limit.
        signs: -1 for the lower, 1 for the upper side.
    """

    truth: Float[Array, " parameter"]
    prior: Float[Array, " nuisance"]
    scale: Float[Array, " unknown"]
    low: Float[Array, " other"]
    high: Float[Array, " other"]
    aside: Float[Array, " other"]
    height: Float[Array, ""]
    ends: Float[Array, " side"]
    closed: Float[Array, " side"]
    signs: Float[Array, " side"]


def expected_limit(
    model: Model,
    parameter: str,
    *,
    level: float = 0.90,
    side: str = "upper",
    free: str | Iterable[str] = (),
    truth: Mapping[str, float] | None = None,
    fixed: Mapping[str, float] | None = None,
    statistical: str | Collection[str] = (),
    within: tuple[float, float] | None = None,
) -> Callable[..., Float[Array, "..."]]:
    """The expected limit on a parameter as a pure function of the design.

    The limit is where ``forecast`` ends its interval about the truth. It exists also where the
    information vanishes: for mu_nu and for couplings on whose square counts depend. The function
    takes a dict of numbers like that of ``expected_sd`` and works under ``jax.grad``, ``jit`` and
    ``vmap``. Other unknowns are followed from their true values; a lower valley elsewhere is not
    seen, and the limit is the first crossing.

    Args:
        model: The experiments as they are.
        parameter: What is measured.
        level: Confidence level, within (0, 1), above 0.5 for one side.
        side: "upper" or "lower" for a one-sided limit, "both" for the ends of an interval.
        free: Further unknown theory parameters, profiled over; nuisances always are.
        truth: True values; names left out take their defaults.
        fixed: Parameters known exactly, at these true values.
        statistical: Nuisances whose widths fall with the square root of their experiment's
            exposure.
        within: Range to look at; the parameter's bounds if None. An interval that reaches a
            physical bound ends there.

    Returns:
        Function of a design; {} or no argument stands for the experiments as they are. It returns
        the limit in the parameter's unit, or [low, high] for both sides. Where no limit is within
        the range, or the search for nuisances fails, it raises InputError; under a trace NaN.

    Raises:
        UnknownNameError: At an unknown parameter or side.
        InputError: At a level, range or values out of bounds.

    Examples:
        >>> from dataclasses import replace
        >>> statistical = cj.Model(replace(csi, pulls=()))
        >>> limit = cj.expected_limit(statistical, "sin2_theta_w", level=0.90, side="upper")
        >>> round(float(limit({"exposure": 10.0})), 3)
        0.252
    """
    layout = layout_of(model, statistical)
    height = _height(level, side)
    others, fixed_values = free_names(model, free, fixed, exclude=(parameter,))
    table, dtype = model.parameters, model.dtype
    values = truth_of(table, truth, fixed_values)
    low, high = _range(model, parameter, within, values[parameter])
    names = (parameter, *others)
    sides = [k for k, s in enumerate(("lower", "upper")) if side in (s, "both")]
    edges = np.array([table[n].bounds for n in others]).reshape(-1, 2)
    scale = np.array([table[n].scale for n in names])
    raw = {
        "truth": np.array([values[n] for n in layout.structure.names]),
        "prior": prior_information(table, layout.structure.auxiliary_names),
        "scale": scale,
        "low": edges[:, 0] / scale[1:],
        "high": edges[:, 1] / scale[1:],
        "aside": np.array([float(table[n].even) for n in others]),
        "height": np.array(height),
        "ends": np.array([low, high])[sides],
        "closed": np.array(_closed(model, parameter, (low, high)), dtype=float)[sides],
        "signs": np.array([-1.0, 1.0])[sides],
    }
    numbers = _Numbers(*(jax.device_put(x.astype(dtype)) for x in raw.values()))

    def limit(design: Design | None = None) -> Float[Array, "..."]:
        """Expected limit, in the parameter's unit."""
        changes = changes_of(model, design)
        keys, designed, leaves = tuple(changes), tuple(changes.values()), model.state.leaves
        limits = _limits(layout, names, keys, leaves, numbers, designed)
        if not isinstance(limits, Tracer) and np.any(np.isnan(limits)):
            raise InputError(
                f"no {side} limit on {parameter} at {level:g} within [{low:g}, {high:g}]: "
                "chi2 stays below the level, or its nuisances were not found; widen or narrow the "
                "range, or lower the level"
            )
        return limits if side == "both" else limits[0]

    return limit


def _height(level: float, side: str) -> float:
    """Delta chi2; everything that a one-sided limit excludes lies on one side."""
    if side not in SIDES:
        raise UnknownNameError("side", side, SIDES)
    (level,) = checked_levels([level], one_sided=side != "both")
    return delta_chi2_at(level if side == "both" else 2 * level - 1)


def _range(
    model: Model, parameter: str, within: tuple[float, float] | None, truth: float
) -> tuple[float, float]:
    declared = model.parameters[parameter]
    if within is None:
        return declared.bounds
    if not isinstance(within, tuple | list) or len(within) != 2:
        raise InputError(f"within must be (low, high), got {within!r}")
    low, high = (declared.check(edge) for edge in within)
    if not low <= truth <= high or low == high:
        raise InputError(
            f"within [{low:g}, {high:g}] does not hold the true {parameter} = {truth:g}"
        )
    return low, high


def _closed(model: Model, parameter: str, ends: tuple[float, float]) -> list[bool]:
    """Whether the ends of the range are physical limits, or mirrors of an even parameter."""
    p = model.parameters[parameter]
    return [
        (is_limit and end == bound) or (p.even and end == 0)
        for end, bound, is_limit in zip(ends, p.bounds, p.physical, strict=True)
    ]


@jax.jit(static_argnums=(0, 1, 2))
def _limits(
    layout: Layout,
    names: tuple[str, ...],
    keys: tuple[DesignChange, ...],
    leaves: Leaves,
    numbers: _Numbers,
    designed: tuple[Reals | np.number, ...],
) -> Float[Array, " side"]:
    """The limit on each side, NaN where there is none."""

    def asimov(numbers_of_design: tuple[Reals | np.number, ...]) -> Asimov:
        changes = dict(zip(keys, numbers_of_design, strict=True))
        return asimov_of(layout, changes, leaves, numbers.truth, numbers.prior)

    # As for the error: resolutions meet traced efficiencies with NumPy's promotions.
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        both = asimov(designed), asimov(jax.lax.stop_gradient(designed))
        return jax.vmap(lambda *side: _limit(names, *both, numbers, *side))(
            numbers.ends, numbers.closed, numbers.signs
        )


def _limit(
    names: tuple[str, ...],
    asimov: Asimov,
    constant: Asimov,
    numbers: _Numbers,
    end: Float[Array, ""],
    closed: Float[Array, ""],
    sign: Float[Array, ""],
) -> Float[Array, ""]:
    """The limit on one side; ``constant`` is the Asimov data without derivatives."""
    (parameter, *names_of_others), scale, height = names, numbers.scale, numbers.height
    start = [constant.truth[n] / s for n, s in zip(names_of_others, scale[1:], strict=True)]
    u = jnp.stack(start) if start else jnp.zeros_like(numbers.low)
    inner = Inner(u, numbers.low, numbers.high, numbers.aside)
    origin = constant.truth[parameter]

    def chi2(a: Asimov, x: Reals, u: Float[Array, " other"]) -> Float[Array, ""]:
        others = dict(zip(names_of_others, u * scale[1:], strict=True))
        return asimov_chi2(a, {**a.truth, **others, parameter: x})

    x, u, reached = jax.lax.stop_gradient(
        crossing(lambda x, u: chi2(constant, x, u), height, origin, end, scale[0], inner)
    )

    def excess(x: Float[Array, ""]) -> Float[Array, ""]:
        v = settled(lambda u: chi2(asimov, x, u), u, inner)
        return jnp.where(reached, chi2(asimov, x, v) - height, x - end)

    # The root is known; this gives its derivatives, and those of them.
    x = jax.lax.custom_root(excess, x, lambda _, x: x, lambda slope, y: y / slope(jnp.ones_like(y)))
    # A design may have a true value beyond the range.
    is_within = sign * (end - origin) >= 0
    return jnp.where(is_within & (reached | ((x == end) & (closed > 0))), x, jnp.nan)
