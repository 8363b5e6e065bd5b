"""Tables of the COHERENT CsI[Na] full data set (2021), as they come with the package."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cevnsjax import tables
from cevnsjax.experiments.release_files import Columns

DATASET = "coherent_csi_2021"
EVENTS = ("coincidence", "anticoincidence")
EVENT_COLUMNS = ("n_pe", "t_us")
NEUTRONS = ("brn", "nin")
EFFICIENCY = ("nominal", "plus", "minus")
EFFICIENCY_COLUMNS = ("a", "b_per_pe", "c_pe", "d")
QUENCHING = ("nominal", "shift0_plus", "shift0_minus", "shift1_plus", "shift1_minus")
QUENCHING_COLUMNS = ("a", "b_per_mev", "c_per_mev2", "d_per_mev3")


@dataclass(frozen=True, eq=False)
class Csi2021Tables:
    """The release in memory; every array is a float64 and read-only.

    Attributes:
        events: Selected events, ``coincidence`` and ``anticoincidence``, each as columns ``n_pe``
            [PE] and ``t_us`` [us] in the order of the release.
        n_pe: Centres of the 1-PE bins of the neutron backgrounds [PE].
        t_us: Centres of the 0.01-us bins of the neutron backgrounds [us].
        neutrons_n_pe: Energy shapes on ``n_pe``, efficiency included, ``brn`` and ``nin`` [1].
        neutrons_t_us: Time shapes on ``t_us``, arbitrary scale, before the time efficiency, ``brn``
            and ``nin`` [1].
        efficiency: Coefficients (a [1], b [1/PE], c [PE], d [1]) of a / (1 + exp(-b (n - c))) + d,
            by name: ``nominal``, ``plus``, ``minus``.
        quenching: Coefficients (a [1], b [1/MeV], c [1/MeV^2], d [1/MeV^3]) of the
            electron-equivalent energy a T + b T^2 + c T^3 + d T^4, by name: ``nominal``,
            ``shift0_plus``, ``shift0_minus``, ``shift1_plus``, ``shift1_minus``.
    """

    events: dict[str, Columns]
    n_pe: Float[np.ndarray, " n_pe"]
    t_us: Float[np.ndarray, " time"]
    neutrons_n_pe: dict[str, Float[np.ndarray, " n_pe"]]
    neutrons_t_us: dict[str, Float[np.ndarray, " time"]]
    efficiency: dict[str, tuple[float, ...]]
    quenching: dict[str, tuple[float, ...]]


def shipped_csi_2021() -> Csi2021Tables:
    """The tables that come with the package."""
    energy = {name: tables.read_csv(DATASET, f"{name}_pe.csv") for name in NEUTRONS}
    time = {name: tables.read_csv(DATASET, f"{name}_time.csv") for name in NEUTRONS}
    return Csi2021Tables(
        events={name: tables.read_csv(DATASET, f"events_{name}.csv") for name in EVENTS},
        n_pe=energy["brn"]["n_pe"],
        t_us=time["brn"]["t_us"],
        neutrons_n_pe={name: columns["content"] for name, columns in energy.items()},
        neutrons_t_us={name: columns["content"] for name, columns in time.items()},
        efficiency=_by_variation(
            tables.read_csv(DATASET, "efficiency.csv"), EFFICIENCY, EFFICIENCY_COLUMNS
        ),
        quenching=_by_variation(
            tables.read_csv("csi_quenching", "coherent2020.csv"), QUENCHING, QUENCHING_COLUMNS
        ),
    )


def _by_variation(
    table: dict[str, np.ndarray], names: tuple[str, ...], columns: tuple[str, ...]
) -> dict[str, tuple[float, ...]]:
    rows = table["variation"].tolist()
    return {name: tuple(float(table[c][rows.index(name)]) for c in columns) for name in names}
