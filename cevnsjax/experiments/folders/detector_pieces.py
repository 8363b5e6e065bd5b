"""Quenching and detector of an experiment from the sections of its file."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cevnsjax.core.names import short_name
from cevnsjax.detector.crossings import sample_points
from cevnsjax.detector.detector import Detector
from cevnsjax.detector.efficiency import Efficiency, Logistic, TabulatedEfficiency
from cevnsjax.detector.quenching import (
    CSI_QUENCHING,
    PolynomialQuenching,
    Quenching,
    TabulatedQuenching,
    constant,
    quenching_parameters,
)
from cevnsjax.detector.resolution import (
    GammaSmearing,
    GaussianSmearing,
    PoissonSmearing,
    Resolution,
)
from cevnsjax.experiments.folders.folder import Part
from cevnsjax.experiments.folders.schema import located
from cevnsjax.parameters import Parameter


def quenching_of(part: Part) -> Quenching:
    """The model of the section ``[quenching]``."""
    kind = part["kind"]
    if kind == "constant":
        return constant(part["factor"])
    if kind == "csi":
        return CSI_QUENCHING[part["model"]]()
    if kind == "polynomial":
        rows = (part["coefficients_mev"], *part["variations_mev"])
        nominal, *variations = (tuple(map(float, row)) for row in rows)
        with located(part.where):
            return PolynomialQuenching(nominal, tuple(variations))
    table = part.table()
    T_keV, factor = table["recoil_energy_kev"], table["quenching_factor"]
    table.require("quenching_factor", (factor > 0) & (factor <= 1), "in (0, 1]")
    table.require("recoil_energy_kev", T_keV >= 0, ">= 0")
    with located(f"{table.path}:"):
        return TabulatedQuenching(
            tuple((T_keV * 1e-3).tolist()), tuple(factor.tolist()), outside=part["outside"]
        )


def quenching_nuisances(part: Part, model: Quenching, experiment: str) -> dict[str, Parameter]:
    """Shape parameters that the section ``[quenching]`` switches on, by short name."""
    sd, listed = part["scale_sd"], part["nuisances"]
    if ("qf_scale" in listed) != (sd is not None):
        remedy = "add scale_sd = 0.05" if sd is None else 'add "qf_scale" to nuisances'
        raise part.error(f"qf_scale and scale_sd belong together; {remedy}")
    parameters = quenching_parameters(model, experiment, 1.0 if sd is None else sd)
    offered = {p.name.removesuffix(f"_{short_name(experiment)}"): p for p in parameters}
    for name in listed:
        if name not in offered:
            raise part.unknown("quenching nuisance", name, offered)
    return {name: offered[name] for name in listed}


def detector_of(
    parts: Mapping[str, Part], quenching: Quenching, T_top: float, accuracy: float | None = None
) -> Detector:
    """The detector of a whole file.

    Args:
        parts: Sections by name.
        quenching: The curve.
        T_top: Largest recoil energy [MeV].
        accuracy: Instead of that of the file, if not None [1].
    """
    binning, spread = parts["binning"], parts.get("resolution")
    edges = tuple(map(float, binning["edges"]))
    per_keV = binning["observable_per_kevee"]
    _check_curve(parts["quenching"], quenching, T_top)
    top = float(per_keV * 1e3 * quenching.E_ee(np.array(T_top), {}, np))
    resolution = None
    if spread and spread["kind"] != "none":
        resolution = _resolution(spread, edges)
    detector = Detector(
        quenching=quenching,
        per_keV=per_keV,
        efficiency=_efficiency(parts["efficiency"], edges, binning["observable"]),
        resolution=resolution,
        edges=edges,
        nodes=binning["nodes"],
        accuracy=binning["accuracy"] if accuracy is None else accuracy,
    )
    if resolution is None and top <= edges[0]:
        raise binning.error(
            f"edges start at {edges[0]:g}, but the largest recoil, {T_top * 1e3:.3g} keV, gives "
            f"{binning['observable']} = {top:.3g}; lower the edges, or correct "
            "observable_per_kevee or the unit"
        )
    return detector


def electrons_of(part: Part | None, detector: Detector) -> Detector | None:
    """How electrons are seen by the section ``[electrons]``; None without it."""
    if part is None:
        return None
    electrons = detector.of_electrons
    if part["kind"] == "same":
        return electrons
    return replace(electrons, efficiency=_constant(part["value"], detector.edges))


def _constant(value: float, edges: tuple[float, ...]) -> TabulatedEfficiency:
    return TabulatedEfficiency((edges[0] - 1, edges[-1] + 1), (value, value))


def _check_curve(part: Part, quenching: Quenching, T_top: float) -> None:
    """E_ee is above 0, and below the recoil energy."""
    T = sample_points(quenching, T_top)
    E_ee = np.asarray(quenching.E_ee(T, {}, np))
    if np.any(E_ee > T):
        first = np.argmax(E_ee > T)
        raise part.error(
            f"gives E_ee = {E_ee[first] * 1e3:.3g} keV at T_nr = {T[first] * 1e3:.3g} keV; "
            "a factor is at most 1: check the unit of the coefficients"
        )
    if np.any(E_ee <= 0):
        first = np.argmax(E_ee <= 0)
        raise part.error(
            f"gives E_ee = {E_ee[first] * 1e3:.3g} keV at T_nr = {T[first] * 1e3:.3g} keV; it must "
            f"be above 0 up to the end point {T_top * 1e3:.3g} keV: check signs and coefficients"
        )


def _efficiency(part: Part, edges: tuple[float, ...], observable: str) -> Efficiency:
    efficiency = _efficiency_curve(part, edges)
    x = np.unique([*np.linspace(edges[0], edges[-1], 1001), *edges])
    values = np.asarray(efficiency(x, np))
    if values.max() > 1:
        at = f"{observable} = {x[values.argmax()]:g}"
        raise part.error(f"is {values.max():g} at {at}; an efficiency is at most 1")
    if values.max() <= 0:
        raise part.error("is 0 in every bin; check it against [binning] edges")
    return efficiency


def _efficiency_curve(part: Part, edges: tuple[float, ...]) -> Efficiency:
    if part["kind"] == "constant":
        return _constant(part["value"], edges)
    if part["kind"] == "logistic":
        steps = tuple((float(x), float(factor)) for x, factor in part["steps"])
        return Logistic(part["a"], part["k"], part["x_0"], part["d"], steps)
    table = part.table()
    x, y = table["observable"], table["efficiency"]
    table.require("efficiency", (y >= 0) & (y <= 1), "in [0, 1]")
    threshold = -math.inf if part["threshold"] is None else part["threshold"]
    with located(f"{table.path}:"):
        return TabulatedEfficiency(tuple(x.tolist()), tuple(y.tolist()), threshold)


def _resolution(part: Part, edges: tuple[float, ...]) -> Resolution:
    if edges[-1] <= 0:
        raise part.error(f"needs bins above 0, got edges up to {edges[-1]:g}")
    if part["kind"] == "gamma":
        return GammaSmearing(part["shape_offset"], part["shape_per_kevee"])
    if part["kind"] == "gaussian":
        return GaussianSmearing(part["c"])
    if edges[0] < 0 or any(e != int(e) for e in edges):
        raise part.error(
            f'kind = "poisson" counts photoelectrons: [binning] edges must be whole '
            f"numbers from 0 on, got {list(edges)}"
        )
    return PoissonSmearing()
