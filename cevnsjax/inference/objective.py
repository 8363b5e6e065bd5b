"""What inference asks of a model; nothing here knows of neutrinos."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, SupportsFloat, runtime_checkable

import numpy as np
from jaxtyping import ArrayLike, Float

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Values
from cevnsjax.parameters import ParameterTable

Data = Any
"""Data in a form that the model takes: counts, counts by experiment, pseudo-data; None: its own."""


@runtime_checkable
class Objective(Protocol):
    """A likelihood with named parameters; chi2 = 2 nll."""

    @property
    def name(self) -> str:
        """Name of the analysis, may be empty."""
        ...

    @property
    def experiments(self) -> Mapping[str, Any]:
        """Experiments by name; only the names are used."""
        ...

    @property
    def parameters(self) -> ParameterTable:
        """Table of parameters."""
        ...

    @property
    def observed(self) -> tuple[ArrayLike, ...]:
        """Observed counts by experiment; their number counts degrees of freedom."""
        ...

    def value_and_grad(
        self, values: Values, *, names: Iterable[str] | None = None, data: Data = None
    ) -> tuple[SupportsFloat, Mapping[str, SupportsFloat]]:
        """Value and gradient of the profiled nll."""
        ...

    def expand(self, values: Values, points: Mapping[str, Any], *, data: Data = None) -> Any:
        """The profiled nll to second order at many points, with the attributes below.

        Where it has ``distance`` it takes ``near`` too: nuisances from which its search may
        start, [point, nuisance] in the order of ``pulls``.

        Attributes:
            value: [point] [1].
            gradient: [point, name] [1/unit].
            hessian: [point, name, name] [1/unit^2].
            full: Hessian by the names, then the solved nuisances, [point, name, name] [1/unit^2].
            pulls: The solved nuisances, {name: [point]} [1].
            distance: How far they are from their minimum in nll, infinite or NaN where they were
                not found, [point] [1]; may be missing where they are exact.
            at_bound: Whether a solved nuisance is at the end of what it may be, {name: [point]};
                may be missing.
        """
        ...

    def map(
        self,
        values: Values,
        points: Mapping[str, np.ndarray],
        *,
        kind: str = "profiled_nll",
        data: Data = None,
    ) -> ArrayLike:
        """The nll at many points, [point]."""
        ...

    @property
    def best_pulls(self) -> Callable[..., Mapping[str, SupportsFloat]]:
        """Function of (values, data) that gives the solved linear nuisances by name."""
        ...


GridBlock = tuple[Float[np.ndarray, "row point"], Float[np.ndarray, "row point"] | None]
"""chi2 of rows, and how far nuisances solved there are from their minimum in nll; None if exact."""


@runtime_checkable
class Searching(Protocol):
    """An objective whose nuisances are solved by a search, which may fail."""

    def map_searched(
        self, values: Values, points: Mapping[str, np.ndarray], *, data: Data = None
    ) -> tuple[ArrayLike, ArrayLike]:
        """Profiled nll at many points, and how far the nuisances are from its minimum, [point]."""
        ...


@runtime_checkable
class BlockGrid(Protocol):
    """chi2 on a product grid, a block of rows at a time.

    Attributes:
        inner: The axis along a row.
        outer: The axes that number rows.
        step: Rows in a block.
    """

    inner: str
    outer: tuple[str, ...]
    step: int

    def block(self, first: int) -> GridBlock:
        """``step`` rows from ``first`` on."""
        ...


@runtime_checkable
class Templated(Protocol):
    """An objective that can turn itself into templates."""

    def template_grid(
        self, values: Values, grids: dict[str, np.ndarray], *, data: Data = None
    ) -> BlockGrid | None:
        """chi2 on a grid by templates, or None where no template is exact."""
        ...


def free_names(
    model: Objective,
    free: str | Iterable[str] | None,
    fixed: Mapping[str, float] | None,
    exclude: Iterable[str] = (),
) -> tuple[tuple[str, ...], dict[str, float]]:
    """Parameters that a fit varies, and values of those that it holds.

    Theory parameters are those in ``free``, or those the table marks free if it is None. Nonlinear
    nuisances that are not fixed are always varied. Parameters in ``exclude`` are not: the caller
    sets them, as the axis of a profile or scan.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: If a linear nuisance is named, a parameter is both free and fixed, or a value is
            out of bounds.
    """
    if fixed is not None and not isinstance(fixed, Mapping):
        raise InputError(f"fixed must be {{name: value}}, got {fixed!r}")
    table, values = model.parameters, dict(fixed or {})
    named = None if free is None else [free] if isinstance(free, str) else list(free)
    listed = [n for n, p in table.items() if p.free] if named is None else named
    excluded = set(exclude)
    for name in [*listed, *values, *excluded]:
        if table[name].linear:
            raise InputError(
                f"{name} is a linear nuisance, solved at every point; Model(free_pulls=[...]) "
                "makes a pull a parameter, and the experiment's pulls or morphs remove it"
            )
    for name in excluded.intersection(named or ()):
        raise InputError(f"{name} is both free and what is scanned; leave it out of free")
    for name, value in values.items():
        values[name] = table[name].check(value)
        if name in excluded or (named is not None and name in listed):
            raise InputError(f"{name} is both free and fixed; drop one of the two")
    nuisances = [n for n, p in table.items() if p.kind == "nuisance" and not p.linear]
    names = dict.fromkeys([*listed, *nuisances])
    return tuple(n for n in names if n not in values and n not in excluded), values
