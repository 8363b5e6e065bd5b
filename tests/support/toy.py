"""Objectives in plain NumPy with the methods of a model that inference calls."""

from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace

import numpy as np

from cevnsjax.inference.minimise.problems import Local, Problem
from cevnsjax.parameters import Parameter, ParameterTable


@dataclass
class Toy:
    """chi2(**values, data) with its slopes and curvatures, without linear nuisances.

    Attributes:
        table: Parameters.
        chi2: Function of one array or number per parameter, and of ``data``.
        step: Step of the central differences that make gradient and Hessian; a power of two
            makes them exact to rounding for polynomials of up to second order.
        calls: Sizes of the batches asked for.
    """

    table: list[Parameter]
    chi2: object
    step: float = 2.0**-12
    name: str = "toy"
    observed: tuple = (np.zeros(7), np.zeros(3))
    calls: list = field(default_factory=list)

    @property
    def experiments(self):
        return {"first": None, "second": None}

    @cached_property
    def parameters(self):
        return ParameterTable(self.table)

    @cached_property
    def defaults(self):
        return self.parameters.defaults()

    def _nll(self, values, data):
        full = {**self.defaults, **values}
        extra = {} if data is None else {"data": data}
        return 0.5 * self.chi2(**full, **extra)

    def value_and_grad(self, values, *, names=None, profiled=True, data=None):
        del profiled
        order = list(values) if names is None else list(names)

        def shifted(n, h):
            return self._nll({**values, n: values[n] + h}, data)

        # Fourth-order differences: exact for quartics.
        slopes = {}
        for n in order:
            h = self.step * self.parameters[n].scale
            near, far = (shifted(n, k * h) - shifted(n, -k * h) for k in (1, 2))
            slopes[n] = (8 * near - far) / (12 * h)
        return self._nll(values, data), slopes

    def hessian(self, values, *, names=None, profiled=True, data=None):
        order = list(values) if names is None else list(names)

        def slopes(n, h):
            moved = {**values, n: values[n] + h}
            return self.value_and_grad(moved, names=order, profiled=profiled, data=data)[1]

        H = np.zeros((len(order), len(order)))
        for i, n in enumerate(order):
            h = self.step * self.parameters[n].scale
            up, down = slopes(n, h), slopes(n, -h)
            H[i] = [(up[m] - down[m]) / (2 * h) for m in order]
        return (H + H.T) / 2

    def map(self, values, points, *, kind="profiled_nll", batch_size=16, data=None):
        del kind, batch_size
        self.calls.append(len(next(iter(points.values()))))
        return self._nll({**values, **{n: np.asarray(x) for n, x in points.items()}}, data)

    def expand(self, values, points, *, data=None):
        return expanded_one_by_one(self, values, points, data)

    @property
    def best_pulls(self):
        return lambda _values, data=None: {}  # noqa: ARG005


@dataclass
class Batched(Toy):
    """A Toy that expands at many points in one call, by differences of fourth order."""

    def expand(self, values, points, *, data=None):
        names, columns = list(points), [np.asarray(x, dtype=float) for x in points.values()]
        h = [self.step * self.parameters[n].scale for n in names]
        size = len(columns[0]) if columns else 1
        first, second = {-2: 1, -1: -8, 1: 8, 2: -1}, {-2: -1, -1: 16, 0: -30, 1: 16, 2: -1}

        def moved(steps):
            at = {n: x + steps.get(k, 0) * h[k] for k, (n, x) in enumerate(points.items())}
            return np.broadcast_to(self._nll({**values, **at}, data), size)

        gradient, hessian = np.zeros((size, len(names))), np.zeros((size, len(names), len(names)))
        for i in range(len(names)):
            gradient[:, i] = sum(w * moved({i: k}) for k, w in first.items()) / (12 * h[i])
            hessian[:, i, i] = sum(w * moved({i: k}) for k, w in second.items()) / (12 * h[i] ** 2)
            for j in range(i):
                pairs = ((a, b, v * w) for a, v in first.items() for b, w in first.items())
                mixed = sum(w * moved({i: a, j: b}) for a, b, w in pairs) / (144 * h[i] * h[j])
                hessian[:, i, j] = hessian[:, j, i] = mixed
        self.calls.append(size)
        value = np.array(moved({}))
        return SimpleNamespace(
            value=value, gradient=gradient, hessian=hessian, full=hessian, pulls={}
        )


@dataclass
class Searched(Batched):
    """A Toy whose inner search fails where ``fails`` says so; chi2 is too high by ``off`` there."""

    fails: object = None
    off: float = 1e5

    def _failed(self, values, points):
        full = {**self.defaults, **values, **{n: np.asarray(x) for n, x in points.items()}}
        return np.broadcast_to(self.fails(**full), len(next(iter(points.values()), [0])))

    def expand(self, values, points, *, data=None):
        exact, failed = super().expand(values, points, data=data), self._failed(values, points)
        exact.value = exact.value + np.where(failed, self.off / 2, 0.0)
        exact.distance = np.where(failed, np.inf, 0.0)
        return exact

    def map_searched(self, values, points, *, data=None):
        failed = self._failed(values, points)
        nll = self.map(values, points, data=data) + np.where(failed, self.off / 2, 0.0)
        return nll, np.where(failed, np.inf, 0.0)


def expanded_one_by_one(model, values, points, data=None):
    """The result of ``expand`` from gradients, Hessians and solved nuisances, point by point."""
    names = tuple(points)
    rows = np.stack([np.asarray(x, dtype=float) for x in points.values()], axis=1)
    rows = [{**values, **dict(zip(names, x.tolist(), strict=True))} for x in rows]
    pairs = [model.value_and_grad(v, names=names, data=data) for v in rows]
    pulls = [{m: float(x) for m, x in model.best_pulls(v, data=data).items()} for v in rows]
    solved = tuple(n for n in model.parameters if n in pulls[0])
    full = np.array(
        [
            model.hessian({**v, **p}, names=(*names, *solved), profiled=False, data=data)
            for v, p in zip(rows, pulls, strict=True)
        ]
    ).reshape(len(rows), len(names) + len(solved), -1)
    n = len(names)
    # Schur complement: the Hessian of the profile.
    cross, inner = full[:, :n, n:], full[:, n:, n:]
    return SimpleNamespace(
        value=np.array([float(value) for value, _ in pairs]),
        gradient=np.array([[float(slopes[m]) for m in names] for _, slopes in pairs]),
        hessian=full[:, :n, :n] - cross @ np.linalg.solve(inner, np.swapaxes(cross, 1, 2)),
        full=full,
        pulls={m: np.array([p[m] for p in pulls]) for m in solved},
    )


def by_point(value_and_grad, hessian, low, high):
    """A minimisation problem from functions of one point."""

    def local(u):
        pairs = [value_and_grad(x) for x in u]
        values, gradients = np.array([v for v, _ in pairs]), np.array([g for _, g in pairs])
        hessians = np.array([hessian(x) for x in u])
        return Local(values, gradients, hessians, np.ones(len(u), dtype=bool))

    return Problem(value_and_grad, local, low, high)


def parameter(name, **options):
    """A parameter with simple defaults."""
    return Parameter(**{"name": name, "meaning": name, "default": 0.0, **options})
