"""The computations that are compared: default csi_2017 analysis in float64."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
import numpy_fit
import numpy_grid
import numpy_reference as ref
from timing import Pair

import cevnsjax as cj

NAMES = ref.NAMES[:3]
EXPERIMENT = "csi-2017"
_RADII_LOW, _RADII_HIGH, _S2W = 4.0, 7.0, (0.1, 0.4)


def build() -> cj.Model:
    """The default analysis."""
    cj.enable_x64()
    return cj.Model(cj.experiments.csi_2017())


def points(count: int, *, radii: bool) -> np.ndarray:
    """Random points (sin2_theta_w, R_n_Cs, R_n_I), all different, [count, 3]."""
    rng = np.random.default_rng(1)
    spread = rng.uniform(-1, 1, (count, 3)) * [0.05, 0.5, 0.5]
    if not radii:
        spread[:, 1:] = 0
    return ref.DEFAULT[:3] + spread


def as_values(grid: np.ndarray, names: Sequence[str] = NAMES) -> list[dict[str, float]]:
    """Points as dicts of floats."""
    return [dict(zip(names, row, strict=False)) for row in grid.tolist()]


def single(model: cj.Model) -> list[Pair]:
    """One call at a time."""
    fixed = ref.FixedResponse()
    everything, coupling = points(16, radii=True), points(16, radii=False)
    full, only_s2w = as_values(everything), as_values(coupling[:, :1])
    five, five_s2w = numpy_grid.full(everything), numpy_grid.full(coupling)

    def expected(values: Any) -> Any:
        return jax.block_until_ready(model.expected(values)[EXPERIMENT])

    def nll(values: Any) -> float:
        return float(model.profiled_nll(values))

    def rebuilt(values: Any) -> Any:
        return ref.predict_rebuilt(values) + ref.B_ON

    def by_nodes(values: Any) -> Any:
        return fixed.predict(values) + ref.B_ON

    return [
        Pair("prediction, radii vary / NumPy rebuilt", expected, rebuilt, full, five),
        Pair(
            "prediction, sin2_theta_w / NumPy fixed response",
            expected,
            by_nodes,
            only_s2w,
            five_s2w,
        ),
        Pair(
            "profiled nll, radii vary / NumPy rebuilt",
            nll,
            lambda v: ref.chi2(ref.predict_rebuilt(v)) / 2,
            full,
            five,
        ),
        Pair(
            "profiled nll, sin2_theta_w / NumPy fixed response",
            nll,
            lambda v: ref.chi2(fixed.predict(v)) / 2,
            only_s2w,
            five_s2w,
        ),
    ]


def derivatives(model: cj.Model) -> list[Pair]:
    """Gradient and Hessian in the weak mixing angle and both neutron radii."""
    everything = points(16, radii=True)
    values = as_values(everything)

    def slopes(point: Any) -> np.ndarray:
        value, gradient = jax.block_until_ready(model.value_and_grad(point, names=NAMES))
        return np.array([value, *(gradient[n] for n in NAMES)])

    def curvature(point: Any) -> np.ndarray:
        return model.hessian(point, names=NAMES)

    why = "derivatives, because NumPy's are finite differences: 1e-5 (gradient), 1e-3 (Hessian)"
    return [
        Pair(
            "value and gradient, 3 parameters / NumPy finite differences",
            slopes,
            numpy_grid.value_and_gradient,
            values,
            everything,
            rtol=1e-5,
            why=why,
        ),
        Pair(
            "Hessian, 3 parameters / NumPy finite differences",
            curvature,
            numpy_grid.hessian,
            values,
            everything,
            rtol=1e-3,
            why=why,
        ),
    ]


def scans(model: cj.Model, sizes: Iterable[int]) -> list[Pair]:
    """Grids of n x n and of n^2 points; cevnsjax makes an xarray.Dataset, NumPy an array."""
    pairs = []
    for n in sizes:
        s2w, R_Cs = np.linspace(*_S2W, n), np.linspace(_RADII_LOW, _RADII_HIGH, n)
        plane = partial(_scan, model, sin2_theta_w=(*_S2W, n), R_n_Cs=(_RADII_LOW, _RADII_HIGH, n))
        what = f"scan {n} x {n}, sin2_theta_w and R_n_Cs"
        for peer, function in {
            "nodes": numpy_grid.scan_2d_nodes,
            "templates": numpy_grid.scan_2d_templates,
        }.items():
            call = _without_argument(partial(function, s2w, R_Cs))
            pairs.append(Pair(f"{what} / NumPy {peer}", plane, call, [None], [None]))
        pairs += _line(model, n * n)
    return pairs


def planes(sizes: Iterable[int]) -> list[Pair]:
    """Couplings: NSI beside NumPy's closed form, a mediator beside the node engine."""
    nsi = cj.Model(cj.experiments.csi_2017(), [cj.NSI("eps_uV_ee", "eps_dV_ee")])
    vector = cj.Model(cj.experiments.csi_2017(), [cj.interactions.LightVector()])
    pairs, fixed = [], ref.FixedResponse()
    for n in sizes:
        grid, axis = np.linspace(-1.0, 1.0, n), (-1.0, 1.0, n)
        ours = partial(_scan, nsi, engine="template", eps_uV_ee=axis, eps_dV_ee=axis)
        theirs = _without_argument(partial(numpy_grid.scan_nsi, fixed, grid, grid))
        what = f"scan {n} x {n}, eps_uV_ee and eps_dV_ee / NumPy templates"
        pairs.append(Pair(what, ours, theirs, [None], [None]))
        mass = {"g_Zp": np.linspace(0, 1e-2, n), "m_Zp": np.geomspace(0.1, 1e4, n)}
        engines = [partial(_scan, vector, engine=e, **mass) for e in ("template", "node")]
        what = f"scan {n} x {n}, g_Zp and m_Zp, templates / our node engine"
        pairs.append(Pair(what, *engines, [None], [None]))
    return pairs


def four_dimensions(points: int) -> dict[str, Callable[[], Any]]:
    """Four NSI couplings on a grid; timed alone, without a NumPy counterpart."""
    names = ("eps_uV_ee", "eps_dV_ee", "eps_uV_mumu", "eps_dV_mumu")
    model = cj.Model(cj.experiments.csi_2017(), [cj.NSI(*names)])
    axes = dict.fromkeys(names, (-1.0, 1.0, points))
    return {f"scan {points}^4, NSI": lambda: _scan(model, None, engine="template", **axes)}


def _line(model: cj.Model, count: int) -> list[Pair]:
    fixed, grid = ref.FixedResponse(), np.linspace(*_S2W, count)
    ours = partial(_scan, model, sin2_theta_w=(*_S2W, count))
    what = f"scan {count:.0e}, sin2_theta_w".replace("e+0", "e")
    peers = {"nodes": ref.FixedResponse.predict, "templates": ref.FixedResponse.predict_template}
    return [
        Pair(
            f"{what} / NumPy fixed response, {peer}",
            ours,
            _without_argument(partial(numpy_grid.scan_1d, fixed, grid, predict)),
            [None],
            [None],
        )
        for peer, predict in peers.items()
    ]


def _scan(model: cj.Model, _: None, **axes: Any) -> np.ndarray:
    return cj.scan(model, **axes)["chi2"].to_numpy()


def _without_argument(function: Callable[[], Any]) -> Callable[[Any], Any]:
    return lambda _: function()


def fits(model: cj.Model) -> list[Pair]:
    """The whole fit of sin2_theta_w with both pulls, in a running process."""

    def ours(_: None) -> list[float]:
        result = cj.fit(model, free=["sin2_theta_w"])
        return numpy_fit.summary(result.values, result.errors, result.chi2)

    def theirs(_: None) -> list[float]:
        return numpy_fit.summary(*numpy_fit.fit())

    return [
        Pair(
            "fit of sin2_theta_w / NumPy and scipy.optimize.minimize",
            ours,
            theirs,
            [None],
            [None],
            rtol=numpy_fit.RTOL,
            why=numpy_fit.WHY,
        )
    ]


def first_calls(model: cj.Model) -> dict[str, Callable[[], Any]]:
    """Calls whose first time is spent on tracing and compilation."""
    point = as_values(points(1, radii=True))[0]
    return {
        "profiled nll": lambda: float(model.profiled_nll(point)),
        "value and gradient, 3 parameters": lambda: jax.block_until_ready(
            model.value_and_grad(point, names=NAMES)
        ),
        "Hessian, 3 parameters": lambda: model.hessian(point, names=NAMES),
        "scan 100 x 100": lambda: cj.scan(
            model, sin2_theta_w=(*_S2W, 100), R_n_Cs=(_RADII_LOW, _RADII_HIGH, 100)
        ),
        "fit of sin2_theta_w": lambda: cj.fit(model, free=["sin2_theta_w"]),
    }
