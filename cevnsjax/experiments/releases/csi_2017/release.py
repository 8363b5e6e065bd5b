"""Reader of the COHERENT CsI[Na] 2017 release in its own file format.

The release (doi:10.5281/zenodo.1228631, arXiv:1804.09459) exists with and without header lines.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cevnsjax.experiments.release_files import ReleaseFolder
from cevnsjax.experiments.releases.csi_2017.tables import ARRIVAL, COUNTS, Csi2017Tables

_QUENCHING = {
    "chicago": (
        "qfData_chicago.txt",
        "recoil_energy_kev recoil_energy_error_kev quenching_factor quenching_factor_error",
    ),
    "duke": (
        "qfData_tunl.txt",
        "recoil_energy_kev recoil_energy_error_up_kev recoil_energy_error_down_kev "
        "quenching_factor quenching_factor_error_up quenching_factor_error_down",
    ),
}
_PE_WIDTH, _NEUTRON_PE_WIDTH, _TIME_WIDTH_US = 2.0, 1.0, 0.5
_REMEDY = "download the release again from doi:10.5281/zenodo.1228631"


def read_csi_2017_release(folder: str | Path) -> Csi2017Tables:
    """The tables in a folder of the official release, file names as published.

    Args:
        folder: Folder with the .txt files and ``coherent_parameters.yaml``.

    Raises:
        DataError: A file is missing, has other columns, counts that are not whole numbers, or an
            incomplete grid of photoelectrons and time.

    Examples:
        >>> tables = cj.experiments.read_csi_2017_release("csi2017")
        Traceback (most recent call last):
        cevnsjax.core.errors.DataError: csi2017/data_coincidence_beamOn.txt cannot be read: ...
    """
    release = ReleaseFolder(Path(folder), _REMEDY)
    (n_pe, t_us), counts = release.grids(
        {name: f"data_{part}.txt" for name, part in COUNTS.items()},
        ("n_pe", "t_us"),
        counts=COUNTS,
        widths=(_PE_WIDTH, _TIME_WIDTH_US),
    )
    (neutron_n_pe,), neutrons = release.grids(
        {"neutrons": "promptPDF.txt"}, ("n_pe",), widths=(_NEUTRON_PE_WIDTH,)
    )
    return Csi2017Tables(
        n_pe=n_pe,
        t_us=t_us,
        counts=counts,
        neutron_n_pe=neutron_n_pe,
        neutron_per_gwh=neutrons["neutrons"],
        arrival={name: _arrival(release, part, t_us) for name, part in ARRIVAL.items()},
        quenching={
            name: release.table(file, columns.split(), increasing=False)
            for name, (file, columns) in _QUENCHING.items()
        },
        **_parameters(release.parameters("coherent_parameters.yaml")),
    )


def _arrival(release: ReleaseFolder, part: str, t_us: np.ndarray) -> np.ndarray:
    file = f"arrivalTimePDF_{part}.txt"
    return release.table(file, ("t_us", "probability"), axis=t_us)["probability"]


def _parameters(number: Callable[[str, str], float]) -> dict[str, Any]:
    def several(section: str, *keys: str) -> tuple[float, ...]:
        return tuple(number(section, key) for key in ("value", *keys))

    return {
        "beam_exposure_gwh": number("beamExposure", "value"),
        "baseline_m": number("distanceToTarget", "value"),
        "neutrinos_per_proton": several("neutrinosPerProton", "uncertainty"),
        "light_yield_pe_per_kevee": several("csiLightYield", "uncertainty"),
        "quenching_factor": several("csiQF", "uncertainty"),
        "prompt_neutron_error": number("promptNeutronNormalization", "uncertainty"),
        "acceptance": {
            ours: several(f"acceptanceEfficiency.{theirs}", "error_hi", "error_lo")
            for ours, theirs in {"a": "a", "k": "k", "x0": "x_0"}.items()
        },
    }
