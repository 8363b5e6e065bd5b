"""Detector of an experiment from the sections of its file, with quadrature fine enough for it."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.detector.efficiency import Efficiency, Logistic, TabulatedEfficiency
from cevnsjax.detector.quenching import Quenching
from cevnsjax.detector.resolution import (
    GammaSmearing,
    GaussianSmearing,
    PoissonSmearing,
    Resolution,
)
from cevnsjax.detector.response import Detector
from cevnsjax.experiments.folders.folder import Folder
from cevnsjax.experiments.folders.schema import located

# Nodes a panel: ten, and more where the resolution is narrow against a panel, an eighth of the
# range in the square root of energy. Five for each of its widths leave 1e-10 of a bin.
_LEAST_NODES, _NODES_PER_WIDTH, _MOST_NODES = 10, 5.0, 200
_PANELS = 8

Width = Callable[[np.ndarray], np.ndarray]
"""Standard deviation at an observable."""


def detector_of(
    folder: Folder, sections: Mapping[str, Any], quenching: Quenching, T_top: float
) -> Detector:
    """The detector of a whole file.

    Args:
        folder: The experiment's folder.
        sections: Checked values of all sections.
        quenching: Quenching model.
        T_top: Largest recoil energy [MeV].

    Raises:
        InputError: An efficiency above 1, quenching that is not monotonic, bins out of reach.
        DataError: A table that is missing or malformed.
    """
    binning, spread = sections["binning"], sections["resolution"] or {"kind": "none"}
    edges = tuple(map(float, binning["edges"]))
    per_keV = binning["observable_per_kevee"]
    top = float(per_keV * 1e3 * quenching.E_ee(np.array(T_top), {}, np))
    at = f"{folder.file}: [resolution]"
    resolution, sigma = _resolution(at, spread, edges, per_keV)
    nodes = binning["nodes"]
    if nodes is None and sigma is not None:
        nodes = _nodes(at, sigma, _lowest(edges), top)
    detector = Detector(
        quenching=quenching,
        per_keV=per_keV,
        efficiency=_efficiency(folder, sections["efficiency"], edges, binning["observable"]),
        resolution=resolution,
        edges=edges,
        nodes=nodes,
    )
    _check_curve(folder, detector, T_top)
    if resolution is None and top <= edges[0]:
        raise InputError(
            f"{folder.file}: [binning] edges start at {edges[0]:g}, but the largest recoil, "
            f"{T_top * 1e3:.3g} keV, gives {binning['observable']} = {top:.3g}; lower the edges, "
            "or correct observable_per_kevee or the unit"
        )
    return detector


def _check_curve(folder: Folder, detector: Detector, T_top: float) -> None:
    """E_ee grows with the recoil energy and stays below it."""
    where = f"{folder.file}: [quenching]"
    T = np.linspace(0, T_top, 2001)[1:]
    E_ee = detector.quenching.E_ee(T, {}, np)
    if np.any(E_ee > T):
        first = np.argmax(E_ee > T)
        raise InputError(
            f"{where} gives E_ee = {E_ee[first] * 1e3:.3g} keV at T_nr = {T[first] * 1e3:.3g} keV; "
            "a factor is at most 1: check the unit of the coefficients"
        )
    with located(where):
        detector.require_monotonic(T_top)


def _efficiency(
    folder: Folder, given: Mapping[str, Any], edges: tuple[float, ...], observable: str
) -> Efficiency:
    where = f"{folder.file}: [efficiency]"
    if given["kind"] == "constant":
        ends = (edges[0] - 1, edges[-1] + 1)
        return TabulatedEfficiency(ends, (given["value"], given["value"]))
    if given["kind"] == "table":
        columns = folder.table(where, given["file"])
        x, y = columns["observable"], columns["efficiency"]
        folder.require(given["file"], "efficiency", y, (y < 0) | (y > 1), "in [0, 1]")
        threshold = -math.inf if given["threshold"] is None else given["threshold"]
        with located(f"{folder.path / given['file'].name}:"):
            found: Efficiency = TabulatedEfficiency(tuple(x.tolist()), tuple(y.tolist()), threshold)
    else:
        steps = tuple((float(x), float(factor)) for x, factor in given["steps"])
        found = Logistic(given["a"], given["k"], given["x_0"], given["d"], steps)
    x = np.unique([*np.linspace(edges[0], edges[-1], 1001), *edges])
    with np.errstate(over="ignore"):
        values = found(x, np)
    if values.max() > 1:
        at = f"{observable} = {x[values.argmax()]:g}"
        raise InputError(f"{where} is {values.max():g} at {at}; an efficiency is at most 1")
    if values.max() <= 0:
        raise InputError(f"{where} is 0 in every bin; check it against [binning] edges")
    return found


def _lowest(edges: tuple[float, ...]) -> float:
    return min(e for e in edges if e > 0)


def _resolution(
    where: str, given: Mapping[str, Any], edges: tuple[float, ...], per_keV: float
) -> tuple[Resolution | None, Width | None]:
    """The model, and its standard deviation as a function of the observable."""
    if given["kind"] == "none":
        return None, None
    if edges[-1] <= 0:
        raise InputError(f"{where} needs bins above 0, got edges up to {edges[-1]:g}")
    low = np.array([_lowest(edges)])
    if given["kind"] == "poisson":
        if edges[0] < 0 or any(e != int(e) for e in edges):
            raise InputError(
                f'{where} kind = "poisson" counts photoelectrons: [binning] edges must be whole '
                f"numbers from 0 on, got {list(edges)}"
            )
        return PoissonSmearing(), np.sqrt
    # Sub-bins of the inner integral: no wider than the resolution at its narrowest.
    if given["kind"] == "gamma":
        offset, growth = given["shape_offset"], given["shape_per_kevee"]
        width = partial(_width_of_gamma, offset, growth / per_keV)
        return GammaSmearing(offset, growth, min(1.0, float(width(low)[0]))), width
    width = partial(_width_of_gaussian, given["c"])
    return GaussianSmearing(given["c"], min(0.5, float(width(low)[0]))), width


def _width_of_gamma(offset: float, growth: float, x: np.ndarray) -> np.ndarray:
    return x / np.sqrt(offset + growth * x)


def _width_of_gaussian(c: float, x: np.ndarray) -> np.ndarray:
    return c * np.sqrt(x)


def _nodes(where: str, sigma: Width, low: float, top: float) -> int | None:
    """Nodes a panel that resolve a standard deviation sigma(x) from ``low`` up to ``top``."""
    x = np.linspace(low, max(low, top), 101)
    narrowest = float(np.min(sigma(x) / (2 * np.sqrt(x))))
    nodes = math.ceil(_NODES_PER_WIDTH * math.sqrt(x[-1]) / _PANELS / narrowest)
    if nodes > _MOST_NODES:
        raise InputError(
            f"{where} is so narrow that it takes {nodes} quadrature nodes a panel; write "
            f'kind = "none", or set [binning] nodes = {nodes}'
        )
    return None if nodes <= _LEAST_NODES else nodes
