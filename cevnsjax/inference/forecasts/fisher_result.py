"""Expected errors as a plain record, and what follows from an information matrix."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.rounding import rounded

# Eigenvalues of the information with unit diagonal below this are flat directions; components of
# theirs above that are affected.
_FLAT, _AFFECTED = 1e-12, 1e-5
# Information below this, in units of the parameter's scale, is none.
_NOTHING = 1e-20
# What a JSON object holds: matrices and the names of their rows, lists, values by name.
_MATRICES = {"information": "names", "profiled": "parameters", "covariance": "names"}
_LISTS = ("names", "parameters", "even", "notes", "experiments")
_BY_NAME = ("truth", "fixed", "units", "scale")


@dataclass(frozen=True, eq=False)
class FisherResult:
    """Expected information and what follows from it.

    Attributes:
        names: All parameters: those asked for, searched nuisances, solved nuisances.
        parameters: Those of them that are no nuisances.
        truth: True values, {name: value}.
        information: Of all parameters, in the order of ``names`` [1/unit^2].
        profiled: Of ``parameters`` alone, the nuisances profiled (a Schur complement) [1/unit^2].
        covariance: Inverse of ``information``; NaN rows for what the data do not fix.
        fixed: Values of parameters that were held on request.
        units: Unit by parameter, for printing.
        scale: Typical change by parameter.
        even: Parameters on whose square alone the counts depend.
        notes: What the information does not say, with advice.
        analysis: Name of the analysis, may be empty.
        experiments: Names of the experiments.
    """

    names: tuple[str, ...]
    parameters: tuple[str, ...]
    truth: dict[str, float]
    information: np.ndarray
    profiled: np.ndarray
    covariance: np.ndarray
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
    def correlation(self) -> np.ndarray:
        """Correlation matrix in the order of ``names``."""
        sd = np.sqrt(np.diag(self.covariance))
        return self.covariance / np.outer(sd, sd)

    def with_known(self, *names: str) -> "FisherResult":
        """The same as if some parameters were known exactly: e.g. statistical errors alone.

        Args:
            names: Parameters to take as known.

        Raises:
            UnknownNameError: If one is not among ``names``.
        """
        for name in names:
            if name not in self.names:
                raise UnknownNameError("parameter", name, self.names)
        keep = [k for k, n in enumerate(self.names) if n not in names]
        left = tuple(self.names[k] for k in keep)
        return concluded(
            self,
            left,
            tuple(n for n in self.parameters if n in left),
            self.information[np.ix_(keep, keep)],
            {**self.fixed, **{n: self.truth[n] for n in names}},
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; NaN becomes null."""

        def rows(matrix: np.ndarray) -> list[list[float | None]]:
            return [[float(x) if np.isfinite(x) else None for x in row] for row in matrix]

        return {
            "analysis": self.analysis,
            "experiments": list(self.experiments),
            "names": list(self.names),
            "parameters": list(self.parameters),
            "truth": dict(self.truth),
            "fixed": dict(self.fixed),
            "errors": self.errors,
            "units": dict(self.units),
            "scale": dict(self.scale),
            "even": list(self.even),
            "information": rows(self.information),
            "profiled": rows(self.profiled),
            "covariance": rows(self.covariance),
            "correlation": rows(self.correlation),
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        """The result as a JSON object."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str | Path) -> "FisherResult":
        """Read what ``to_json`` wrote.

        Args:
            text: JSON text, or the path of a file with it.

        Raises:
            InputError: If it is not a FisherResult.
        """
        try:
            raw = json.loads(text.read_text() if isinstance(text, Path) else text)
            matrices = {
                n: np.array(raw[n], dtype=float).reshape(2 * [len(raw[names])])
                for n, names in _MATRICES.items()
            }
            lists = {n: tuple(raw[n]) for n in _LISTS}
            return cls(**lists, **matrices, **{n: raw[n] for n in (*_BY_NAME, "analysis")})
        except (KeyError, TypeError, ValueError) as e:
            raise InputError(f"this is not a FisherResult as to_json writes it: {e}") from None

    def lines(self) -> list[str]:
        """Short lines for a terminal: truth and expected standard deviation."""
        out = []
        for name, sd in self.errors.items():
            value, error = rounded(self.truth[name], sd)
            out.append(f"{name} = {value} +- {error} {self.units.get(name, '')}".rstrip())
        return [*out, *self.notes]

    def __repr__(self) -> str:
        head = f"Expected errors {self.analysis or ' + '.join(self.experiments)}:"
        return "\n  ".join([head, *self.lines()])


def concluded(
    like: FisherResult,
    names: tuple[str, ...],
    theory: tuple[str, ...],
    information: np.ndarray,
    held: dict[str, float],
) -> FisherResult:
    """A result with everything that follows from its information.

    Args:
        like: Its truth, units and names of experiments.
        names: All its parameters.
        theory: Those that are no nuisances.
        information: Of all parameters, [name, name] [1/unit^2].
        held: Values of parameters that are known.
    """
    scale = np.array([like.scale[n] for n in names])
    known = np.diag(information) * scale**2 > _NOTHING
    block = np.ix_(known, known)
    inverse, flat = _inverse(information[block])
    covariance = np.full(information.shape, np.nan)
    covariance[block] = inverse
    left = [n for n, k in zip(names, known, strict=True) if k]
    notes = [_no_information(n, like) for n in names if n not in left]
    notes += [_combination(left, direction, scale[known]) for direction in flat]
    return replace(
        like,
        names=names,
        parameters=theory,
        truth={n: like.truth[n] for n in names},
        information=information,
        profiled=_schur(information, [n in theory for n in names]),
        covariance=covariance,
        fixed=held,
        notes=tuple(notes),
    )


def _unit(information: np.ndarray) -> np.ndarray:
    """What scales the diagonal to 1, or leaves it at 0."""
    diagonal = np.diag(information)
    return 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))


def _inverse(information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Covariance, NaN for what is not fixed, and the directions in which nothing is [flat, name].

    What is orthogonal to the flat directions is profiled over them, by the pseudo-inverse.
    """
    unit = _unit(information)
    curvature, axes = np.linalg.eigh(information * np.outer(unit, unit))
    flat = curvature < _FLAT
    steep = axes[:, ~flat] * unit[:, None]
    covariance = (steep / curvature[~flat]) @ steep.T
    lost = np.any(np.abs(axes[:, flat]) > _AFFECTED, axis=1)
    covariance[lost] = covariance[:, lost] = np.nan
    return covariance, (axes[:, flat] * unit[:, None]).T


def _schur(information: np.ndarray, kept: list[bool]) -> np.ndarray:
    """Information of some parameters with the others profiled."""
    mine = np.array(kept, dtype=bool)
    cross, inner = information[np.ix_(mine, ~mine)], information[np.ix_(~mine, ~mine)]
    unit = np.outer(_unit(inner), _unit(inner))
    inverse = np.linalg.pinv(inner * unit, rcond=_FLAT, hermitian=True) * unit
    return information[np.ix_(mine, mine)] - cross @ inverse @ cross.T


def _no_information(name: str, like: FisherResult) -> str:
    value = like.truth[name]
    if name in like.even:
        return (
            f"no information on {name} at {value:g}, where counts depend on its square: take the "
            "expected interval of forecast, or give a truth away from 0"
        )
    return f"no information on {name}: the counts do not depend on it at these values"


def _combination(names: list[str], direction: np.ndarray, scale: np.ndarray) -> str:
    """A direction in which nothing is fixed, in words."""
    steps = direction / scale
    moved = [k for k in np.argsort(-np.abs(steps)) if abs(steps[k]) > _AFFECTED * max(abs(steps))]
    ratios = direction[moved] / direction[moved[0]]
    text = ", ".join(f"{names[k]} {r:+.3g}" for k, r in zip(moved, ratios, strict=True))
    return f"not fixed: a move of {text} together changes no count; fix one of them"
