"""Where the cubic through two points with their slopes crosses 0 (Hermite interpolation)."""

import numpy as np
from jaxtyping import Float

Pair = Float[np.ndarray, "2"]
"""Numbers at the two points."""


def cubic_root(x: Pair, y: Pair, slope: Pair) -> float:
    """A root strictly between two points x of the cubic with values y of different sign there."""
    (a, b), (y_a, y_b), (s_a, s_b) = x.tolist(), y.tolist(), slope.tolist()
    h = b - a

    def cubic(v: float) -> float:
        t = (v - a) / h
        left = y_a * (1 + 2 * t) * (1 - t) ** 2 + h * s_a * t * (1 - t) ** 2
        return left + y_b * t**2 * (3 - 2 * t) + h * s_b * t**2 * (t - 1)

    # Halved until no number lies between: as fast as scipy's search, without its import.
    low, high = a, b
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if (cubic(middle) > 0) == (y_a > 0) else (low, middle)
    # A root on an end, by rounding, would never leave it.
    return middle if a < middle < b else (a + b) / 2
