"""What a fit found: values, errors, and a status that says what to do."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.core.errors import UnknownNameError
from cevnsjax.inference.records import Record, plain
from cevnsjax.inference.rounding import rounded


@dataclass(frozen=True, eq=False)
class FitResult(Record):
    """Best fit with errors.

    Attributes:
        analysis: Name of the analysis, may be empty.
        experiments: Names of the experiments.
        values: Best-fit values, fitted parameters first, then solved nuisances.
        errors: Standard deviations from the exact Hessian; None for a parameter on a bound.
        covariance: Covariance in the order of ``values``; NaN rows for parameters on a bound,
            [value, value].
        fixed: Values of parameters that the caller fixed.
        at_bound: Parameters that ended on a bound, and nuisances at the end of what they may be.
        chi2: Minimum of chi2 [1].
        ndf: Number of bins less the number of fitted theory parameters.
        p_value: Probability of a larger chi2 [1]; None where there is none, and a note says why.
        status: "converged", or what went wrong, with advice.
        units: Unit of each value.
        notes: Warnings: errors that are not one-sigma intervals, parameters on a bound, no p-value,
            ends that were left out.
        minima: Distinct local minima as (chi2, values of the fitted parameters), lowest first.

    Examples:
        >>> result = cj.fit(model, "sin2_theta_w")
        >>> print(f"{result.values['sin2_theta_w']:.3f} +- {result.errors['sin2_theta_w']:.3f}")
        0.224 +- 0.041
        >>> result.status, result.ndf, round(result.chi2, 2)
        ('converged', 11, 2.74)
        >>> cj.FitResult.from_json(result.to_json()).values == result.values
        True
    """

    analysis: str
    experiments: tuple[str, ...]
    values: dict[str, float]
    errors: dict[str, float | None]
    covariance: Float[np.ndarray, "value value"]
    fixed: dict[str, float]
    at_bound: tuple[str, ...]
    chi2: float
    ndf: int
    p_value: float | None
    status: str
    units: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    minima: tuple[tuple[float, dict[str, float]], ...] = ()

    @property
    def converged(self) -> bool:
        """Whether the status is "converged"."""
        return self.status == "converged"

    @property
    def correlation(self) -> Float[np.ndarray, "value value"]:
        """Correlation matrix in the order of ``values``, [value, value] [1].

        Examples:
            >>> cj.fit(model, "sin2_theta_w").correlation.shape
            (3, 3)
        """
        errors = np.sqrt(np.diag(self.covariance))
        return self.covariance / np.outer(errors, errors)

    def impacts(self, parameter: str) -> dict[str, float]:
        """How far a parameter moves when each of the other values moves up by its error.

        The shift is the correlation times the parameter's error, which is exact for a quadratic
        chi2. The opposite move shifts the parameter by as much the other way.

        Args:
            parameter: Name of a fitted parameter.

        Returns:
            Shift by name of every other value that has an error [unit of the parameter].

        Raises:
            UnknownNameError: If the parameter was not fitted.

        Examples:
            >>> shifts = cj.fit(model, "sin2_theta_w").impacts("sin2_theta_w")
            >>> {name: round(shift, 3) for name, shift in shifts.items()}
            {'alpha_sig_csi2017': -0.02, 'alpha_brn_csi2017': -0.002}
        """
        if parameter not in self.values:
            raise UnknownNameError("fitted parameter", parameter, self.values)
        names = list(self.values)
        row = self.covariance[names.index(parameter)]
        return {
            name: float(covariance / error)
            for name, covariance in zip(names, row, strict=True)
            if name != parameter and (error := self.errors[name]) and np.isfinite(covariance)
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; NaN becomes null."""
        minima = [{"chi2": chi2, "values": values} for chi2, values in self.minima]
        return super().to_dict() | plain({"correlation": self.correlation, "minima": minima})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "FitResult":
        """The result from what ``to_dict`` gave."""
        minima = [(m["chi2"], m["values"]) for m in data.get("minima", ())]
        return super().from_dict({**data, "minima": minima})

    def lines(self) -> list[str]:
        """Short lines for a figure or a terminal.

        Examples:
            >>> print(cj.fit(model, "sin2_theta_w").lines()[0])
            sin2_theta_w = 0.224 +- 0.041
        """
        lines = []
        for name, number in self.values.items():
            value, error = rounded(number, self.errors[name])
            spread = "(at bound)" if name in self.at_bound else f"+- {error}"
            lines.append(f"{name} = {value} {spread} {self.units.get(name, '')}".rstrip())
        has_p = self.p_value is not None and math.isfinite(self.p_value)
        p = f", p = {self.p_value:.3f}" if has_p else ""
        return [*lines, f"chi2/ndf = {self.chi2:z.3f}/{self.ndf}{p}"]

    def __repr__(self) -> str:
        head = f"Fit {self.analysis or ' + '.join(self.experiments)}: {self.status}"
        return "\n  ".join([head, *self.lines(), *self.notes])
