"""Results as plain records: they print as tables, go to JSON, and outlive the code."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cevnsjax.core.errors import DataError, UnknownNameError


def rounded(value: float, error: float | None) -> tuple[str, str]:
    """Value and error as text: two digits of the error, the value to the same place.

    Args:
        value: Best-fit value, in the parameter's unit.
        error: Its standard deviation in the same unit, None if there is none.
    """
    if error is None or not math.isfinite(error) or error <= 0:
        return f"{value:.5g}", "-"
    places = max(0, 1 - math.floor(math.log10(error)))
    # Adding 0.0 to the rounded value turns -0.0 into 0.0.
    return f"{round(value, places) + 0.0:.{places}f}", f"{error:.{places}f}"


def _number(x: float | None) -> float | None:
    return None if x is None or not math.isfinite(x) else float(x)


@dataclass(frozen=True, eq=False)
class FitResult:
    """Best fit with errors.

    Attributes:
        analysis: Name of the analysis, may be empty.
        experiments: Names of the experiments.
        values: Best-fit values, fitted parameters first, then solved nuisances.
        errors: Standard deviations from the exact Hessian; None on a bound.
        covariance: Covariance in the order of ``values``; NaN rows for parameters on a bound.
        fixed: Values of parameters that were held on request.
        at_bound: Parameters that ended on a bound.
        chi2: Minimum of chi2.
        ndf: Bins less fitted theory parameters.
        p_value: Probability of a larger chi2.
        status: "converged", or what went wrong, with advice.
        units: Unit by parameter, for printing.
        notes: Warnings on errors that are no one-sigma intervals.
        minima: Distinct local minima as (chi2, values of the fitted parameters), lowest first.
    """

    analysis: str
    experiments: tuple[str, ...]
    values: dict[str, float]
    errors: dict[str, float | None]
    covariance: np.ndarray
    fixed: dict[str, float]
    at_bound: tuple[str, ...]
    chi2: float
    ndf: int
    p_value: float
    status: str
    units: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    minima: tuple[tuple[float, dict[str, float]], ...] = ()

    @property
    def converged(self) -> bool:
        """Whether the minimum is one."""
        return self.status == "converged"

    @property
    def correlation(self) -> np.ndarray:
        """Correlation matrix in the order of ``values``."""
        sd = np.sqrt(np.diag(self.covariance))
        return self.covariance / np.outer(sd, sd)

    def impacts(self, parameter: str) -> dict[str, float]:
        """How far a parameter moves when each of the others moves up by its error.

        From the covariance, so exact for a quadratic chi2: correlation times the error. The
        opposite move shifts it by as much the other way.

        Args:
            parameter: Name of a fitted parameter.

        Returns:
            Shift by name of every other value with an error [unit of the parameter].

        Raises:
            UnknownNameError: If the parameter was not fitted.
        """
        if parameter not in self.values:
            raise UnknownNameError("fitted parameter", parameter, self.values)
        names = list(self.values)
        row = self.covariance[names.index(parameter)]
        return {
            n: float(row[k] / error)
            for k, n in enumerate(names)
            if n != parameter and (error := self.errors[n]) and np.isfinite(row[k])
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; NaN becomes null."""
        return {
            "analysis": self.analysis,
            "experiments": list(self.experiments),
            "values": dict(self.values),
            "errors": {n: _number(e) for n, e in self.errors.items()},
            "covariance": [[_number(x) for x in row] for row in self.covariance.tolist()],
            "fixed": dict(self.fixed),
            "at_bound": list(self.at_bound),
            "chi2": self.chi2,
            "ndf": self.ndf,
            "p_value": _number(self.p_value),
            "status": self.status,
            "notes": list(self.notes),
            "units": dict(self.units),
            "correlation": [[_number(x) for x in row] for row in self.correlation.tolist()],
            "minima": [{"chi2": chi2, "values": dict(values)} for chi2, values in self.minima],
        }

    def to_json(self) -> str:
        """The result as a JSON object."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str | Path) -> "FitResult":
        """Read a result back from JSON text or a file.

        Raises:
            DataError: If the JSON is not a fit result.
        """
        try:
            raw = json.loads(text.read_text() if isinstance(text, Path) else text)
            nan = float("nan")
            covariance = np.array([[nan if x is None else x for x in r] for r in raw["covariance"]])
            return cls(
                **{k: raw[k] for k in ("analysis", "values", "errors", "fixed", "status")},
                experiments=tuple(raw["experiments"]),
                covariance=covariance,
                at_bound=tuple(raw["at_bound"]),
                chi2=raw["chi2"],
                ndf=raw["ndf"],
                p_value=nan if raw["p_value"] is None else raw["p_value"],
                units=raw.get("units", {}),
                notes=tuple(raw.get("notes", ())),
                minima=tuple((m["chi2"], m["values"]) for m in raw.get("minima", ())),
            )
        except (KeyError, TypeError, ValueError) as missing:
            raise DataError(f"not a fit result: {missing}; give the JSON of FitResult") from None

    def lines(self) -> list[str]:
        """Short lines for a figure or a terminal."""
        out = []
        for name, value in self.values.items():
            shown, error = rounded(value, self.errors[name])
            spread = "(at bound)" if name in self.at_bound else f"+- {error}"
            out.append(f"{name} = {shown} {spread} {self.units.get(name, '')}".rstrip())
        p = f", p = {self.p_value:.3f}" if math.isfinite(self.p_value) else ""
        return [*out, f"chi2/ndf = {self.chi2:z.3f}/{self.ndf}{p}"]

    def __repr__(self) -> str:
        head = f"Fit {self.analysis or ' + '.join(self.experiments)}: {self.status}"
        return "\n  ".join([head, *self.lines(), *self.notes])


@dataclass(frozen=True, eq=False)
class ProfileResult:
    """Profile likelihood of one parameter.

    Attributes:
        parameter: Its name.
        best_fit: Value at the lowest chi2.
        chi2_min: Lowest chi2 over the allowed range.
        intervals: Allowed intervals by level key, a list each: degeneracies give several.
        levels: Delta chi2 by level key.
        x: Points of the curve, increasing, [point].
        chi2: Profiled chi2 there, [point].
        status: "converged", or what went wrong.
        unit: Unit of the parameter.
        minima: Local minima as (value, chi2), lowest first.
        open_at: Ends of the range that are no physical limits: an interval reaching one is open.
        analysis: Name of the analysis, may be empty.
        experiments: Names of the experiments.
        fixed: Values of parameters that were held on request.
        free: Parameters profiled over, besides the solved nuisances.
        side: "both", or "upper" or "lower" where the levels are those of one-sided limits.
    """

    parameter: str
    best_fit: float
    chi2_min: float
    intervals: dict[str, list[tuple[float, float]]]
    levels: dict[str, float]
    x: np.ndarray
    chi2: np.ndarray
    status: str
    unit: str = ""
    minima: tuple[tuple[float, float], ...] = ()
    open_at: tuple[float, ...] = ()
    analysis: str = ""
    experiments: tuple[str, ...] = ()
    fixed: dict[str, float] = field(default_factory=dict)
    free: tuple[str, ...] = ()
    side: str = "both"

    @property
    def delta_chi2(self) -> np.ndarray:
        """chi2 above its minimum, [point]."""
        return self.chi2 - self.chi2_min

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "parameter": self.parameter,
            "best_fit": self.best_fit,
            "chi2_min": self.chi2_min,
            "intervals": {k: [list(i) for i in v] for k, v in self.intervals.items()},
            "levels": dict(self.levels),
            "minima": [list(m) for m in self.minima],
            "open_at": list(self.open_at),
            "unit": self.unit,
            "analysis": self.analysis,
            "experiments": list(self.experiments),
            "fixed": dict(self.fixed),
            "free": list(self.free),
            "side": self.side,
            "curve": {"x": self.x.tolist(), "chi2": self.chi2.tolist()},
            "status": self.status,
        }

    def to_json(self) -> str:
        """The result as a JSON object."""
        return json.dumps(self.to_dict(), indent=2)

    def lines(self) -> list[str]:
        """Short lines for a figure or a terminal."""
        unit = f" {self.unit}" if self.unit else ""
        out = [f"{self.parameter} = {self.best_fit:.4g}{unit}  (chi2 = {self.chi2_min:.3f})"]
        for key, found in self.intervals.items():
            spans = " or ".join(f"[{lo:.4g}, {hi:.4g}]" for lo, hi in found)
            if any(end in self.open_at for interval in found for end in interval):
                spans += " (open: no limit within the bounds)"
            sided = "" if self.side == "both" else f" {self.side} limit"
            out.append(f"{float(key):.2%} CL{sided}: {spans or 'nothing'}{unit}")
        return out

    def __repr__(self) -> str:
        return "\n  ".join([f"Profile: {self.status}", *self.lines()])
