"""Where the cubic through two points with their slopes crosses 0 (Hermite interpolation)."""

import numpy as np
from jaxtyping import Float

Pair = Float[np.ndarray, "2"]
"""Numbers at the two points."""


def cubic_root(x: Pair, y: Pair, slope: Pair) -> float:
    """A root strictly between two points x of the cubic with values y of different sign there."""
    from scipy import optimize  # 0.2 s to import

    h = x[1] - x[0]

    def cubic(v: float) -> float:
        t = (v - x[0]) / h
        left = y[0] * (1 + 2 * t) * (1 - t) ** 2 + h * slope[0] * t * (1 - t) ** 2
        return left + y[1] * t**2 * (3 - 2 * t) + h * slope[1] * t**2 * (t - 1)

    a, b = x.tolist()
    root = float(np.asarray(optimize.brentq(cubic, a, b, xtol=1e-15 * max(abs(a), abs(b)))))
    # A root on an end, by rounding, would never leave it.
    return root if a < root < b else (a + b) / 2
