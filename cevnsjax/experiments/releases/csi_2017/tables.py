"""Tables of the COHERENT CsI[Na] 2017 release, doi:10.5281/zenodo.1228631."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cevnsjax import tables
from cevnsjax.experiments.release_files import Columns, read_only

DATASET = "coherent_csi_2017"
# Names of the tables, and the middle part of the release's file names.
COUNTS = {
    "coincidence_beam_on": "coincidence_beamOn",
    "anticoincidence_beam_on": "anticoincidence_beamOn",
    "coincidence_beam_off": "coincidence_beamOff",
    "anticoincidence_beam_off": "anticoincidence_beamOff",
}
ARRIVAL = {
    "prompt_neutrinos": "promptNeutrinos",
    "delayed_neutrinos": "delayedNeutrinos",
    "prompt_neutrons": "promptNeutrons",
}


@dataclass(frozen=True, eq=False)
class Csi2017Tables:
    """The release in memory; every array is a float64 and read-only.

    Attributes:
        n_pe: Centres of the 2-PE bins of the counts [PE].
        t_us: Centres of the 0.5-us bins of counts and arrival times [us].
        counts: Events [count] on (n_pe, t_us), by name: ``coincidence_beam_on``,
            ``anticoincidence_beam_on``, ``coincidence_beam_off``, ``anticoincidence_beam_off``.
        neutron_n_pe: Centres of the 1-PE bins of the prompt neutrons [PE].
        neutron_per_gwh: Prompt neutrons before acceptance [count/GWh].
        arrival: Probability per time bin [1], by name: ``prompt_neutrinos``,
            ``delayed_neutrinos``, ``prompt_neutrons``.
        beam_exposure_gwh: Beam exposure [GWh].
        baseline_m: Distance from target to detector [m].
        neutrinos_per_proton: Neutrinos of each flavour per proton, with its error [1].
        light_yield_pe_per_kevee: Light yield with its error [PE/keVee].
        quenching_factor: Constant quenching factor with its error [1].
        prompt_neutron_error: Relative error of the prompt-neutron normalisation [1].
        acceptance: ``a`` [1], ``k`` [1/PE], ``x0`` [PE], each as (value, error up, error down).
        quenching: Measured quenching factors by laboratory, ``chicago`` and ``duke``: columns as in
            the shipped tables (recoil energies [keV], quenching factors [1]).

    Examples:
        >>> from dataclasses import replace
        >>> from cevnsjax.experiments.releases.csi_2017.tables import shipped_csi_2017
        >>> shorter = replace(shipped_csi_2017(), beam_exposure_gwh=3.7)
        >>> fewer = cj.experiments.csi_2017(data=shorter)
        >>> bool((fewer.backgrounds["prompt_neutrons"] < csi.backgrounds["prompt_neutrons"]).all())
        True
    """

    n_pe: Float[np.ndarray, " n_pe"]
    t_us: Float[np.ndarray, " time"]
    counts: dict[str, Float[np.ndarray, "n_pe time"]]
    neutron_n_pe: Float[np.ndarray, " neutron_n_pe"]
    neutron_per_gwh: Float[np.ndarray, " neutron_n_pe"]
    arrival: dict[str, Float[np.ndarray, " time"]]
    beam_exposure_gwh: float
    baseline_m: float
    neutrinos_per_proton: tuple[float, float]
    light_yield_pe_per_kevee: tuple[float, float]
    quenching_factor: tuple[float, float]
    prompt_neutron_error: float
    acceptance: dict[str, tuple[float, ...]]
    quenching: dict[str, Columns]


def shipped_csi_2017() -> Csi2017Tables:
    """The tables that come with the package."""
    counts = tables.read_csv(DATASET, "counts.csv")
    neutrons = tables.read_csv(DATASET, "prompt_neutrons.csv")
    arrival = tables.read_csv(DATASET, "arrival_times.csv")
    about = tables.read_toml(DATASET, "experiment.toml")
    beam, detector, step = about["beam"], about["detector"], about["acceptance"]
    n_pe, t_us = np.unique(counts["n_pe"]), np.unique(counts["t_us"])
    light_yield = detector["light_yield_pe_per_kevee"], detector["light_yield_error_pe_per_kevee"]
    per_proton = "neutrinos_per_proton_per_flavour"
    keys = {"a": "a{}", "k": "k{}_per_pe", "x0": "x0{}_pe"}
    return Csi2017Tables(
        n_pe=read_only(n_pe),
        t_us=read_only(t_us),
        counts={name: read_only(counts[name].reshape(n_pe.size, t_us.size)) for name in COUNTS},
        neutron_n_pe=neutrons["n_pe"],
        neutron_per_gwh=neutrons["counts_per_gwh"],
        arrival={name: arrival[name] for name in ARRIVAL},
        beam_exposure_gwh=beam["exposure_gwh"],
        baseline_m=beam["baseline_m"],
        neutrinos_per_proton=(beam[per_proton], beam[f"{per_proton}_error"]),
        light_yield_pe_per_kevee=light_yield,
        quenching_factor=(detector["quenching_factor"], detector["quenching_factor_error"]),
        prompt_neutron_error=about["nuisances"]["prompt_neutrons"]["relative_width"],
        acceptance={
            name: tuple(step[key.format(side)] for side in ("", "_error_up", "_error_down"))
            for name, key in keys.items()
        },
        quenching={
            name: tables.read_csv(DATASET, f"quenching_{name}.csv") for name in ("chicago", "duke")
        },
    )
