"""What a profile found: a curve, and intervals as unions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.core.levels import percent
from cevnsjax.inference.records import Record


@dataclass(frozen=True, eq=False)
class ProfileResult(Record):
    """Profile likelihood of one parameter.

    Attributes:
        parameter: Its name.
        best_fit: Value at the lowest chi2 [unit].
        chi2_min: chi2 from which ``delta_chi2`` counts [1].
        intervals: Allowed intervals by level key, a list each: degeneracies give several [unit].
        levels: Delta chi2 by level key [1].
        x: Points of the curve, increasing, the ends of intervals among them, [point] [unit].
        chi2: Profiled chi2 at the points, [point] [1].
        status: "converged", or what went wrong.
        unit: Unit of the parameter.
        minima: Local minima as (value, chi2), lowest first.
        open_at: Ends of the range that are not physical limits: an interval that reaches one is
            open there [unit].
        analysis: Name of the analysis, may be empty.
        experiments: Names of the experiments.
        fixed: Values of parameters that the caller fixed.
        free: Parameters profiled over, besides the solved nuisances.
        side: "both", or "upper" or "lower" where the levels are those of one-sided limits.
        failed: Points at which other parameters or nuisances were not at their minimum; they bound
            no interval [unit].
        notes: Warnings: where searches failed, where an interval is open, a minimum below that of
            the fit of all parameters.

    Examples:
        >>> result = cj.profile(model, "sin2_theta_w", levels=0.90, within=(0.1, 0.4))
        >>> [(round(low, 3), round(high, 3)) for low, high in result.intervals["0.90"]]
        [(0.154, 0.293)]
        >>> round(result.best_fit, 3), result.levels.keys()
        (0.224, dict_keys(['0.90']))
        >>> cj.ProfileResult.from_json(result.to_json()).intervals == result.intervals
        True
    """

    parameter: str
    best_fit: float
    chi2_min: float
    intervals: dict[str, list[tuple[float, float]]]
    levels: dict[str, float]
    x: Float[np.ndarray, " point"]
    chi2: Float[np.ndarray, " point"]
    status: str
    unit: str = ""
    minima: tuple[tuple[float, float], ...] = ()
    open_at: tuple[float, ...] = ()
    analysis: str = ""
    experiments: tuple[str, ...] = ()
    fixed: dict[str, float] = field(default_factory=dict)
    free: tuple[str, ...] = ()
    side: str = "both"
    failed: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def delta_chi2(self) -> Float[np.ndarray, " point"]:
        """chi2 above its minimum, [point] [1].

        Examples:
            >>> result = cj.profile(model, "sin2_theta_w", within=(0.1, 0.4))
            >>> float(result.delta_chi2.min())
            0.0
        """
        return self.chi2 - self.chi2_min

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        data = super().to_dict()
        data["curve"] = {name: data.pop(name) for name in ("x", "chi2")}
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ProfileResult":
        """The result from what ``to_dict`` gave."""
        return super().from_dict({**data, **data["curve"]})

    def lines(self) -> list[str]:
        """Short lines for a figure or a terminal.

        Examples:
            >>> print(*cj.profile(model, "sin2_theta_w", levels=0.90).lines(), sep="; ")
            sin2_theta_w = 0.2239  (chi2 = 2.743); 90.00% CL: [0.1544, 0.2929]
        """
        unit = f" {self.unit}" if self.unit else ""
        lines = [f"{self.parameter} = {self.best_fit:.4g}{unit}  (chi2 = {self.chi2_min:.3f})"]
        for key, intervals in self.intervals.items():
            spans = " or ".join(f"[{low:.4g}, {high:.4g}]" for low, high in intervals)
            if any(end in self.open_at for interval in intervals for end in interval):
                spans += " (open: no limit within the bounds)"
            sided = "" if self.side == "both" else f" {self.side} limit"
            lines.append(f"{percent(key, 2)}% CL{sided}: {spans or 'nothing'}{unit}")
        return lines

    def __repr__(self) -> str:
        return "\n  ".join([f"Profile: {self.status}", *self.lines(), *self.notes])
