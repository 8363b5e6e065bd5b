"""Target, source, quenching and time axis of an experiment from the sections of its file."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from cevnsjax.core import constants as c
from cevnsjax.core.errors import InputError
from cevnsjax.detector.quenching import (
    CSI_QUENCHING,
    PolynomialQuenching,
    Quenching,
    TabulatedQuenching,
    constant,
    quenching_parameters,
)
from cevnsjax.detector.timing import Pulse, TimeEfficiency
from cevnsjax.experiments.folders.folder import Folder
from cevnsjax.experiments.folders.schema import CsvFile, located, unknown
from cevnsjax.flux.decay_at_rest import DecayAtRest
from cevnsjax.flux.reactor import ISOTOPES, ReactorSource
from cevnsjax.flux.solar import SolarB8
from cevnsjax.flux.source import NeutrinoSource
from cevnsjax.flux.spectrum import Spectrum
from cevnsjax.flux.tabulated import TabulatedSource
from cevnsjax.nuclei import Nucleus, Target, isotope, target, target_names
from cevnsjax.parameters import Parameter


def target_of(where: str, given: Mapping[str, Any]) -> Target:
    """The target of a ``[target]`` section.

    Args:
        where: File and section, for messages.
        given: Checked values of the section.

    Raises:
        InputError: Not exactly one of material and atoms, or an element without data.
    """
    if (given["material"] is None) == (given["atoms"] is None):
        got = "both" if given["material"] else "neither"
        raise InputError(
            f'{where} needs material or atoms, got {got}; write e.g. material = "Ge", or atoms = '
            "{ Na = 1, I = 1 }"
        )
    return target(given["material"]) if given["material"] else _compound(where, given["atoms"])


def _compound(where: str, atoms: Mapping[str, float]) -> Target:
    """Atoms of a formula unit; an element has its natural isotopes."""
    nuclei: list[Nucleus] = []
    moles: list[float] = []
    molar_mass = 0.0
    for name, count in atoms.items():
        for nucleus, fraction, mass in _isotopes(where, name):
            if nucleus in nuclei:
                raise InputError(f"{where} atoms has {nucleus.name} twice; keep one")
            nuclei.append(nucleus)
            moles.append(count * fraction)
            molar_mass += count * fraction * mass
    formula = "".join(f"{name}{count:g}" if count != 1 else name for name, count in atoms.items())
    return Target(formula, tuple(nuclei), tuple(m * c.N_A / (molar_mass * 1e-3) for m in moles))


def _isotopes(where: str, name: str) -> list[tuple[Nucleus, float, float]]:
    """Isotopes of an element with their fraction and the element's molar mass [g/mol]."""
    elements = {n: target(n) for n in target_names() if target(n).elements == (n,)}
    if name in elements:
        per_kg = sum(elements[name].per_kg)
        mass = 1e3 * c.N_A / per_kg
        pairs = zip(elements[name].nuclei, elements[name].per_kg, strict=True)
        return [(nucleus, each / per_kg, mass) for nucleus, each in pairs]
    known = [n.name for t in elements.values() for n in t.nuclei]
    if name not in known:
        raise unknown(where, "element or isotope", name, [*elements, *known])
    nucleus = isotope(name)
    return [(nucleus, 1.0, (nucleus.mass + nucleus.Z * c.m_e) / c.u)]


def source_of(folder: Folder, where: str, given: Mapping[str, Any]) -> NeutrinoSource:
    """The source of a ``[neutrinos]`` section.

    Args:
        folder: The experiment's folder.
        where: File and section, for messages.
        given: Checked values of the section.

    Raises:
        InputError: A value no source can have.
        DataError: A spectrum file that is missing or malformed.
    """
    kind = given["kind"]
    values = {k: v for k, v in given.items() if k != "kind"}
    if kind == "decay_at_rest":
        return DecayAtRest(**values)
    if kind == "reactor":
        for name in given["fission_fractions"]:
            if name not in ISOTOPES:
                raise unknown(where, "isotope in fission_fractions", name, ISOTOPES)
        with located(where):
            return ReactorSource(E_nu_max=values.pop("E_nu_max_mev"), **values)
    if kind == "solar_8b":
        return SolarB8(given["exposure_days"], given["total_per_cm2_s"], given["flavour"])
    columns = folder.table(where, given["file"])
    with located(f"{folder.path / given['file'].name}:"):
        spectrum = Spectrum(
            columns["energy_mev"], columns["density_per_mev"], given["interpolation"]
        )
    return TabulatedSource(
        given["flavour"], spectrum, given["fluence_per_cm2"], given["baseline_m"]
    )


def quenching_of(folder: Folder, where: str, given: Mapping[str, Any]) -> Quenching:
    """The model of a ``[quenching]`` section.

    Args:
        folder: The experiment's folder.
        where: File and section, for messages.
        given: Checked values of the section.

    Raises:
        InputError: Variations of another length than the coefficients.
        DataError: A table that is missing or malformed.
    """
    kind = given["kind"]
    if kind == "constant":
        return constant(given["factor"])
    if kind == "csi":
        return CSI_QUENCHING[given["model"]]()
    if kind == "polynomial":
        rows = (given["coefficients_mev"], *given["variations_mev"])
        nominal, *variations = (tuple(map(float, row)) for row in rows)
        with located(where):
            return PolynomialQuenching(nominal, tuple(variations))
    columns = folder.table(where, given["file"])
    T_keV, factor = columns["recoil_energy_kev"], columns["quenching_factor"]
    wrong = (factor <= 0) | (factor > 1)
    folder.require(given["file"], "quenching_factor", factor, wrong, "in (0, 1]")
    folder.require(given["file"], "recoil_energy_kev", T_keV, T_keV < 0, ">= 0")
    with located(f"{folder.path / given['file'].name}:"):
        return TabulatedQuenching(tuple((T_keV * 1e-3).tolist()), tuple(factor.tolist()))


def quenching_nuisances(
    where: str, given: Mapping[str, Any], model: Quenching, short: str
) -> dict[str, Parameter]:
    """Shape parameters that a ``[quenching]`` section switches on, by short name.

    Args:
        where: File and section, for messages.
        given: Checked values of the section.
        model: Quenching model.
        short: Short name of the experiment, which the parameter names end in.

    Raises:
        InputError: A parameter the model does not have, or a scale without its width.
    """
    sd, listed = given["scale_sd"], given["nuisances"]
    if ("qf_scale" in listed) != (sd is not None):
        remedy = "add scale_sd = 0.05" if sd is None else 'add "qf_scale" to nuisances'
        raise InputError(f"{where} qf_scale and scale_sd belong together; {remedy}")
    parameters = quenching_parameters(model, short, 1.0 if sd is None else sd)
    offered = {p.name.removesuffix(f"_{short}"): p for p in parameters}
    for name in listed:
        if name not in offered:
            raise unknown(where, "quenching nuisance", name, offered)
    return {name: offered[name] for name in listed}


def time_fractions(
    folder: Folder, where: str, given: Mapping[str, Any], flux: NeutrinoSource, bins: int
) -> dict[str, np.ndarray]:
    """How a ``[time]`` section shares the signal out, the same in every energy bin.

    Args:
        folder: The experiment's folder.
        where: File and section, for messages.
        given: Checked values of the section.
        flux: Neutrino source.
        bins: Number of energy bins.

    Returns:
        {source: [bin, time bin]} [1].

    Raises:
        InputError: A pulse at a source that has none.
        DataError: A table that is missing, malformed or no set of fractions.
    """
    edges = tuple(map(float, given["edges_us"]))
    if given["kind"] == "fractions":
        shares = _shares(folder, where, given["file"], flux.sources, len(edges) - 1)
    else:
        if not isinstance(flux, DecayAtRest):
            raise InputError(
                f'{where} kind = "pulse" needs [neutrinos] kind = "decay_at_rest"; give '
                'kind = "fractions" instead'
            )
        flat, slope = given["efficiency_flat_us"], given["efficiency_slope_per_us"]
        if flat is None and slope > 0:
            raise InputError(
                f"{where} efficiency_slope_per_us needs efficiency_flat_us; write the time at "
                "which the efficiency starts to fall"
            )
        efficiency = TimeEfficiency(math.inf if flat is None else flat, slope)
        pulse = Pulse(given["mean_us"], given["sigma_us"])
        shares = {s: pulse.fractions(s, edges, efficiency) for s in flux.sources}
    return {source: np.tile(share, (bins, 1)) for source, share in shares.items()}


def _shares(
    folder: Folder, where: str, file: CsvFile, sources: tuple[str, ...], bins: int
) -> dict[str, np.ndarray]:
    columns = folder.cells(where, CsvFile(file.name, sources), (bins,))
    for source in sources:
        share = columns[source]
        folder.require(file, source, share, (share < 0) | (share > 1), "in [0, 1]")
        if share.sum() > 1 + 1e-9:
            raise InputError(
                f"{folder.path / file.name}: {source} adds up to {share.sum():g}; fractions add "
                "up to 1 at most"
            )
    return {source: columns[source] for source in sources}
