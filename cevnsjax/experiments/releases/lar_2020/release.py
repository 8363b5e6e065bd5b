"""Reader of the COHERENT CENNS-10 LAr release, Analysis A, in its own file format.

The release is doi:10.5281/zenodo.3903810, arXiv:2006.12659.
"""

from pathlib import Path
from typing import Any

import numpy as np

from cevnsjax.experiments.release_files import Columns, ReleaseFolder
from cevnsjax.experiments.releases.lar_2020.tables import (
    AXES,
    EFFICIENCY,
    PDFS,
    PROJECTED,
    RELATIVE,
    SYSTEMATIC,
    VARIATIONS,
    Lar2020Tables,
    WithError,
)

_PROJECTIONS = {
    "energy": ("energydata1d.txt", "systerrors1denergy.txt"),
    "f90": ("f90data1d.txt", "systerrors1dpsd.txt"),
    "time": ("timingdata1d.txt", "systerrors1dtime.txt"),
}
_EFFICIENCY = "CENNS10AnlAEfficiency.txt"
_PARAMETERS = "LArParametersAnlA.yaml"
_SECTIONS = {
    "cevns": "cevns{}Normalization",
    "brn": "promptBeamRelatedNeutron{}Normalization",
    "delayed_brn": "delayedBeamRelatedNeutron{}Normalization",
    "steady_state": "ssBackground{}Normalization",
}
_REMEDY = "download the release again from doi:10.5281/zenodo.3903810"


def read_lar_2020_release(folder: str | Path) -> Lar2020Tables:
    """The tables in a folder of the official release: .txt files and LArParametersAnlA.yaml.

    Raises:
        DataError: A file is missing, has other columns, counts that are not whole numbers, negative
            predictions, or an incomplete grid of energy, F90 and time.
    """
    release = ReleaseFolder(Path(folder), _REMEDY)
    files = {"observed": "datanobkgsub.txt", **PDFS, **VARIATIONS}
    axes, cubes = release.grids(files, AXES, counts=("observed",))
    return Lar2020Tables(
        **dict(zip(AXES, axes, strict=True)),
        observed=cubes["observed"],
        pdfs={name: cubes[name] for name in PDFS},
        variations={name: cubes[name] for name in VARIATIONS},
        projections={
            key: _projection(release, files, name, axis)
            for (key, files), name, axis in zip(_PROJECTIONS.items(), AXES, axes, strict=True)
        },
        efficiency=_efficiency(release),
        **_parameters(release),
    )


def _projection(
    release: ReleaseFolder, files: tuple[str, str], name: str, axis: np.ndarray
) -> Columns:
    data = release.table(files[0], (name, *PROJECTED, *SYSTEMATIC), axis=axis)
    return data | release.table(files[1], (name, *RELATIVE), axis=axis)


def _efficiency(release: ReleaseFolder) -> Columns:
    columns = release.table(_EFFICIENCY, EFFICIENCY)
    wrong = np.flatnonzero((columns["efficiency"] < 0) | (columns["efficiency"] > 1))
    if wrong.size:
        energy, value = columns["energy_kevee"][wrong[0]], columns["efficiency"][wrong[0]]
        raise release.error(_EFFICIENCY, f": {value:g} at {energy:g} keVee is not an efficiency")
    return columns


def _parameters(release: ReleaseFolder) -> dict[str, Any]:
    number = release.parameters(_PARAMETERS)

    def pair(section: str, error: str = "uncertainty") -> WithError:
        return number(section, "value"), number(section, error)

    best_fit_error = dict.fromkeys(PDFS, "uncertainty") | {"cevns": "uncertainty_stat"}
    return {
        # Given in units of 1e22: a decimal shift, so that no digit changes.
        "protons_on_target": float(f"{number('beamExposure', 'value')}e22"),
        "baseline_m": number("distanceToTarget", "value"),
        "mass_kg": pair("fiducialMass"),
        "neutrinos_per_proton": pair("neutrinosPerProton"),
        "quenching": {name: pair(f"larQF.{name}") for name in ("a", "b")},
        "resolution_sqrt_kevee": number("energyResolution.a", "value"),
        "pulse_mean_ns": pair("snsPOTTraceTiming.a"),
        "pulse_width_ns": number("snsPOTTraceTiming.b", "value"),
        "predicted": {n: pair(_SECTIONS[n].format("Prediction")) for n in PDFS},
        "best_fit": {n: pair(_SECTIONS[n].format("Bestfit"), best_fit_error[n]) for n in PDFS},
    }
