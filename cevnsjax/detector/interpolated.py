"""Functions of one variable as Chebyshev polynomials on panels, made in NumPy for use in traces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from jaxtyping import Float

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Arrays

_DEGREE, _MAX_PANELS = 13, 4096
# Panels whose values are in memory together.
_TOGETHER = 64

Table = Callable[[Float[np.ndarray, " point"]], Float[np.ndarray, "point value"]]
"""Values that are tabulated together, as a function of one variable."""


@dataclass(frozen=True, eq=False)
class Interpolated:
    """Piecewise polynomials; constant beyond the ends.

    Attributes:
        breaks: Ends of panels, [panel + 1].
        modes: Chebyshev coefficients, [panel, degree, value].
    """

    breaks: Float[np.ndarray, " break"]
    modes: Float[np.ndarray, "panel mode value"]

    def __call__(self, u: Arrays, xp: ModuleType) -> Arrays:
        """Values at u [node], [node, value]; the derivative is that of the polynomials."""
        breaks = xp.asarray(self.breaks, dtype=u.dtype)
        modes = xp.asarray(self.modes, dtype=u.dtype)
        u = xp.clip(u, breaks[0], breaks[-1])
        index = xp.clip(xp.searchsorted(breaks, u, side="right") - 1, 0, len(self.modes) - 1)
        low, high = breaks[index], breaks[index + 1]
        t = ((2 * u - low - high) / (high - low))[:, None]
        mine = modes[index]
        # Clenshaw's sum.
        later, latest = xp.zeros_like(mine[:, 0]), xp.zeros_like(mine[:, 0])
        for k in range(self.modes.shape[1] - 1, 0, -1):
            later, latest = mine[:, k] + 2 * t * later - latest, later
        return mine[:, 0] + t * later - latest


def interpolated(function: Table, breaks: Sequence[float], tolerance: float) -> Interpolated:
    """Piecewise polynomials that follow a function to a tolerance.

    Args:
        function: Values [1] of a variable without unit [1].
        breaks: Ends of the first panels, increasing; no feature may hide within one of them [1].
        tolerance: Largest error [1].

    Raises:
        InputError: If that takes too many of them.
    """
    x = np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
    to_modes = np.linalg.inv(np.polynomial.chebyshev.chebvander(x, _DEGREE))
    between = np.cos(np.pi * (np.arange(_DEGREE) + 1.0) / (_DEGREE + 1))
    check = np.polynomial.chebyshev.chebvander(between, _DEGREE)
    begin, end = np.array(breaks[:-1]), np.array(breaks[1:])
    done: list[tuple[np.ndarray, np.ndarray]] = []
    panels = 0
    while begin.size:
        low, high = begin[:_TOGETHER], end[:_TOGETHER]
        values, at = (_at(function, low, high, t) for t in (x, between))
        modes = np.einsum("ij,pjv->piv", to_modes, values)
        error = np.abs(np.einsum("ij,pjv->piv", check, modes) - at).max(axis=(1, 2))
        panels += low.size
        if panels > _MAX_PANELS:
            raise InputError(
                f"a curve has too much structure for {_MAX_PANELS} panels; leave out nuisances of "
                "the quenching, or widen the resolution"
            )
        good = error <= tolerance
        done.append((low[good], modes[good]))
        low, high = low[~good], high[~good]
        begin = np.concatenate([begin[_TOGETHER:], low, (low + high) / 2])
        end = np.concatenate([end[_TOGETHER:], (low + high) / 2, high])
    begins, modes = (np.concatenate(parts) for parts in zip(*done, strict=True))
    order = np.argsort(begins)
    return Interpolated(np.append(begins[order], breaks[-1]), modes[order])


def _at(function: Table, begin: np.ndarray, end: np.ndarray, t: np.ndarray) -> np.ndarray:
    u = (begin + end)[:, None] / 2 + (end - begin)[:, None] / 2 * t
    values = function(u.reshape(-1))
    return values.reshape(*u.shape, -1)
