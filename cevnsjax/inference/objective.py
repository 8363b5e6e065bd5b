"""The seam: what inference asks of a model; nothing here knows of neutrinos."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Values
from cevnsjax.parameters import ParameterTable


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
    def observed(self) -> tuple[Any, ...]:
        """Observed counts by experiment; their number counts degrees of freedom."""
        ...

    def value_and_grad(
        self,
        values: Values,
        *,
        names: Iterable[str] | None = None,
        profiled: bool = True,
        data: Any = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Value and gradient of the (profiled) nll."""
        ...

    def hessian(
        self,
        values: Values,
        *,
        names: Iterable[str] | None = None,
        profiled: bool = True,
        data: Any = None,
    ) -> np.ndarray:
        """Hessian of the (profiled) nll in the order of ``names``."""
        ...

    def map(
        self,
        values: Values,
        points: Mapping[str, Any],
        *,
        kind: str = "profiled_nll",
        data: Any = None,
    ) -> Any:
        """The nll at many points."""
        ...

    @property
    def best_pulls(self) -> Any:
        """Function of (values, data) that gives the solved linear nuisances."""
        ...


@runtime_checkable
class Expandable(Protocol):
    """An objective that gives second-order expansions at many points at once."""

    def expand(self, values: Values, points: Mapping[str, Any], *, data: Any = None) -> Any:
        """The profiled nll: value, gradient, hessian; full and pulls at the solved nuisances."""
        ...


@runtime_checkable
class BlockGrid(Protocol):
    """chi2 on a product grid, a block of rows at a time."""

    @property
    def inner(self) -> str:
        """The axis along a row."""
        ...

    @property
    def outer(self) -> tuple[str, ...]:
        """The axes that number rows."""
        ...

    @property
    def step(self) -> int:
        """Rows in a block."""
        ...

    def block(self, first: int) -> np.ndarray:
        """chi2 of ``step`` rows from ``first`` on, [row, point]."""
        ...


@runtime_checkable
class Templated(Protocol):
    """An objective that can turn itself into templates."""

    def template_grid(
        self, values: Values, grids: Mapping[str, np.ndarray], *, data: Any = None
    ) -> Any:
        """A BlockGrid, or None where no template is exact."""
        ...


class Expanded(NamedTuple):
    """The profiled nll to second order at many points.

    Attributes:
        value: [point] [1].
        gradient: [point, name] [1/unit].
        hessian: [point, name, name] [1/unit^2].
        full: Hessian by the names, then the solved nuisances, [point, name, name] [1/unit^2].
        pulls: The solved nuisances, {name: [point]} [1].
    """

    value: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray
    full: np.ndarray
    pulls: dict[str, np.ndarray]


def expansion(
    model: Objective,
    held: Mapping[str, float],
    names: tuple[str, ...],
    points: np.ndarray,
    data: Any = None,
) -> Expanded:
    """Second-order expansion of the profiled nll, in one call where the objective offers it.

    Args:
        model: The model.
        held: Values of parameters that stay.
        names: Parameters to differentiate by.
        points: Their values, [point, name].
        data: Data to use instead of the model's.
    """
    if isinstance(model, Expandable):
        columns = {n: points[:, k] for k, n in enumerate(names)}
        found = model.expand(dict(held), columns, data=data)
        return Expanded(found.value, found.gradient, found.hessian, found.full, found.pulls)
    values = [{**held, **dict(zip(names, x.tolist(), strict=True))} for x in points]
    pairs = [model.value_and_grad(v, names=names, data=data) for v in values]
    solutions = (model.best_pulls(v, data=data) for v in values)
    pulls = [{m: float(x) for m, x in best.items()} for best in solutions]
    solved = tuple(n for n in model.parameters if n in pulls[0])
    full = np.array(
        [
            model.hessian({**v, **p}, names=(*names, *solved), profiled=False, data=data)
            for v, p in zip(values, pulls, strict=True)
        ]
    ).reshape(len(points), len(names) + len(solved), -1)
    n = len(names)
    # Schur complement: the Hessian of the profile.
    cross, inner = full[:, :n, n:], full[:, n:, n:]
    hessian = full[:, :n, :n] - cross @ np.linalg.solve(inner, np.swapaxes(cross, 1, 2))
    return Expanded(
        np.array([float(value) for value, _ in pairs]),
        np.array([[float(slopes[m]) for m in names] for _, slopes in pairs]).reshape(-1, n),
        hessian,
        full,
        {m: np.array([p[m] for p in pulls]) for m in solved},
    )


def free_names(
    model: Objective,
    free: str | Iterable[str] | None,
    fixed: Mapping[str, float] | None,
    exclude: Iterable[str] = (),
) -> tuple[tuple[str, ...], dict[str, float]]:
    """What a fit varies and what it holds.

    Args:
        model: The model.
        free: Theory parameters to vary; those the table marks free if None. Nonlinear nuisances
            that are not fixed are always varied.
        fixed: Parameters held at given values.
        exclude: Parameters someone else varies (the axis of a profile or scan).

    Returns:
        Names to vary and values to hold.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: If a linear nuisance is named, one is both free and fixed, or out of bounds.
    """
    if fixed is not None and not isinstance(fixed, Mapping):
        raise InputError(f"fixed must be {{name: value}}, got {fixed!r}")
    table, held = model.parameters, dict(fixed or {})
    given = [free] if isinstance(free, str) else free
    listed = list(given) if given is not None else [n for n, p in table.items() if p.free]
    excluded = set(exclude)
    for name in [*listed, *held, *excluded]:
        if table[name].linear:
            raise InputError(
                f"{name} is a linear nuisance, solved at every point; Model(free_pulls=[...]) "
                "makes a pull a parameter, and the experiment's pulls or morphs remove it"
            )
    for name in excluded.intersection(given or ()):
        raise InputError(f"{name} is both free and what is scanned; leave it out of free")
    for name, value in held.items():
        held[name] = table[name].check(value)
        if name in excluded or (free is not None and name in listed):
            raise InputError(f"{name} is both free and fixed; drop one of the two")
    nuisances = [n for n, p in table.items() if p.kind == "nuisance" and not p.linear]
    names = dict.fromkeys([*listed, *nuisances])
    return tuple(n for n in names if n not in held and n not in excluded), held
