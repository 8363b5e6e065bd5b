"""Expected errors as a plain record, and what follows from an information matrix."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.core.errors import UnknownNameError
from cevnsjax.inference.records import Record, plain
from cevnsjax.inference.rounding import rounded

# Eigenvalues of the information with unit diagonal below this are flat directions. Parameters with
# a component above the second number in one of them have no error.
_FLAT_EIGENVALUE, _FLAT_COMPONENT = 1e-12, 1e-5
# Information below this, in units of the parameter's scale, counts as 0.
_LEAST_INFORMATION = 1e-20

Matrix = Float[np.ndarray, "name name"]


@dataclass(frozen=True, eq=False)
class FisherResult(Record):
    """Expected information and what follows from it.

    Attributes:
        names: All parameters: those asked for, nonlinear nuisances, linear nuisances.
        parameters: Those of them that are not nuisances.
        truth: True values, {name: value}.
        information: Of all parameters, in the order of ``names`` [1/unit^2].
        profiled: Of ``parameters`` alone, nuisances profiled (a Schur complement) [1/unit^2].
        covariance: Inverse of ``information``; NaN rows where the data do not fix a parameter.
        fixed: Values of parameters that were held on request.
        units: Unit by parameter, for printing.
        scale: Typical change by parameter.
        even: Parameters on whose square alone the counts depend.
        notes: What the information does not say, with advice.
        analysis: Name of the analysis, may be empty.
        experiments: Names of the experiments.

    Examples:
        >>> expected = cj.fisher(model, "sin2_theta_w")
        >>> again = type(expected).from_json(expected.to_json())
        >>> again.errors == expected.errors
        True
    """

    names: tuple[str, ...]
    parameters: tuple[str, ...]
    truth: dict[str, float]
    information: Matrix
    profiled: Float[np.ndarray, "parameter parameter"]
    covariance: Matrix
    fixed: dict[str, float] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    scale: dict[str, float] = field(default_factory=dict)
    even: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    analysis: str = ""
    experiments: tuple[str, ...] = ()

    @property
    def errors(self) -> dict[str, float | None]:
        """Expected standard deviations; None where the information is singular."""
        return {
            n: float(np.sqrt(v)) if v > 0 else None
            for n, v in zip(self.names, np.diag(self.covariance), strict=True)
        }

    @property
    def correlation(self) -> Matrix:
        """Correlation matrix in the order of ``names``."""
        errors = np.sqrt(np.diag(self.covariance))
        return self.covariance / np.outer(errors, errors)

    def with_known(self, *names: str) -> "FisherResult":
        """The result if some parameters were known exactly, e.g. for the statistical error alone.

        Args:
            names: Parameters to take as known.

        Raises:
            UnknownNameError: If one is not among ``names``.

        Examples:
            >>> expected = cj.fisher(model, "sin2_theta_w")
            >>> pulls = [n for n in expected.names if n not in expected.parameters]
            >>> round(expected.with_known(*pulls).errors["sin2_theta_w"], 3)
            0.034
        """
        for name in names:
            if name not in self.names:
                raise UnknownNameError("parameter", name, self.names)
        rows = [k for k, n in enumerate(self.names) if n not in names]
        unknown = tuple(self.names[k] for k in rows)
        return concluded(
            self,
            unknown,
            tuple(n for n in self.parameters if n in unknown),
            self.information[np.ix_(rows, rows)],
            {**self.fixed, **{n: self.truth[n] for n in names}},
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; NaN becomes null."""
        return super().to_dict() | plain({"errors": self.errors, "correlation": self.correlation})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "FisherResult":
        """The result from what ``to_dict`` gave."""
        shape = 2 * [len(data["parameters"])]
        profiled = np.array(data["profiled"], dtype=float).reshape(shape)
        return super().from_dict({**data, "profiled": profiled})

    def lines(self) -> list[str]:
        """Short lines for a terminal: true values and expected errors.

        Examples:
            >>> print(cj.fisher(model, "sin2_theta_w").lines()[0])
            sin2_theta_w = 0.239 +- 0.040
        """
        lines = []
        for name, error in self.errors.items():
            value, spread = rounded(self.truth[name], error)
            lines.append(f"{name} = {value} +- {spread} {self.units.get(name, '')}".rstrip())
        return [*lines, *self.notes]

    def __repr__(self) -> str:
        head = f"Expected errors {self.analysis or ' + '.join(self.experiments)}:"
        return "\n  ".join([head, *self.lines()])


def concluded(
    like: FisherResult,
    names: tuple[str, ...],
    theory: tuple[str, ...],
    information: Matrix,
    fixed: dict[str, float],
) -> FisherResult:
    """A result with everything that follows from its information.

    Args:
        like: A result with its true values, units and names of experiments.
        names: All its parameters.
        theory: Those that are not nuisances.
        information: Of all parameters [1/unit^2].
        fixed: Values of parameters that are known.
    """
    scale = np.array([like.scale[n] for n in names])
    is_informed = np.diag(information) * scale**2 > _LEAST_INFORMATION
    block = np.ix_(is_informed, is_informed)
    inverse, flat = _inverse(information[block])
    covariance = np.full(information.shape, np.nan)
    covariance[block] = inverse
    informed = [n for n, k in zip(names, is_informed, strict=True) if k]
    notes = [_no_information(n, like) for n in names if n not in informed]
    notes += [_combination(informed, direction, scale[is_informed]) for direction in flat]
    return replace(
        like,
        names=names,
        parameters=theory,
        truth={n: like.truth[n] for n in names},
        information=information,
        profiled=_schur(information, np.array([n in theory for n in names], dtype=bool)),
        covariance=covariance,
        fixed=fixed,
        notes=tuple(notes),
    )


def _unit(information: Float[np.ndarray, "n n"]) -> Float[np.ndarray, " n"]:
    """Factors that scale the diagonal to 1, or leave it at 0."""
    diagonal = np.diag(information)
    return 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))


def _inverse(
    information: Float[np.ndarray, "n n"],
) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, "flat n"]]:
    """Covariance, NaN for what is not fixed, and the directions in which nothing is fixed.

    What is orthogonal to the flat directions is profiled over them, by the pseudo-inverse.
    """
    unit = _unit(information)
    curvature, axes = np.linalg.eigh(information * np.outer(unit, unit))
    flat = curvature < _FLAT_EIGENVALUE
    steep = axes[:, ~flat] * unit[:, None]
    covariance = (steep / curvature[~flat]) @ steep.T
    lost = np.any(np.abs(axes[:, flat]) > _FLAT_COMPONENT, axis=1)
    covariance[lost] = covariance[:, lost] = np.nan
    return covariance, (axes[:, flat] * unit[:, None]).T


def _schur(
    information: Float[np.ndarray, "n n"], chosen: Bool[np.ndarray, " n"]
) -> Float[np.ndarray, "chosen chosen"]:
    """Information of the chosen parameters with the others profiled."""
    cross = information[np.ix_(chosen, ~chosen)]
    inner = information[np.ix_(~chosen, ~chosen)]
    unit = np.outer(_unit(inner), _unit(inner))
    inverse = np.linalg.pinv(inner * unit, rcond=_FLAT_EIGENVALUE, hermitian=True) * unit
    return information[np.ix_(chosen, chosen)] - cross @ inverse @ cross.T


def _no_information(name: str, like: FisherResult) -> str:
    value = like.truth[name]
    if name in like.even:
        return (
            f"no information on {name} at {value:g}, where counts depend on its square: take the "
            "expected interval of forecast, or give a true value away from 0"
        )
    return f"no information on {name}: the counts do not depend on it at these values"


def _combination(
    names: list[str], direction: Float[np.ndarray, " n"], scale: Float[np.ndarray, " n"]
) -> str:
    """A direction in which nothing is fixed, in words."""
    steps = direction / scale
    least = _FLAT_COMPONENT * max(abs(steps))
    moved = [k for k in np.argsort(-np.abs(steps)) if abs(steps[k]) > least]
    ratios = direction[moved] / direction[moved[0]]
    text = ", ".join(f"{names[k]} {r:+.3g}" for k, r in zip(moved, ratios, strict=True))
    return f"not fixed: a move of {text} together changes no count; fix one of them"
