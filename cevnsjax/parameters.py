"""Parameters as plain data: the one source for names, bounds, priors, labels and help texts."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.text import columns

TAKEN = ("chain", "draw", "toy", "level", "chi2", "delta_chi2", "converged")
"""Axes and variables that stand beside parameters and experiments in results."""


@dataclass(frozen=True)
class Normal:
    """Gaussian prior or constraint, in the parameter's unit.

    Examples:
        >>> cj.Parameter("g", "a coupling", 0.0, prior=cj.Normal(0.0, 0.1)).prior
        Normal(mean=0.0, sd=0.1)
    """

    mean: float
    sd: float

    def __post_init__(self) -> None:
        if not self.sd > 0:
            raise InputError(f"Normal prior needs sd > 0, got {self.sd!r}")


@dataclass(frozen=True)
class Uniform:
    """Flat prior between two finite ends, in the parameter's unit.

    Examples:
        >>> cj.Parameter("g", "a coupling", 0.0, prior=cj.Uniform(-1.0, 1.0)).prior
        Uniform(low=-1.0, high=1.0)
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise InputError(f"Uniform prior needs low < high, got [{self.low}, {self.high}]")


Prior = Normal | Uniform
# Starts of fits along one parameter.
_MOST_STARTS = 10_000


@dataclass(frozen=True)
class Parameter:
    """One number a model depends on.

    Attributes:
        name: Name used everywhere: values dict, command line, tables.
        meaning: One line for tables and help.
        default: Value when none is given, in ``unit``.
        bounds: Closed interval the value must lie in, in ``unit``.
        unit: Unit in natural size, "" for a pure number.
        latex: Axis label without dollar signs.
        scale: Typical change of the parameter that moves the counts; optimisers and finite
            differences step by it.
        prior: Prior as plain data, None for flat within the bounds.
        source: Where the default comes from.
        kind: "theory", or "nuisance" for systematics.
        linear: True for a nuisance that is solved at every point, in closed form or by Newton's
            method, instead of searched: pulls and morphs.
        free: Whether a fit varies it when no list of free parameters is given.
        owner: The interaction or experiment that declares it.
        even: True when the counts depend on its square only as long as the parameters it
            interferes with are 0; its gradient then vanishes at 0.
        physical: Whether the lower and the upper bound are physical limits; an interval that ends
            at another bound is open there.
        start_spacing: Widest steps through its bounds, in ``unit``, that miss no minimum of chi2;
            fits start in every valley that they show. Infinite where chi2 has few minima.

    Examples:
        >>> mass = cj.Parameter("m_LQ", "leptoquark mass", 1.0, bounds=(0.1, 10.0), unit="TeV")
        >>> mass.label, mass.check(2)
        ('m_LQ [TeV]', 2.0)
    """

    name: str
    meaning: str
    default: float
    bounds: tuple[float, float] = (-math.inf, math.inf)
    unit: str = ""
    latex: str = ""
    scale: float = 1.0
    prior: Prior | None = None
    source: str = ""
    kind: Literal["theory", "nuisance"] = "theory"
    linear: bool = False
    free: bool = False
    owner: str = ""
    even: bool = False
    physical: tuple[bool, bool] = (False, False)
    start_spacing: float = math.inf

    def __post_init__(self) -> None:
        if not self.name or self.name in TAKEN:
            raise InputError(
                f"a parameter cannot be called {self.name!r}; results have {', '.join(TAKEN)}"
            )
        low, high = self.bounds
        if not low <= self.default <= high:
            raise InputError(
                f"parameter {self.name}: default {self.default} outside bounds [{low}, {high}]"
            )
        if not (self.scale > 0 and math.isfinite(self.scale)):
            raise InputError(f"parameter {self.name}: scale must be > 0, got {self.scale}")
        if self.start_spacing != math.inf and not self.start_spacing * _MOST_STARTS > high - low:
            raise InputError(
                f"parameter {self.name}: start_spacing must be > 0 and at least 1/{_MOST_STARTS} "
                f"of the range between finite bounds, got {self.start_spacing}"
            )
        if isinstance(self.prior, Uniform) and not (
            low <= self.prior.low and self.prior.high <= high
        ):
            raise InputError(
                f"parameter {self.name}: prior [{self.prior.low}, {self.prior.high}] reaches "
                f"outside bounds [{low}, {high}]"
            )

    @property
    def label(self) -> str:
        """Axis label with unit, for matplotlib."""
        symbol = f"${self.latex}$" if self.latex else self.name
        return f"{symbol} [{self.unit}]" if self.unit else symbol

    def check(self, value: object) -> float:
        """The value as a float, if it is finite and within bounds.

        Raises:
            InputError: Naming the parameter, the value and the allowed interval.
        """
        try:
            number = float(value)  # pyright: ignore[reportArgumentType]
        except (TypeError, ValueError):
            raise InputError(f"{self.name}={value!r} is not a number") from None
        low, high = self.bounds
        if math.isnan(number):
            raise InputError(f"{self.name} is nan; give a number in [{low:g}, {high:g}]")
        if not low <= number <= high:
            unit = f" {self.unit}" if self.unit else ""
            raise InputError(
                f"{self.name}={number:g} is outside its bounds [{low:g}, {high:g}]{unit}"
            )
        return number


class ParameterTable(Mapping[str, Parameter]):
    """Parameters of a model by name, in order of declaration; prints as a table."""

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        self._by_name: dict[str, Parameter] = {}
        for p in parameters:
            self._add(p)

    def _add(self, new: Parameter) -> None:
        old = self._by_name.get(new.name)
        if old is None:
            self._by_name[new.name] = new
        elif not (old.kind == new.kind == "nuisance"):
            both = " and ".join(p.owner or "an interaction" for p in (old, new))
            raise InputError(f"parameter {new.name} is owned by both {both}; rename one of the two")
        elif old.prior != new.prior:
            raise InputError(
                f"nuisance {new.name} has width {old.prior} in {old.owner} and {new.prior} in "
                f"{new.owner}; give them one width to share it, or two names to keep them apart"
            )
        else:
            self._by_name[new.name] = replace(old, owner=f"{old.owner}, {new.owner}")

    def __getitem__(self, name: str) -> Parameter:
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownNameError("parameter", name, self._by_name) from None

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def defaults(self) -> dict[str, float]:
        """Default value of every parameter, by name."""
        return {name: p.default for name, p in self._by_name.items()}

    def names(self, *, kind: str | None = None, linear: bool | None = None) -> tuple[str, ...]:
        """Names, optionally of one kind, or of (non-)linear parameters only."""
        return tuple(
            n
            for n, p in self._by_name.items()
            if (kind is None or p.kind == kind) and (linear is None or p.linear == linear)
        )

    def __repr__(self) -> str:
        head = ("name", "meaning", "unit", "default", "bounds", "prior", "scale", "status", "owner")
        rows = [
            (
                p.name,
                p.meaning,
                p.unit or "-",
                f"{p.default:g}",
                f"[{p.bounds[0]:g}, {p.bounds[1]:g}]",
                str(p.prior) if p.prior else "flat",
                f"{p.scale:g}",
                "solved" if p.linear else "free" if p.free else "fixed",
                p.owner,
            )
            for p in self._by_name.values()
        ]
        return "\n".join(columns([head, *rows]))
