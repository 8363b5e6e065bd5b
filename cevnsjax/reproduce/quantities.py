"""Numbers that several papers print: events, a signal's strength, its errors and significance."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from cevnsjax.model import Model
from cevnsjax.reproduce.rows import markdown_table

SIGMAS = ("0.6827", "0.9545", "0.9973")
"""Names of the 1, 2 and 3 sigma levels of one parameter."""
# Strengths from 0 up to this many times the prediction are searched.
_MAX_STRENGTH = 6.0


@dataclass(frozen=True)
class Strength:
    """Fit of a signal's strength, all nuisances profiled.

    Attributes:
        events: Events predicted before nuisances, times the best-fit strength [count].
        plus: Distance upwards to where chi2 is one higher [count].
        minus: Distance downwards to where chi2 is one higher, or to no events [count].
        chi2: chi2 at the minimum.
        delta_chi2: chi2 without the signal, above the minimum.
        parts: Counts at the minimum, {"signal" or "background": {component: [cell]}} [count].
    """

    events: float
    plus: float
    minus: float
    chi2: float
    delta_chi2: float
    parts: Mapping[str, Mapping[str, np.ndarray]]

    @property
    def background(self) -> dict[str, float]:
        """Events of each background at the minimum [count]."""
        return {name: float(counts.sum()) for name, counts in self.parts["background"].items()}

    @property
    def significance(self) -> float:
        """Gaussian standard deviations by which no signal is disfavoured [sigma]."""
        return math.sqrt(self.delta_chi2)

    @property
    def error(self) -> float:
        """Mean of the two errors [count]."""
        return (self.plus + self.minus) / 2


def signal_events(model: Model) -> float:
    """CEvNS events predicted for a model's one experiment, before nuisances [count]."""
    (parts,) = model.by_component().values()
    return sum(float(np.sum(np.asarray(counts))) for counts in parts["signal"].values())


def strength_of(model: Model, pull: str) -> Strength:
    """Best fit, errors from where chi2 is one higher, and significance of a signal.

    The model has one experiment, and ``pull``, its signal's pull, is a free parameter.
    """
    from scipy import optimize  # 0.2 s to import

    def chi2(alpha: float) -> float:
        return 2 * float(model.profiled_nll({pull: float(alpha)}))

    minimum: Any = optimize.minimize_scalar(
        chi2, bounds=(-1.0, _MAX_STRENGTH - 1), method="bounded", options={"xatol": 1e-10}
    )
    best, lowest, empty = float(minimum.x), float(minimum.fun), chi2(-1.0)

    def crossing(far: float) -> float:
        root = optimize.brentq(lambda alpha: chi2(alpha) - lowest - 1, best, far, xtol=1e-10)
        return float(np.asarray(root))

    low = crossing(-1.0) if empty > lowest + 1 else -1.0
    high = crossing(_MAX_STRENGTH - 1)
    nuisances = {n: float(a) for n, a in model.best_pulls({pull: best}).items()}
    (parts,) = model.predicted({pull: best, **nuisances}).values()
    events = signal_events(model)
    return Strength(
        events=events * (1 + best),
        plus=events * (high - best),
        minus=events * (best - low),
        chi2=lowest,
        delta_chi2=empty - lowest,
        parts={kind: {n: np.asarray(c) for n, c in of.items()} for kind, of in parts.items()},
    )


def intervals_below(
    function: Callable[[float], float],
    x: Sequence[float],
    inside: Sequence[bool],
    level: float,
    accuracy: float,
) -> list[tuple[float, float]]:
    """Intervals in which a function is at most a level; the ends of the range close open ones.

    Args:
        function: The function.
        x: Increasing points, no two crossings of the level between neighbours.
        inside: Whether the function is at most the level at each point.
        level: The level.
        accuracy: Largest error of an end, in units of ``x``.
    """
    from scipy import optimize  # 0.2 s to import

    edges = [x[0]] if inside[0] else []
    for (a, b), (left, right) in zip(pairwise(x), pairwise(inside), strict=True):
        if left != right:
            root = optimize.brentq(lambda v: function(v) - level, a, b, xtol=accuracy)
            edges.append(float(np.asarray(root)))
    edges += [x[-1]] if inside[-1] else []
    return list(zip(edges[::2], edges[1::2], strict=True))


def strengths(fits: Mapping[str, Strength], what: str) -> str:
    """Fits of one signal by condition, a column headed ``what``, as a Markdown table."""
    cells = [
        (
            name,
            f"{s.events:.2f}",
            f"+{s.plus:.2f} -{s.minus:.2f}",
            f"{s.significance:.3f}",
            f"{s.chi2:.2f}",
        )
        for name, s in fits.items()
    ]
    return markdown_table((what, "CEvNS events", "error", "significance", "chi2"), cells)
