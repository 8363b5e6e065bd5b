"""Tick labels that stay readable on any axis."""

import math

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, ScalarFormatter


def tidy_numbers(axes: Axes) -> None:
    """Tick labels that do not overlap on logarithmic axes, and powers of ten printed as such.

    Scales and limits have to be set before.
    """
    for axis, scale in ((axes.xaxis, axes.get_xscale()), (axes.yaxis, axes.get_yscale())):
        low, high = sorted(axis.get_view_interval())
        if scale == "log":
            _tidy_logarithm(axis, math.log10(low), math.log10(high))
        formatter, largest = axis.get_major_formatter(), max(abs(low), abs(high))
        # Formulas are slow to typeset, and most axes need none.
        if isinstance(formatter, ScalarFormatter) and not 1e-4 < largest < 1e5:
            formatter.set_useMathText(True)


def _tidy_logarithm(axis: Axis, low: float, high: float) -> None:
    """Labels at decades, or closer where the axis shows fewer than two."""
    axis.set_minor_formatter(NullFormatter())
    if math.floor(high) - math.ceil(low) >= 1:
        return
    if high - low < 0.7:
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(ScalarFormatter())
    else:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(_in_powers_of_ten))


def _in_powers_of_ten(value: float, _: object = None) -> str:
    power = math.floor(math.log10(value) + 1e-9)
    if -3 < power < 4:
        return f"{value:g}"
    return rf"${value / 10.0**power:.4g}\times10^{{{power}}}$"
