"""Tables of the COHERENT CENNS-10 LAr release, Analysis A, as they come with the package."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax import tables
from cevnsjax.experiments.release_files import Columns, read_only

DATASET = "coherent_lar_2020"
AXES = ("energy_kevee", "f90", "t_us")
# Tables of cells by name, and their files in the release.
PDFS = {
    "cevns": "cevnspdf.txt",
    "brn": "brnpdf.txt",
    "delayed_brn": "delbrnpdf.txt",
    "steady_state": "bkgpdf.txt",
}
VARIATIONS = {
    "cevns_f90_plus": "cevnspdf+1sigF90.txt",
    "cevns_f90_minus": "cevnspdf-1sigF90.txt",
    "cevns_time_mean": "cevnspdfCEvNSTimingMeanSyst.txt",
    "brn_energy_plus": "brnpdf+1sigEnergy.txt",
    "brn_energy_minus": "brnpdf-1sigEnergy.txt",
    "brn_time_mean_plus": "brnpdf+1sigBRNTimingMean.txt",
    "brn_time_mean_minus": "brnpdf-1sigBRNTimingMean.txt",
    "brn_time_width": "brnpdfBRNTimingWidthSyst.txt",
}
PROJECTIONS = {"energy": "energy_1d.csv", "f90": "f90_1d.csv", "time": "time_1d.csv"}
PROJECTED = ("data", "data_error", "cevns", "brn", "cevns_plus_brn")
SYSTEMATIC = ("systematic_low", "systematic_high")
RELATIVE = ("relative_low", "relative_high")
EFFICIENCY = ("energy_kevee", "recoil_energy_kevnr", "efficiency")

WithError = tuple[float, float]
"""Value and one standard deviation, in one unit."""


@dataclass(frozen=True, eq=False)
class Lar2020Tables:
    """The release in memory; every array is a float64 and read-only.

    Attributes:
        energy_kevee: Centres of the 10-keVee energy bins [keVee].
        f90: Centres of the bins of the prompt light fraction F90 [1].
        t_us: Centres of the 0.5-us time bins [us].
        observed: Events, background not subtracted, on (energy, F90, time) [count].
        pdfs: Predicted events on the same cells [count], by source: ``cevns``, ``brn``,
            ``delayed_brn``, ``steady_state``.
        variations: ``cevns`` or ``brn`` under a systematic shift [count], by name: the members of
            ``VARIATIONS``.
        projections: Background-subtracted data and best fit [count], by axis (``energy``, ``f90``,
            ``time``): columns as in the shipped tables; ``relative_*`` are ratios [1].
        efficiency: ``energy_kevee`` [keVee], ``recoil_energy_kevnr`` [keV], ``efficiency`` [1].
        protons_on_target: Beam exposure [1].
        baseline_m: Distance from target to detector [m].
        mass_kg: Fiducial mass with its error [kg].
        neutrinos_per_proton: Neutrinos of each flavour per proton, with its error [1].
        quenching: Quenching factor a + b T, as ``a`` [1] and ``b`` [1/keV], each with its error.
        resolution_sqrt_kevee: Relative energy resolution times sqrt(E/keVee) [1].
        pulse_mean_ns: Mean of the proton pulse with its error [ns].
        pulse_width_ns: Standard deviation of the proton pulse [ns].
        predicted: Events expected before the fit with their error [count], by source.
        best_fit: Events after the release's fit with their error [count], by source.
    """

    energy_kevee: Float[np.ndarray, " energy"]
    f90: Float[np.ndarray, " f90"]
    t_us: Float[np.ndarray, " time"]
    observed: Float[np.ndarray, "energy f90 time"]
    pdfs: dict[str, Float[np.ndarray, "energy f90 time"]]
    variations: dict[str, Float[np.ndarray, "energy f90 time"]]
    projections: dict[str, Columns]
    efficiency: Columns
    protons_on_target: float
    baseline_m: float
    mass_kg: WithError
    neutrinos_per_proton: WithError
    quenching: dict[str, WithError]
    resolution_sqrt_kevee: float
    pulse_mean_ns: WithError
    pulse_width_ns: float
    predicted: dict[str, WithError]
    best_fit: dict[str, WithError]


def shipped_lar_2020() -> Lar2020Tables:
    """The tables that come with the package."""
    cells = tables.read_csv(DATASET, "cells.csv")
    about = tables.read_toml(DATASET, "experiment.toml")
    axes = [np.unique(cells[name]) for name in AXES]
    cubes = {
        name: read_only(column.reshape([axis.size for axis in axes]))
        for name, column in cells.items()
        if name not in AXES
    }
    return Lar2020Tables(
        **{name: read_only(axis) for name, axis in zip(AXES, axes, strict=True)},
        observed=cubes["observed"],
        pdfs={name: cubes[name] for name in PDFS},
        variations={name: cubes[name] for name in VARIATIONS},
        projections={name: tables.read_csv(DATASET, file) for name, file in PROJECTIONS.items()},
        efficiency=tables.read_csv(DATASET, "efficiency.csv"),
        **_numbers(about),
    )


def _numbers(about: dict[str, Any]) -> dict[str, Any]:
    beam, detector, norms = about["beam"], about["detector"], about["normalisations"]
    per_proton = "neutrinos_per_proton_per_flavour"
    return {
        "protons_on_target": beam["protons_on_target"],
        "baseline_m": beam["baseline_m"],
        "mass_kg": (detector["mass_kg"], detector["mass_error_kg"]),
        "neutrinos_per_proton": (beam[per_proton], beam[f"{per_proton}_error"]),
        "quenching": {
            "a": (detector["quenching_a"], detector["quenching_a_error"]),
            "b": (detector["quenching_b_per_kevnr"], detector["quenching_b_error_per_kevnr"]),
        },
        "resolution_sqrt_kevee": detector["resolution_sqrt_kevee"],
        "pulse_mean_ns": (beam["pulse_mean_ns"], beam["pulse_mean_error_ns"]),
        "pulse_width_ns": beam["pulse_width_ns"],
        **{
            which: {name: (norms[name][which], norms[name][f"{which}_error"]) for name in PDFS}
            for which in ("predicted", "best_fit")
        },
    }
