"""Target, source and time axis of an experiment from the sections of its file."""

import math

import numpy as np
from jaxtyping import Float

from cevnsjax.core.errors import InputError
from cevnsjax.detector.timing import Pulse, TimeEfficiency
from cevnsjax.experiments.folders.folder import Part
from cevnsjax.experiments.folders.schema import located
from cevnsjax.flux.decay_at_rest import DecayAtRest
from cevnsjax.flux.reactor import ISOTOPES, ReactorSource
from cevnsjax.flux.solar import SolarB8
from cevnsjax.flux.source import NeutrinoSource
from cevnsjax.flux.spectrum import Spectrum
from cevnsjax.flux.tabulated import TabulatedSource
from cevnsjax.nuclei import Target, target

_MAX_E_NU = 1e5
"""Neutrino energy beyond which a nucleus does not scatter as a whole [MeV]."""


def target_of(part: Part) -> Target:
    """The target of the section ``[target]``."""
    if (part["material"] is None) == (part["atoms"] is None):
        got = "both" if part["material"] else "neither"
        raise part.error(
            f'needs material or atoms, got {got}; write e.g. material = "Ge", or atoms = '
            "{ Na = 1, I = 1 }"
        )
    with located(part.where):
        return target(part["material"] or part["atoms"])


def source_of(part: Part) -> NeutrinoSource:
    """The source of the section ``[neutrinos]``."""
    kind = part["kind"]
    values = {k: v for k, v in part.values.items() if k != "kind"}
    if kind == "decay_at_rest":
        return DecayAtRest(**values)
    if kind == "reactor":
        for name in part["fission_fractions"]:
            if name not in ISOTOPES:
                raise part.unknown("isotope in fission_fractions", name, ISOTOPES)
        with located(part.where):
            renamed = {"E_nu_max": values.pop("E_nu_max_mev"), "prediction": values.pop("spectrum")}
            return ReactorSource(**renamed, **values)
    if kind == "solar_8b":
        return SolarB8(part["exposure_days"], part["total_per_cm2_s"], part["flavour"])
    table = part.table()
    E_nu = table["energy_mev"]
    table.require("energy_mev", (E_nu >= 0) & (E_nu <= _MAX_E_NU), f"from 0 to {_MAX_E_NU:g}")
    with located(f"{table.path}:"):
        spectrum = Spectrum(table["energy_mev"], table["density_per_mev"], part["interpolation"])
    return TabulatedSource(part["flavour"], spectrum, part["fluence_per_cm2"], part["baseline_m"])


def time_fractions(
    part: Part, flux: NeutrinoSource, bins: int
) -> dict[str, Float[np.ndarray, "bin time"]]:
    """Fractions of each source's signal by the section ``[time]``, alike in all energy bins [1]."""
    edges = tuple(map(float, part["edges_us"]))
    if part["kind"] == "fractions":
        shares = _tabulated_shares(part, flux.sources, len(edges) - 1)
    else:
        shares = _pulse_shares(part, flux, edges)
    return {source: np.tile(share, (bins, 1)) for source, share in shares.items()}


def _pulse_shares(
    part: Part, flux: NeutrinoSource, edges: tuple[float, ...]
) -> dict[str, Float[np.ndarray, " time"]]:
    if not isinstance(flux, DecayAtRest):
        raise part.error(
            'kind = "pulse" needs [neutrinos] kind = "decay_at_rest"; give kind = "fractions" '
            "instead"
        )
    flat, slope = part["efficiency_flat_us"], part["efficiency_slope_per_us"]
    if flat is None and slope > 0:
        raise part.error(
            "efficiency_slope_per_us needs efficiency_flat_us; write the time at which the "
            "efficiency starts to fall"
        )
    efficiency = TimeEfficiency(math.inf if flat is None else flat, slope)
    with located(part.where):
        pulse = Pulse(part["mean_us"], part["sigma_us"])
    return {source: pulse.fractions(source, edges, efficiency) for source in flux.sources}


def _tabulated_shares(
    part: Part, sources: tuple[str, ...], bins: int
) -> dict[str, Float[np.ndarray, " time"]]:
    table = part.table(sources, grid=(bins,))
    for source in sources:
        share = table[source]
        table.require(source, (share >= 0) & (share <= 1), "in [0, 1]")
        if share.sum() > 1 + 1e-9:
            raise InputError(
                f"{table.path}: {source} adds up to {share.sum():g}; fractions add up to 1 at most"
            )
    return {source: table[source] for source in sources}
