"""Numbers as text and as JSON."""

import math


def rounded(value: float, error: float | None) -> tuple[str, str]:
    """Value and error as text: two digits of the error, the value to the same place.

    Examples:
        >>> from cevnsjax.inference.rounding import rounded
        >>> rounded(0.22413, 0.0409)
        ('0.224', '0.041')
    """
    if error is None or not math.isfinite(error) or error <= 0:
        return f"{value:.5g}", "-"
    places = max(0, 1 - math.floor(math.log10(error)))
    # Adding 0.0 to the rounded value turns -0.0 into 0.0.
    return f"{round(value, places) + 0.0:.{places}f}", f"{error:.{places}f}"


def finite_or_none(number: float | None) -> float | None:
    """The number, or None (null in JSON) where it is not finite."""
    return None if number is None or not math.isfinite(number) else float(number)
